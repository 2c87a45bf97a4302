//! `vvbill destroy`: removes what the state holds, in reverse order.

use super::Exit;
use super::arguments::{Execution, Locking, PlanFile};
use super::error::Error;
use super::execution::{self, Approval, Order};
use super::plan_file::Findings;
use super::report::Report;
use super::site::Site;
use super::target::Targets;
use crate::plan::{Mode, Options, Selector};

/// Remove what was made, in reverse order; data stays unless --destroy-data
///
/// Lists what it retains: databases, volumes, data folders and what they stand on.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vvbill destroy plans/local.yaml                                 show, ask, remove; data stays
  vvbill destroy plans/local.yaml --destroy-data --auto-approve   leave nothing
  vvbill destroy plans/local.yaml --target ingest                 the service, and what depends on it")]
pub(crate) struct Arguments {
    #[command(flatten)]
    file: PlanFile,
    /// Remove data too: databases, volumes, data folders
    #[arg(long, env = "VVBILL_DESTROY_DATA", hide_env_values = true)]
    destroy_data: bool,
    /// Only this address or section of the plan, and what depends on it (repeatable)
    #[arg(
        long,
        value_name = "ADDRESS|SECTION",
        env = "VVBILL_TARGET",
        hide_env_values = true,
        value_delimiter = ',',
        help_heading = "Selection"
    )]
    target: Vec<Selector>,
    /// All but this address or section, and what it depends on (repeatable)
    #[arg(
        long,
        value_name = "ADDRESS|SECTION",
        env = "VVBILL_EXCLUDE",
        hide_env_values = true,
        value_delimiter = ',',
        help_heading = "Selection"
    )]
    exclude: Vec<Selector>,
    #[command(flatten)]
    execution: Execution,
    #[command(flatten)]
    locking: Locking,
    /// Print what happens as NDJSON, in Terraform's envelope and types
    #[arg(long, env = "VVBILL_JSON", hide_env_values = true)]
    json: bool,
}

pub(crate) async fn run(arguments: Arguments, targets: Targets, report: &Report) -> Result<Exit, Error> {
    let approval = Approval::of(&arguments.execution, arguments.json, &arguments.file.plan, report)?;
    let site = Site::of_plan(&arguments.file, Findings::PassOver, targets, report)?;
    let order = Order {
        operation: "destroy",
        plan: None,
        options: Options {
            mode: Mode::Destroy,
            targets: arguments.target,
            excludes: arguments.exclude,
            destroy_data: arguments.destroy_data,
            ..Options::default()
        },
        approval,
        // What goes costs nothing any more.
        budget: None,
        refresh: true,
        parallelism: arguments.execution.parallelism.into(),
        json: arguments.json,
    };
    execution::run(&site, order, &arguments.locking, report).await
}
