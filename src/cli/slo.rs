//! `vvbill slo`: the plan's success metrics, each met, not met, or not yet measured.

use std::time::Duration;

use jiff::Timestamp;

use super::Exit;
use super::arguments::PlanFile;
use super::error::Error;
use super::plan_file::Findings;
use super::report::{Report, slo as text};
use super::site::Site;
use super::target::Targets;
use crate::drill::catalogue;
use crate::rollout::{ledger, week};
use crate::slo::{self, Standing, judge::Seen};
use crate::spec::{self, Spec};

/// Hold the plan's success metrics against what was measured: met, not met, or not yet measured
///
/// Rates, latency and availability come from the platform's Prometheus, recovery and loss from the last run of
/// each drill, both only as far as they speak of the plan as it is. Nothing is claimed beyond the scope that was
/// watched: ten minutes at the promised rate are no day, and as long as a drill is open nothing is met that it
/// could refute. Ends in 1 where a metric is not met.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vvbill slo plans/local.yaml                           each metric, with value, scope and evidence
  vvbill slo plans/local.yaml --window 2h               only what was watched in the last two hours
  vvbill slo plans/production.yaml --require-all        in CI: ends in 1 as long as one isn't met
  vvbill slo plans/production.yaml --format json | jq '.metrics[] | {name, standing, value}'")]
pub(crate) struct Arguments {
    #[command(flatten)]
    file: PlanFile,
    /// How far back Prometheus is asked
    #[arg(
        long, value_name = "DURATION", env = "VVBILL_WINDOW", hide_env_values = true,
        default_value = "30d", value_parser = window
    )]
    window: Duration,
    /// End in 1 also where something is not yet measured
    #[arg(long, env = "VVBILL_REQUIRE_ALL", hide_env_values = true)]
    require_all: bool,
    /// How to print it
    #[arg(long, value_enum, env = "VVBILL_FORMAT", hide_env_values = true, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For a terminal
    Table,
    /// Markdown
    Md,
    /// For programs
    Json,
}

/// Less says nothing of a rate by the minute.
const WINDOW_AT_LEAST: Duration = Duration::from_secs(60);

pub(crate) async fn run(arguments: Arguments, targets: Targets, report: &Report) -> Result<Exit, Error> {
    let site = Site::of_plan(&arguments.file, Findings::PassOver, targets, report)?;
    let ledger = ledger::read(&*site.store).await?;
    let rate = promised_rate(&site.spec);
    let watched = match site.state().await?.filter(|state| !state.resources.is_empty()) {
        Some(state) => {
            let endpoints = (site.platform.endpoints)(&site.spec, &state);
            let watched = slo::watch(&endpoints, arguments.window, rate, Timestamp::now()).await;
            watched.map_err(|why| why.to_string())
        }
        None => Err(format!("nothing of `{}` stands", site.name())),
    };
    let weeks = crate::rollout::weeks(&site.spec, &crate::rollout::steps());
    let whole = week::digest(&site.spec, "");
    let holds_for = |id: &str| {
        let week = weeks.iter().find(|week| week.id == id);
        Some(week.map_or_else(|| whole.clone(), |week| week.plan.clone()))
    };
    let offers = catalogue::offers(&site.spec).into_iter();
    let seen = Seen {
        watched,
        ledger: &ledger,
        holds_for: &holds_for,
        offered: offers
            .filter(|offer| offer.lacks.is_none())
            .map(|offer| offer.drill.name().to_owned())
            .collect(),
    };
    let account = slo::judge(&site.spec, &seen);
    match arguments.format {
        Format::Table => report.data(text::human(&account))?,
        Format::Md => report.data(text::markdown(site.name(), &account))?,
        Format::Json => report.json(&text::json(site.name(), &account))?,
    }
    let open = account.count(Standing::NotYetMeasured) > 0;
    Ok(match account.count(Standing::NotMet) {
        0 if !(open && arguments.require_all) => Exit::Done,
        _ => Exit::Failed,
    })
}

fn promised_rate(spec: &Spec) -> Option<f64> {
    spec.success_metrics
        .rate
        .and_then(|rate| rate.per_second().try_into().ok())
}

fn window(text: &str) -> Result<Duration, String> {
    let window: spec::Duration = text.parse().map_err(|why: spec::UnitError| why.to_string())?;
    match window.as_std() >= WINDOW_AT_LEAST {
        true => Ok(window.as_std()),
        false => Err("a rate by the minute needs a minute: write `1m` or more".into()),
    }
}
