//! What a load test measured, as texts and as a page, from figures that are known.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use super::{Results, grouped, html, measured};
use crate::load::Outcome;
use crate::load::audit::Audit;
use crate::load::open::measured::{
    Distribution, Generator, Interval, Machine, Measured, Percentiles, Stage, Totals,
};
use crate::load::open::search::{Ended, Found, Trial};
use crate::load::open::threshold::Judged;
use crate::load::outcome::{Expected, Latency};
use crate::load::usage::Usage;

fn percentiles(p50: f64) -> Percentiles {
    Percentiles {
        count: 600,
        p50,
        p90: p50 * 2.0,
        p95: p50 * 3.0,
        p99: p50 * 5.0,
        p999: p50 * 8.0,
        max: p50 * 10.0,
    }
}

fn totals(seconds: f64, rate: f64) -> Totals {
    Totals {
        seconds,
        sent: (rate * seconds) as u64,
        accepted: (rate * seconds) as u64,
        errors: BTreeMap::from([("503".to_owned(), 12), ("timeout".to_owned(), 3)]),
        error_share: 0.0015,
        achieved_per_second: rate,
        http_ms: Some(percentiles(4.0)),
        ..Totals::default()
    }
}

fn stage(from: f64, to: f64) -> Stage {
    Stage {
        target_from_per_second: Some(from),
        target_to_per_second: Some(to),
        totals: totals(10.0, (from + to) / 2.0),
    }
}

fn results() -> Results {
    let interval = |second: u32| Interval {
        at_seconds: f64::from(second),
        seconds: 1.0,
        target_per_second: Some(1_000.0),
        sent_per_second: 990.0,
        accepted_per_second: 980.0,
        http_ms: (second != 4).then(|| percentiles(f64::from(second))),
        lag: Some(u64::from(second) * 10),
        backlog: 7,
        ..Interval::default()
    };
    Results {
        plan: "plans/<own>.yaml".to_owned(),
        measured: Measured {
            open_loop: true,
            stages: vec![stage(0.0, 1_000.0), stage(1_000.0, 1_000.0)],
            total: totals(20.4, 750.0),
            distribution: Distribution {
                http_ms: vec![(0.0, 1.0), (50.0, 4.0), (90.0, 8.0), (99.0, 20.0), (100.0, 40.0)],
                kafka_ms: Vec::new(),
            },
            intervals: (1..=20).map(interval).collect(),
            generator: Generator {
                is_bottleneck: true,
                why: "it has too few cores".to_owned(),
                late: 30,
                ..Generator::default()
            },
            machine: Machine {
                cores: 2,
                system: "linux x86_64".to_owned(),
                shared_with_platform: true,
            },
        },
        account: outcome(),
        thresholds: vec![Judged {
            threshold: "p95<10ms".to_owned(),
            measured: "12.0 ms".to_owned(),
            is_met: false,
        }],
    }
}

fn outcome() -> Outcome {
    let latency = Latency {
        p50: 4.0,
        p95: 12.0,
        p99: 20.0,
        max: 40.0,
    };
    Outcome {
        seed: 7,
        sent: 15_000,
        accepted: 15_000,
        rejected: 0,
        too_large: 0,
        dead_lettered: 0,
        dead_letters: BTreeMap::new(),
        duplicates: 0,
        resent: 0,
        audit: Audit {
            lost: 2,
            ..Audit::default()
        },
        expected: Expected {
            rejected: 0,
            dead_lettered: 0,
            duplicates: 0,
        },
        unexpected: 0,
        surprises: Vec::new(),
        usage: Usage::default(),
        http_latency_ms: latency,
        kafka_latency_ms: latency,
        seconds_sending: 20.4,
        seconds_settling: 0.6,
    }
}

#[test]
fn the_text_tells_each_stage_what_was_missed_and_whose_fault_it_was() {
    let text = anstream::adapter::strip_str(&measured::render(&results())).to_string();
    let expect = "\
Stage        Asked/s     Achieved/s  Errors                       HTTP p50/p95/p99/max ms   Kafka ms
1, 10.0 s    0 to 1,000  500         503 12, timeout 3 (0.150%)  4.0 / 12.0 / 20.0 / 40.0
2, 10.0 s    1,000       1,000       503 12, timeout 3 (0.150%)  4.0 / 12.0 / 20.0 / 40.0
all, 20.4 s              750         503 12, timeout 3 (0.150%)  4.0 / 12.0 / 20.0 / 40.0
missed p95<10ms: measured 12.0 ms
warning: the generator was the bottleneck, this is no measure of the platform: it has too few cores
";
    let squeezed = |text: &str| -> Vec<Vec<String>> {
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect();
        text.lines().map(words).collect()
    };
    assert_eq!(squeezed(&text), squeezed(expect), "{text}");
    let line = measured::interval(&results().measured.intervals[4]);
    assert_eq!(
        line,
        "990/s of 1,000/s, accepted 980/s, HTTP p50 5.0 p95 15.0 p99 25.0 ms, backlog 7, lag 50"
    );
}

/// The contract that `vvbill loadtest --help` states.
#[test]
fn the_json_has_what_the_help_promises() {
    let json = results().json();
    for name in [
        "seed",
        "open_loop",
        "stages",
        "total",
        "distribution",
        "intervals",
        "generator",
        "machine",
        "thresholds",
        "durable_after_seconds",
        "account",
    ] {
        assert!(!json[name].is_null(), "{name} is missing");
    }
    let stage = &json["stages"][0];
    for name in [
        "target_from_per_second",
        "target_to_per_second",
        "seconds",
        "sent",
        "accepted",
        "rejected",
        "errors",
        "error_share",
        "achieved_per_second",
    ] {
        assert!(!stage[name].is_null(), "{name} is missing");
    }
    for name in ["count", "p50", "p90", "p95", "p99", "p99.9", "max"] {
        assert!(stage["http_ms"][name].is_number(), "{name} is missing");
    }
    assert!(stage["kafka_ms"].is_null());
    assert_eq!(
        (&json["account"]["lost"], &json["account"]["doubled"]),
        (&2.into(), &0.into())
    );
    assert_eq!(json["machine"]["cores"], 2);
}

#[test]
fn the_page_is_whole_without_anything_else() {
    let page = html::run(&results()).unwrap();
    assert!(page.starts_with("<!doctype html>"));
    for outside in ["<script", "http://", "https://", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.contains("plans/&lt;own&gt;.yaml") && !page.contains("<own>"));
    assert!(page.contains("The generator was the bottleneck") && page.contains("Missed p95"));
    assert!(page.contains("lost 2, doubled 0"));
    // Rate, latency, distribution, errors, lag; none of Kafka, of which nothing was measured.
    assert_eq!(page.matches("<svg").count(), 5);
    assert_eq!(page.matches("Latency of Kafka").count(), 0);
    // The interval without an answer is a gap in each of the four lines.
    let latency = page
        .split("</figure>")
        .find(|figure| figure.contains("Latency over HTTP"));
    let latency = latency.unwrap();
    assert_eq!(latency.matches("<polyline").count(), 8);
}

#[test]
fn a_search_is_told_with_each_trial() {
    let trial = |rate: u64, has_passed: bool| Trial {
        rate_per_second: rate,
        has_passed,
        why: if has_passed {
            Vec::new()
        } else {
            vec!["p95<100ms: measured 180 ms".to_owned()]
        },
        is_generator_bound: false,
        lag_growth_per_second: Some(3.0),
        totals: totals(20.0, rate as f64),
    };
    let found = Found {
        passed_per_second: Some(16_000),
        failed_per_second: Some(16_800),
        why: vec!["p95<100ms: measured 180 ms".to_owned()],
        is_generator_bound: false,
        ended: Ended::Found,
        trials: vec![trial(8_000, true), trial(16_000, true), trial(16_800, false)],
    };
    assert_eq!(
        measured::found(&found),
        "highest rate that passed: 16,000/s, 960,000 a minute\n\
         lowest that failed: 16,800/s: p95<100ms: measured 180 ms\n"
    );
    let told = anstream::adapter::strip_str(&measured::trial(&found.trials[2])).to_string();
    assert_eq!(
        told,
        "failed 16,800/s: achieved 16,800/s, p95 12.0 ms, errors 0.150%; p95<100ms: measured 180 ms"
    );
    let page = html::found("plans/local.yaml", &found, &[]).unwrap();
    assert!(page.contains("16,000 events a second, 960,000 a minute"));
    assert_eq!(page.matches("<svg").count(), 1);
    assert_eq!(page.matches(">passed<").count(), 2);
}

/// Figures are read by people.
#[test]
fn digits_are_grouped_by_threes() {
    assert_eq!(
        [0, 999, 1_000, 1_234_567].map(grouped),
        ["0", "999", "1,000", "1,234,567"]
    );
}
