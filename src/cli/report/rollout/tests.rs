//! The rollout's reports, from a ledger that is known.
#![allow(clippy::unwrap_used)]

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{View, html, human, json as documents, markdown};
use crate::cost::Total;
use crate::cost::curve;
use crate::rollout::ledger::Ledger;
use crate::rollout::{self, Week};

fn weeks() -> Vec<Week> {
    let plan = json!({
        "metadata": { "name": "told" }, "target": "local",
        "kafka": { "version": "4.3.1", "brokers": 3 }, "ingest": {},
        "rollout": {
            "week-1": { "title": "Kafka", "sections": ["kafka"] },
            "week-4": { "title": "Load & <scale>" },
        },
    });
    rollout::weeks(&serde_json::from_value(plan).unwrap(), &rollout::steps())
}

fn measured() -> Value {
    let totals = json!({
        "seconds": 3.0, "sent": 300, "accepted": 300, "rejected": 0, "errors": {}, "error_share": 0.0,
        "achieved_per_second": 100.0, "http_ms": null, "kafka_ms": null,
    });
    let interval = |at: u32| {
        json!({
            "at_seconds": at, "seconds": 1.0, "target_per_second": 100.0, "sent_per_second": 100.0,
            "accepted_per_second": 99.0, "errors": {}, "http_ms": null, "kafka_ms": null, "backlog": 0, "lag": 5,
        })
    };
    json!({
        "open_loop": true, "stages": [], "total": totals, "distribution": { "http_ms": [], "kafka_ms": [] },
        "intervals": [interval(1), interval(2), interval(3)],
        "generator": {
            "is_bottleneck": false, "why": "", "late": 0, "late_by_itself": 0, "http_delay_p95_ms": 0.0,
            "kafka_delay_p95_ms": 0.0, "backlog_max": 0, "connections": 1, "connections_max": 64,
            "connections_busy": 0.0, "unsent": 0,
        },
        "machine": { "cores": 2, "system": "linux", "shared_with_platform": true },
    })
}

/// Week 1 applied; a load that acted and passed, then was only looked at; another that failed.
fn ledger(weeks: &[Week]) -> Ledger {
    let digest = &weeks[1].plan;
    let begun = |attempt: u32, step: &str, second: u32| {
        json!({
            "entry": "begun", "attempt": attempt, "step": step, "at": format!("2026-11-02T10:00:{second:02}Z"),
            "basis": { "plan": digest, "serial": 3 },
        })
    };
    let ended = |attempt: u32, second: u32, how: &str, holds: bool| {
        json!({
            "entry": "ended", "attempt": attempt, "at": format!("2026-11-02T10:00:{second:02}Z"),
            "verdict": if holds { "passed" } else { "failed" }, "how": how,
            "measures": [{
                "name": "events <lost>", "measured": if holds { 0 } else { 2 }, "comparison": "equal",
                "threshold": 0, "holds": holds,
            }],
            "memory": { "measured": measured() },
        })
    };
    let entries = [
        json!({ "entry": "applied", "week": "week-1", "at": "2026-11-02T09:59:00Z", "changes": 4, "serial": 3 }),
        begun(1, "week-4/load-rate", 0),
        ended(1, 10, "ran", true),
        begun(2, "week-4/load-peak", 10),
        ended(2, 20, "ran", false),
        begun(3, "week-4/load-rate", 30),
        ended(3, 31, "checked", true),
    ];
    let lines: String = entries.iter().map(|entry| format!("{entry}\n")).collect();
    Ledger::parse(lines.as_bytes(), "here").unwrap()
}

fn costs() -> Vec<curve::Week> {
    let week = |id: &str, monthly: i64| {
        let mut total = Total::default();
        total.known.expected = monthly.into();
        curve::Week {
            id: id.into(),
            title: String::new(),
            total,
            week: (monthly / 4).into(),
        }
    };
    vec![week("week-1", 1_000), week("week-4", 1_200)]
}

#[test]
fn the_page_shows_what_acted_and_every_attempt() {
    let weeks = weeks();
    let ledger = ledger(&weeks);
    let view = View {
        plan: "told",
        weeks: &weeks,
        ledger: &ledger,
        costs: costs(),
    };
    let page = html::render(&view, Timestamp::UNIX_EPOCH).unwrap();
    assert!(page.starts_with("<!doctype html>"));
    for outside in ["<script", "http://", "https://", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.contains("Load &amp; &lt;scale&gt;") && !page.contains("<scale>"));
    assert!(page.contains("events &lt;lost&gt;") && !page.contains("<lost>"));
    let rate = page
        .split("id=\"week-4/load-rate\"")
        .nth(1)
        .or_else(|| page.split("load-rate <span").nth(1));
    let rate = rate.unwrap().split("<h3").next().unwrap();
    assert!(
        rate.contains("passed, only checked") && rate.contains("Attempt 1,"),
        "{rate}"
    );
    assert!(
        rate.contains("3, 2026-11-02T10:00:30Z: passed, only checked"),
        "{rate}"
    );
    assert!(page.contains("week-4/load-peak failed: events &lt;lost&gt; is 2, must be 0"));
    // Attempts over time; rate and what is behind of both loads, no latencies as none were measured.
    assert_eq!(page.matches("<rect class=\"bar").count(), 3);
    assert_eq!(page.matches("<figcaption>Rate <span>").count(), 2);
    assert_eq!(page.matches("<figcaption>What is behind <span>").count(), 2);
    assert!(page.contains("What is up by the end of week-4 costs 1200.00 USD a month."));
    assert!(page.contains(">1000.00<") && page.contains(">250.00<"));
}

/// A run of a drill: one tier was away for so long, another not at all, and nothing is promised of the third.
fn drilled(second: u32, away_seconds: f64, verdict: &str) -> Value {
    let figure = |away: f64, outages: u32| {
        json!({
            "what": "partition <3>", "away_seconds": away, "outages": outages, "is_back": true, "attempts": 100,
            "failed": 3, "period_seconds": 0.05, "quiet_seconds": 0.05,
        })
    };
    let tier = |name: &str, promised: Option<f64>, recovery: Value| json!({ "tier": name, "objective_seconds": promised, "recovery": recovery, "healing_seconds": 0.0 });
    let at = format!("2026-11-02T11:00:{second:02}Z");
    let outcome = json!({
        "drill": "kafka-broker", "victims": ["Kafka's broker 2"], "began_at": at, "fault_at": at,
        "striking_seconds": 0.1, "ended_at": at, "healed_after_seconds": 6.0, "restored_seconds": 1.0, "missing": [],
        "tiers": [
            tier("ingest", Some(4.0), figure(0.0, 0)),
            tier("kafka", Some(4.0), figure(away_seconds, 1)),
            tier("rows", None, figure(2.0, 1)),
        ],
        "found": {
            "acknowledged_http": 40, "acknowledged_kafka": 60, "lost": 1, "doubled": 0, "recovery_point_seconds": 0.0,
        },
        "background": { "rate": 500.0, "sent": 900, "lost": 0, "doubled": 0, "wrong_accounts": 0 },
        "markers": { "start_ms": 0, "accounts": [] },
    });
    json!({
        "entry": "drilled", "drill": "kafka-broker", "at": at, "until": at, "basis": { "plan": "", "serial": 3 },
        "verdict": verdict, "how": "ran", "memory": outcome,
    })
}

fn page_of(entries: &[Value]) -> String {
    let lines: String = entries.iter().map(|entry| format!("{entry}\n")).collect();
    let ledger = Ledger::parse(lines.as_bytes(), "here").unwrap();
    let view = View {
        plan: "told",
        weeks: &weeks(),
        ledger: &ledger,
        costs: Vec::new(),
    };
    html::render(&view, Timestamp::UNIX_EPOCH).unwrap()
}

/// The last run of a drill: a bar as long as the outage, where there was one, and a line where the promise lies.
#[test]
fn drills_are_drawn_with_what_was_promised() {
    let page = page_of(&[drilled(1, 1.0, "passed"), drilled(2, 8.0, "failed")]);
    let part = page.split("<h2>Drills</h2>").nth(1).unwrap();
    let part = part.split("<h2>").next().unwrap();
    let drawn: Vec<&str> = part
        .lines()
        .flat_map(|line| line.split("><"))
        .filter(|line| line.contains("class=\"bar gap") || line.contains("class=\"promised"))
        .collect();
    insta::assert_snapshot!(drawn.join("\n"), @r#"
    <line class="promised" x1="405.0" x2="405.0" y1="3.0" y2="25.0"
    <rect class="bar gap bad" x="110.0" y="30.0" width="590.0" height="16" rx="3"
    <line class="promised" x1="405.0" x2="405.0" y1="27.0" y2="49.0"
    <rect class="bar gap " x="110.0" y="54.0" width="147.5" height="16" rx="3"
    "#);
    assert!(
        part.contains("<h3>kafka-broker <span class=\"bad\">failed</span></h3>"),
        "{part}"
    );
    assert!(
        part.contains("partition &lt;3&gt;") && !part.contains("<3>"),
        "{part}"
    );
    assert!(
        part.contains("<td>ingest</td><td class=\"number good\">none seen</td><td class=\"number\">4 s</td>"),
        "{part}"
    );
    assert!(
        part.contains("<td>kafka</td><td class=\"number bad\">8 s</td>"),
        "{part}"
    );
    assert!(
        part.contains("Lost 1, doubled 0 of 100 acknowledged markers"),
        "{part}"
    );
    assert!(!page_of(&[]).contains("Drills"));
}

/// A drill that never ended stands in the timeline; one that did stands there once.
#[test]
fn a_drill_that_was_cut_off_stands_in_the_timeline() {
    let striking = |second: u32| {
        let at = format!("2026-11-02T11:00:{second:02}Z");
        json!({ "entry": "striking", "drill": "kafka-broker", "at": at })
    };
    let done = page_of(&[striking(0), drilled(1, 1.0, "passed")]);
    assert_eq!(done.matches("<td>drill kafka-broker</td>").count(), 1);
    let cut = page_of(&[striking(0), drilled(1, 1.0, "passed"), striking(5)]);
    assert!(cut.contains("2026-11-02T11:00:05Z</td><td>drill kafka-broker</td><td>cut off</td>"));
}

/// What a month costs so far is said where something is priced, by every form of the report.
#[test]
fn what_is_up_costs() {
    let weeks = weeks();
    let ledger = ledger(&weeks);
    let view = |costs| View {
        plan: "told",
        weeks: &weeks,
        ledger: &ledger,
        costs,
    };
    let sentence = "What is up by the end of week-4 costs 1200.00 USD a month.";
    assert!(human::status(&view(costs())).ends_with(&format!("{sentence}\n")));
    assert_eq!(documents::status(&view(costs()))["costs_so_far"], sentence);
    assert_eq!(documents::status(&view(costs()))["costs"][0]["week"], "week-1");
    assert!(markdown::render(&view(costs())).contains("| week-4 | 1200.00 | 300.00 | open |"));
    let nothing = view(Vec::new());
    assert!(!human::status(&nothing).contains("USD") && !markdown::render(&nothing).contains("USD"));
    assert_eq!(documents::status(&nothing)["costs_so_far"], Value::Null);

    // Before anything was done, nothing is up.
    let unbegun = Ledger::default();
    let view = View {
        ledger: &unbegun,
        ..view(costs())
    };
    assert!(!human::status(&view).contains("USD"));
}
