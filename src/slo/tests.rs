//! What each metric is said to be, from figures that are known.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::judge::{Seen, judge, time};
use super::watch::longest;
use super::{Account, Span, Standing, Watched};
use crate::drill::Outcome;
use crate::drill::outcome::{Background, Tier, TierFigure};
use crate::drill::series::Figure;
use crate::rollout::drilled;
use crate::rollout::ledger::{Entry, Ledger};
use crate::rollout::model::{Basis, Evidence, How, Measure};
use crate::spec::{Overrides, Spec, load};

const PLAN: &str = "
metadata: { name: own, environment: local, owner: tests }
target: local
success_metrics:
  rate: 60000/min
  sustained_for: 24h
  p95_latency: 100ms
  availability: 99.99%
  lost_events: 0
  recovery_time: { overall: 5s }
  recovery_point: { overall: 1m }
";
const HOUR: f64 = 3_600.0;

fn spec(plan: &str) -> Spec {
    let loaded = load("plan.yaml", &Overrides::default(), &mut |_| {
        Ok(plan.as_bytes().to_vec())
    });
    loaded
        .unwrap_or_else(|problems| panic!("{}", problems.render()))
        .spec
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + second).unwrap()
}

/// All was well for so many hours, at a thousand events a second.
fn well(hours: f64) -> Watched {
    let seconds = hours * HOUR;
    Watched {
        seconds,
        held: Some(Span {
            from: at(0),
            until: at(seconds as i64),
        }),
        held_least: Some(1_010.0),
        highest: Some(1_200.0),
        p95_seconds: Some(0.05),
        requests: 1_000_000.0,
        refused: 0.0,
        dark_seconds: 0.0,
    }
}

fn outcome(drill: &str, away_seconds: f64, lost: u64) -> Outcome {
    let recovery = Figure {
        away_seconds,
        is_back: true,
        ..Figure::default()
    };
    let mut outcome: Outcome = serde_json::from_value(json!({
        "drill": drill, "victims": [], "began_at": at(0), "fault_at": at(1), "striking_seconds": 0.1,
        "ended_at": at(9), "tiers": [], "healed_after_seconds": 5.0, "restored_seconds": 1.0, "missing": [],
        "found": {
            "acknowledged_http": 40, "acknowledged_kafka": 60, "lost": lost, "doubled": 0,
            "recovery_point_seconds": if lost > 0 { 75.0 } else { 0.0 },
        },
        "background": Background { sent: 900, ..Background::default() },
        "markers": crate::drill::markers::Markers::default(),
    }))
    .unwrap();
    outcome.tiers = vec![TierFigure {
        tier: Tier::Ingest,
        objective_seconds: Some(5.0),
        recovery,
        healing_seconds: 0.0,
    }];
    outcome
}

fn drilled(outcome: &Outcome, plan: &str) -> Entry {
    Entry::Drilled {
        drill: outcome.drill.clone(),
        at: outcome.began_at,
        until: outcome.ended_at,
        basis: Basis {
            plan: plan.into(),
            serial: 1,
        },
        evidence: drilled::evidence(outcome, &spec(PLAN)),
    }
}

fn ledger(entries: &[Entry]) -> Ledger {
    let lines: Vec<String> = entries
        .iter()
        .map(|entry| json!(entry).to_string() + "\n")
        .collect();
    Ledger::parse(lines.concat().as_bytes(), "ledger").unwrap()
}

fn account(watched: Result<Watched, String>, entries: &[Entry], offered: &[&str]) -> Account {
    let ledger = ledger(entries);
    let holds_for = |_: &str| Some("now".to_owned());
    judge(
        &spec(PLAN),
        &Seen {
            watched,
            ledger: &ledger,
            holds_for: &holds_for,
            offered: offered.iter().map(|name| (*name).to_owned()).collect(),
        },
    )
}

fn standings(account: &Account) -> Vec<Standing> {
    account.metrics.iter().map(|line| line.standing).collect()
}

use Standing::{Met, NotMet, NotPromised, NotYetMeasured};

/// Ten minutes claim no day, a day claims no month, one drill of two claims nothing.
#[test]
fn nothing_is_claimed_beyond_what_was_watched() {
    let entries = [drilled(&outcome("redis-master", 2.0, 0), "now")];
    let offered = ["redis-master", "kafka-broker"];
    let short = account(Ok(well(1.0 / 6.0)), &entries, &offered);
    assert_eq!(
        standings(&short),
        [
            NotYetMeasured,
            Met,
            NotYetMeasured,
            NotYetMeasured,
            NotYetMeasured,
            NotYetMeasured
        ]
    );
    assert!(
        short.metrics[0].scope.starts_with("10 min 0 s"),
        "{}",
        short.metrics[0].scope
    );
    assert_eq!(short.metrics[3].scope, "1 of 2 drills; open: kafka-broker");
    let day = account(Ok(well(24.0)), &entries, &offered[..1]);
    assert_eq!(standings(&day), [Met, Met, NotYetMeasured, Met, Met, Met]);
    let month = account(Ok(well(30.0 * 24.0)), &entries, &offered[..1]);
    assert_eq!(standings(&month), [Met; 6]);
    let nothing = account(Err("no Prometheus".into()), &[], &offered);
    assert_eq!(standings(&nothing), [NotYetMeasured; 6]);
    assert_eq!(nothing.unwatched.as_deref(), Some("no Prometheus"));
}

/// What is refuted is not met, however little was watched.
#[test]
fn one_miss_is_enough() {
    let entries = [drilled(&outcome("redis-master", 7.0, 3), "now")];
    let watched = Watched {
        p95_seconds: Some(0.2),
        // Five minutes of an hour: more than a month of 99.99% has.
        dark_seconds: 300.0,
        ..well(1.0)
    };
    let account = account(Ok(watched), &entries, &["redis-master", "kafka-broker"]);
    assert_eq!(
        standings(&account),
        [NotYetMeasured, NotMet, NotMet, NotMet, NotMet, NotMet]
    );
    assert_eq!(
        account.metrics[3].value.as_deref(),
        Some("3 lost in redis-master")
    );
    assert_eq!(
        account.metrics[4].value.as_deref(),
        Some("at worst ingest 7.00 s in redis-master")
    );
    let budget = account.error_budget.unwrap();
    assert!((budget.seconds - 259.2).abs() < 1e-6, "{budget:?}");
    assert!((budget.spent_seconds - 300.0).abs() < 1e-6, "{budget:?}");
}

/// A load of the promised rate that was not taken refutes the rate; one that was, alone, proves no day.
#[test]
fn a_load_that_was_not_taken_refutes_the_rate() {
    let attempt = |measure: Measure| {
        [
            Entry::Begun {
                attempt: 1,
                step: "week-4/load-rate".into(),
                at: at(0),
                basis: Basis {
                    plan: "now".into(),
                    serial: 1,
                },
                forced: false,
            },
            Entry::Ended {
                attempt: 1,
                at: at(9),
                evidence: Evidence::of(How::Ran, vec![measure], json!(null)),
            },
        ]
    };
    let name = "events accepted a second, of 1000 asked";
    let missed = account(
        Ok(Watched::default()),
        &attempt(Measure::at_least(name, 700.0, 1_000.0)),
        &[],
    );
    assert_eq!(missed.metrics[0].standing, NotMet);
    let value = missed.metrics[0].value.as_deref().unwrap();
    assert!(value.contains("is 700, must be at least 1000"), "{value}");
    let held = account(
        Ok(Watched::default()),
        &attempt(Measure::at_least(name, 1_000.0, 1_000.0)),
        &[],
    );
    assert_eq!(held.metrics[0].standing, NotYetMeasured);
}

/// A drill of another plan says nothing of this one; a later run replaces an earlier one.
#[test]
fn the_last_run_for_this_plan_counts() {
    let other = [drilled(&outcome("redis-master", 9.0, 9), "before")];
    let account_of = |entries: &[Entry]| account(Ok(well(1.0)), entries, &["redis-master"]);
    assert_eq!(account_of(&other).metrics[3].standing, NotYetMeasured);
    let mut later = outcome("redis-master", 1.0, 0);
    later.ended_at = at(99);
    let both = [
        drilled(&outcome("redis-master", 9.0, 9), "now"),
        drilled(&later, "now"),
    ];
    assert_eq!(account_of(&both).metrics[3].standing, Met);
}

#[test]
fn what_is_not_promised_is_not_judged() {
    let plan = "metadata: { name: own, environment: local, owner: tests }\ntarget: local\n";
    let ledger = Ledger::default();
    let seen = Seen {
        watched: Ok(well(1.0)),
        ledger: &ledger,
        holds_for: &|_| None,
        offered: Vec::new(),
    };
    assert_eq!(standings(&judge(&spec(plan), &seen)), [NotPromised; 6]);
}

/// A minute below the rate, or one that nobody watched, ends a run.
#[test]
fn the_longest_run_has_no_gap() {
    let step = Duration::from_secs(60);
    let points = |rates: &[(i64, f64)]| -> Vec<(Timestamp, f64)> {
        rates
            .iter()
            .map(|(minute, rate)| (at(minute * 60), *rate))
            .collect()
    };
    let run = |rates: &[(i64, f64)]| longest(&points(rates), 10.0, step).map(Span::seconds);
    assert_eq!(run(&[(0, 11.0), (1, 12.0), (2, 9.0), (3, 10.0)]), Some(60.0));
    assert_eq!(
        run(&[(0, 11.0), (1, 12.0), (3, 12.0), (4, 12.0), (5, 12.0)]),
        Some(120.0)
    );
    assert_eq!(run(&[(0, 9.0)]), None);
    assert_eq!(run(&[]), None);
}

#[test]
fn times_are_told_in_two_units() {
    let told = [40.4, 72.0, 3_720.0, 100_000.0].map(time);
    assert_eq!(told, ["40 s", "1 min 12 s", "1 h 2 min", "1 d 3 h"]);
}
