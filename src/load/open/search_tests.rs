//! The search against platforms of known capacity, which answer as a queue does.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::time::Duration;

use super::measured::{Distribution, Generator, Interval, Machine, Measured, Percentiles, Stage, Totals};
use super::search::{Bounds, Ended, Found, judge, lag_growth_allowed, search};
use super::threshold::{Metric, Side, Threshold};

/// What a platform can do, and the generator before it.
#[derive(Clone, Copy)]
struct Fake {
    /// Events a second that are answered.
    answers: f64,
    /// Events a second that become durable.
    commits: f64,
    /// Events a second that the generator can send.
    sends: f64,
}

const UNLIMITED: f64 = 1e9;

fn bounds(highest: u64) -> Bounds {
    Bounds {
        first: 1_000,
        highest,
        trial: Duration::from_secs(20),
        within: Duration::from_secs(3_600),
    }
}

fn thresholds() -> Vec<Threshold> {
    let below = |text: &str, metric, bound| Threshold {
        text: text.to_owned(),
        metric,
        side: Side::Below,
        bound,
    };
    vec![
        below("p95<100ms", Metric::P95, 100.0),
        below("errors<0.1%", Metric::Errors, 0.001),
    ]
}

impl Fake {
    /// A queue that fills for as long as more comes than goes: whoever comes at the end waits longest.
    fn measured(self, rate: u64, bounds: &Bounds) -> Measured {
        let (rate, seconds) = (rate as f64, bounds.trial.as_secs_f64());
        let whole = seconds + bounds.warm_up().as_secs_f64();
        let waited_ms = (rate - self.answers).max(0.0) / self.answers * whole * 1_000.0;
        let latency = |part: f64| 20.0 + waited_ms * part;
        let totals = Totals {
            seconds,
            sent: (rate * seconds) as u64,
            accepted: (rate.min(self.answers) * seconds) as u64,
            achieved_per_second: rate.min(self.answers),
            http_ms: Some(Percentiles {
                count: 1_000,
                p50: latency(0.5),
                p90: latency(0.9),
                p95: latency(0.95),
                p99: latency(0.99),
                p999: latency(0.999),
                max: latency(1.0),
            }),
            ..Totals::default()
        };
        let behind = (rate.min(self.answers) - self.commits).max(0.0);
        // A batch of a tenth of a second is always under way, more or less of it.
        let lag = |second: u32| behind * f64::from(second) + rate * 0.1 * f64::from(1 + second % 2);
        let intervals = (1..=whole as u32).map(|second| Interval {
            at_seconds: f64::from(second),
            seconds: 1.0,
            lag: Some(lag(second) as u64),
            ..Interval::default()
        });
        let stage = Stage {
            target_from_per_second: Some(rate),
            target_to_per_second: Some(rate),
            totals: totals.clone(),
        };
        let is_bottleneck = rate > self.sends;
        Measured {
            open_loop: true,
            stages: vec![stage.clone(), stage],
            total: totals,
            distribution: Distribution::default(),
            intervals: intervals.collect(),
            generator: Generator {
                is_bottleneck,
                why: if is_bottleneck {
                    "too slow".to_owned()
                } else {
                    String::new()
                },
                ..Generator::default()
            },
            machine: Machine {
                cores: 2,
                system: "test".to_owned(),
                shared_with_platform: false,
            },
        }
    }

    fn search(self, bounds: &Bounds) -> Found {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let attempt = async |rate| Ok(judge(bounds, rate, &self.measured(rate, bounds), &thresholds()));
        runtime.block_on(search(bounds, attempt)).unwrap()
    }
}

#[test]
fn the_capacity_is_found_within_a_tenth() {
    for capacity in [3, 150, 999, 1_000, 16_667, 31_999, 90_000] {
        let limit = f64::from(capacity);
        let by_answers = Fake {
            answers: limit,
            commits: UNLIMITED,
            sends: UNLIMITED,
        };
        let by_commits = Fake {
            answers: UNLIMITED,
            commits: limit,
            sends: UNLIMITED,
        };
        let bounds = bounds(1_000_000);
        for (what, fake) in [("answers", by_answers), ("commits", by_commits)] {
            // So few records behind can't be told from a batch that is under way.
            if what == "commits" && limit * 0.1 < lag_growth_allowed(0, bounds.trial) {
                continue;
            }
            let found = fake.search(&bounds);
            let passed = found.passed_per_second.unwrap() as f64;
            assert!(
                passed >= limit * 0.9 && passed <= limit * 1.1,
                "{what}: found {passed} of {limit}"
            );
            assert_eq!(found.ended, Ended::Found);
            assert!(found.failed_per_second.unwrap() as f64 > limit);
            assert!(found.trials.len() <= 20, "{}", found.trials.len());
            let reason = if what == "answers" {
                "p95<100ms"
            } else {
                "fell behind"
            };
            assert!(
                found.why.iter().any(|why| why.contains(reason)),
                "{:?}",
                found.why
            );
            assert!(!found.is_generator_bound);
        }
    }
}

#[test]
fn the_same_platform_gives_the_same_search() {
    let fake = Fake {
        answers: 12_345.0,
        commits: 20_000.0,
        sends: UNLIMITED,
    };
    let rates =
        |found: Found| -> Vec<u64> { found.trials.iter().map(|trial| trial.rate_per_second).collect() };
    let first = rates(fake.search(&bounds(100_000)));
    assert_eq!(first, rates(fake.search(&bounds(100_000))));
    assert_eq!(
        first,
        [1_000, 2_000, 4_000, 8_000, 16_000, 12_000, 14_000, 13_000, 12_500]
    );
}

/// A generator at its end says nothing of the platform: what passed is a least value.
#[test]
fn a_limit_of_the_generator_is_not_the_platforms() {
    let fake = Fake {
        answers: UNLIMITED,
        commits: UNLIMITED,
        sends: 5_000.0,
    };
    let found = fake.search(&bounds(1_000_000));
    assert!(found.is_generator_bound);
    assert!(found.passed_per_second.unwrap() <= 5_000);
    assert!(
        found.why[0].contains("the generator was the bottleneck"),
        "{:?}",
        found.why
    );
}

#[test]
fn a_search_stays_within_its_bounds() {
    let strong = Fake {
        answers: UNLIMITED,
        commits: UNLIMITED,
        sends: UNLIMITED,
    };
    let found = strong.search(&bounds(3_000));
    assert_eq!(
        (found.ended, found.passed_per_second),
        (Ended::AtHighest, Some(3_000))
    );
    assert_eq!(found.trials.len(), 3);
    assert_eq!(found.failed_per_second, None);

    let dead = Fake {
        answers: 0.1,
        ..strong
    };
    let found = dead.search(&bounds(3_000));
    assert_eq!(
        (found.ended, found.passed_per_second),
        (Ended::NothingPassed, None)
    );
    assert_eq!(found.failed_per_second, Some(1));

    let hurried = Bounds {
        within: Duration::from_secs(10),
        ..bounds(3_000)
    };
    let found = strong.search(&hurried);
    assert_eq!((found.ended, found.trials.len()), (Ended::OutOfTime, 0));
}

/// Errors fail a trial as latency does, and both are told.
#[test]
fn errors_fail_a_trial() {
    let limits = bounds(10_000);
    let fake = Fake {
        answers: 900.0,
        commits: UNLIMITED,
        sends: UNLIMITED,
    };
    let mut measured = fake.measured(1_000, &limits);
    let totals = &mut measured.stages.last_mut().unwrap().totals;
    (totals.errors, totals.error_share) = (BTreeMap::from([("429".to_owned(), 40)]), 0.002);
    let trial = judge(&limits, 1_000, &measured, &thresholds());
    assert!(!trial.has_passed);
    assert_eq!(trial.why.len(), 2, "{:?}", trial.why);
    assert_eq!(trial.why[1], "errors<0.1%: measured 0.200%");
}
