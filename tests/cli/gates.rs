//! What stops a plan before anything is done, on the simulated provider: its policies.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::binary::Folder;
use crate::simulated::{PLAN, chain, run};
use crate::steady::steady;

/// Three in a chain, and a plan that is held to these rules.
fn held_to(rules: &[(&str, &str)]) -> Folder {
    let folder = Folder::new();
    chain(&folder, &["first", "second", "third"], json!({}));
    let policies: String = rules
        .iter()
        .map(|(name, rule)| {
            let rule = json!(rule);
            format!("  - name: {name}\n    rule: {rule}\n    message: ask the platform team\n")
        })
        .collect();
    folder.write("plan.yaml", format!("{PLAN}policy:\n{policies}"));
    folder
}

const NOTHING_IS_MADE: &str = "plan.resource_changes.all(r, !(\"create\" in r.change.actions))";

/// The plan is shown and saved all the same; an apply of either is stopped before anything exists.
#[test]
fn a_broken_policy_ends_in_3_and_nothing_is_done() {
    let folder = held_to(&[
        ("few", "plan.resource_changes.size() < 10"),
        ("frozen", NOTHING_IS_MADE),
    ]);
    let planned = run(&folder, &["plan", "plan.yaml", "--out", "saved.plan"]).expect(3);
    assert!(
        planned.stdout.contains("Plan: 3 to create"),
        "{}",
        planned.transcript()
    );
    assert_snapshot!("policy_broken", steady(&planned));
    for apply in [
        &["apply", "plan.yaml", "--auto-approve"][..],
        &["apply", "saved.plan"],
    ] {
        let stopped = run(&folder, apply).expect(3);
        for part in [
            "against the policy `frozen`",
            "plan.yaml:9:11",
            "nothing was done",
        ] {
            assert!(stopped.stderr.contains(part), "{part}: {}", stopped.transcript());
        }
        assert!(!stopped.stderr.contains("`few`"), "{}", stopped.transcript());
    }
    let world = std::fs::read_to_string(folder.path("world.json")).unwrap();
    assert!(!world.contains("first"), "{world}");
    assert_eq!(run(&folder, &["state", "list", "plan.yaml"]).expect(0).stdout, "");
    run(&folder, &["plan", "plan.yaml", "--detailed-exitcode"]).expect(3);
}

/// One that holds is silent, on the way there, when nothing is left to do, and when everything goes.
#[test]
fn a_policy_that_holds_stops_nothing() {
    let folder = held_to(&[(
        "kept",
        "plan.resource_changes.all(r, !(\"delete\" in r.change.actions)) && plan.plan.name == \"simulated\"",
    )]);
    run(&folder, &["plan", "plan.yaml", "--detailed-exitcode"]).expect(2);
    let applied = run(&folder, &["apply", "plan.yaml", "--auto-approve"]).expect(0);
    assert!(!applied.stderr.contains("policy"), "{}", applied.transcript());
    run(&folder, &["plan", "plan.yaml", "--detailed-exitcode"]).expect(0);
    // A chain of two: the third is deleted.
    let two: Value = serde_json::from_slice(&std::fs::read(folder.path("things.json")).unwrap()).unwrap();
    let mut fewer = two.clone();
    fewer["things"].as_array_mut().unwrap().pop();
    folder.write("things.json", fewer.to_string());
    let stopped = run(&folder, &["apply", "plan.yaml", "--auto-approve"]).expect(3);
    assert!(stopped.stderr.contains("`kept`"), "{}", stopped.transcript());
    run(&folder, &["destroy", "plan.yaml", "--auto-approve"]).expect(0);
}

/// What becomes known only on the way is in no plan: a rule that asks for it has no answer, and says what to write.
#[test]
fn a_policy_without_an_answer_ends_in_3_with_the_way_out() {
    let careless = "plan.resource_changes.all(r, r.change.after.uses.first != \"x\")";
    let folder = held_to(&[("known", careless), ("counted", "plan.resource_changes.size()")]);
    let undecided = run(&folder, &["plan", "plan.yaml"]).expect(3);
    assert_snapshot!("policy_undecided", steady(&undecided));
    let careful = "plan.resource_changes.all(r, !has(r.change.after.uses) || !has(r.change.after.uses.first) || \
                   r.change.after.uses.first != \"x\")";
    let folder = held_to(&[("known", careful)]);
    run(&folder, &["plan", "plan.yaml"]).expect(0);
}

/// A program learns of it on standard output, in the stream's own form.
#[test]
fn a_broken_policy_as_ndjson_is_a_diagnostic() {
    let folder = held_to(&[("frozen", NOTHING_IS_MADE)]);
    let stopped = run(&folder, &["apply", "plan.yaml", "--auto-approve", "--json"]).expect(3);
    let lines: Vec<Value> = stopped
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let last = lines.last().unwrap();
    assert_eq!(last["type"], "diagnostic");
    assert_eq!(last["diagnostic"]["range"]["start"]["line"], 6);
    assert!(lines.iter().all(|line| line["type"] != "apply_start"));
    // Nothing here is on anybody's invoice.
    assert!(lines.iter().all(|line| line["type"] != "cost"));
}

/// A rule that can't be read is an error of the plan, at its line, before anything is looked at.
#[test]
fn a_policy_that_is_no_expression_is_an_error_of_the_plan() {
    let folder = held_to(&[("half", "plan.resource_changes.all(r, ")]);
    let validated = run(&folder, &["validate", "plan.yaml"]).expect(1);
    assert!(validated.stdout.contains("VV830"), "{}", validated.transcript());
    assert!(
        validated.stdout.contains("plan.yaml:6:11"),
        "{}",
        validated.transcript()
    );
    run(&folder, &["apply", "plan.yaml", "--auto-approve"]).expect(1);
}

/// The plan as a comment: what changes, what stops it, and no value that could be taken for Markdown.
#[test]
fn a_saved_plan_reads_as_a_comment() {
    let folder = held_to(&[("frozen", NOTHING_IS_MADE)]);
    let things = json!({ "things": [
        { "name": "plain" },
        { "name": "sly", "image": "</details> `@team` | x" },
    ]});
    folder.write("things.json", things.to_string());
    run(&folder, &["plan", "plan.yaml", "--out", "saved.plan"]).expect(3);
    let comment = run(&folder, &["show", "saved.plan", "--markdown"]).expect(0);
    assert_snapshot!("show_markdown", steady(&comment));
    run(&folder, &["show", "saved.plan", "--markdown", "--json"]).expect(64);
}
