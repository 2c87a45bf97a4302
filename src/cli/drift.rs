//! `vvbill drift`: what changed outside vvbill.

use serde_json::json;

use super::Exit;
use super::arguments::{Locking, PlanFile};
use super::error::Error;
use super::interrupt::Interrupts;
use super::plan_file::Findings;
use super::report::run::Narrator;
use super::report::{self, Report, redact};
use super::site::{Look, Site};
use super::target::Targets;
use crate::plan::{Drift, Mode, Options};

/// Show what changed outside vvbill: field, recorded value, found value
///
/// Looks at everything that the state holds. Ends in 5 where something differs, in 0 where nothing does.
/// `vvbill apply` brings back what the plan wants; `vvbill apply --refresh-only` takes over what is.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vvbill drift plans/local.yaml
  vvbill drift plans/production.yaml --json | jq '.drift[].address'")]
pub(crate) struct Arguments {
    #[command(flatten)]
    file: PlanFile,
    #[command(flatten)]
    locking: Locking,
    /// Print it as JSON
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
    let site = Site::of_plan(&arguments.file, Findings::PassOver, targets, report)?;
    let mut interrupts = Interrupts::listen()?;
    let narrator = Narrator::new(report);
    let look = Look {
        parallelism: arguments.parallelism.into(),
        refresh: true,
        from_here: false,
    };
    let options = Options {
        mode: Mode::RefreshOnly,
        ..Options::default()
    };
    let mut session = interrupts
        .or_stop(site.open("drift", &arguments.locking, &narrator))
        .await?;
    let planned = interrupts
        .or_stop(site.plan(&mut session, &options, &look, &narrator))
        .await;
    session.close().await?;
    let drift = planned?.drift;
    match arguments.json {
        true => report.json(&json!({
            "plan": site.name(),
            "drift": drift.iter().map(to_json).collect::<Vec<_>>(),
        }))?,
        false => report.data(report::plan::render_drifts(&drift))?,
    }
    Ok(if drift.is_empty() { Exit::Done } else { Exit::Drift })
}

fn to_json(drift: &Drift) -> serde_json::Value {
    let changes: Vec<_> = drift
        .changes
        .iter()
        .map(|change| {
            let key = report::plan::dotted(&change.path);
            let shown = |value| redact::redacted_under(&key, value);
            json!({ "field": key, "wanted": shown(&change.before), "found": shown(&change.after) })
        })
        .collect();
    json!({ "address": drift.address, "gone": drift.gone, "changes": changes })
}
