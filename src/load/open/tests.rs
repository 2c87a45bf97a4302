//! The open loop against an API that stalls, that is slow, and that refuses.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use super::meter::Meter;
use super::profile::{Profile, Stage};
use super::{Measured, http};
use crate::load::http as channel;
use crate::load::http_tests::{Behaviour, api, options, send_closed};
use crate::load::pace::Pace;
use crate::load::send::{Options, Progress};
use crate::load::workload::{Channel, Series};

/// One event a request, at these rates for a second each.
fn at(rates: &[u32]) -> Options {
    let stages = rates.iter().map(|rate| Stage {
        from: f64::from(*rate),
        to: f64::from(*rate),
        length: Duration::from_secs(1),
    });
    let profile = Profile::new(stages);
    Options {
        batch: 1,
        profile: Some(profile.clone()),
        ..options(profile.count())
    }
}

fn run(behaviours: Vec<Behaviour>, then: Duration, options: &Options) -> (Measured, usize) {
    let (endpoints, taken) = api(behaviours, then);
    let targets = channel::targets(&endpoints).unwrap();
    let series = Series::new(&options.workload);
    let (pace, progress) = (
        Pace::new(options.profile.clone(), options.give_up_after),
        Progress::default(),
    );
    progress.meter.begin(pace.started, pace.profile.as_ref());
    http::send(&targets, &series, options, &pace, &progress).unwrap();
    let taken = taken.lock().unwrap().len();
    (progress.meter.measured(true), taken)
}

/// Coordinated omission: with one request in flight, a sender that waits for each answer measures the stall
/// once. By the clock, everything that was due meanwhile waited as well, and that is what users see.
#[test]
fn a_stall_is_measured_by_all_that_waited() {
    let stall = || {
        let prompt = (0..20).map(|_| Behaviour::Take);
        let mut behaviours: Vec<Behaviour> = prompt.collect();
        behaviours.push(Behaviour::Wait(Duration::from_secs(1)));
        behaviours
    };
    let by_the_clock = at(&[100, 100, 100]);
    let (measured, taken) = run(stall(), Duration::ZERO, &by_the_clock);
    assert_eq!(taken, 300, "every event is sent, however late");
    let open = measured.total.http_ms.unwrap();
    assert!(
        open.max >= 1_000.0 && open.p99 >= 800.0 && open.p90 >= 400.0,
        "{open:?}"
    );
    let generator = &measured.generator;
    assert!(generator.late >= 80, "{generator:?}");
    assert!(
        generator.late_by_itself * 4 < generator.late,
        "the platform held the sender up: {generator:?}"
    );

    let (endpoints, _) = api(stall(), Duration::ZERO);
    let closed = send_closed(&endpoints, &by_the_clock).unwrap().latency;
    assert_eq!(closed.len(), 300);
    assert!(closed.max() >= 1_000_000, "it stalled there as well");
    assert!(
        closed.value_at_quantile(0.99) < 400_000,
        "only one of 300 saw it: {} µs",
        closed.value_at_quantile(0.99)
    );
}

/// With connections to spare, a slow answer holds nothing else up.
#[test]
fn connections_are_opened_as_they_are_needed() {
    let stall = vec![Behaviour::Wait(Duration::from_millis(700))];
    let options = Options {
        connections: 8,
        ..at(&[50])
    };
    let (measured, _) = run(stall, Duration::ZERO, &options);
    let latency = measured.total.http_ms.unwrap();
    assert!(latency.max >= 700.0 && latency.p90 < 500.0, "{latency:?}");
    let opened = measured.generator.connections;
    assert!((2..=8).contains(&opened), "{opened}");
}

/// An API that answers promptly on every connection there is isn't what limits the rate.
#[test]
fn too_few_connections_are_the_generators_fault() {
    let (measured, _) = run(Vec::new(), Duration::from_millis(20), &at(&[100, 100]));
    let generator = &measured.generator;
    assert!(generator.is_bottleneck, "{generator:?}");
    assert!(generator.why.contains("--connections"), "{}", generator.why);
    assert!(measured.stages[0].totals.achieved_per_second < 60.0);
}

/// A sender that isn't ready when something is due has measured itself.
#[test]
fn a_sender_that_falls_behind_by_itself_says_so() {
    let (meter, profile) = (Meter::default(), Profile::of_events(100.0, 100));
    let started = Instant::now();
    let measure = |own_ms: u64| {
        meter.begin(started, Some(&profile));
        for index in 0..100 {
            let own = Duration::from_millis(if index % 10 == 0 { own_ms } else { 0 });
            let due = started + profile.due(index);
            meter.sent(Channel::Kafka, due, 1, Duration::from_millis(25), own);
        }
        meter.measured(false).generator
    };
    let (slow, quick) = (measure(25), measure(9));
    assert!(
        slow.is_bottleneck && slow.why.contains("25 ms late by its own doing"),
        "{slow:?}"
    );
    assert_eq!((slow.late, slow.late_by_itself), (100, 10));
    assert!(!quick.is_bottleneck && quick.why.is_empty(), "{quick:?}");
    assert_eq!((quick.late, quick.late_by_itself), (100, 0));
}

/// Each event belongs to the stage that it was due in; what failed before it got in is counted by kind.
#[test]
fn stages_and_errors_are_counted_apart() {
    let failures = vec![
        Behaviour::Say("503 Service Unavailable", "{}"),
        Behaviour::TakeAndHangUp,
        Behaviour::Say("429 Too Many Requests", "{}"),
    ];
    let (measured, _) = run(failures, Duration::ZERO, &at(&[40, 80]));
    let sent: Vec<u64> = measured.stages.iter().map(|stage| stage.totals.sent).collect();
    assert_eq!(sent, [40, 80]);
    let accepted: Vec<u64> = measured
        .stages
        .iter()
        .map(|stage| stage.totals.accepted)
        .collect();
    assert_eq!(accepted, [40, 80]);
    let errors: Vec<(&str, u64)> = measured.stages[0]
        .totals
        .errors
        .iter()
        .map(|(kind, count)| (kind.as_str(), *count))
        .collect();
    assert_eq!(errors, [("429", 1), ("503", 1), ("connection lost", 1)]);
    assert!(measured.stages[1].totals.errors.is_empty());
    assert!((measured.total.error_share - 3.0 / 123.0).abs() < 1e-9);
    let distribution = &measured.distribution.http_ms;
    assert!(distribution.is_sorted_by(|one, other| one.0 < other.0 && one.1 <= other.1));
    assert_eq!(
        distribution.last().unwrap().1,
        measured.total.http_ms.unwrap().max
    );
}

/// A trial ends with its time: what the platform could not take by then is left, and told.
#[test]
fn what_cannot_be_sent_in_time_is_left() {
    let options = Options {
        give_up_after: Some(Duration::from_millis(1_500)),
        ..at(&[400])
    };
    let started = Instant::now();
    let (measured, taken) = run(Vec::new(), Duration::from_millis(10), &options);
    assert!(started.elapsed() < Duration::from_secs(4));
    assert!(taken < 200, "{taken}");
    assert_eq!(measured.generator.unsent as usize, 400 - taken);
}
