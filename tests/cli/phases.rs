//! `vvbill phase` where nothing that its steps ask is there: gates, exit codes, what is said and kept.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::binary::Folder;
use crate::simulated::{run, things_of};

const PLAN: &str = "\
metadata:
  name: simulated
target: local
kafka:
  version: 4.3.1
  brokers: 3
rollout:
  week-1:
    title: Kafka
    sections: [kafka]
  week-2:
    title: Buffer
    sections: [buffer]
    approval: true
";

fn folder() -> Folder {
    let folder = Folder::new();
    things_of(&folder, vec![json!({ "name": "first" })], json!({}));
    folder.write("plan.yaml", PLAN);
    folder
}

fn status(folder: &Folder) -> Value {
    let run = run(folder, &["phase", "status", "plan.yaml", "--format", "json"]).expect(1);
    serde_json::from_str(&run.stdout).unwrap()
}

const RUN: [&str; 6] = ["phase", "run", "plan.yaml", "--auto-approve", "--patience", "0s"];

fn phase_run(folder: &Folder, more: &[&str]) -> crate::binary::Run {
    run(folder, &[&RUN, more].concat())
}

/// Week 1 is applied and can't be proven, as no Kafka answers: 1. Week 2 may not begin: 6, and it says why.
/// `--force` begins it and is kept.
#[test]
fn a_closed_gate_ends_in_6_and_force_is_recorded() {
    let folder = folder();
    assert_snapshot!(
        "phase_list",
        run(&folder, &["phase", "list", "plan.yaml"])
            .expect(0)
            .transcript()
    );
    let closed = phase_run(&folder, &["week-2"]).expect(6);
    assert!(
        closed.stderr.contains("week-1/kafka-brokers has not been run"),
        "{}",
        closed.transcript()
    );

    let failed = phase_run(&folder, &["week-1"]).expect(1);
    assert!(
        failed.stderr.contains("week-1 has not passed"),
        "{}",
        failed.transcript()
    );
    assert!(
        folder.path("world.json").exists(),
        "the week's section was applied"
    );
    let first = &status(&folder)["weeks"][0];
    assert_eq!(first["standing"], "open");
    assert_eq!(first["steps"][0]["last"]["verdict"], "inconclusive");
    assert_eq!(first["steps"][0]["last"]["forced"], false);

    let closed = phase_run(&folder, &["week-2"]).expect(6);
    assert_snapshot!("phase_closed", closed.transcript());
    phase_run(&folder, &["week-2", "--force"]).expect(0);
    let report = run(&folder, &["phase", "report", "plan.yaml", "--format", "json"]).expect(0);
    let report: Value = serde_json::from_str(&report.stdout).unwrap();
    let forced = report["events"]
        .as_array()
        .unwrap()
        .iter()
        .find(|event| event["entry"] == "forced")
        .expect("it is recorded");
    assert_eq!(forced["week"], "week-2");
    assert!(
        forced["closed_by"][0]
            .as_str()
            .unwrap()
            .starts_with("week-1/kafka-brokers")
    );
    let markdown = run(&folder, &["phase", "report", "plan.yaml"]).expect(0).stdout;
    assert!(markdown.contains("goes on past a closed gate"), "{markdown}");
}

/// What is forced says so in its own evidence.
#[test]
fn a_forced_attempt_says_so() {
    let folder = folder();
    let plan = PLAN
        .replace("sections: [kafka]", "sections: []")
        .replace("sections: [buffer]", "sections: [kafka]");
    folder.write("plan.yaml", plan);
    phase_run(&folder, &["week-2"]).expect(6);
    phase_run(&folder, &["week-2", "--force"]).expect(1);
    let weeks = status(&folder);
    let last = &weeks["weeks"][1]["steps"][0]["last"];
    assert_eq!(
        last["step"], "week-2/kafka-brokers",
        "due where its section is brought up"
    );
    assert_eq!(last["forced"], true);
}

/// Only what has passed can be approved.
#[test]
fn what_has_not_passed_is_not_approved() {
    let folder = folder();
    let refused = run(&folder, &["phase", "approve", "plan.yaml", "week-2"]).expect(6);
    assert!(
        refused.stderr.contains("can't be approved"),
        "{}",
        refused.transcript()
    );
    run(&folder, &["phase", "approve", "plan.yaml", "week-1"]).expect(64);
    run(&folder, &["phase", "approve", "plan.yaml", "week-9"]).expect(64);
}

#[test]
fn wrong_names_end_in_64() {
    let folder = folder();
    for (name, arguments) in [
        ("unknown_week", &["week-9"][..]),
        ("unknown_step", &["week-1/kafka-brocers"]),
    ] {
        let run = phase_run(&folder, arguments).expect(64);
        assert_snapshot!(format!("phase_{name}"), run.transcript());
    }
    run(&folder, &["phase", "run", "plan.yaml"]).expect(64);
    folder.write("plan.yaml", crate::simulated::PLAN);
    let without = run(&folder, &["phase", "list", "plan.yaml"]).expect(1);
    assert_snapshot!("phase_without_rollout", without.transcript());
}

/// A ledger that was cut off is read up to there; one that is damaged is named with its line, and stays as it is.
#[test]
fn a_damaged_ledger_is_named() {
    let folder = folder();
    phase_run(&folder, &["week-1"]).expect(1);
    let path = folder.path(".vvbill/simulated/rollout.ndjson");
    let whole = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 5]).unwrap();
    let last = status(&folder)["weeks"][0]["steps"]
        .as_array()
        .unwrap()
        .last()
        .unwrap()["last"]
        .clone();
    assert_eq!(last["verdict"], Value::Null, "it was cut off");

    let damaged = whole.replacen("begun", "began", 1);
    std::fs::write(&path, &damaged).unwrap();
    let refused = run(&folder, &["phase", "status", "plan.yaml"]).expect(1);
    assert!(
        refused.stderr.contains("rollout.ndjson, line 2"),
        "{}",
        refused.transcript()
    );
    phase_run(&folder, &["week-1"]).expect(1);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), damaged);
}

/// The page is one file that needs nothing else, with what was measured, what is open, and when.
#[test]
fn the_report_is_a_page_of_its_own() {
    let folder = folder();
    phase_run(&folder, &["week-1"]).expect(1);
    let page = run(&folder, &["phase", "report", "plan.yaml", "--format", "html"]).expect(0);
    let page = page.stdout;
    assert!(page.trim_start().starts_with("<!doctype html>"));
    for outside in [
        "<script", "http://", "https://", "@import", "url(", "<link", "src=",
    ] {
        assert!(!page.contains(outside), "{outside}");
    }
    for part in [
        "0 of 2 weeks have passed",
        "week-1/kafka-brokers inconclusive",
        "week-1: its sections are applied",
        "prefers-color-scheme: dark",
        "@media print",
        "When each step was tried",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    for tag in [
        "html", "head", "body", "table", "tr", "td", "svg", "figure", "ul", "li", "h3", "p",
    ] {
        let opened = page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
        assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
    }
}
