//! `vvbill phase approve`: a person says that a week's end is good.

use jiff::Timestamp;

use super::super::Exit;
use super::super::arguments::{Locking, PlanFile};
use super::super::error::Error;
use super::super::plan_file::Findings;
use super::super::report::Report;
use super::super::report::run::Narrator;
use super::super::site::Site;
use super::super::target::Targets;
use crate::rollout::ledger::{Book, Entry};
use crate::rollout::model::Basis;
use crate::rollout::{Week, gate};
use crate::state::LockOptions;

/// Approve the end of a week that asks for it (`approval: true`)
///
/// Only a week whose steps have all passed can be approved. The approval names who gave it and the plan that it
/// is for: when the plan changes, it is asked for again.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vvbill phase status plans/local.yaml            what has been shown
  vvbill phase approve plans/local.yaml week-2    good enough for week 3")]
pub(super) struct Arguments {
    #[command(flatten)]
    file: PlanFile,
    /// The week, as the plan names it
    #[arg(value_name = "WEEK")]
    week: String,
    #[command(flatten)]
    locking: Locking,
}

pub(super) async fn run(arguments: Arguments, targets: Targets, report: &Report) -> Result<Exit, Error> {
    let site = Site::of_plan(&arguments.file, Findings::PassOver, targets, report)?;
    let weeks = super::weeks(&site)?;
    let week = super::week(&weeks, &arguments.week)?;
    if !week.approval {
        return Err(
            Error::usage(format!("{} asks for no approval", week.id)).hint(format!(
                "`rollout.{}.approval: true` in the plan makes it ask",
                week.id
            )),
        );
    }
    let session = site
        .open("phase approve", &arguments.locking, &Narrator::new(report))
        .await?;
    let book = Book::open(site.store.clone(), session.fence()).await;
    let approved = match book {
        Ok(mut book) => approve(&weeks, week, &mut book, session.state().serial, &arguments).await,
        Err(error) => Err(error.into()),
    };
    session.close().await?;
    approved?;
    report.say(format_args!("{} is approved.", week.id));
    Ok(Exit::Done)
}

async fn approve(
    weeks: &[Week],
    week: &Week,
    book: &mut Book,
    serial: u64,
    arguments: &Arguments,
) -> Result<(), Error> {
    let reasons = gate::open_ends(week, book.ledger());
    if !reasons.is_empty() {
        let what = format!("{} can't be approved: it has not passed", week.id);
        let plan = arguments.file.plan.display().to_string();
        return Err(super::closed(what, reasons, weeks, &plan));
    }
    let basis = Basis {
        plan: week.plan.clone(),
        serial,
    };
    book.append(Entry::Approved {
        week: week.id.clone(),
        at: Timestamp::now(),
        who: LockOptions::new("phase approve").who,
        basis,
    })
    .await?;
    Ok(())
}
