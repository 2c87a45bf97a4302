//! `vvbill drill` where nothing that it asks is there: what is offered, the safety catch, what is kept.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::binary::Folder;
use crate::simulated::{run, things_of};

const PLAN: &str = "\
metadata:
  name: simulated
  environment: ENVIRONMENT
target: local
kafka:
  version: 4.3.1
  brokers: 3
buffer:
  replicas: 1
  maxmemory: 512MiB
rollout:
  week-1:
    title: Kafka
    sections: [kafka]
";

fn folder(environment: &str) -> Folder {
    let folder = Folder::new();
    things_of(&folder, vec![json!({ "name": "first" })], json!({}));
    folder.write("plan.yaml", PLAN.replace("ENVIRONMENT", environment));
    folder
}

fn drill(folder: &Folder, more: &[&str]) -> crate::binary::Run {
    let arguments = ["drill", "run", "plan.yaml", "kafka-broker", "--patience", "0s"];
    run(folder, &[&arguments, more].concat())
}

/// Nobody has taken the lock, let alone more.
fn untouched(folder: &Folder) -> bool {
    let world = vvbill::provider::simulated::World::open(&folder.path("world.json"), 1).unwrap();
    !folder.path(".vvbill").exists() && world.made() == 0
}

#[test]
fn a_plan_is_told_what_it_lacks() {
    let folder = folder("local");
    assert_snapshot!(
        "drill_list",
        run(&folder, &["drill", "list", "plan.yaml"])
            .expect(0)
            .transcript()
    );
    let listed = run(&folder, &["drill", "list", "plan.yaml", "--format", "json"]).expect(0);
    let listed: Value = serde_json::from_str(&listed.stdout).unwrap();
    let lacking = |name: &str| {
        let drills = listed["drills"].as_array().unwrap();
        let drill = drills.iter().find(|drill| drill["name"] == name).unwrap();
        drill["lacks"].as_str().map(str::to_owned)
    };
    assert_eq!(lacking("kafka-broker"), None);
    assert!(lacking("redis-master").unwrap().contains("Sentinel"));
    let refused = run(
        &folder,
        &["drill", "run", "plan.yaml", "shard-primary", "--auto-approve"],
    )
    .expect(1);
    assert!(
        refused.stderr.contains("does not offer shard-primary"),
        "{}",
        refused.transcript()
    );
    let unknown = run(&folder, &["drill", "run", "plan.yaml", "kafka-brocer"]).expect(64);
    assert_snapshot!("drill_unknown", unknown.transcript());
    run(&folder, &["drill", "run", "plan.yaml"]).expect(64);
    assert!(untouched(&folder));
}

/// Each of them alone is not enough, and nothing stands for them: not even `--auto-approve`.
#[test]
fn production_is_not_struck_by_accident() {
    for environment in ["production", "Prod-EU"] {
        let folder = folder(environment);
        let cases: [&[&str]; 7] = [
            &[],
            &["--auto-approve"],
            &["--confirm", "simulated"],
            &["--auto-approve", "--confirm", "simulated"],
            &["--i-know-this-is-production"],
            &["--i-know-this-is-production", "--auto-approve"],
            &["--i-know-this-is-production", "--confirm", "simulate"],
        ];
        for case in cases {
            let refused = drill(&folder, case).expect(1);
            assert!(
                refused.stderr.contains("nothing was struck"),
                "{case:?}: {}",
                refused.transcript()
            );
            assert!(untouched(&folder), "{case:?}");
        }
    }
    let folder = folder("production");
    assert_snapshot!(
        "drill_production",
        drill(&folder, &["--auto-approve"]).transcript()
    );
    assert_snapshot!(
        "drill_production_unnamed",
        drill(&folder, &["--i-know-this-is-production", "--auto-approve"]).transcript()
    );
    // Both: it goes on, to find that nothing stands.
    let lifted = drill(
        &folder,
        &["--i-know-this-is-production", "--confirm", "simulated"],
    )
    .expect(1);
    assert!(
        lifted.stderr.contains("nothing of `simulated` stands"),
        "{}",
        lifted.transcript()
    );
}

/// A plan that says nothing of its environment is production.
#[test]
fn silence_is_production() {
    let folder = folder("local");
    folder.write("plan.yaml", PLAN.replace("  environment: ENVIRONMENT\n", ""));
    let refused = drill(&folder, &["--auto-approve"]).expect(1);
    assert!(
        refused.stderr.contains("simulated` is production"),
        "{}",
        refused.transcript()
    );
    assert!(untouched(&folder));
}

#[test]
fn what_is_not_production_needs_an_approval() {
    let folder = folder("local");
    let refused = drill(&folder, &[]).expect(1);
    assert_snapshot!("drill_unapproved", refused.transcript());
    drill(&folder, &["--json"]).expect(1);
    assert!(untouched(&folder));
}

/// A platform that isn't whole is left alone: inconclusive, 1, with what is missing; and it is kept.
#[test]
fn what_is_not_whole_is_not_struck() {
    let folder = folder("local");
    run(&folder, &["apply", "plan.yaml", "--auto-approve"]).expect(0);
    let refused = drill(&folder, &["--auto-approve", "--json"]).expect(1);
    let lines: Vec<Value> = refused
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of_kind = |kind: &str| lines.iter().find(|line| line["type"] == kind);
    assert_eq!(of_kind("drill_progress").unwrap()["stage"], "checking");
    let done = of_kind("drill_done").unwrap();
    assert_eq!(done["verdict"], "inconclusive");
    let reason = done["reason"].as_str().unwrap();
    assert!(
        reason.contains("not whole") && reason.contains("no Kafka, no shards"),
        "{reason}"
    );
    let last = lines.last().unwrap();
    assert_eq!(
        (&last["type"], &last["passed"]),
        (&json!("drill_result"), &json!(false))
    );
    let report = run(&folder, &["phase", "report", "plan.yaml", "--format", "json"]).expect(0);
    let report: Value = serde_json::from_str(&report.stdout).unwrap();
    let events = report["events"].as_array().unwrap();
    let kept = events.iter().find(|event| event["entry"] == "drilled").unwrap();
    assert_eq!(
        (&kept["drill"], &kept["verdict"]),
        (&json!("kafka-broker"), &json!("inconclusive"))
    );
    assert!(kept["basis"]["serial"].as_u64().unwrap() > 0);
    let markdown = run(&folder, &["phase", "report", "plan.yaml"]).expect(0).stdout;
    assert!(
        markdown.contains("drill kafka-broker | inconclusive"),
        "{markdown}"
    );
}
