//! A load that a step puts on the platform by the clock, and what it is held to.

use std::sync::Arc;
use std::time::Duration;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::events::Batch;
use super::markers::{Marked, Markers};
use super::model::Measure;
use super::prometheus::Prometheus;
use super::step::{Scene, Trial, Trouble};
use super::week_1::workload;
use super::week_2::{audited, landed};
use crate::load::open::search::{self, Bounds, Found};
use crate::load::open::threshold::{Metric, Side};
use crate::load::open::{Measured, Threshold, watch};
use crate::load::{self, Options, Progress, Workload};
use crate::spec::{EventRate, Gate, Spec};

/// How long a load is held where neither the command line nor the week's gate says.
pub const LOAD_FOR: Duration = Duration::from_secs(30);
/// The share of failed tries that is allowed where the plan promises no availability, as `loadtest --find-max` has it.
const ERRORS_UNLESS_PROMISED: f64 = 0.001;
const ACCOUNTS: u32 = 10_000;
const CONNECTIONS: usize = 64;
/// Of a thousand events, how many go straight into Kafka; the others go over HTTP.
const KAFKA_PER_MILLE: u16 = 500;
/// How many requests a second a rate is made of, and how many events one carries at most.
const REQUESTS_PER_SECOND: f64 = 100.0;
const BATCH_AT_MOST: u64 = 1_000;
/// A search tries each rate for this part of the time that a load is held, and takes so many times that time.
const TRIAL_PART: u32 = 3;
const SEARCH_TIMES: u32 = 6;
const TRIAL_AT_LEAST: Duration = Duration::from_secs(2);
/// Until what was due in a trial and not sent is left.
const GRACE: Duration = Duration::from_secs(1);
/// Between two looks at the run.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What a load is held to.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Promise {
    /// Events a second.
    pub(super) per_second: u64,
    /// For 95 of 100.
    p95: Duration,
    /// Share of tries that may fail.
    errors: f64,
    /// Records that consumers may be behind, where the gate says.
    lag: Option<u64>,
    /// How long the rate is held.
    lasts: Duration,
    /// How long the gate wants it to be held.
    wanted: Duration,
}

/// What is left of a load, to look at its rows again and to draw it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Traces {
    workload: Workload,
    markers: Batch,
    measured: Measured,
}

/// How a load went, where a step's memory holds one.
pub fn measured(memory: &Value) -> Option<Measured> {
    serde_json::from_value(memory.get("measured")?.clone()).ok()
}

/// How a search went, where a step's memory holds one.
pub fn found(memory: &Value) -> Option<Found> {
    serde_json::from_value(memory.get("found")?.clone()).ok()
}

/// The gate of the week that load belongs to.
fn gate(spec: &Spec, week: &str) -> Gate {
    spec.rollout
        .get(week)
        .map(|week| week.gate.clone())
        .unwrap_or_default()
}

/// The rate that the plan promises: the gate's, else the success metrics'.
pub(super) fn rate(spec: &Spec, week: &str) -> Option<EventRate> {
    gate(spec, week).rate.or(spec.success_metrics.rate)
}

/// The rate of the load test: the plan's own, else half more than what is promised.
pub(super) fn peak(spec: &Spec, week: &str) -> Option<u64> {
    let tested = spec
        .success_metrics
        .load_test_rate
        .map(EventRate::per_second_ceil);
    let half_more = |rate: EventRate| (rate.per_second() * Decimal::new(15, 1)).ceil().to_u64();
    tested.or_else(|| rate(spec, week).and_then(half_more))
}

/// Why a plan has nothing that a load could be held to.
pub(super) fn unpromised(spec: &Spec, week: &str) -> Option<String> {
    if rate(spec, week).is_none() {
        return Some(format!(
            "the plan promises no rate: set `success_metrics.rate`, or `rollout.{week}.gate.rate`"
        ));
    }
    latency(spec, week).is_none().then(|| {
        format!(
            "the plan promises no latency: set `success_metrics.p95_latency`, or `rollout.{week}.gate.p95_latency`"
        )
    })
}

fn latency(spec: &Spec, week: &str) -> Option<Duration> {
    let promised = gate(spec, week)
        .p95_latency
        .or(spec.success_metrics.p95_latency)?;
    Some(promised.as_std())
}

impl Promise {
    /// What a rate is held to in the week.
    pub(super) fn of(scene: &Scene, week: &str, per_second: Option<u64>) -> Result<Self, Trouble> {
        let spec = &scene.spec;
        let unpromised = || Trouble(unpromised(spec, week).unwrap_or_else(|| "no rate is promised".into()));
        let gate = gate(spec, week);
        let wanted = gate.held_for.map(|time| time.as_std());
        let lasts = scene.load_for.or(wanted).unwrap_or(LOAD_FOR);
        let availability = spec.success_metrics.availability;
        let allowed = availability.and_then(|share| (Decimal::ONE - share.as_ratio()).to_f64());
        Ok(Self {
            per_second: per_second.filter(|rate| *rate > 0).ok_or_else(unpromised)?,
            p95: latency(spec, week).ok_or_else(unpromised)?,
            errors: allowed.unwrap_or(ERRORS_UNLESS_PROMISED),
            lag: gate.consumer_lag,
            lasts,
            wanted: wanted.unwrap_or(lasts),
        })
    }

    fn thresholds(&self) -> Vec<Threshold> {
        let p95_ms = self.p95.as_secs_f64() * 1_000.0;
        vec![
            Threshold {
                text: format!("p95<={p95_ms}ms"),
                metric: Metric::P95,
                side: Side::AtMost,
                bound: p95_ms,
            },
            Threshold {
                text: format!("errors<={}%", self.errors * 100.0),
                metric: Metric::Errors,
                side: Side::AtMost,
                bound: self.errors,
            },
        ]
    }

    /// A warm-up, then the time that counts.
    fn bounds(&self, trial: Duration) -> Bounds {
        Bounds {
            first: self.per_second,
            highest: u64::MAX,
            trial,
            within: self.lasts * SEARCH_TIMES,
        }
    }

    /// What was measured of the run, each against what it is held to.
    fn measures(&self, measured: &Measured, marked: &Marked) -> Vec<Measure> {
        let bounds = self.bounds(self.lasts);
        let judged = search::judge(&bounds, self.per_second, measured, &[]);
        let (rate, limit_ms) = (self.per_second as f64, ms(self.p95));
        let seconds = self.lasts.as_secs_f64();
        // What may still be under way when the time is over.
        let under_way = (self.p95.as_secs_f64() / seconds.max(1e-9)).min(1.0);
        let mut measures = vec![
            Measure::at_least("seconds that it was held", seconds, self.wanted.as_secs_f64()),
            Measure::at_least(
                format!("events accepted a second, of {} asked", self.per_second),
                judged.totals.achieved_per_second,
                rate * (1.0 - under_way),
            ),
        ];
        let latencies = [
            ("HTTP's answer", judged.totals.http_ms),
            ("Kafka's acknowledgement", judged.totals.kafka_ms),
        ];
        measures.extend(latencies.into_iter().filter_map(|(until, latency)| {
            Some(Measure::at_most(
                format!("P95 from when it was due until {until}, ms"),
                latency?.p95,
                limit_ms,
            ))
        }));
        let count = marked.until_committed.len();
        measures.push(match marked.percentile(95.0) {
            Some(p95) => Measure::at_most(
                format!("P95 from sending to the commit of {count} marked events, ms"),
                ms(p95),
                limit_ms,
            ),
            None => Measure::at_least("marked events that were committed", 0.0, 1.0),
        });
        measures.push(Measure::at_most(
            "share of tries that failed",
            judged.totals.error_share,
            self.errors,
        ));
        measures.extend(judged.lag_growth_per_second.map(|growth| {
            Measure::at_most(
                "records a second that consumers fell behind by",
                growth,
                search::lag_growth_allowed(self.per_second, self.lasts),
            )
        }));
        let end = (bounds.warm_up() + self.lasts).as_secs_f64();
        let sending = measured
            .intervals
            .iter()
            .filter(|interval| interval.at_seconds <= end + 0.5);
        let behind = sending.filter_map(|interval| interval.lag).next_back();
        measures.extend(behind.zip(self.lag).map(|(behind, limit)| {
            Measure::at_most(
                "records that consumers were behind at the end",
                behind as f64,
                limit as f64,
            )
        }));
        measures
    }
}

/// Puts a rate on the platform for as long as is asked, and waits until everything is durable.
pub(super) async fn hold(scene: &Scene, promise: &Promise) -> Result<Trial, Trouble> {
    let bounds = promise.bounds(promise.lasts);
    let options = options(scene, bounds, promise.per_second);
    let progress = Arc::new(Progress::default());
    let markers = Markers::begin(scene, bounds.warm_up()).await?;
    let outcome = {
        let watching = watching(scene, &progress, promise.lasts);
        let (endpoints, options, sent) = (scene.endpoints.clone(), options.clone(), Arc::clone(&progress));
        let run = async move { load::run(&endpoints, &options, &sent).await };
        let outcome = apart(move || Handle::current().block_on(run)).await;
        drop(watching);
        outcome
    };
    let marked = markers.end().await?;
    let outcome = outcome??;
    let measured = progress.meter.measured(is_shared(scene));
    let mut measures = promise.measures(&measured, &marked);
    if let Some(durable) = by_the_service(scene, &measured).await {
        measures.push(Measure::at_most(
            "P95 from Kafka to the commit by the service's own histogram, ms",
            durable * 1_000.0,
            ms(promise.p95),
        ));
    }
    let generator = &measured.generator;
    if generator.is_bottleneck && measures.iter().any(|measure| !measure.holds) {
        let missed: Vec<String> = measures
            .iter()
            .filter(|measure| !measure.holds)
            .map(Measure::sentence)
            .collect();
        return Err(Trouble(format!(
            "the generator was the bottleneck, which says nothing of the platform: {}; {}",
            generator.why,
            missed.join("; ")
        )));
    }
    measures.push(Measure::equal(
        "answers that aren't as documented",
        outcome.unexpected,
        0,
    ));
    Ok(Trial {
        measures,
        memory: json!(Traces {
            workload: options.workload,
            markers: marked.batch,
            measured,
        }),
    })
}

/// Looks for every event of a load again.
pub(super) async fn accounted(scene: &Scene, memory: &Value) -> Result<Vec<Measure>, Trouble> {
    let traces: Traces = serde_json::from_value(memory.clone())
        .map_err(|why| Trouble::new("what was sent is not known", why))?;
    let mut measures = audited(scene, &traces.workload).await?;
    let marked = landed(scene, &json!(traces.markers)).await?;
    measures.extend(marked.into_iter().map(|measure| Measure {
        name: format!("{}, marked", measure.name),
        ..measure
    }));
    Ok(measures)
}

/// Looks for the highest rate that keeps the promise.
pub(super) async fn highest(scene: &Scene, promise: &Promise) -> Result<Found, Trouble> {
    let bounds = promise.bounds((promise.lasts / TRIAL_PART).max(TRIAL_AT_LEAST));
    let bounds = Bounds {
        within: bounds.within.max((bounds.trial + bounds.warm_up()) * 2),
        ..bounds
    };
    let (scene, thresholds) = (scene.clone(), promise.thresholds());
    let attempt = async move |rate| {
        let mut options = options(&scene, bounds, rate);
        options.give_up_after = options.profile.as_ref().map(|profile| profile.length() + GRACE);
        let progress = Arc::new(Progress::default());
        let watching = watching(&scene, &progress, bounds.trial);
        let held_to = (&bounds, rate, &*thresholds);
        let trial = search::attempt(&scene.endpoints, &options, &progress, held_to).await;
        drop(watching);
        trial
    };
    Ok(apart(move || Handle::current().block_on(search::search(&bounds, attempt))).await??)
}

/// On a thread of its own, as sending blocks: who waits for it can still hear an interrupt.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Trouble> {
    let run = tokio::task::spawn_blocking(work).await;
    run.map_err(|why| Trouble::new("the load broke off", why))
}

/// Looks at a run until this is dropped, which ends the run too.
fn watching(scene: &Scene, progress: &Arc<Progress>, time: Duration) -> Watching {
    let every = LOOK_EVERY.min(time / 4);
    let looks = watch::watch(scene.endpoints.clone(), Arc::clone(progress), every, |_, _| {});
    Watching {
        progress: Arc::clone(progress),
        task: tokio::spawn(looks),
    }
}

struct Watching {
    progress: Arc<Progress>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.progress.stop();
        self.task.abort();
    }
}

fn options(scene: &Scene, bounds: Bounds, per_second: u64) -> Options {
    let profile = bounds.profile(per_second);
    let due = (profile.peak() / REQUESTS_PER_SECOND).ceil() as u64;
    Options {
        workload: Workload {
            kafka_per_mille: KAFKA_PER_MILLE,
            ..workload(profile.count(), ACCOUNTS)
        },
        connections: CONNECTIONS,
        batch: due.clamp(1, BATCH_AT_MOST),
        profile: Some(profile),
        give_up_after: None,
        patience: scene.patience,
    }
}

/// What the service itself measured meanwhile, in seconds, where a Prometheus has scraped it.
async fn by_the_service(scene: &Scene, measured: &Measured) -> Option<f64> {
    let prometheus = Prometheus::of(&scene.endpoints).ok()?;
    let window = measured.total.seconds.ceil().max(1.0);
    let query = format!(
        "histogram_quantile(0.95, sum by (le) \
         (increase(event_processing_duration_seconds_bucket{{stage=\"durable\"}}[{window}s])))"
    );
    let found = prometheus.query(&query).await.ok()?;
    found.first().copied().filter(|seconds| seconds.is_finite())
}

/// Whether the API is on this machine, so that both share its cores.
fn is_shared(scene: &Scene) -> bool {
    let here = ["://127.", "://localhost", "://[::1]"];
    let mut urls = scene.endpoints.api.iter();
    urls.any(|url| here.iter().any(|host| url.contains(host)))
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
