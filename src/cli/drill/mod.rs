//! `vvbill drill`: what fails is taken over, measured.

pub(super) mod catch;
mod list;
mod run;

use clap::Subcommand;

use super::Exit;
use super::error::Error;
use super::report::Report;
use super::target::Targets;

/// Strike a part of the running platform, and measure how it is taken over
///
/// A drill kills a part under load, asks every tier again and again from outside, brings back what it killed, and
/// accounts for every event that was acknowledged: recovery time a tier, recovery point, lost, doubled.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vvbill drill list plans/local-ha.yaml                        what there is, and what the plan lacks for it
  vvbill drill run plans/local-ha.yaml redis-master            ask, then do it
  vvbill drill run plans/local-ha.yaml --all --auto-approve    one after the other")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    List(list::Arguments),
    Run(run::Arguments),
}

pub(crate) async fn run(arguments: Arguments, targets: Targets, report: &Report) -> Result<Exit, Error> {
    match arguments.verb {
        Verb::List(arguments) => list::run(&arguments, targets, report),
        Verb::Run(arguments) => run::run(arguments, targets, report).await,
    }
}
