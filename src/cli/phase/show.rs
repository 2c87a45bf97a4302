//! `vvbill phase list`, `status` and `report`: what is to be shown, how far it is, and the evidence.

use jiff::Timestamp;

use super::super::Exit;
use super::super::arguments::PlanFile;
use super::super::error::Error;
use super::super::plan_file::Findings;
use super::super::report::{Report, rollout as text};
use super::super::site::Site;
use super::super::target::Targets;
use crate::rollout::ledger;

/// Show the weeks, their steps, and what each step proves
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vvbill phase list plans/local.yaml
  vvbill phase list plans/local.yaml --format json | jq -r '.weeks[].steps[].id'")]
pub(super) struct List {
    #[command(flatten)]
    file: PlanFile,
    /// How to print it
    #[arg(long, value_enum, env = "VVBILL_FORMAT", hide_env_values = true, default_value_t = Format::Table)]
    format: Format,
}

/// Show how far the rollout is: the last result of each step, and what it missed
///
/// Reads the ledger beside the state; asks nothing of the platform. Ends in 0 where every week has passed, in 1
/// where one has not.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vvbill phase status plans/local.yaml
  vvbill phase status plans/local.yaml --format json | jq '.weeks[] | {id, passed}'")]
pub(super) struct Status {
    #[command(flatten)]
    file: PlanFile,
    /// How to print it
    #[arg(long, value_enum, env = "VVBILL_FORMAT", hide_env_values = true, default_value_t = Format::Table)]
    format: Format,
}

/// Write the rollout's report: timeline, every attempt with its measured values, costs so far, what is open
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vvbill phase report plans/local.yaml > rollout.md
  vvbill phase report plans/local.yaml --format html > rollout.html
  vvbill phase report plans/local.yaml --format json | jq '.attempts[] | select(.verdict == \"failed\")'")]
pub(super) struct Account {
    #[command(flatten)]
    file: PlanFile,
    /// How to print it
    #[arg(long, value_enum, env = "VVBILL_FORMAT", hide_env_values = true, default_value_t = AccountFormat::Md)]
    format: AccountFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For a terminal
    Table,
    /// For programs
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum AccountFormat {
    /// Markdown
    Md,
    /// For programs
    Json,
    /// One page without scripts, with plots, for screens and paper
    Html,
}

pub(super) fn list(arguments: &List, targets: Targets, report: &Report) -> Result<Exit, Error> {
    let site = Site::of_plan(&arguments.file, Findings::PassOver, targets, report)?;
    let weeks = super::weeks(&site)?;
    match arguments.format {
        Format::Table => report.data(text::human::list(&weeks))?,
        Format::Json => report.json(&text::json::list(site.name(), &weeks))?,
    }
    Ok(Exit::Done)
}

pub(super) async fn status(arguments: &Status, targets: Targets, report: &Report) -> Result<Exit, Error> {
    let site = Site::of_plan(&arguments.file, Findings::PassOver, targets, report)?;
    let weeks = super::weeks(&site)?;
    let ledger = ledger::read(&*site.store).await?;
    let view = text::View {
        plan: site.name(),
        weeks: &weeks,
        ledger: &ledger,
        costs: super::costs(&site)?,
    };
    match arguments.format {
        Format::Table => report.data(text::human::status(&view))?,
        Format::Json => report.json(&text::json::status(&view))?,
    }
    Ok(if view.has_passed() {
        Exit::Done
    } else {
        Exit::Failed
    })
}

pub(super) async fn report(arguments: &Account, targets: Targets, report: &Report) -> Result<Exit, Error> {
    let site = Site::of_plan(&arguments.file, Findings::PassOver, targets, report)?;
    let weeks = super::weeks(&site)?;
    let ledger = ledger::read(&*site.store).await?;
    let view = text::View {
        plan: site.name(),
        weeks: &weeks,
        ledger: &ledger,
        costs: super::costs(&site)?,
    };
    match arguments.format {
        AccountFormat::Md => report.data(text::markdown::render(&view))?,
        AccountFormat::Json => report.json(&text::json::account(&view))?,
        AccountFormat::Html => {
            let page = text::html::render(&view, Timestamp::now());
            report.data(page.map_err(|why| Error::new("can't make the page").caused_by(&why))?)?;
        }
    }
    Ok(Exit::Done)
}
