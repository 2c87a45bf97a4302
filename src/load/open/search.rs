//! Looks for the highest rate at which the thresholds hold: doubles it until a trial fails, then halves the
//! distance between the highest that passed and the lowest that failed.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::measured::{Interval, Measured, Totals};
use super::profile::{Profile, Stage};
use super::threshold::Threshold;
use crate::endpoints::Endpoints;
use crate::load::LoadError;
use crate::load::send::{Options, Progress, Stage as Doing, send};
use crate::load::settlement::Log;
use crate::load::shards::Shards;

/// Between what the search stays.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The first rate that is tried, in events a second.
    pub first: u64,
    /// No more than this.
    pub highest: u64,
    /// How long a trial is judged, after its warm-up.
    pub trial: Duration,
    /// No trial begins that would end later than this.
    pub within: Duration,
}

/// One rate, tried.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Trial {
    /// In events a second.
    pub rate_per_second: u64,
    /// Everything held.
    pub has_passed: bool,
    /// What did not, in words.
    pub why: Vec<String>,
    /// The sender could not keep up: the trial says nothing of the platform.
    pub is_generator_bound: bool,
    /// By how many records a second the consumers fell behind; null where it can't be read.
    pub lag_growth_per_second: Option<f64>,
    /// What was measured after the warm-up.
    #[serde(flatten)]
    pub totals: Totals,
}

/// Why a search came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// The highest rate that passed and the lowest that failed lie close together.
    Found,
    /// The highest rate that was allowed passed.
    AtHighest,
    /// Not even the lowest rate passed.
    NothingPassed,
    /// The time is over.
    OutOfTime,
}

/// The outcome of a search.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Found {
    /// The highest rate that passed, in events a second; null where none did.
    pub passed_per_second: Option<u64>,
    /// The lowest that failed; null where none did.
    pub failed_per_second: Option<u64>,
    /// Why that one failed.
    pub why: Vec<String>,
    /// That one failed since the sender could not keep up: the platform may hold more than what passed.
    pub is_generator_bound: bool,
    /// Why the search ended.
    pub ended: Ended,
    /// Every trial, in the order they were made.
    pub trials: Vec<Trial>,
}

/// The rates that passed and failed lie this close in the end.
const CLOSE: f64 = 1.05;
/// A trial's warm-up, as a part of the trial; at least a second.
const WARM_UP_PART: u32 = 5;
/// The consumers fall behind when they do by more than this share of the rate,
const LAG_GROWTH_SHARE: f64 = 0.05;
/// and by more records than this over a trial: a batch more or less on its way is none.
const LAG_RECORDS: f64 = 100.0;
/// So many readings make a growth.
const LAG_READINGS: usize = 3;

/// Tries rates with `attempt` until the search ends. The same answers give the same search.
///
/// # Errors
/// When a trial can't be made at all.
pub async fn search(
    bounds: &Bounds,
    mut attempt: impl AsyncFnMut(u64) -> Result<Trial, LoadError>,
) -> Result<Found, LoadError> {
    let started = Instant::now();
    let highest = bounds.highest.max(1);
    let mut rate = bounds.first.clamp(1, highest);
    let (mut passed, mut failed): (Option<u64>, Option<u64>) = (None, None);
    let mut trials: Vec<Trial> = Vec::new();
    let ended = loop {
        if started.elapsed() + bounds.warm_up() + bounds.trial > bounds.within {
            break Ended::OutOfTime;
        }
        let trial = attempt(rate).await?;
        let bound = if trial.has_passed {
            &mut passed
        } else {
            &mut failed
        };
        *bound = Some(rate);
        trials.push(trial);
        rate = match (passed, failed) {
            (Some(passed), None) if passed >= highest => break Ended::AtHighest,
            (Some(passed), None) => (passed * 2).min(highest),
            (None, Some(1)) => break Ended::NothingPassed,
            (None, Some(failed)) => failed / 2,
            (Some(passed), Some(failed))
                if failed as f64 <= passed as f64 * CLOSE || failed - passed <= 1 =>
            {
                break Ended::Found;
            }
            (Some(passed), Some(failed)) => passed + (failed - passed) / 2,
            (None, None) => rate,
        };
    };
    let last = trials
        .iter()
        .rfind(|trial| Some(trial.rate_per_second) == failed && !trial.has_passed);
    Ok(Found {
        passed_per_second: passed,
        failed_per_second: failed,
        why: last.map(|trial| trial.why.clone()).unwrap_or_default(),
        is_generator_bound: last.is_some_and(|trial| trial.is_generator_bound),
        ended,
        trials,
    })
}

impl Bounds {
    /// How long a trial goes on before it counts.
    pub fn warm_up(&self) -> Duration {
        (self.trial / WARM_UP_PART).max(Duration::from_secs(1))
    }

    /// What a trial at this rate sends: the warm-up, then what is judged.
    pub fn profile(&self, rate: u64) -> Profile {
        let (from, to) = (rate as f64, rate as f64);
        Profile::new([self.warm_up(), self.trial].map(|length| Stage { from, to, length }))
    }
}

/// Makes one trial on a platform, and waits until what it sent is durable. The sending ends with the trial's
/// time; what could not be sent by then is left, and fails the trial.
///
/// # Errors
/// When the platform lacks something, or what was sent doesn't become durable.
pub async fn attempt(
    endpoints: &Endpoints,
    options: &Options,
    progress: &Progress,
    (bounds, rate, thresholds): (&Bounds, u64, &[Threshold]),
) -> Result<Trial, LoadError> {
    let log = Log::open(endpoints)?;
    let shards = Shards::connect(endpoints).await?;
    let sent = tokio::task::block_in_place(|| send(endpoints, options, progress));
    let measured = progress.meter.measured(false);
    let trial = match sent {
        Ok(_) => judge(bounds, rate, &measured, thresholds),
        Err(error @ (LoadError::Api { .. } | LoadError::Kafka { .. })) => Trial {
            has_passed: false,
            why: vec![error.to_string()],
            ..judge(bounds, rate, &measured, thresholds)
        },
        Err(error) => return Err(error),
    };
    progress.enter(Doing::Settling);
    log.settle(&shards, options.patience).await?;
    progress.enter(Doing::Done);
    Ok(trial)
}

/// Whether what was measured after the warm-up holds.
pub fn judge(bounds: &Bounds, rate: u64, measured: &Measured, thresholds: &[Threshold]) -> Trial {
    let totals = measured
        .stages
        .last()
        .map(|stage| stage.totals.clone())
        .unwrap_or_default();
    let mut why: Vec<String> = thresholds
        .iter()
        .map(|threshold| threshold.judge(&totals))
        .filter(|judged| !judged.is_met)
        .map(|judged| judged.told())
        .collect();
    let lag_growth_per_second = lag_growth(bounds, &measured.intervals);
    if let Some(growth) =
        lag_growth_per_second.filter(|growth| *growth > lag_growth_allowed(rate, bounds.trial))
    {
        why.push(format!(
            "the consumers fell behind by {growth:.0} records a second"
        ));
    }
    let generator = &measured.generator;
    if generator.unsent > 0 {
        why.push(format!(
            "{} events were still to be sent when the time was over",
            generator.unsent
        ));
    }
    if generator.is_bottleneck {
        why.insert(0, format!("the generator was the bottleneck: {}", generator.why));
    }
    Trial {
        rate_per_second: rate,
        has_passed: why.is_empty(),
        is_generator_bound: generator.is_bottleneck,
        lag_growth_per_second,
        totals,
        why,
    }
}

/// By how many records a second consumers may fall behind at a rate, in a trial of that length.
pub fn lag_growth_allowed(rate: u64, trial: Duration) -> f64 {
    let records = LAG_RECORDS / trial.as_secs_f64().max(1e-9);
    records.max(rate as f64 * LAG_GROWTH_SHARE)
}

/// The slope of the line that lies closest to the readings after the warm-up, in records a second.
fn lag_growth(bounds: &Bounds, intervals: &[Interval]) -> Option<f64> {
    let judged = bounds.warm_up().as_secs_f64()..(bounds.warm_up() + bounds.trial).as_secs_f64() + 0.5;
    let readings: Vec<(f64, f64)> = intervals
        .iter()
        .filter(|interval| judged.contains(&interval.at_seconds))
        .filter_map(|interval| Some((interval.at_seconds, interval.lag? as f64)))
        .collect();
    if readings.len() < LAG_READINGS {
        return None;
    }
    let count = readings.len() as f64;
    let (mean_x, mean_y) = (
        readings.iter().map(|(x, _)| x).sum::<f64>() / count,
        readings.iter().map(|(_, y)| y).sum::<f64>() / count,
    );
    let above: f64 = readings.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let below: f64 = readings.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    (below > 0.0).then(|| above / below)
}
