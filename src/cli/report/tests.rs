//! One plan with everything that a plan can hold, as text and as Terraform's JSON.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{plan, terraform};
use crate::plan::{Action, Drift, Mode, Plan, Reason, Retained, Verb};
use crate::resource::{Address, Desired, diff};

fn address(kind: &str, name: &str) -> Address {
    Address::new("local", "global", kind, name)
}

fn action(verb: Verb, reason: Reason, kind: &str, before: Option<Value>, after: Option<Value>) -> Action {
    let address = address(kind, "one");
    Action {
        changes: match (&before, &after) {
            (Some(before), Some(after)) => diff(after, before),
            _ => Vec::new(),
        },
        id: before.is_some().then(|| format!("{kind}-id")),
        before,
        desired: after.map(|properties| Desired {
            address: address.clone(),
            properties,
            depends_on: Default::default(),
            protect: false,
            section: "kafka".into(),
            origin: "kafka.brokers".into(),
        }),
        address,
        verb,
        reason,
        create_first: false,
    }
}

fn everything() -> Plan {
    let paths = |path: &str| vec![path.to_owned()];
    let unknown = json!({ "$output": { "of": address("platform_folder", "main"), "name": "path" } });
    Plan {
        format_version: crate::plan::FORMAT_VERSION,
        vvbill_version: "0.1.0".into(),
        name: "small".into(),
        target: "local".into(),
        lineage: uuid::Uuid::nil(),
        serial: 7,
        created_at: "2026-01-02T03:04:05Z".parse().unwrap(),
        mode: Mode::Apply,
        actions: vec![
            action(
                Verb::Create,
                Reason::New,
                "kafka_broker",
                None,
                Some(json!({ "heap_mib": 256, "folder": unknown, "password": "hunter2", "key": "file:/k" })),
            ),
            action(
                Verb::Update,
                Reason::Differs {
                    paths: paths("/maxmemory"),
                },
                "redis_server",
                Some(json!({ "maxmemory": 1, "args": { "hz": 10, "old": true }, "auth_token": "hunter2" })),
                Some(
                    json!({ "maxmemory": 2, "args": { "hz": 50, "old": null, "new": "x" }, "auth_token": "hunter3" }),
                ),
            ),
            action(
                Verb::Reboot,
                Reason::Differs {
                    paths: paths("/parameters/shared_buffers"),
                },
                "postgres_server",
                Some(json!({ "parameters": { "shared_buffers": "64MB" } })),
                Some(json!({ "parameters": { "shared_buffers": "128MB" } })),
            ),
            action(
                Verb::Replace,
                Reason::CannotChange {
                    paths: paths("/partitions"),
                },
                "kafka_topic",
                Some(json!({ "partitions": 10, "retention_ms": 1 })),
                Some(json!({ "partitions": 3, "retention_ms": 2 })),
            ),
            action(
                Verb::Adopt,
                Reason::Interrupted,
                "ingest_process",
                Some(json!({ "role": "api" })),
                Some(json!({ "role": "api" })),
            ),
            action(
                Verb::Delete,
                Reason::NotInPlan,
                "prometheus_server",
                Some(json!({ "port": 9090 })),
                None,
            ),
            action(
                Verb::Keep,
                Reason::Same,
                "data_folder",
                Some(json!({})),
                Some(json!({})),
            ),
        ],
        drift: vec![
            Drift {
                address: address("redis_server", "one"),
                gone: false,
                changes: diff(&json!({ "maxmemory": 4 }), &json!({ "maxmemory": 1 })),
            },
            Drift {
                address: address("kafka_topic", "two"),
                gone: true,
                changes: Vec::new(),
            },
        ],
        gone: vec![],
        retained: vec![
            Retained {
                address: address("data_folder", "old"),
                id: "/data/old".into(),
                needed_by: None,
            },
            Retained {
                address: address("platform_folder", "main"),
                id: "/data".into(),
                needed_by: Some(address("data_folder", "old")),
            },
        ],
        observations: BTreeMap::new(),
    }
}

/// Each verb with its symbol and reason, only what changes, unknown and secret values by their name.
#[test]
fn a_plan_reads_as_its_snapshot() {
    let text = anstream::adapter::strip_str(&plan::render(&everything())).to_string();
    assert!(!text.contains("hunter"), "a secret was printed:\n{text}");
    insta::assert_snapshot!(text);
}

/// What tools read that know Terraform's plans: field names, actions, redaction.
#[test]
fn a_plan_is_terraforms_json() {
    let document = terraform::plan(&everything(), None);
    let text = format!("{document:#}");
    assert!(!text.contains("hunter"), "a secret was printed:\n{text}");
    insta::assert_snapshot!(text);
    let actions = |number: usize| document["resource_changes"][number]["change"]["actions"].clone();
    assert_eq!(document["format_version"], "1.2");
    assert_eq!(actions(0), json!(["create"]));
    assert_eq!(actions(3), json!(["delete", "create"]));
    assert_eq!(actions(6), json!(["no-op"]));
    let created = &document["resource_changes"][0]["change"];
    assert_eq!(created["before"], Value::Null);
    assert_eq!(created["after_unknown"], json!({ "folder": true }));
    assert_eq!(created["after_sensitive"], json!({ "password": true }));
}

#[test]
fn a_plan_without_changes_says_so() {
    let mut plan = everything();
    plan.actions.retain(|action| action.verb == Verb::Keep);
    assert_eq!(
        plan::summary(&plan),
        "No changes: what stands is as the plan asks (1 resource)."
    );
    plan.mode = Mode::Destroy;
    plan.actions.clear();
    assert_eq!(plan::summary(&plan), "No changes: there is nothing to destroy.");
}
