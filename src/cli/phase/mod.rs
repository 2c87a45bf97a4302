//! `vvbill phase`: the rollout, week by week.

mod approve;
mod run;
mod show;

use clap::Subcommand;

use super::error::Error;
use super::report::Report;
use super::site::Site;
use super::target::Targets;
use super::{Exit, cost};
use crate::cost::curve;
use crate::rollout::ledger::LedgerError;
use crate::rollout::{self, Week};
use crate::spec::Target;

/// Roll a plan out week by week, each week proven before the next
///
/// The plan's `rollout` says which week brings up which sections. A week's steps ask the running system, never
/// the state: each keeps what it measured, against which threshold, for which plan. The next week may begin
/// when all of them have passed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vvbill phase list plans/local.yaml                         weeks, steps, and what each proves
  vvbill phase run plans/local.yaml week-1                   bring week 1 up, and prove it
  vvbill phase run plans/local.yaml --all --auto-approve     go on from where it stopped
  vvbill phase status plans/local.yaml                       how far it is
  vvbill phase report plans/local.yaml --format md           timeline and evidence")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    List(show::List),
    Status(show::Status),
    Run(run::Arguments),
    Approve(approve::Arguments),
    Report(show::Account),
}

pub(crate) async fn run(arguments: Arguments, targets: Targets, report: &Report) -> Result<Exit, Error> {
    match arguments.verb {
        Verb::List(arguments) => show::list(&arguments, targets, report),
        Verb::Status(arguments) => show::status(&arguments, targets, report).await,
        Verb::Run(arguments) => run::run(arguments, targets, report).await,
        Verb::Approve(arguments) => approve::run(arguments, targets, report).await,
        Verb::Report(arguments) => show::report(&arguments, targets, report).await,
    }
}

/// The weeks of the plan; an error where it has none.
fn weeks(site: &Site) -> Result<Vec<Week>, Error> {
    let weeks = rollout::weeks(&site.spec, &rollout::steps());
    if weeks.is_empty() {
        return Err(Error::new(format!("the plan `{}` has no rollout", site.name()))
            .because("its `rollout` names no week")
            .hint("write `rollout: {week-1: {title: Kafka, sections: [kafka]}, …}`; `vvbill explain rollout` says more"));
    }
    Ok(weeks)
}

/// What a month costs of what is up by the end of each week; nothing where nothing is priced.
fn costs(site: &Site) -> Result<Vec<curve::Week>, Error> {
    match site.spec.target {
        Target::Aws => cost::by_week(&site.spec),
        Target::Local => Ok(Vec::new()),
    }
}

/// The week called so.
fn week<'a>(weeks: &'a [Week], name: &str) -> Result<&'a Week, Error> {
    weeks.iter().find(|week| week.id == name).ok_or_else(|| {
        let known: Vec<&str> = weeks.iter().map(|week| week.id.as_str()).collect();
        Error::usage(format!("the plan has no week `{name}`"))
            .hint(format!("its weeks are {}", known.join(", ")))
    })
}

impl From<LedgerError> for Error {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Store(error) => error.into(),
            error => Self::new("the rollout's ledger can't be read").caused_by(&error),
        }
    }
}

/// Why a gate is closed, and what opens it.
fn closed(what: String, reasons: Vec<String>, weeks: &[Week], plan: &str) -> Error {
    let error = Error::new(what).exiting(Exit::GateClosed);
    let mut hints: Vec<String> = Vec::new();
    for week in weeks {
        let own = |reason: &&String| reason.starts_with(&format!("{}/", week.id));
        let waits = format!("{} waits", week.id);
        if reasons.iter().any(|reason| own(&reason)) {
            hints.push(format!(
                "`vvbill phase run {plan} {}` runs what is open there",
                week.id
            ));
        } else if reasons.iter().any(|reason| reason.starts_with(&waits)) {
            hints.push(format!("`vvbill phase approve {plan} {}` approves it", week.id));
        }
    }
    hints.truncate(1);
    reasons.into_iter().fold(error, Error::because).hints(hints)
}
