//! Carries a workload over both channels at once, on threads of its own, and tells what was answered.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::pace::Pace;
use super::workload::{Series, Workload};
use super::{LoadError, http, kafka};
use crate::endpoints::Endpoints;

/// How a workload is sent.
#[derive(Clone, Debug)]
pub struct Options {
    /// What is sent.
    pub workload: Workload,
    /// HTTP connections that send at once.
    pub connections: usize,
    /// Events of the series that one request covers at most.
    pub batch: u64,
    /// Events a second over both channels; `None`: as fast as they are taken.
    pub per_second: Option<u32>,
    /// For how long something that is refused for now is tried again.
    pub patience: Duration,
}

/// What a run is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// Events go in.
    #[default]
    Sending,
    /// Everything is sent; the platform makes it durable.
    Settling,
    /// The shards are read.
    Auditing,
    /// Over.
    Done,
}

/// How far a run is; read it from another thread.
#[derive(Debug, Default)]
pub struct Progress {
    stage: Mutex<Stage>,
    /// Events answered over HTTP.
    pub http: AtomicU64,
    /// Events acknowledged by Kafka.
    pub kafka: AtomicU64,
}

impl Progress {
    /// What the run is doing now.
    pub fn stage(&self) -> Stage {
        *self.stage.lock().expect("no holder panics")
    }

    /// Events answered over both channels.
    pub fn sent(&self) -> u64 {
        self.http.load(Ordering::Relaxed) + self.kafka.load(Ordering::Relaxed)
    }

    pub(super) fn enter(&self, stage: Stage) {
        *self.stage.lock().expect("no holder panics") = stage;
    }
}

/// What the platform answered.
#[derive(Debug)]
pub struct Sending {
    /// Over HTTP.
    pub http: Answers,
    /// By Kafka.
    pub kafka: Answers,
    /// From the first event to the last answer.
    pub elapsed: Duration,
}

/// What one channel answered.
#[derive(Debug)]
pub struct Answers {
    /// Events taken: 202, or acknowledged by all in-sync replicas.
    pub accepted: u64,
    /// Events refused one by one, 400.
    pub rejected: u64,
    /// Events refused for their size, 413.
    pub too_large: u64,
    /// Events sent again because nobody knows whether the first sending arrived.
    pub resent: u64,
    /// Requests tried again, for whatever reason.
    pub retries: u64,
    /// Events whose answer was not what the service promises.
    pub unexpected: u64,
    /// The first few of those, in words.
    pub surprises: Vec<String>,
    /// Microseconds from when a request (Kafka: an event) was due until its answer.
    pub latency: Histogram<u64>,
}

/// So many surprises are told in words.
const SURPRISES_MAX: usize = 10;
/// Latencies over this are recorded as this.
const LATENCY_MAX_US: u64 = 600_000_000;

/// Sends the whole workload.
///
/// # Errors
/// When an endpoint or secret is missing, or the platform takes nothing for longer than `patience`.
pub fn send(endpoints: &Endpoints, options: &Options, progress: &Progress) -> Result<Sending, LoadError> {
    let series = Series::new(&options.workload);
    let pace = Pace::new(options.per_second);
    let started = std::time::Instant::now();
    let next = AtomicU64::new(0);
    let targets = http::targets(endpoints)?;
    thread::scope(|scope| {
        let to_kafka = scope.spawn(|| kafka::send(endpoints, &series, options, pace, progress));
        let to_api: Vec<_> = (0..options.connections.max(1))
            .map(|number| {
                let target = &targets[number % targets.len()];
                let (series, next) = (&series, &next);
                scope.spawn(move || http::send(target, series, options, pace, next, progress))
            })
            .collect();
        let mut http = Answers::new();
        for thread in to_api {
            http.merge(thread.join().expect("a sender does not panic")?);
        }
        let kafka = to_kafka.join().expect("a sender does not panic")?;
        Ok(Sending {
            http,
            kafka,
            elapsed: started.elapsed(),
        })
    })
}

/// The ranges of indices that senders take one after another.
pub(super) fn take_range(next: &AtomicU64, options: &Options) -> Option<std::ops::Range<u64>> {
    let batch = options.batch.max(1);
    let start = next.fetch_add(batch, Ordering::Relaxed);
    (start < options.workload.count).then(|| start..(start + batch).min(options.workload.count))
}

impl Answers {
    pub(super) fn new() -> Self {
        Self {
            accepted: 0,
            rejected: 0,
            too_large: 0,
            resent: 0,
            retries: 0,
            unexpected: 0,
            surprises: Vec::new(),
            latency: Histogram::new_with_max(LATENCY_MAX_US, 3).expect("three digits are allowed"),
        }
    }

    pub(super) fn record(&mut self, latency: Duration) {
        self.latency
            .saturating_record(u64::try_from(latency.as_micros()).unwrap_or(LATENCY_MAX_US));
    }

    pub(super) fn surprise(&mut self, what: String) {
        self.unexpected += 1;
        if self.surprises.len() < SURPRISES_MAX {
            self.surprises.push(what);
        }
    }

    fn merge(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.rejected += other.rejected;
        self.too_large += other.too_large;
        self.resent += other.resent;
        self.retries += other.retries;
        self.unexpected += other.unexpected;
        self.surprises.extend(other.surprises);
        self.surprises.truncate(SURPRISES_MAX);
        self.latency
            .add(other.latency)
            .expect("both have the same bounds");
    }
}
