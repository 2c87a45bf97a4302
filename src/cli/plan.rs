//! `vvbill plan`: what an apply would change, and why.

use std::path::PathBuf;

use super::Exit;
use super::arguments::{Conflicts, Locking, PlanFile, Refreshing, Selection};
use super::error::Error;
use super::interrupt::Interrupts;
use super::plan_file::Findings;
use super::report::run::Narrator;
use super::report::{self, Report, terraform};
use super::saved::Saved;
use super::site::{self, Look, Site};
use super::target::Targets;

/// Show what an apply would change, and why
///
/// Looks at everything that exists and changes nothing. `--out` saves the plan: `apply` then does just
/// that, or refuses where something has changed since.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vvbill plan plans/local.yaml
  vvbill plan plans/local.yaml --set kafka.brokers=1 --target kafka
  vvbill plan plans/local.yaml --out local.plan && vvbill apply local.plan
  vvbill plan plans/local.yaml --json | jq '.resource_changes[].address'
  vvbill plan plans/local.yaml --detailed-exitcode    # 0: nothing to change, 2: changes are present")]
pub(crate) struct Arguments {
    #[command(flatten)]
    file: PlanFile,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    refreshing: Refreshing,
    #[command(flatten)]
    conflicts: Conflicts,
    #[command(flatten)]
    locking: Locking,
    /// Save the plan in this file, for `show` and `apply`
    #[arg(long, value_name = "FILE", env = "VVBILL_OUT", hide_env_values = true)]
    out: Option<PathBuf>,
    /// End in 2 where changes are present
    #[arg(long, env = "VVBILL_DETAILED_EXITCODE", hide_env_values = true)]
    detailed_exitcode: bool,
    /// Print the plan in Terraform's plan JSON
    #[arg(long, env = "VVBILL_JSON", hide_env_values = true)]
    json: bool,
    /// How many resources are looked at at once
    #[arg(
        long, value_name = "N", env = "VVBILL_PARALLELISM", hide_env_values = true, default_value_t = 10,
        value_parser = clap::value_parser!(u16).range(1..=1000)
    )]
    parallelism: u16,
}

pub(crate) async fn run(arguments: Arguments, targets: Targets, report: &Report) -> Result<Exit, Error> {
    let targets = targets.taking(arguments.conflicts);
    let site = Site::of_plan(&arguments.file, Findings::Stop, targets, report)?;
    let mut interrupts = Interrupts::listen()?;
    let narrator = Narrator::new(report);
    let look = Look {
        parallelism: arguments.parallelism.into(),
        refresh: arguments.refreshing.refresh,
        from_here: false,
    };
    let options = site::options(&arguments.selection, &arguments.refreshing);
    let mut session = interrupts
        .or_stop(site.open("plan", &arguments.locking, &narrator))
        .await?;
    let planned = interrupts
        .or_stop(site.plan(&mut session, &options, &look, &narrator))
        .await;
    session.close().await?;
    let plan = planned?;

    match arguments.json {
        true => report.compact_json(&terraform::plan(&plan))?,
        false => report.data(report::plan::render(&plan))?,
    }
    let has_changes = !plan.is_empty();
    if let Some(path) = &arguments.out {
        Saved::new(&arguments.file.plan, site.spec, site.places, plan).write(path)?;
        report.say(format_args!(
            "Saved in {0}; `vvbill apply {0}` does just this.",
            path.display()
        ));
    }
    Ok(match has_changes && arguments.detailed_exitcode {
        true => Exit::Changes,
        false => Exit::Done,
    })
}
