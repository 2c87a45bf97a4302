//! `vvbill show`: a saved plan, as text, JSON, or a pull request's comment.

use std::path::PathBuf;

use super::Exit;
use super::arguments::Budget;
use super::bill::Bill;
use super::error::Error;
use super::gate;
use super::report::cost::delta;
use super::report::{self, Report, comment, terraform};
use super::saved::Saved;
use crate::spec::rules;

/// Show a saved plan
///
/// What `plan --out` wrote, as it was then: nothing is looked at. What it costs is priced from what is saved,
/// at the prices of then.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vvbill show local.plan
  vvbill show local.plan --json | jq '.resource_changes[] | {address, actions: .change.actions}'
  vvbill show local.plan --markdown > comment.md        for a pull request")]
pub(crate) struct Arguments {
    /// The saved plan
    #[arg(value_name = "SAVED")]
    saved: PathBuf,
    /// Print it in Terraform's plan JSON
    #[arg(long, env = "VVBILL_JSON", hide_env_values = true)]
    json: bool,
    /// Print it as a pull request's comment: sums, cost, changes, findings; too long, it is cut in the middle
    #[arg(
        long,
        env = "VVBILL_MARKDOWN",
        hide_env_values = true,
        conflicts_with = "json"
    )]
    markdown: bool,
}

pub(crate) fn run(arguments: &Arguments, report: &Report) -> Result<Exit, Error> {
    let saved = Saved::read(&arguments.saved)?;
    let (spec, plan) = (&saved.spec, &saved.plan);
    let prior = saved.prior.as_ref();
    let bill = prior.map(|prior| Bill::of(spec, plan, prior)).transpose()?;
    let difference = bill.as_ref().map(Bill::difference);
    let document = || terraform::plan(plan, difference.as_ref());
    if arguments.markdown {
        let verdict = gate::judge(
            spec,
            &saved.places,
            plan,
            bill.as_ref(),
            &document(),
            Budget::default(),
        );
        let made = plan.created_at.to_zoned(jiff::tz::TimeZone::UTC).date();
        let today = prior.map_or(made, |prior| prior.as_of);
        report.data(comment::render(&comment::View {
            plan_file: &saved.plan_file,
            plan,
            difference: difference.as_ref(),
            refusals: &verdict.refusals,
            warnings: &verdict.warnings,
            findings: &rules::findings(spec, &rules::Context { today }),
        }))?;
        return Ok(Exit::Done);
    }
    if arguments.json {
        report.compact_json(&document())?;
        return Ok(Exit::Done);
    }
    report.data(report::plan::render(plan))?;
    if let Some(difference) = &difference {
        report.data(format_args!("\n{}", delta::text(difference)))?;
    }
    Ok(Exit::Done)
}
