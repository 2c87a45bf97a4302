//! Counts and times what a run does, while it runs. Senders write, anybody reads.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::measured::{self, Distribution, Generator, Interval, Machine, Measured, Percentiles, Totals};
use super::profile::Profile;
use crate::load::workload::Channel;

/// What is sent more than this after it was due is late.
const LATE: Duration = Duration::from_millis(10);
/// All connections are busy when they wait for answers for this share of the time.
const BUSY: f64 = 0.8;
/// An API that answers 95 of 100 requests within this isn't what keeps the connections busy.
const PROMPT_MS: f64 = 100.0;
/// Delays over this are recorded as this.
const LONGEST_US: u64 = 600_000_000;

/// The measure of a run.
#[derive(Debug)]
pub struct Meter {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    started: Instant,
    profile: Option<Profile>,
    http: Track,
    kafka: Track,
    /// Time until the answer from when a request was sent, in µs.
    answer: Histogram<u64>,
    connections: Connections,
    busy: Duration,
    backlog_max: u64,
    late: u64,
    late_by_itself: u64,
    unsent: u64,
    last_answer: Instant,
    interval_began: Instant,
    intervals: Vec<Interval>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Connections {
    opened: usize,
    most: usize,
}

/// One channel.
#[derive(Debug)]
struct Track {
    stages: Vec<Counts>,
    interval: Counts,
    /// The sender's own delay, in µs.
    delay: Histogram<u64>,
}

#[derive(Debug)]
struct Counts {
    sent: u64,
    accepted: u64,
    rejected: u64,
    /// Accepted while the clock stood in the stage.
    accepted_within: u64,
    errors: BTreeMap<String, u64>,
    latency: Histogram<u64>,
}

impl Default for Meter {
    fn default() -> Self {
        Self {
            state: Mutex::new(State::new(Instant::now(), None)),
        }
    }
}

impl Meter {
    /// A run begins, by this profile or as fast as it can.
    pub(in crate::load) fn begin(&self, started: Instant, profile: Option<&Profile>) {
        *self.state() = State::new(started, profile.cloned());
    }

    /// So many events were handed over, so long after they were due, of which so long by the sender's doing.
    pub(in crate::load) fn sent(
        &self,
        channel: Channel,
        due: Instant,
        events: u64,
        late: Duration,
        own: Duration,
    ) {
        let mut state = self.state();
        let stage = state.stage_of(due);
        if state.profile.is_some() {
            state.late += u64::from(late > LATE);
            state.late_by_itself += u64::from(own > LATE);
        }
        let track = state.track(channel);
        track.delay.saturating_record(micros(own));
        track.interval.sent += events;
        track.stages[stage].sent += events;
    }

    /// What was due then was answered, after `latency`.
    pub(in crate::load) fn answered(
        &self,
        channel: Channel,
        due: Instant,
        latency: Duration,
        (accepted, rejected): (u64, u64),
    ) {
        let mut state = self.state();
        let (stage, now) = (state.stage_of(due), Instant::now());
        let standing = state.standing(now);
        state.last_answer = now;
        let track = state.track(channel);
        for counts in [&mut track.interval, &mut track.stages[stage]] {
            counts.accepted += accepted;
            counts.rejected += rejected;
            counts.latency.saturating_record(micros(latency));
        }
        if let Some(stage) = standing {
            track.stages[stage].accepted_within += accepted;
        }
    }

    /// A try with so many events failed.
    pub(in crate::load) fn failed(&self, channel: Channel, due: Instant, kind: &str, events: u64) {
        let mut state = self.state();
        let stage = state.stage_of(due);
        let track = state.track(channel);
        for counts in [&mut track.interval, &mut track.stages[stage]] {
            match counts.errors.get_mut(kind) {
                Some(count) => *count += events,
                None => {
                    counts.errors.insert(kind.to_owned(), events);
                }
            }
        }
    }

    /// A connection waited so long for the answer to a request.
    pub(in crate::load) fn busy(&self, waited: Duration) {
        let mut state = self.state();
        state.busy += waited;
        state.answer.saturating_record(micros(waited));
    }

    /// So many connections are open, of so many that may be.
    pub(in crate::load) fn connections(&self, opened: usize, most: usize) {
        self.state().connections = Connections { opened, most };
    }

    /// So many events will not be sent any more.
    pub(in crate::load) fn give_up(&self, events: u64) {
        self.state().unsent += events;
    }

    /// Ends an interval and begins the next.
    pub fn tick(&self, lag: Option<u64>) -> Interval {
        let now = Instant::now();
        let mut state = self.state();
        let seconds = now.saturating_duration_since(state.interval_began).as_secs_f64();
        let elapsed = now.saturating_duration_since(state.started);
        let backlog = state.backlog(elapsed);
        let http = std::mem::replace(&mut state.http.interval, Counts::new());
        let kafka = std::mem::replace(&mut state.kafka.interval, Counts::new());
        let a_second = |count: u64| count as f64 / seconds.max(1e-9);
        let interval = Interval {
            at_seconds: elapsed.as_secs_f64(),
            seconds,
            target_per_second: state.profile.as_ref().map(|profile| profile.rate_at(elapsed)),
            sent_per_second: a_second(http.sent + kafka.sent),
            accepted_per_second: a_second(http.accepted + kafka.accepted),
            http_ms: Percentiles::of(&http.latency),
            kafka_ms: Percentiles::of(&kafka.latency),
            errors: added(&http.errors, &kafka.errors),
            backlog,
            lag,
        };
        state.backlog_max = state.backlog_max.max(backlog);
        state.interval_began = now;
        state.intervals.push(interval.clone());
        interval
    }

    /// Everything so far. `shared` says whether the platform is on this machine.
    pub fn measured(&self, shared: bool) -> Measured {
        let state = self.state();
        let (http, kafka) = (state.http.total(), state.kafka.total());
        let seconds = state
            .last_answer
            .saturating_duration_since(state.started)
            .as_secs_f64();
        Measured {
            open_loop: state.profile.is_some(),
            stages: state.stages(seconds),
            total: Totals {
                achieved_per_second: (http.accepted + kafka.accepted) as f64 / seconds.max(1e-9),
                ..totals(&http, &kafka, seconds)
            },
            distribution: Distribution {
                http_ms: measured::distribution(&http.latency),
                kafka_ms: measured::distribution(&kafka.latency),
            },
            intervals: state.intervals.clone(),
            generator: state.generator(seconds),
            machine: Machine {
                cores: std::thread::available_parallelism().map_or(1, usize::from),
                system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
                shared_with_platform: shared,
            },
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }
}

impl State {
    fn new(started: Instant, profile: Option<Profile>) -> Self {
        let stages = profile
            .as_ref()
            .map_or(1, |profile| profile.stages().len().max(1));
        Self {
            started,
            profile,
            http: Track::new(stages),
            kafka: Track::new(stages),
            answer: histogram(),
            connections: Connections::default(),
            busy: Duration::ZERO,
            backlog_max: 0,
            late: 0,
            late_by_itself: 0,
            unsent: 0,
            last_answer: started,
            interval_began: started,
            intervals: Vec::new(),
        }
    }

    /// The stage that this moment belongs to; the last one after the end.
    fn stage_of(&self, due: Instant) -> usize {
        let last = self.http.stages.len() - 1;
        self.standing(due).unwrap_or(last)
    }

    /// The stage that the clock stands in at this moment; none after the end.
    fn standing(&self, moment: Instant) -> Option<usize> {
        let elapsed = moment.saturating_duration_since(self.started);
        match &self.profile {
            Some(profile) => profile.stage_at(elapsed),
            None => Some(0),
        }
    }

    fn track(&mut self, channel: Channel) -> &mut Track {
        match channel {
            Channel::Http => &mut self.http,
            Channel::Kafka => &mut self.kafka,
        }
    }

    fn sent(&self) -> u64 {
        let tracks = [&self.http, &self.kafka];
        tracks
            .iter()
            .flat_map(|track| &track.stages)
            .map(|counts| counts.sent)
            .sum()
    }

    fn backlog(&self, elapsed: Duration) -> u64 {
        let due = self.profile.as_ref().map_or(0, |profile| profile.due_by(elapsed));
        due.saturating_sub(self.sent() + self.unsent)
    }

    fn stages(&self, seconds: f64) -> Vec<measured::Stage> {
        let parts: Vec<Option<super::profile::Stage>> = match &self.profile {
            Some(profile) => profile.stages().copied().map(Some).collect(),
            None => vec![None],
        };
        let counts = self.http.stages.iter().zip(&self.kafka.stages);
        parts
            .into_iter()
            .zip(counts)
            .map(|(part, (http, kafka))| measured::Stage {
                target_from_per_second: part.map(|part| part.from),
                target_to_per_second: part.map(|part| part.to),
                totals: totals(
                    http,
                    kafka,
                    part.map_or(seconds, |part| part.length.as_secs_f64()),
                ),
            })
            .collect()
    }

    fn generator(&self, seconds: f64) -> Generator {
        let ms = |histogram: &Histogram<u64>| histogram.value_at_quantile(0.95) as f64 / 1_000.0;
        let (http, kafka) = (ms(&self.http.delay), ms(&self.kafka.delay));
        let Connections { opened, most } = self.connections;
        let busy = self.busy.as_secs_f64() / (opened.max(1) as f64 * seconds.max(1e-9));
        let delayed = http.max(kafka) > LATE.as_secs_f64() * 1_000.0;
        let too_few = self.late > 0 && opened == most && busy >= BUSY && ms(&self.answer) <= PROMPT_MS;
        let why = if self.profile.is_none() {
            String::new()
        } else if delayed {
            format!(
                "it sent 5 of 100 requests more than {:.0} ms late by its own doing: give it more cores, or a \
                 machine of its own",
                http.max(kafka)
            )
        } else if too_few {
            format!(
                "all {most} connections were busy though the API answered within {:.0} ms: give it more by \
                 `--connections`",
                ms(&self.answer)
            )
        } else {
            String::new()
        };
        Generator {
            is_bottleneck: !why.is_empty(),
            why,
            late: self.late,
            late_by_itself: self.late_by_itself,
            http_delay_p95_ms: http,
            kafka_delay_p95_ms: kafka,
            backlog_max: self.backlog_max,
            connections: opened,
            connections_max: most,
            connections_busy: busy.min(1.0),
            unsent: self.unsent,
        }
    }
}

impl Track {
    fn new(stages: usize) -> Self {
        Self {
            stages: (0..stages).map(|_| Counts::new()).collect(),
            interval: Counts::new(),
            delay: histogram(),
        }
    }

    fn total(&self) -> Counts {
        let mut total = Counts::new();
        for counts in &self.stages {
            total.sent += counts.sent;
            total.accepted += counts.accepted;
            total.rejected += counts.rejected;
            total.accepted_within += counts.accepted_within;
            total.errors = added(&total.errors, &counts.errors);
            total
                .latency
                .add(&counts.latency)
                .expect("both have the same bounds");
        }
        total
    }
}

impl Counts {
    fn new() -> Self {
        Self {
            sent: 0,
            accepted: 0,
            rejected: 0,
            accepted_within: 0,
            errors: BTreeMap::new(),
            latency: histogram(),
        }
    }
}

fn totals(http: &Counts, kafka: &Counts, seconds: f64) -> Totals {
    let errors = added(&http.errors, &kafka.errors);
    let (failed, answered) = (
        errors.values().sum::<u64>(),
        http.accepted + http.rejected + kafka.accepted + kafka.rejected,
    );
    Totals {
        seconds,
        sent: http.sent + kafka.sent,
        accepted: http.accepted + kafka.accepted,
        rejected: http.rejected + kafka.rejected,
        errors,
        error_share: failed as f64 / (failed + answered).max(1) as f64,
        achieved_per_second: (http.accepted_within + kafka.accepted_within) as f64 / seconds.max(1e-9),
        http_ms: Percentiles::of(&http.latency),
        kafka_ms: Percentiles::of(&kafka.latency),
    }
}

fn added(one: &BTreeMap<String, u64>, other: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let mut sum = one.clone();
    for (kind, count) in other {
        *sum.entry(kind.clone()).or_default() += count;
    }
    sum
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_max(LONGEST_US, 3).expect("three digits are allowed")
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(LONGEST_US)
}
