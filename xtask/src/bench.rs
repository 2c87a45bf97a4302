//! `cargo xtask bench`: measurements, each printed, written to `target/bench/` and comparable within one run.

mod apply;
mod engine;
mod load;
mod outage;
mod render;

use std::path::Path;

use clap::Subcommand;
use serde_json::Value;

use crate::{Result, command};

#[derive(Subcommand)]
pub(crate) enum Subject {
    /// Plan and apply of thousands of simulated resources, beside Terraform's own where it is installed
    Engine(engine::Options),
    /// The production plan on a fake AWS against its critical path, or nineteen resources beside Ansible
    Apply(apply::Options),
    /// A whole local platform under load, by steps: what it takes, and how fast it answers
    Load(load::Options),
    /// A shard of a whole local platform is away while five million events pass
    Outage(outage::Options),
    /// All formats of the production plan
    Render(render::Options),
}

pub(crate) fn run(subject: &Subject) -> Result<()> {
    match subject {
        Subject::Engine(options) => engine::run(options),
        Subject::Apply(options) => apply::run(options),
        Subject::Load(options) => load::run(options),
        Subject::Outage(options) => outage::run(options),
        Subject::Render(options) => render::run(options),
    }
}

/// Writes `target/bench/NAME.json`, and with `evidence` also the dated copy that is kept.
fn write(name: &str, result: &Value, evidence: bool) -> Result<()> {
    let write = |file: &Path| {
        let folder = file.parent().expect("a file lies in a folder");
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(file, format!("{result:#}\n")))
            .map_err(|error| format!("cannot write {}: {error}", file.display()))
            .inspect(|()| println!("written: {}", file.display()))
    };
    write(&command::target()?.join("bench").join(format!("{name}.json")))?;
    if evidence {
        let date = result["date"].as_str().unwrap_or("undated");
        write(
            &command::workspace()
                .join("docs/evidence")
                .join(format!("{name}-{date}.json")),
        )?;
    }
    Ok(())
}

/// Today in UTC, `2026-01-31`.
pub(crate) fn today() -> Result<String> {
    let date = command::read(std::process::Command::new("date").args(["-u", "+%Y-%m-%d"]))?;
    Ok(date.trim().to_owned())
}

/// The machine that a figure was measured on: it means nothing without.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let processors = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processors.lines().find(|line| line.starts_with("model name"));
    let model = model
        .and_then(|line| line.split(':').nth(1))
        .unwrap_or(" unknown processor");
    format!("{cores} cores,{model}, {}", std::env::consts::OS)
}
