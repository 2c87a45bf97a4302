//! The runbook of week 6, from drills that are known: what it says, and what is no proof.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::drilled;
use super::super::ledger::Ledger;
use super::super::model::{Attempt, Basis, Evidence, How, Verdict};
use super::super::step::{Drills, Scene, Step};
use super::super::steps;
use super::World;
use crate::drill::{Drill, Outcome};
use crate::endpoints::Endpoints;
use crate::spec::Spec;

/// It offers drills of the API, of a worker and of Kafka.
fn spec() -> Spec {
    let plan = json!({
        "metadata": { "name": "told" }, "target": "local",
        "kafka": { "version": "4.3.1", "brokers": 3, "default_replication_factor": 3, "min_insync_replicas": 2 },
        "ingest": { "api_replicas": 2, "worker_replicas": 2 },
        "success_metrics": { "recovery_time": { "ingest": "5s" } },
    });
    serde_json::from_value(plan).unwrap()
}

fn outcome(drill: &str, away_seconds: f64) -> Outcome {
    let figure = json!({
        "what": "it", "away_seconds": away_seconds, "outages": 1, "is_back": true, "attempts": 100, "failed": 3,
        "quiet_seconds": 0.05, "period_seconds": 0.05,
    });
    let outcome = json!({
        "drill": drill, "victims": ["it"], "began_at": "2026-11-02T10:00:00Z", "fault_at": "2026-11-02T10:00:05Z",
        "striking_seconds": 0.1, "ended_at": "2026-11-02T10:00:30Z",
        "tiers": [
            { "tier": "ingest", "objective_seconds": 5.0, "recovery": figure, "healing_seconds": 0.0 },
            { "tier": "rows", "objective_seconds": null, "recovery": figure, "healing_seconds": 0.0 },
        ],
        "healed_after_seconds": 6.0, "restored_seconds": 1.0, "missing": [],
        "found": {
            "acknowledged_http": 40, "acknowledged_kafka": 60, "lost": 0, "doubled": 0, "recovery_point_seconds": 0.0,
        },
        "background": { "rate": 500.0, "sent": 900, "lost": 0, "doubled": 0, "wrong_accounts": 0 },
        "markers": { "start_ms": 0, "accounts": [] },
    });
    serde_json::from_value(outcome).unwrap()
}

fn attempt(number: u64, drill: &str, memory: &Value) -> Attempt {
    let at = "2026-11-02T10:00:00Z".parse().unwrap();
    let evidence = Evidence {
        memory: memory.clone(),
        ..Evidence::without(Verdict::Passed, How::Ran, "")
    };
    Attempt {
        number,
        step: format!("week-6/drill-{drill}"),
        began_at: at,
        basis: Basis {
            plan: String::new(),
            serial: 1,
        },
        forced: false,
        end: Some((at, evidence)),
    }
}

fn scene(folder: &Path, outcomes: &[Outcome]) -> Scene {
    let attempts = outcomes
        .iter()
        .zip(1..)
        .map(|(outcome, number)| attempt(number, &outcome.drill, &json!(outcome)));
    Scene {
        spec: Arc::new(spec()),
        endpoints: Endpoints::default(),
        switch: Arc::new(World::default()),
        events: 0,
        patience: Duration::ZERO,
        load_for: None,
        drills: Drills {
            faults: None,
            listener: None,
            folder: folder.to_owned(),
            attempts: Arc::new(attempts.collect()),
        },
    }
}

fn runbook() -> Arc<dyn Step> {
    let all = steps();
    all.into_iter().find(|step| step.name() == "runbook").unwrap()
}

async fn misses(scene: &Scene, memory: &Value) -> Vec<String> {
    let measures = runbook().verify(scene, memory).await.unwrap();
    assert_eq!(measures.len(), 3, "{measures:?}");
    Evidence::of(How::Ran, measures, Value::Null).misses()
}

fn all() -> Vec<Outcome> {
    [
        ("service-api", 0.4),
        ("service-worker", 2.5),
        ("kafka-broker", 1.0),
    ]
    .map(|(drill, away)| outcome(drill, away))
    .into()
}

/// Each drill that the plan offers has its times there, the last ones; a line that was altered is seen, and so is a
/// drill that came after it.
#[tokio::test]
async fn it_tells_what_was_measured_last() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("not/there/yet");
    let mut outcomes = all();
    outcomes.insert(0, outcome("service-api", 9.0));
    let told = scene(&folder, &outcomes);
    let memory = runbook().run(&told).await.unwrap().memory;
    assert_eq!(misses(&told, &memory).await, [""; 0]);
    let file = folder.join("runbook.md");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(
        text.contains("Measured: ingest 0.4 s, rows 0.4 s.") && !text.contains("9.0 s"),
        "{text}"
    );
    // Nothing but it lies there: what it was made in is gone.
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);

    std::fs::write(&file, text.replace("ingest 2.5 s", "ingest 0.5 s")).unwrap();
    assert_eq!(
        misses(&told, &memory).await,
        [
            "what the runbook says of service-worker is ingest 0.5 s, rows 2.5 s, must be ingest 2.5 s, rows 2.5 s"
        ]
    );
    std::fs::write(&file, &text).unwrap();
    outcomes.push(outcome("kafka-broker", 3.0));
    assert_eq!(
        misses(&scene(&folder, &outcomes), &memory).await,
        [
            "what the runbook says of kafka-broker is ingest 1.0 s, rows 1.0 s, must be ingest 3.0 s, rows 3.0 s"
        ]
    );
}

/// A drill that has measured nothing is no drill that the runbook could be silent of.
#[tokio::test]
async fn it_holds_for_no_drill_that_was_not_measured() {
    let folder = tempfile::tempdir().unwrap();
    let mut outcomes = all();
    outcomes.pop();
    let told = scene(folder.path(), &outcomes);
    let memory = runbook().run(&told).await.unwrap().memory;
    let missing = ["what the runbook says of kafka-broker is none, must be a measured time"];
    assert_eq!(misses(&told, &memory).await, missing);
    let file = folder.path().join("runbook.md");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text + "\n## kafka-broker\n\nMeasured: a measured time.\n").unwrap();
    assert_eq!(misses(&told, &memory).await, missing);

    let mut nothing = outcome("kafka-broker", 1.0);
    nothing.tiers.clear();
    outcomes.push(nothing);
    assert_eq!(misses(&scene(folder.path(), &outcomes), &memory).await, missing);
}

/// Recovery is held to what the plan promises now, not to what it did when the drill was done.
#[test]
fn a_drill_is_held_to_the_plan() {
    let missed = |promised: &str| -> Vec<String> {
        let mut spec = spec();
        spec.success_metrics.recovery_time.ingest = Some(promised.parse().unwrap());
        let measures = drilled::measures(&outcome("service-api", 0.4), &spec);
        Evidence::of(How::Ran, measures, Value::Null).misses()
    };
    assert_eq!(missed("5s"), [""; 0]);
    assert_eq!(
        missed("1ms"),
        ["ingest: seconds until events are accepted over HTTP again is 0.4, must be at most 0.001"]
    );
}

/// A drill that began and did not end is told of until another has, be it a step of a week or not.
#[test]
fn a_drill_that_was_cut_off_is_known() {
    let at = "2026-11-02T10:00:00Z";
    let basis = json!({ "plan": "", "serial": 1 });
    let striking = json!({ "entry": "striking", "drill": "redis-master", "at": at });
    let drilled = json!({
        "entry": "drilled", "drill": "redis-master", "at": at, "until": at, "basis": basis,
        "verdict": "inconclusive", "how": "ran",
    });
    let begun = |attempt: u64, step: &str| json!({ "entry": "begun", "attempt": attempt, "step": step, "at": at, "basis": basis });
    let ended = |attempt: u64| json!({ "entry": "ended", "attempt": attempt, "at": at, "verdict": "passed", "how": "ran" });
    let zone = begun(7, "week-6/drill-zone");
    let found = |entries: &[&Value]| {
        let lines: String = entries.iter().map(|entry| format!("{entry}\n")).collect();
        let ledger = Ledger::parse(lines.as_bytes(), "here").unwrap();
        ledger.cut_off_drill().map(|(drill, _)| drill.to_owned())
    };
    let (master, zone_name) = (Some("redis-master".to_owned()), Some("zone".to_owned()));
    assert_eq!(found(&[]), None);
    assert_eq!(found(&[&striking]), master);
    assert_eq!(found(&[&striking, &drilled]), None);
    assert_eq!(found(&[&striking, &drilled, &striking]), master);
    assert_eq!(found(&[&zone]), zone_name);
    assert_eq!(found(&[&zone, &ended(6)]), zone_name);
    assert_eq!(found(&[&striking, &zone, &ended(7)]), None);
    assert_eq!(
        found(&[&striking, &begun(8, "week-1/kafka-topics"), &ended(8)]),
        master
    );
}

/// Every drill is a step of the week, under its name.
#[test]
fn every_drill_is_a_step() {
    let all = steps();
    let drills: Vec<String> = Drill::ALL
        .iter()
        .map(|drill| format!("drill-{}", drill.name()))
        .collect();
    let steps = all.iter().filter(|step| step.home() == "week-6");
    let names: Vec<&str> = steps.map(|step| step.name()).collect();
    assert_eq!(names, [drills, vec!["runbook".to_owned()]].concat());
}
