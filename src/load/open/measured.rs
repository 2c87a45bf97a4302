//! What a run measured, as it is handed on: its JSON is a contract. Pure.
//!
//! Latencies are milliseconds from the moment that a request (Kafka: an event) was due until its answer
//! (Kafka: the acknowledgement by all in-sync replicas). Rates are events a second. Counts are events.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Everything that a run measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Measured {
    /// Whether events were sent by the clock; else as fast as they were taken, each sender waiting for its
    /// answer, so that latencies say nothing of what an open loop would have seen.
    pub open_loop: bool,
    /// The parts of the profile, in order; one without a target where there is no profile.
    pub stages: Vec<Stage>,
    /// All stages together.
    pub total: Totals,
    /// How latency is distributed over all of the run.
    pub distribution: Distribution,
    /// The run as it went, in order of time.
    pub intervals: Vec<Interval>,
    /// Whether the sender kept to its schedule.
    pub generator: Generator,
    /// Where the sender ran.
    pub machine: Machine,
}

/// One stage of the profile.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Stage {
    /// The rate that was asked for at its beginning; null: as fast as events are taken.
    pub target_from_per_second: Option<f64>,
    /// At its end.
    pub target_to_per_second: Option<f64>,
    /// What was due in it.
    #[serde(flatten)]
    pub totals: Totals,
}

/// What became of the events that were due in a time.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Totals {
    /// How long it was; of a whole run: until the last answer.
    pub seconds: f64,
    /// Events sent, each once however often it was tried.
    pub sent: u64,
    /// Events taken: 202, or acknowledged.
    pub accepted: u64,
    /// Events refused one by one, 400 and 413.
    pub rejected: u64,
    /// Events of tries that failed, by kind: `429`, `503`, `timeout`, `connection refused` …
    pub errors: BTreeMap<String, u64>,
    /// Events of failed tries ÷ events of all tries.
    pub error_share: f64,
    /// Events accepted within the time ÷ its length.
    pub achieved_per_second: f64,
    /// Of requests over HTTP; null without any.
    pub http_ms: Option<Percentiles>,
    /// Of events through Kafka; null without any.
    pub kafka_ms: Option<Percentiles>,
}

/// Percentiles of latency in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// How many latencies these are of.
    pub count: u64,
    /// Half took no longer.
    pub p50: f64,
    /// 90 of 100 took no longer.
    pub p90: f64,
    /// 95 of 100 took no longer.
    pub p95: f64,
    /// 99 of 100 took no longer.
    pub p99: f64,
    /// 999 of 1,000 took no longer.
    #[serde(rename = "p99.9")]
    pub p999: f64,
    /// The longest.
    pub max: f64,
}

/// Pairs of a percentile and the milliseconds that so many took at most.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Distribution {
    /// Of requests over HTTP.
    pub http_ms: Vec<(f64, f64)>,
    /// Of events through Kafka.
    pub kafka_ms: Vec<(f64, f64)>,
}

/// A short time of a run, by the clock: what was sent and answered in it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Interval {
    /// Its end, since the beginning of the run.
    pub at_seconds: f64,
    /// How long it was.
    pub seconds: f64,
    /// The profile's rate at its end; null without a profile.
    pub target_per_second: Option<f64>,
    /// Events sent.
    pub sent_per_second: f64,
    /// Events taken.
    pub accepted_per_second: f64,
    /// Events of failed tries, by kind.
    pub errors: BTreeMap<String, u64>,
    /// Of requests answered in it.
    pub http_ms: Option<Percentiles>,
    /// Of events acknowledged in it.
    pub kafka_ms: Option<Percentiles>,
    /// Events that are due and not sent yet.
    pub backlog: u64,
    /// Records of the events' topic that some shard hasn't committed; null where it can't be read.
    pub lag: Option<u64>,
}

/// Whether the sender kept to its schedule, and if not, why.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Generator {
    /// The sender was what limited the run: it is no measure of the platform.
    pub is_bottleneck: bool,
    /// Why, and what to do; empty where it kept up.
    pub why: String,
    /// Requests and Kafka events that were sent more than 10 ms after they were due, for whatever reason.
    pub late: u64,
    /// Of these, through the sender's own doing: it was not ready, though nothing of the platform held it up.
    pub late_by_itself: u64,
    /// 95 of 100 requests were delayed by the sender itself by no more.
    pub http_delay_p95_ms: f64,
    /// The same of events through Kafka.
    pub kafka_delay_p95_ms: f64,
    /// The most events that were due and not sent.
    pub backlog_max: u64,
    /// HTTP connections that were opened.
    pub connections: usize,
    /// How many there may be.
    pub connections_max: usize,
    /// The share of the run in which these waited for an answer.
    pub connections_busy: f64,
    /// Events that were never sent, since the time given was over.
    pub unsent: u64,
}

/// The machine that sends.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Machine {
    /// Its processor's threads that this process may use.
    pub cores: usize,
    /// Operating system and architecture.
    pub system: String,
    /// Whether the platform's API is on the same machine, so that both share the cores.
    pub shared_with_platform: bool,
}

impl Totals {
    /// The longest of the channels' latencies at what `of` picks.
    pub fn worst(&self, of: impl Fn(&Percentiles) -> f64) -> Option<f64> {
        let channels = [&self.http_ms, &self.kafka_ms];
        let latencies = channels.into_iter().flatten().map(of);
        latencies.reduce(f64::max)
    }
}

impl Percentiles {
    /// Of microseconds; none of nothing.
    pub(super) fn of(microseconds: &Histogram<u64>) -> Option<Self> {
        let at = |quantile| microseconds.value_at_quantile(quantile) as f64 / 1_000.0;
        (!microseconds.is_empty()).then(|| Self {
            count: microseconds.len(),
            p50: at(0.5),
            p90: at(0.9),
            p95: at(0.95),
            p99: at(0.99),
            p999: at(0.999),
            max: microseconds.max() as f64 / 1_000.0,
        })
    }
}

/// Percentiles that a distribution is drawn through; those that only a larger number of latencies could tell
/// apart from the longest are left out.
const DRAWN: [f64; 13] = [
    0.0, 25.0, 50.0, 75.0, 90.0, 95.0, 97.5, 99.0, 99.5, 99.9, 99.95, 99.99, 99.999,
];

/// Pairs of percentile and milliseconds, up to the longest.
pub(super) fn distribution(microseconds: &Histogram<u64>) -> Vec<(f64, f64)> {
    let count = microseconds.len() as f64;
    let told = DRAWN
        .into_iter()
        .filter(|percentile| count * (100.0 - percentile) >= 100.0);
    let ms = |percentile: f64| microseconds.value_at_percentile(percentile) as f64 / 1_000.0;
    let longest = (!microseconds.is_empty()).then(|| (100.0, microseconds.max() as f64 / 1_000.0));
    told.map(|percentile| (percentile, ms(percentile)))
        .chain(longest)
        .collect()
}
