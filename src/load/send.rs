//! Carries a workload over both channels at once, on threads of its own, and tells what was answered.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::open::{self, Meter, Profile};
use super::pace::Pace;
use super::workload::{Series, Workload};
use super::{LoadError, http, kafka};
use crate::endpoints::Endpoints;

/// How a workload is sent.
#[derive(Clone, Debug)]
pub struct Options {
    /// What is sent.
    pub workload: Workload,
    /// HTTP connections that send at once; with a profile, so many at most.
    pub connections: usize,
    /// Events of the series that one request covers at most.
    pub batch: u64,
    /// The rate of events over both channels; `None`: as fast as they are taken.
    pub profile: Option<Profile>,
    /// What could not be sent so long after the beginning is left; `None`: all is sent, however late.
    pub give_up_after: Option<Duration>,
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
    /// What is measured on the way.
    pub meter: Arc<Meter>,
    stopped: AtomicBool,
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

    /// The senders need not go on: one failed, or nobody waits for them.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// It was told so.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
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
    let targets = http::targets(endpoints)?;
    let pace = Pace::new(options.profile.clone(), options.give_up_after);
    progress.meter.begin(pace.started, pace.profile.as_ref());
    thread::scope(|scope| {
        let to_kafka = scope.spawn(|| {
            let answers = kafka::send(endpoints, &series, options, &pace, progress);
            if answers.is_err() {
                progress.stop();
            }
            answers
        });
        let http = match pace.profile {
            Some(_) => open::http::send(&targets, &series, options, &pace, progress),
            None => send_at_once(&targets, &series, options, progress),
        };
        let kafka = to_kafka.join().expect("a sender does not panic");
        Ok(Sending {
            http: http?,
            kafka: kafka?,
            elapsed: pace.started.elapsed(),
        })
    })
}

/// Over HTTP as fast as events are taken: each connection waits for its answer.
fn send_at_once(
    targets: &[http::Target],
    series: &Series,
    options: &Options,
    progress: &Progress,
) -> Result<Answers, LoadError> {
    let next = AtomicU64::new(0);
    let most = options.connections.max(1);
    progress.meter.connections(most, most);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..most)
            .map(|number| {
                let (target, next) = (&targets[number % targets.len()], &next);
                scope.spawn(move || {
                    let answers = http::send(target, series, options, next, progress);
                    if answers.is_err() {
                        progress.stop();
                    }
                    answers
                })
            })
            .collect();
        let mut answers = Answers::new();
        for thread in threads {
            answers.merge(thread.join().expect("a sender does not panic")?);
        }
        Ok(answers)
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

    pub(super) fn merge(&mut self, other: Self) {
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
