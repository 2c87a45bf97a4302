//! `vvbill doctor`: whether this machine has what a local platform needs.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::Exit;
use super::arguments::{Overrides, PlanFile};
use super::error::Error;
use super::plan_file::Findings;
use super::report::findings::counted;
use super::report::{Report, style};
use super::site::Site;
use super::target::Targets;
use crate::provider::local::kafka_distribution as kafka;
use crate::provider::local::{self, Check, Machine};

/// Check whether this machine has what a local platform needs
///
/// Programs and their versions, Kafka's jars, memory, disk, the servers' user; with a plan also its ports
/// and who holds them. Changes nothing, but with `--install` fetches Kafka's jars, and Patroni where the plan
/// has shards with replicas. Ends in 1 where something that is needed is missing.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vvbill doctor
  vvbill doctor plans/local.yaml        its ports and programs too
  vvbill doctor --install               fetch Kafka's jars, checked against their digests
  vvbill doctor plans/local-ha.yaml --install    Patroni too, for shards with replicas")]
pub(crate) struct Arguments {
    /// A plan file (YAML), to check what it needs
    #[arg(value_name = "PLAN")]
    plan: Option<PathBuf>,
    #[command(flatten)]
    overrides: Overrides,
    /// Fetch Kafka's jars, and Patroni where the plan needs it
    #[arg(long, env = "VVBILL_INSTALL", hide_env_values = true)]
    install: bool,
    /// Print it as JSON
    #[arg(long, env = "VVBILL_JSON", hide_env_values = true)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments, targets: Targets, report: &Report) -> Result<Exit, Error> {
    let desired = match &arguments.plan {
        Some(plan) => {
            let file = PlanFile {
                plan: plan.clone(),
                overrides: arguments.overrides.clone(),
            };
            Site::of_plan(&file, Findings::PassOver, targets, report)?
                .platform
                .desired
        }
        None => Vec::new(),
    };
    let folder = std::env::current_dir()
        .map_err(|why| Error::new("the working folder can't be found").caused_by(&why))?;
    let machine = Machine::new(&folder);
    if arguments.install {
        install(report)?;
        local::fetch_patroni(&machine, &desired).map_err(|why| {
            Error::new("Patroni can't be fetched")
                .because(why.message)
                .hints(why.hint)
        })?;
    }
    let checks = local::doctor(&machine, &desired);
    let failed = checks
        .iter()
        .filter(|check| check.needed && check.found.is_err())
        .count();
    match arguments.json {
        true => report.json(&json!({
            "healthy": failed == 0,
            "checks": checks.iter().map(to_json).collect::<Vec<_>>(),
        }))?,
        false => report.data(text(&checks, failed))?,
    }
    Ok(if failed == 0 { Exit::Done } else { Exit::Failed })
}

fn install(report: &Report) -> Result<(), Error> {
    let (folder, repository) = (kafka::default_folder(), kafka::repository());
    if !kafka::is_cached(kafka::VERSION, &folder) {
        report.say(format_args!(
            "Fetching Kafka {} from {repository}",
            kafka::VERSION
        ));
    }
    kafka::ensure(kafka::VERSION, &folder, &repository)
        .map(drop)
        .map_err(|why| {
            Error::new(format!("Kafka {} can't be fetched", kafka::VERSION))
                .because(why.message)
                .hints(why.hint)
        })
}

fn text(checks: &[Check], failed: usize) -> String {
    let width = checks
        .iter()
        .map(|check| check.name.chars().count())
        .max()
        .unwrap_or(0);
    let mut out = String::new();
    for check in checks {
        let name = format!("{:width$}", check.name);
        match &check.found {
            Ok(found) => {
                let _ = writeln!(out, "{}       {name}  {found}", style::paint(style::ADD, "ok"));
            }
            Err(problem) => {
                let (label, color) = match check.needed {
                    true => ("missing", style::ERROR),
                    false => ("note   ", style::WARNING),
                };
                let _ = writeln!(out, "{}  {name}  {}", style::paint(color, label), problem.message);
                let fix = style::paint(style::HINT, "fix");
                let _ = writeln!(out, "         {:width$}  {fix}: {}", "", problem.fix);
            }
        }
    }
    let verdict = match failed {
        0 => style::paint(style::ADD, "This machine has what is needed."),
        failed => style::paint(
            style::ERROR,
            format_args!("{} to put right.", counted(failed, "problem")),
        ),
    };
    out + &format!("\n{verdict}\n")
}

fn to_json(check: &Check) -> Value {
    match &check.found {
        Ok(found) => json!({ "name": check.name, "needed": check.needed, "ok": true, "found": found }),
        Err(problem) => json!({
            "name": check.name,
            "needed": check.needed,
            "ok": false,
            "problem": problem.message,
            "fix": problem.fix,
        }),
    }
}
