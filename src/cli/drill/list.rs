//! `vvbill drill list`: which drills a plan offers.

use super::super::Exit;
use super::super::arguments::PlanFile;
use super::super::error::Error;
use super::super::plan_file::Findings;
use super::super::report::{Report, drill as text};
use super::super::site::Site;
use super::super::target::Targets;
use crate::drill::catalogue;

/// Show the drills: what each strikes, what takes over, and why the plan lacks one
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vvbill drill list plans/local-ha.yaml
  vvbill drill list plans/local.yaml --format json | jq -r '.drills[] | select(.lacks) | .name'")]
pub(super) struct Arguments {
    #[command(flatten)]
    file: PlanFile,
    /// How to print it
    #[arg(long, value_enum, env = "VVBILL_FORMAT", hide_env_values = true, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For a terminal
    Table,
    /// For programs
    Json,
}

pub(super) fn run(arguments: &Arguments, targets: Targets, report: &Report) -> Result<Exit, Error> {
    let site = Site::of_plan(&arguments.file, Findings::PassOver, targets, report)?;
    let offers = catalogue::offers(&site.spec);
    match arguments.format {
        Format::Table => report.data(text::list(&offers))?,
        Format::Json => report.json(&text::list_json(site.name(), &offers))?,
    }
    Ok(Exit::Done)
}
