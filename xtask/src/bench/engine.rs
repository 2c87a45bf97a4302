//! The engine alone: whole processes that plan and apply simulated resources, timed from outside; Terraform's
//! on as many `terraform_data` in the same run, where it is installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use clap::Args;
use serde_json::{Value, json};

use super::{machine, today, write};
use crate::{Result, command};

#[derive(Args)]
pub(crate) struct Options {
    /// Runs of each measurement; the median counts
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// What the simulated world is drawn from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Keeps the result, dated, in docs/evidence/
    #[arg(long)]
    evidence: bool,
    /// Measures and prints, but doesn't fail where a target is missed
    #[arg(long)]
    no_targets: bool,
}

const FEW: usize = 1_000;
const MANY: usize = 10_000;
/// How much faster than Terraform's core plan and apply must each be.
const FASTER_MIN: f64 = 10.0;
/// How much longer ten times as many resources may take.
const LONGER_MAX: f64 = 12.0;

/// Medians in seconds.
#[derive(Clone, Copy)]
struct Seconds {
    plan: f64,
    apply: f64,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    command::run(&mut command::cargo(&[
        "build",
        "--release",
        "--no-default-features",
        "--package",
        "vvbill",
        "--example",
        "engine_simulated",
    ]))?;
    let program = command::target()?.join("release/examples/engine_simulated");
    let folder = command::target()?.join("bench/engine");
    let few = measure(options.runs, |run| {
        simulated(&program, &fresh(&folder, run)?, FEW, options.seed)
    })?;
    let many = measure(options.runs, |run| {
        simulated(&program, &fresh(&folder, run)?, MANY, options.seed)
    })?;
    let terraform = match command::find("terraform", &[]) {
        Some(terraform) => Some(measure(options.runs, |run| {
            terraform_data(&terraform, &fresh(&folder, run)?, FEW)
        })?),
        None => None,
    };
    fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let result = json!({
        "date": today()?,
        "machine": machine(),
        "runs": options.runs,
        "vvbill_1000": seconds(few),
        "vvbill_10000": seconds(many),
        "ten_times_as_many_take": { "plan": ratio(many.plan, few.plan), "apply": ratio(many.apply, few.apply) },
        "terraform": terraform_version(),
        "terraform_1000": terraform.map(seconds),
        "faster_than_terraform": terraform.map(|terraform| json!({
            "plan": ratio(terraform.plan, few.plan), "apply": ratio(terraform.apply, few.apply),
        })),
    });
    println!("{result:#}");
    write("engine", &result, options.evidence)?;
    let missed = missed(&result);
    if missed.is_empty() || options.no_targets {
        Ok(())
    } else {
        Err(missed.join("\n       "))
    }
}

/// Plan, then apply, as two processes on a fresh folder.
fn simulated(program: &Path, folder: &Path, resources: usize, seed: u64) -> Result<Seconds> {
    let (resources, seed) = (resources.to_string(), seed.to_string());
    let step = |verb: &str| {
        let mut command = Command::new(program);
        command.args([
            verb,
            "--resources",
            &resources,
            "--seed",
            &seed,
            "--parallelism",
            "10",
            "--dir",
        ]);
        timed(command.arg(folder).stdout(Stdio::null()))
    };
    Ok(Seconds {
        plan: step("plan")?,
        apply: step("apply")?,
    })
}

/// The same with Terraform's built-in resource, which needs no provider beside its core and no network.
fn terraform_data(terraform: &Path, folder: &Path, resources: usize) -> Result<Seconds> {
    let configuration = format!(
        "resource \"terraform_data\" \"many\" {{\n  count = {resources}\n  input = count.index\n}}\n"
    );
    fs::write(folder.join("main.tf"), configuration)
        .map_err(|error| format!("{}: {error}", folder.display()))?;
    let step = |arguments: &[&str]| {
        let mut command = Command::new(terraform);
        command
            .args(arguments)
            .current_dir(folder)
            .env("CHECKPOINT_DISABLE", "1");
        timed(command.stdout(Stdio::null()))
    };
    step(&["init", "-input=false"])?;
    Ok(Seconds {
        plan: step(&["plan", "-input=false", "-parallelism=10"])?,
        apply: step(&["apply", "-input=false", "-auto-approve", "-parallelism=10"])?,
    })
}

fn timed(command: &mut Command) -> Result<f64> {
    let started = Instant::now();
    let status = command
        .status()
        .map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    let elapsed = started.elapsed().as_secs_f64();
    if status.success() {
        Ok(elapsed)
    } else {
        Err(format!("{command:?} failed: {status}"))
    }
}

fn fresh(folder: &Path, run: usize) -> Result<PathBuf> {
    let folder = folder.join(run.to_string());
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(folder)
}

fn measure(runs: usize, mut once: impl FnMut(usize) -> Result<Seconds>) -> Result<Seconds> {
    let runs = (0..runs.max(1))
        .map(&mut once)
        .collect::<Result<Vec<Seconds>>>()?;
    let median = |of: fn(&Seconds) -> f64| {
        let mut seconds: Vec<f64> = runs.iter().map(of).collect();
        seconds.sort_by(f64::total_cmp);
        seconds[seconds.len() / 2]
    };
    Ok(Seconds {
        plan: median(|run| run.plan),
        apply: median(|run| run.apply),
    })
}

fn missed(result: &Value) -> Vec<String> {
    let mut missed = Vec::new();
    for verb in ["plan", "apply"] {
        if result["ten_times_as_many_take"][verb]
            .as_f64()
            .is_none_or(|ratio| ratio > LONGER_MAX)
        {
            missed.push(format!(
                "{verb} of {MANY} resources takes more than {LONGER_MAX} × as long as of {FEW}"
            ));
        }
        if result["faster_than_terraform"][verb]
            .as_f64()
            .is_some_and(|ratio| ratio < FASTER_MIN)
        {
            missed.push(format!(
                "{verb} is less than {FASTER_MIN} × faster than Terraform's"
            ));
        }
    }
    missed
}

fn terraform_version() -> Option<String> {
    let terraform = command::find("terraform", &[])?;
    let text = command::read(Command::new(terraform).args(["version", "-json"])).ok()?;
    let version: Value = serde_json::from_str(&text).ok()?;
    version["terraform_version"].as_str().map(str::to_owned)
}

fn seconds(seconds: Seconds) -> Value {
    let round = |seconds: f64| (seconds * 1_000.0).round() / 1_000.0;
    json!({ "plan_seconds": round(seconds.plan), "apply_seconds": round(seconds.apply) })
}

fn ratio(of: f64, to: f64) -> f64 {
    (of / to * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(longer: f64, faster: Option<f64>) -> Value {
        let both = |ratio: f64| json!({ "plan": ratio, "apply": ratio });
        json!({ "ten_times_as_many_take": both(longer), "faster_than_terraform": faster.map(both) })
    }

    /// A target that is missed by a little is missed; one that can't be measured here is not.
    #[test]
    fn targets_hold_at_their_boundaries() {
        assert!(missed(&result(LONGER_MAX, Some(FASTER_MIN))).is_empty());
        assert!(missed(&result(LONGER_MAX, None)).is_empty());
        assert_eq!(missed(&result(LONGER_MAX + 0.1, None)).len(), 2);
        assert_eq!(missed(&result(LONGER_MAX, Some(FASTER_MIN - 0.1))).len(), 2);
        assert_eq!(
            missed(&json!({})).len(),
            2,
            "a figure that is not there is no success"
        );
    }
}
