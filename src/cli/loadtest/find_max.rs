//! `vvbill loadtest --find-max`: the highest rate at which the plan's promises hold.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::super::Exit;
use super::super::arguments::duration;
use super::super::error::Error;
use super::super::report::{self, Report};
use super::progress::{Telling, line, tell};
use super::{Arguments, failed, options, write_page};
use crate::endpoints::Endpoints;
use crate::load::Progress;
use crate::load::open::Threshold;
use crate::load::open::search::{self, Bounds, Found, Trial};

/// Looking for the highest rate that holds.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Search {
    /// Look for the highest rate at which the plan's promises hold, or `--assert`
    ///
    /// Each trial warms up for a fifth of its time, then must keep to `success_metrics.p95_latency`, to the share
    /// of errors that `success_metrics.availability` leaves (0.1% where it is unset), and must not fall behind by
    /// more than 5% of its rate. The rate doubles until a trial fails; then the distance is halved until it is
    /// less than 5%. It begins at `--rate`, or at 1000.
    #[arg(
        long, env = "VVBILL_FIND_MAX", hide_env_values = true, help_heading = "Search",
        conflicts_with_all = ["events", "duration", "ramp", "steps"]
    )]
    pub(super) find_max: bool,
    /// How long each rate is tried
    #[arg(
        long, value_name = "DURATION", env = "VVBILL_TRIAL", hide_env_values = true, default_value = "20s",
        value_parser = duration, help_heading = "Search"
    )]
    pub(super) trial: Duration,
    /// Try no higher rate than this: events a second, or `10M/min`
    #[arg(
        long, value_name = "RATE", env = "VVBILL_MAX_RATE", hide_env_values = true, default_value = "1000000",
        value_parser = super::profile::rate, help_heading = "Search"
    )]
    pub(super) max_rate: f64,
    /// Begin no trial that would end later than this
    #[arg(
        long, value_name = "DURATION", env = "VVBILL_MAX_TIME", hide_env_values = true, default_value = "30m",
        value_parser = duration, help_heading = "Search"
    )]
    pub(super) max_time: Duration,
}

/// Where a search begins, unless told otherwise: events a second.
const FIRST: f64 = 1_000.0;
/// A trial adds so much to its time before what couldn't be sent is left.
const GRACE: Duration = Duration::from_secs(1);
/// A rate that is tried for less says nothing.
const TRIAL_AT_LEAST: Duration = Duration::from_secs(2);

pub(super) async fn run(
    arguments: &Arguments,
    endpoints: &Endpoints,
    thresholds: &[Threshold],
    report: &Report,
) -> Result<Exit, Error> {
    let bounds = bounds(arguments)?;
    let attempt = async |rate| {
        let trial = attempt(arguments, endpoints, (&bounds, rate, thresholds), report).await;
        if let Ok(trial) = &trial {
            tell_trial(trial, arguments.json, report);
        }
        trial
    };
    let found = search::search(&bounds, attempt)
        .await
        .map_err(|why| failed(&why))?;
    let text = report::load::measured::found(&found);
    if arguments.json {
        report.line_of_json(&line(&text, "load_maximum", json!({ "maximum": found })));
    } else {
        report.data(&text)?;
    }
    if let Some(path) = &arguments.html {
        let page = report::load::html::found(&arguments.file.plan.display().to_string(), &found, thresholds);
        write_page(path, page)?;
    }
    conclude(&found)
}

async fn attempt(
    arguments: &Arguments,
    endpoints: &Endpoints,
    (bounds, rate, thresholds): (&Bounds, u64, &[Threshold]),
    report: &Report,
) -> Result<Trial, crate::load::LoadError> {
    let profile = bounds.profile(rate);
    let mut options = options(arguments, Some(profile.clone()));
    options.give_up_after = Some(profile.length() + GRACE);
    let progress = Arc::new(Progress::default());
    let telling = Telling {
        count: profile.count(),
        interval: arguments.interval,
        json: arguments.json,
    };
    let teller = tell(endpoints, &progress, telling, report);
    let trial = search::attempt(endpoints, &options, &progress, (bounds, rate, thresholds)).await;
    drop(teller);
    trial
}

fn tell_trial(trial: &Trial, json: bool, report: &Report) {
    let text = report::load::measured::trial(trial);
    if json {
        report.line_of_json(&line(&text, "load_trial", json!({ "trial": trial })));
    } else {
        report.say(text);
    }
}

fn bounds(arguments: &Arguments) -> Result<Bounds, Error> {
    let search = &arguments.search;
    if search.trial < TRIAL_AT_LEAST {
        return Err(
            Error::usage("`--trial` is too short for a percentile of anything")
                .hint(format!("give it {} s or more", TRIAL_AT_LEAST.as_secs())),
        );
    }
    Ok(Bounds {
        first: arguments.shape.rate.unwrap_or(FIRST).ceil() as u64,
        highest: search.max_rate.floor() as u64,
        trial: search.trial,
        within: search.max_time,
    })
}

fn conclude(found: &Found) -> Result<Exit, Error> {
    if found.passed_per_second.is_some() {
        return Ok(Exit::Done);
    }
    let error = Error::new("no rate that was tried holds");
    let error = found.why.iter().cloned().fold(error, Error::because);
    Err(match found.trials.is_empty() {
        true => error.because("`--max-time` is shorter than one trial"),
        false => error.hint("`vvbill status PLAN` says what runs; `--rate` sets where the search begins"),
    })
}
