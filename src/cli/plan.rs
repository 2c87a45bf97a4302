//! `vvbill plan`: what an apply would change, and why.

use std::path::PathBuf;

use super::Exit;
use super::arguments::{Budget, Conflicts, Locking, PlanFile, Refreshing, Selection};
use super::bill::{Bill, Prior};
use super::error::Error;
use super::gate;
use super::interrupt::Interrupts;
use super::plan_file::Findings;
use super::report::cost::delta;
use super::report::run::Narrator;
use super::report::{self, Report, terraform};
use super::saved::Saved;
use super::site::{self, Look, Site};
use super::target::Targets;

/// Show what an apply would change, and why
///
/// Looks at everything that exists and changes nothing. `--out` saves the plan: `apply` then does just
/// that, or refuses where something has changed since.
///
/// What is on AWS is priced, before and after. Over a budget (of `cost.monthly_budget`, or given here), or
/// against a `policy` of the plan, or where nobody can say, it ends in 3; the plan is shown, and saved, all the
/// same. What makes a month no dearer is within every budget.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vvbill plan plans/local.yaml
  vvbill plan plans/local.yaml --set kafka.brokers=1 --target kafka
  vvbill plan plans/local.yaml --out local.plan && vvbill apply local.plan
  vvbill plan plans/local.yaml --json | jq '.resource_changes[].address'
  vvbill plan plans/production.yaml --max-monthly-increase 500    # 3: it adds more than that
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
    budget: Budget,
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
    let planned = planned.and_then(|plan| {
        let prior = Prior::of(&site.spec, &plan, session.state())?;
        Ok((plan, prior))
    });
    session.close().await?;
    let (plan, prior) = planned?;

    let bill = prior.as_ref().map(|prior| Bill::of(&site.spec, &plan, prior));
    let bill = bill.transpose()?;
    let difference = bill.as_ref().map(Bill::difference);
    let document = terraform::plan(&plan, difference.as_ref());
    match (arguments.json, &difference) {
        (true, _) => report.compact_json(&document)?,
        (false, None) => report.data(report::plan::render(&plan))?,
        (false, Some(difference)) => {
            let (changes, cost) = (report::plan::render(&plan), delta::text(difference));
            report.data(format_args!("{changes}\n{cost}"))?;
        }
    }
    let verdict = gate::judge(
        &site.spec,
        &site.places,
        &plan,
        bill.as_ref(),
        &document,
        arguments.budget,
    );
    let has_changes = !plan.is_empty();
    if let Some(path) = &arguments.out {
        Saved::new(&arguments.file.plan, site.spec, site.places, plan, prior).write(path)?;
        report.say(match verdict.refusals.is_empty() {
            true => format!("Saved in {0}; `vvbill apply {0}` does just this.", path.display()),
            false => format!(
                "Saved in {}, for `vvbill show`; an apply of it is judged as here.",
                path.display()
            ),
        });
    }
    verdict.warn(&narrator);
    if !verdict.refusals.is_empty() {
        verdict
            .refusals
            .iter()
            .for_each(|refusal| report.failure(refusal));
        return Err(Error::reported(Exit::OverBudget));
    }
    Ok(match has_changes && arguments.detailed_exitcode {
        true => Exit::Changes,
        false => Exit::Done,
    })
}
