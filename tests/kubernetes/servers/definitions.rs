//! Kinds that come on the way: a definition and its objects in one apply.

use std::time::Duration;

use serde_json::{Value, json};

use super::cluster::shared;
use super::controllers::let_go;
use super::rig::{Rig, after, desired};

fn definition(group: &str, with_status: bool) -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": format!("queues.{group}") },
        "spec": {
            "group": group, "scope": "Namespaced",
            "names": { "plural": "queues", "singular": "queue", "kind": "Queue" },
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "subresources": if with_status { json!({ "status": {} }) } else { json!({}) },
                "schema": { "openAPIV3Schema": { "type": "object", "properties": {
                    "spec": { "type": "object", "properties": {
                        "depth": { "type": "integer" },
                        "mode": { "type": "string", "default": "fifo" },
                    } },
                    "status": { "type": "object", "x-kubernetes-preserve-unknown-fields": true },
                } } },
            }],
        },
    })
}

fn queue(rig: &Rig, group: &str, name: &str) -> Value {
    json!({
        "apiVersion": format!("{group}/v1"), "kind": "Queue",
        "metadata": { "name": name, "namespace": rig.namespace }, "spec": { "depth": 5 },
    })
}

/// Protects: objects of a kind whose definition comes in the same apply are made once it is served, and a second
/// plan is empty. Taken away, both go in the other order.
#[tokio::test(flavor = "multi_thread")]
async fn a_definition_and_its_object_come_in_one_apply() {
    let rig = Rig::new();
    let definition = desired(definition("one.vvbill.test", false));
    let object = after(desired(queue(&rig, "one.vvbill.test", "main")), &[&definition]);
    let all = [definition, object];
    assert_eq!(rig.preflight(&all).await, []);
    rig.apply(&all).await;
    rig.assert_settled(&all).await;
    let path = rig.path("one.vvbill.test/v1/queues", "main");
    assert_eq!(
        shared().get(&path).unwrap()["spec"],
        json!({ "depth": 5, "mode": "fifo" })
    );
    let collection = path.trim_end_matches("/main").to_owned();
    let collector = std::thread::spawn(move || {
        for _ in 0..60 {
            let_go(shared(), &collection);
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    rig.destroy().await;
    collector.join().unwrap();
    let name = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/queues.one.vvbill.test";
    assert_eq!(shared().get(name), None);
}

/// Protects: what an operator says about readiness is waited for, and what it said about an older spec is not
/// taken for it.
#[tokio::test(flavor = "multi_thread")]
async fn an_operators_word_is_waited_for() {
    let rig = Rig::new();
    let definition = desired(definition("two.vvbill.test", true));
    let mut manifest = queue(&rig, "two.vvbill.test", "main");
    let first = desired(manifest.clone());
    rig.apply(&[definition.clone(), after(first, &[&definition])])
        .await;
    let path = rig.path("two.vvbill.test/v1/queues", "main");
    let say = move |generation: u32, ready: &str, reason: &str| {
        let status = json!({ "status": { "observedGeneration": generation, "conditions": [
            { "type": "Ready", "status": ready, "reason": reason },
        ] } });
        shared().merge(&format!("{path}/status"), "operator", &status);
    };
    say(1, "True", "Started");
    manifest["spec"]["depth"] = json!(7);
    let all = [definition.clone(), after(desired(manifest), &[&definition])];
    let operator = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(1500));
        say(2, "False", "Restarting");
        std::thread::sleep(Duration::from_millis(700));
        say(2, "True", "Started");
    });
    rig.apply(&all).await;
    operator.join().unwrap();
    let said = rig.progress().join("\n");
    for step in ["its operator has not seen the change yet", "Restarting"] {
        assert!(said.contains(step), "not said: {step}\n{said}");
    }
    rig.assert_settled(&all).await;
}
