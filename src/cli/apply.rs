//! `vvbill apply`: does what a plan says.

use std::path::{Path, PathBuf};

use super::Exit;
use super::arguments::{Budget, Conflicts, Execution, Locking, Overrides, PlanFile, Refreshing, Selection};
use super::error::Error;
use super::execution::{self, Approval, Order, Ready};
use super::plan_file::Findings;
use super::report::Report;
use super::saved::Saved;
use super::site::{self, Site};
use super::target::Targets;

/// Make what runs what the plan says
///
/// Of a plan file: looks at what exists, shows what it would change, asks, and does it. Of a saved plan:
/// does just what was shown, or refuses (7) where something has changed since. Run again after a
/// failure, it goes on from where it stopped.
///
/// Over a budget (of `cost.monthly_budget`, or given here), or against a `policy` of the plan, or where nobody
/// can say, it ends in 3 before anything is done. What makes a month no dearer is within every budget.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vvbill apply plans/local.yaml                       show, ask, do
  vvbill apply plans/local.yaml --auto-approve        don't ask
  vvbill apply local.plan                             what `plan --out local.plan` saved
  vvbill apply plans/local.yaml --target kafka        Kafka, and what it depends on
  vvbill apply plans/local.yaml --auto-approve --json | jq -r '.\"@message\"'

Only the word `yes` approves. The first interrupt (Ctrl-C) starts nothing new and lets running
operations finish; the second stops at once, and the next apply finds out what was in flight.")]
pub(crate) struct Arguments {
    /// The plan file (YAML), or a saved plan
    #[arg(value_name = "PLAN|SAVED")]
    plan: PathBuf,
    #[command(flatten)]
    overrides: Overrides,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    refreshing: Refreshing,
    #[command(flatten)]
    conflicts: Conflicts,
    #[command(flatten)]
    budget: Budget,
    #[command(flatten)]
    execution: Execution,
    #[command(flatten)]
    locking: Locking,
    /// Print what happens as NDJSON, in Terraform's envelope and types
    #[arg(long, env = "VVBILL_JSON", hide_env_values = true)]
    json: bool,
}

pub(crate) async fn run(arguments: Arguments, targets: Targets, report: &Report) -> Result<Exit, Error> {
    let options = site::options(&arguments.selection, &arguments.refreshing);
    let targets = targets.taking(arguments.conflicts);
    let (site, saved, approval) = match Saved::detect(&arguments.plan)? {
        Some(saved) => {
            refuse_changes(&arguments)?;
            let site = Site::of_saved(&saved, targets)?;
            let plan = Ready {
                plan: saved.plan,
                prior: saved.prior,
            };
            (site, Some(plan), Approval::Given)
        }
        None => {
            let approval = Approval::of(&arguments.execution, arguments.json, &arguments.plan, report)?;
            let file = PlanFile {
                plan: arguments.plan.clone(),
                overrides: arguments.overrides.clone(),
            };
            (
                Site::of_plan(&file, Findings::Stop, targets, report)?,
                None,
                approval,
            )
        }
    };
    let order = Order {
        operation: "apply",
        plan: saved,
        options,
        approval,
        budget: Some(arguments.budget),
        refresh: arguments.refreshing.refresh,
        parallelism: arguments.execution.parallelism.into(),
        json: arguments.json,
    };
    execution::run(&site, order, &arguments.locking, report).await
}

/// A saved plan is done as it is: what would change it is refused rather than passed over.
fn refuse_changes(arguments: &Arguments) -> Result<(), Error> {
    let Arguments {
        overrides,
        selection,
        refreshing,
        ..
    } = arguments;
    let given = [
        ("--set", !overrides.set.is_empty()),
        ("--var-file", !overrides.var_file.is_empty()),
        ("--target", !selection.target.is_empty()),
        ("--exclude", !selection.exclude.is_empty()),
        ("--replace", !selection.replace.is_empty()),
        ("--refresh-only", refreshing.refresh_only),
    ];
    match given.iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((flag, _)) => Err(refusal(flag, &arguments.plan)),
    }
}

fn refusal(flag: &str, plan: &Path) -> Error {
    Error::usage(format!(
        "`{flag}` can't change the saved plan `{}`",
        plan.display()
    ))
    .hint(format!(
        "give `{flag}` to `vvbill plan PLAN --out {}`, and apply that",
        plan.display()
    ))
}
