//! Two regions on one machine: the first is lost under load, the second takes over, and the way back gives everything
//! back; an operator does the same by hand.

use std::fs;
use std::time::Instant;

use serde_json::{Value, json};

use super::kill::free_block;
use super::raised::vvbill;
use super::stage::{Stage, marked};

/// Whatever the build is, each tier is back long before that.
const PROMISE: &str = "success_metrics.recovery_time.region=60s";

fn stage() -> Stage {
    let stage = Stage::timed();
    let plans = concat!(env!("CARGO_MANIFEST_DIR"), "/plans");
    for plan in ["local.yaml", "local-regions.yaml"] {
        fs::write(
            stage.root.join(plan),
            fs::read(format!("{plans}/{plan}")).unwrap(),
        )
        .unwrap();
    }
    let plan = format!(
        "extends: local-regions.yaml\nmetadata: {{ name: regions, environment: test }}\nlocal: {{ port_base: {} }}\n",
        free_block(320)
    );
    fs::write(stage.root.join("regions.yaml"), plan).unwrap();
    stage
}

/// Runs to the end and wants this exit code.
fn run(stage: &Stage, code: i32, arguments: &[&str]) -> String {
    let start = Instant::now();
    let (exit, shown, said) = vvbill(&stage.root, arguments);
    assert_eq!(exit, Some(code), "{arguments:?}: {said}\n{shown}");
    eprintln!("{arguments:?} took {:?}", start.elapsed());
    shown
}

fn drill(stage: &Stage, code: i32) -> Value {
    let shown = run(
        stage,
        code,
        &[
            "drill",
            "run",
            "regions.yaml",
            "region",
            "--auto-approve",
            "--json",
            "--rate",
            "200",
            "--patience",
            "60s",
            "--set",
            PROMISE,
        ],
    );
    let lines = shown
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines
        .into_iter()
        .find(|line| line["type"] == "drill_done")
        .unwrap()
}

fn api(stage: &Stage) -> Value {
    let (_, status, _) = vvbill(&stage.root, &["status", "regions.yaml", "--json"]);
    let status: Value = serde_json::from_str(&status).unwrap();
    status["endpoints"]["api"].clone()
}

#[test]
fn a_region_that_is_lost_is_taken_over_and_comes_back_with_everything() {
    let stage = stage();
    let platform = stage.root.join(".vvbill/local/regions");
    run(&stage, 0, &["apply", "regions.yaml", "--auto-approve"]);
    let at_first = api(&stage);

    let done = drill(&stage, 0);
    assert_eq!(done["verdict"], "passed", "{done:#}");
    let outcome = &done["outcome"];
    assert_eq!(outcome["victims"].as_array().unwrap().len(), 9, "{outcome:#}");
    let tiers = outcome["tiers"].as_array().unwrap();
    assert_eq!(tiers.len(), 6, "{outcome:#}");
    for tier in tiers {
        let recovery = &tier["recovery"];
        assert_eq!(recovery["is_back"], true, "{tier:#}");
        assert!(
            recovery["failed"].as_u64().unwrap() > 0,
            "all of it was away: {tier:#}"
        );
        let away = recovery["away_seconds"].as_f64().unwrap();
        let turned = outcome["moved"]["turned_after_seconds"].as_f64().unwrap();
        assert!(away > 0.5 && away > turned / 2.0, "{turned} {tier:#}");
    }
    // What an asynchronous copy has not got yet is the recovery point's; nothing is lost for good.
    let point = outcome["found"]["recovery_point_seconds"].as_f64().unwrap();
    assert!(point < 20.0, "{outcome:#}");
    for account in [&outcome["moved"]["found"], &outcome["background"]] {
        assert_eq!(
            (&account["lost"], &account["doubled"]),
            (&json!(0), &json!(0)),
            "{account}"
        );
    }
    assert_eq!(outcome["found"]["doubled"], 0, "{outcome:#}");
    for way in ["acknowledged_http", "acknowledged_kafka"] {
        assert!(outcome["found"][way].as_u64().unwrap() > 50, "{outcome:#}");
    }
    assert!(
        outcome["background"]["sent"].as_u64().unwrap() >= 600,
        "{outcome:#}"
    );
    run(&stage, 0, &["plan", "regions.yaml", "--detailed-exitcode"]);

    // By hand: whoever asks is told of the second region, and what is fenced stays away.
    run(
        &stage,
        0,
        &["failover", "regions.yaml", "--to", "south", "--auto-approve"],
    );
    assert_ne!(api(&stage), at_first);
    let before = marked(&platform);
    run(&stage, 0, &["apply", "regions.yaml", "--auto-approve"]);
    assert_eq!(
        marked(&platform),
        before,
        "an apply starts nothing of the fenced region"
    );
    run(
        &stage,
        0,
        &["failover", "regions.yaml", "--to", "south", "--auto-approve"],
    );
    assert_eq!(
        marked(&platform),
        before,
        "a move that is done has nothing left to do"
    );
    let refused = drill(&stage, 1);
    assert_eq!(refused["verdict"], "inconclusive");
    assert!(
        refused["reason"].as_str().unwrap().contains("--to north"),
        "{refused:#}"
    );
    assert_eq!(marked(&platform), before, "nothing was struck");
    run(
        &stage,
        0,
        &["failover", "regions.yaml", "--to", "north", "--auto-approve"],
    );
    assert_eq!(api(&stage), at_first);
    run(&stage, 0, &["plan", "regions.yaml", "--detailed-exitcode"]);

    run(
        &stage,
        0,
        &["destroy", "regions.yaml", "--destroy-data", "--auto-approve"],
    );
    assert!(marked(&platform).is_empty() && stage.processes().is_empty());
}
