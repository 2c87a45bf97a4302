//! Plan, apply, destroy and what looks at them, on the simulated provider.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::binary::Folder;
use crate::simulated::{chain, run, things_of};
use crate::steady::steady;

pub(crate) fn chained(settings: Value) -> Folder {
    let folder = Folder::new();
    chain(&folder, &["first", "second", "third"], settings);
    folder
}

/// The everyday path, word by word: plan, apply, a second apply, status, output, state, drift, destroy.
#[test]
fn the_everyday_path_reads_as_its_snapshots() {
    let folder = chained(json!({}));
    let plan = run(&folder, &["plan", "plan.yaml"]).expect(0);
    assert_snapshot!("run_plan", steady(&plan));
    run(&folder, &["plan", "plan.yaml", "--detailed-exitcode"]).expect(2);

    let apply = run(&folder, &["apply", "plan.yaml", "--auto-approve"]).expect(0);
    assert!(
        apply.stdout.contains("http://127.0.0.1:8000"),
        "endpoints are data: {}",
        apply.transcript()
    );
    assert!(
        !apply.stdout.contains("creat"),
        "progress is no data: {}",
        apply.transcript()
    );
    assert_snapshot!("run_apply", steady(&apply));

    let again = run(&folder, &["apply", "plan.yaml", "--auto-approve"]).expect(0);
    assert_snapshot!("run_apply_again", steady(&again));
    run(&folder, &["plan", "plan.yaml", "--detailed-exitcode"]).expect(0);

    assert_snapshot!(
        "run_status",
        steady(&run(&folder, &["status", "plan.yaml"]).expect(0))
    );
    assert_snapshot!(
        "run_output",
        steady(&run(&folder, &["output", "plan.yaml"]).expect(0))
    );
    assert_snapshot!(
        "run_graph",
        steady(&run(&folder, &["graph", "plan.yaml"]).expect(0))
    );
    assert_snapshot!(
        "run_state_list",
        steady(&run(&folder, &["state", "list", "plan.yaml"]).expect(0))
    );
    let one = run(
        &folder,
        &["state", "show", "plan.yaml", "simulated/global/node/second"],
    )
    .expect(0);
    assert_snapshot!("run_state_show", steady(&one));
    assert_snapshot!(
        "run_drift_none",
        steady(&run(&folder, &["drift", "plan.yaml"]).expect(0))
    );

    let destroy = run(&folder, &["destroy", "plan.yaml", "--auto-approve"]).expect(0);
    assert_snapshot!("run_destroy", steady(&destroy));
    assert_eq!(run(&folder, &["state", "list", "plan.yaml"]).expect(0).stdout, "");
}

/// Without a terminal and without approval nothing is touched: not even the state's folder is made.
#[test]
fn without_a_terminal_nothing_is_done_unasked() {
    let folder = chained(json!({}));
    for (name, arguments) in [
        ("apply", &["apply", "plan.yaml"][..]),
        ("input_false", &["apply", "plan.yaml", "--input=false"]),
        ("json", &["apply", "plan.yaml", "--json"]),
        ("destroy", &["destroy", "plan.yaml"]),
    ] {
        let refused = run(&folder, arguments).expect(1);
        assert_snapshot!(format!("unapproved_{name}"), steady(&refused));
        assert!(!folder.path(".vvbill").exists(), "{name} touched the state");
        assert!(!folder.path("world.json").exists(), "{name} touched the world");
    }
}

/// A saved plan needs no approval, does what it says, and is refused (7) once the state has moved on.
#[test]
fn a_saved_plan_is_done_once_and_stale_afterwards() {
    let folder = chained(json!({}));
    run(&folder, &["plan", "plan.yaml", "--out", "saved.plan"]).expect(0);
    let shown = run(&folder, &["show", "saved.plan"]).expect(0);
    assert!(
        shown.stdout.contains("Plan: 3 to create"),
        "{}",
        shown.transcript()
    );
    let changed = run(&folder, &["apply", "saved.plan", "--target", "kafka"]).expect(64);
    assert_snapshot!("saved_plan_changed", steady(&changed));
    run(&folder, &["apply", "saved.plan"]).expect(0);
    let stale = run(&folder, &["apply", "saved.plan"]).expect(7);
    assert_snapshot!("saved_plan_stale", steady(&stale));
}

/// One failure stops what depends on it and nothing else; the account names all three kinds, the plan's
/// line among them.
#[test]
fn a_failure_is_told_with_its_line_and_what_was_not_tried() {
    let folder = Folder::new();
    let things = vec![
        json!({ "name": "alone" }),
        json!({ "name": "base" }),
        json!({ "name": "broken", "after": ["base"] }),
        json!({ "name": "dependent", "after": ["broken"] }),
    ];
    things_of(&folder, things.clone(), json!({ "refused": ["broken"] }));
    let failed = run(
        &folder,
        &["apply", "plan.yaml", "--auto-approve", "--parallelism", "1"],
    )
    .expect(1);
    let text = steady(&failed);
    for part in [
        "plan.yaml:2:9",
        "not tried",
        "dependent",
        "2 actions succeeded, 1 failed, 1 not tried",
    ] {
        assert!(text.contains(part), "{part:?} is missing in:\n{text}");
    }
    things_of(&folder, things, json!({}));
    let mended = run(&folder, &["apply", "plan.yaml", "--auto-approve"]).expect(0);
    assert!(mended.stderr.contains("2 created"), "{}", mended.transcript());
}

/// Each line of `--json` is an object in Terraform's envelope; the last one is the outputs.
#[test]
fn apply_as_ndjson_is_terraforms_stream() {
    let folder = chained(json!({}));
    let applied = run(&folder, &["apply", "plan.yaml", "--auto-approve", "--json"]).expect(0);
    assert_eq!(applied.stderr, "");
    let lines: Vec<Value> = applied
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for line in &lines {
        for key in ["@level", "@message", "@module", "@timestamp", "type"] {
            assert!(line[key].is_string(), "{key} is missing in {line}");
        }
    }
    let kinds: Vec<&str> = lines.iter().map(|line| line["type"].as_str().unwrap()).collect();
    assert_eq!(
        kinds[..5],
        [
            "version",
            "planned_change",
            "planned_change",
            "planned_change",
            "change_summary"
        ]
    );
    assert_eq!(kinds.last(), Some(&"outputs"));
    assert_eq!(kinds.iter().filter(|kind| **kind == "apply_start").count(), 3);
    assert_eq!(kinds.iter().filter(|kind| **kind == "apply_complete").count(), 3);
    let summaries: Vec<&Value> = lines
        .iter()
        .filter(|line| line["type"] == "change_summary")
        .collect();
    assert_eq!(summaries[1]["changes"]["operation"], "apply");
    assert_eq!(summaries[1]["changes"]["add"], 3);
    let complete = lines
        .iter()
        .find(|line| line["type"] == "apply_complete")
        .unwrap();
    assert_eq!(
        complete["hook"]["resource"]["addr"],
        "simulated/global/node/first"
    );
    assert_eq!(complete["hook"]["id_value"], "node:first");
}

/// A failing run as NDJSON stays NDJSON to its end.
#[test]
fn a_failure_as_ndjson_has_its_diagnostics() {
    let folder = chained(json!({ "refused": ["second"] }));
    let failed = run(&folder, &["apply", "plan.yaml", "--auto-approve", "--json"]).expect(1);
    let lines: Vec<Value> = failed
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |kind: &str| lines.iter().filter(|line| line["type"] == kind).count();
    assert_eq!((of("apply_errored"), of("apply_complete")), (1, 1));
    let error = lines
        .iter()
        .find(|line| line["diagnostic"]["severity"] == "error")
        .unwrap();
    assert_eq!(error["diagnostic"]["address"], "simulated/global/node/second");
    assert_eq!(error["diagnostic"]["range"]["filename"], "plan.yaml");
    assert_eq!(
        error["diagnostic"]["range"]["start"],
        json!({ "line": 2, "column": 9 })
    );
}

/// `plan --json` is one document in Terraform's plan format; `show --json` says the same.
#[test]
fn plan_as_json_is_terraforms_plan() {
    let folder = chained(json!({}));
    let planned = run(&folder, &["plan", "plan.yaml", "--json", "--out", "saved.plan"]).expect(0);
    let document: Value = serde_json::from_str(&planned.stdout).unwrap();
    assert_eq!(document["format_version"], "1.2");
    assert_eq!(document["applyable"], true);
    assert_eq!(document["resource_changes"].as_array().unwrap().len(), 3);
    assert_eq!(
        document["resource_changes"][1]["change"]["after_unknown"],
        json!({ "uses": { "first": true } })
    );
    let shown = run(&folder, &["show", "saved.plan", "--json"]).expect(0);
    assert_eq!(shown.stdout, planned.stdout);
}

/// Drift: field, wanted, found, exit 5; an apply brings it back, a refresh takes it over.
#[test]
fn drift_is_told_field_by_field() {
    let folder = chained(json!({}));
    run(&folder, &["apply", "plan.yaml", "--auto-approve"]).expect(0);
    let world = vvbill::provider::simulated::World::open(&folder.path("world.json"), 1).unwrap();
    world.meddle("node:first", "size", json!(9)).unwrap();
    drop(world);
    let drifted = run(&folder, &["drift", "plan.yaml"]).expect(5);
    assert_snapshot!("run_drift", steady(&drifted));
    let document: Value =
        serde_json::from_str(&run(&folder, &["drift", "plan.yaml", "--json"]).expect(5).stdout).unwrap();
    assert_eq!(
        document["drift"][0]["changes"][0],
        json!({ "field": "size", "wanted": 1, "found": 9 })
    );
    run(&folder, &["apply", "plan.yaml", "--auto-approve"]).expect(0);
    run(&folder, &["drift", "plan.yaml"]).expect(0);
}

/// A refresh takes over what is, and changes nothing outside.
#[test]
fn refresh_only_brings_the_state_up_to_date() {
    let folder = chained(json!({}));
    run(&folder, &["apply", "plan.yaml", "--auto-approve"]).expect(0);
    let world = vvbill::provider::simulated::World::open(&folder.path("world.json"), 1).unwrap();
    world.meddle("node:first", "size", json!(9)).unwrap();
    drop(world);
    let planned = run(
        &folder,
        &["plan", "plan.yaml", "--refresh-only", "--detailed-exitcode"],
    )
    .expect(2);
    assert_snapshot!("run_plan_refresh_only", steady(&planned));
    let refreshed = run(
        &folder,
        &["apply", "plan.yaml", "--refresh-only", "--auto-approve"],
    )
    .expect(0);
    assert!(
        refreshed.stderr.contains("wanted 1, found 9"),
        "{}",
        refreshed.transcript()
    );
    run(&folder, &["drift", "plan.yaml"]).expect(0);
    let back = run(&folder, &["plan", "plan.yaml"]).expect(0);
    assert!(back.stdout.contains("size: 9 → 1"), "{}", back.transcript());
}

/// A saved plan that can't be written leaves nothing behind.
#[test]
fn a_plan_that_cannot_be_saved_says_so() {
    let folder = chained(json!({}));
    let lost = run(&folder, &["plan", "plan.yaml", "--out", "nowhere/saved.plan"]).expect(1);
    assert_snapshot!("unsaved_plan", steady(&lost));
}

/// Data is replaced only when asked for by address; the refusal names the plan's line and the way out.
#[test]
fn data_is_replaced_only_when_asked_for_by_address() {
    let folder = Folder::new();
    let data = |image: &str| vec![json!({ "name": "data", "image": image, "protect": true })];
    things_of(&folder, data("old"), json!({}));
    run(&folder, &["apply", "plan.yaml", "--auto-approve"]).expect(0);
    things_of(&folder, data("new"), json!({}));
    let refused = run(&folder, &["plan", "plan.yaml"]).expect(1);
    assert_snapshot!("run_plan_protected", steady(&refused));
    let asked = ["plan", "plan.yaml", "--replace", "simulated/global/node/data"];
    let planned = run(&folder, &asked).expect(0);
    assert_snapshot!("run_plan_replace", steady(&planned));
}

/// Data stays in a destroy, and is listed; `--destroy-data` takes it.
#[test]
fn destroy_lists_what_it_retains() {
    let folder = Folder::new();
    let things = vec![
        json!({ "name": "base" }),
        json!({ "name": "data", "after": ["base"], "protect": true }),
        json!({ "name": "server", "after": ["data"] }),
    ];
    things_of(&folder, things, json!({}));
    run(&folder, &["apply", "plan.yaml", "--auto-approve"]).expect(0);
    let kept = run(&folder, &["destroy", "plan.yaml", "--auto-approve"]).expect(0);
    assert_snapshot!("run_destroy_retains", steady(&kept));
    assert_eq!(
        run(&folder, &["state", "list", "plan.yaml"])
            .stdout
            .lines()
            .count(),
        2
    );
    run(
        &folder,
        &["destroy", "plan.yaml", "--auto-approve", "--destroy-data"],
    )
    .expect(0);
    assert_eq!(run(&folder, &["state", "list", "plan.yaml"]).stdout, "");
}

/// Names that nothing has are refused with the nearest that something has.
#[test]
fn unknown_names_are_refused() {
    let folder = chained(json!({}));
    for (name, code, arguments) in [
        ("target", 64, &["plan", "plan.yaml", "--target", "kafak"][..]),
        ("output", 64, &["output", "plan.yaml", "apii"]),
        (
            "state_show_without_state",
            1,
            &["state", "show", "plan.yaml", "simulated/global/node/first"],
        ),
        ("log", 1, &["logs", "plan.yaml", "nobody"]),
    ] {
        let refused = run(&folder, arguments).expect(code);
        assert_snapshot!(format!("unknown_{name}"), steady(&refused));
    }
}
