//! `vvbill unlock`: removes the lock of a run that can't do so itself.

use super::Exit;
use super::arguments::PlanFile;
use super::error::Error;
use super::plan_file::Findings;
use super::report::Report;
use super::site::Site;
use super::target::Targets;
use crate::apply;

/// Show who holds the lock of a plan's state, or remove it by its id
///
/// A lock ends by itself when its holder is dead and its lease is over. Remove it by hand only when no
/// vvbill is at work: its id proves that it is the one you looked at.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vvbill unlock plans/local.yaml                                        who holds it
  vvbill unlock plans/local.yaml 0b7c7d70-2f0e-4a5e-9d5f-0e6a1c9b8f11   remove this lock")]
pub(crate) struct Arguments {
    #[command(flatten)]
    file: PlanFile,
    /// The lock's id; without it, the lock is only shown
    #[arg(value_name = "ID")]
    id: Option<String>,
}

pub(crate) async fn run(arguments: Arguments, targets: Targets, report: &Report) -> Result<Exit, Error> {
    let site = Site::of_plan(&arguments.file, Findings::PassOver, targets, report)?;
    match &arguments.id {
        Some(id) => {
            let holder = apply::unlock(&*site.store, id).await?;
            report.say(format_args!("Removed the lock of {holder}."));
        }
        None => match apply::lock_holder(&*site.store).await? {
            Some(holder) => report.data(format_args!("{holder}\n"))?,
            None => report.say("Nobody holds the lock."),
        },
    }
    Ok(Exit::Done)
}
