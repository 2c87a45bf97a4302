//! `vvbill render` of the production plan, in all formats: whole processes, timed from outside.

use std::process::Stdio;
use std::time::Instant;

use clap::Args;
use serde_json::json;

use super::{machine, today, write};
use crate::{Result, command};

#[derive(Args)]
pub(crate) struct Options {
    /// How often it is rendered
    #[arg(long, default_value_t = 30)]
    runs: u32,
    /// Keeps the result, dated, in docs/evidence/
    #[arg(long)]
    evidence: bool,
}

/// What all formats of the production plan may take.
const MILLISECONDS_MAX: f64 = 50.0;

/// What renders, built as for a release. The rest (above all the AWS SDK, half an hour of an optimised build) has no
/// part in it and stays as the tests have it, so a release is not slower than what is measured here.
const OPTIMISED: &[&str] = &["vvbill", "serde-saphyr", "serde_json", "tera"];

pub(crate) fn run(options: &Options) -> Result<()> {
    let optimised: Vec<String> = OPTIMISED
        .iter()
        .flat_map(|package| {
            [
                "--config".to_owned(),
                format!("profile.dev.package.{package}.opt-level=3"),
            ]
        })
        .collect();
    let optimised: Vec<&str> = optimised.iter().map(String::as_str).collect();
    let build = [
        &["build", "--package", "vvbill", "--bin", "vvbill"],
        optimised.as_slice(),
    ]
    .concat();
    command::run(&mut command::cargo(&build))?;
    let program = command::target()?.join("debug/vvbill");
    let folder = command::target()?.join("bench/render");
    let mut milliseconds = Vec::new();
    for _ in 0..options.runs.max(1) {
        let mut render = std::process::Command::new(&program);
        render
            .args(["render", "plans/production.yaml", "--out-dir"])
            .arg(&folder)
            .current_dir(command::workspace())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let started = Instant::now();
        let status = render
            .status()
            .map_err(|why| format!("{}: {why}", program.display()))?;
        milliseconds.push(started.elapsed().as_secs_f64() * 1000.0);
        if !status.success() {
            return Err(format!("`vvbill render` failed: {status}"));
        }
    }
    milliseconds.sort_by(f64::total_cmp);
    let median = milliseconds[milliseconds.len() / 2];
    let result = json!({
        "date": today()?,
        "machine": machine(),
        "optimised": OPTIMISED,
        "runs": milliseconds.len(),
        "milliseconds": {
            "fastest": rounded(milliseconds[0]),
            "median": rounded(median),
            "slowest": rounded(milliseconds[milliseconds.len() - 1]),
        },
    });
    println!("{result:#}");
    write("render", &result, options.evidence)?;
    if median <= MILLISECONDS_MAX {
        return Ok(());
    }
    Err(format!(
        "{median:.1} ms, and at most {MILLISECONDS_MAX} ms are wanted"
    ))
}

fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
