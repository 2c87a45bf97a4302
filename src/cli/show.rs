//! `vvbill show`: a saved plan, as text or JSON.

use std::path::PathBuf;

use super::Exit;
use super::error::Error;
use super::report::{self, Report, terraform};
use super::saved::Saved;

/// Show a saved plan
///
/// What `plan --out` wrote, as it was then: nothing is looked at.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vvbill show local.plan
  vvbill show local.plan --json | jq '.resource_changes[] | {address, actions: .change.actions}'")]
pub(crate) struct Arguments {
    /// The saved plan
    #[arg(value_name = "SAVED")]
    saved: PathBuf,
    /// Print it in Terraform's plan JSON
    #[arg(long, env = "VVBILL_JSON", hide_env_values = true)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments, report: &Report) -> Result<Exit, Error> {
    let saved = Saved::read(&arguments.saved)?;
    match arguments.json {
        true => report.compact_json(&terraform::plan(&saved.plan))?,
        false => report.data(report::plan::render(&saved.plan))?,
    }
    Ok(Exit::Done)
}
