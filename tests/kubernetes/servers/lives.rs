//! Whole lives: made, settled, drifted and repaired, pruned, destroyed.

use serde_json::json;

use super::cluster::shared;
use super::controllers::Controllers;
use super::rig::{Rig, after, desired};

/// Protects: applying twice changes nothing, although the API server fills in defaults, spells quantities its own
/// way and notes who owns what.
#[tokio::test(flavor = "multi_thread")]
async fn the_second_plan_is_empty() {
    let rig = Rig::new();
    let _controllers = Controllers::start(&rig.namespace);
    let namespace = &rig.namespace;
    let all = [
        desired(rig.deployment("api")),
        desired(json!({
            "apiVersion": "v1", "kind": "Service", "metadata": { "name": "api", "namespace": namespace },
            "spec": { "selector": { "app": "api" }, "ports": [
                { "name": "http", "port": 80, "targetPort": 8000 },
                { "name": "dns-tcp", "port": 53 },
                { "name": "dns-udp", "port": 53, "protocol": "UDP" },
            ] },
        })),
        desired(json!({
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
            "metadata": { "name": "api", "namespace": namespace },
            "spec": {
                "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "api" },
                "minReplicas": 2, "maxReplicas": 16,
                "metrics": [{ "type": "Resource", "resource": {
                    "name": "cpu", "target": { "type": "Utilization", "averageUtilization": 60 } } }],
                "behavior": { "scaleDown": { "stabilizationWindowSeconds": 300 } },
            },
        })),
        desired(json!({
            "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
            "metadata": { "name": "api", "namespace": namespace },
            "spec": { "maxUnavailable": "25%", "selector": { "matchLabels": { "app": "api" } } },
        })),
        desired(json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": { "name": "api", "namespace": namespace },
            "spec": { "podSelector": {}, "policyTypes": ["Ingress"],
                      "ingress": [{ "ports": [{ "port": 8000 }] }] },
        })),
        desired(rig.config_map("settings", &json!({ "a.conf": "x\ny\n", "empty": "" }))),
        desired(json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": { "name": "reader", "namespace": namespace },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view" },
            "subjects": [{ "kind": "ServiceAccount", "name": "default", "namespace": namespace }],
        })),
    ];
    rig.apply(&all).await;
    rig.assert_settled(&all).await;
    let live = shared().get(&rig.path("apps/v1/deployments", "api")).unwrap();
    assert_eq!(live["metadata"]["managedFields"][0]["manager"], "vvbill");
}

/// Protects: what left the plan is deleted, and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn what_left_the_plan_is_pruned() {
    let rig = Rig::new();
    let _controllers = Controllers::start(&rig.namespace);
    let stays = desired(rig.config_map("stays", &json!({ "a": "1" })));
    let all = [stays.clone(), desired(rig.deployment("goes"))];
    rig.apply(&all).await;
    shared().post(
        &format!("/api/v1/namespaces/{}/configmaps", rig.namespace),
        &rig.config_map("foreign", &json!({})),
    );
    assert_eq!(rig.changes(std::slice::from_ref(&stays)).await, ["delete goes"]);
    rig.apply(std::slice::from_ref(&stays)).await;
    assert_eq!(shared().get(&rig.path("apps/v1/deployments", "goes")), None);
    rig.destroy().await;
    assert_eq!(shared().get(&rig.path("v1/configmaps", "stays")), None);
    assert!(shared().get(&rig.path("v1/configmaps", "foreign")).is_some());
}

/// Protects: a field that the plan no longer has is taken out of the object, also out of a list.
#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_left_the_manifest_is_taken_back() {
    let rig = Rig::new();
    let _controllers = Controllers::start(&rig.namespace);
    rig.apply(&[desired(rig.deployment("api"))]).await;
    let mut less = rig.deployment("api");
    less["metadata"]["labels"] = json!({});
    let environment = &mut less["spec"]["template"]["spec"]["containers"][0]["env"];
    environment.as_array_mut().unwrap().remove(0);
    let less = [desired(less)];
    rig.apply(&less).await;
    rig.assert_settled(&less).await;
    let live = shared().get(&rig.path("apps/v1/deployments", "api")).unwrap();
    assert_eq!(live["metadata"]["labels"]["app"], serde_json::Value::Null);
    let environment = &live["spec"]["template"]["spec"]["containers"][0]["env"];
    assert_eq!(environment.as_array().unwrap().len(), 1, "{environment}");
}

/// Protects: what is gone is drift and is made again.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_gone_is_made_again() {
    let rig = Rig::new();
    let all = [desired(rig.config_map("settings", &json!({ "a": "1" })))];
    rig.apply(&all).await;
    shared().delete(&rig.path("v1/configmaps", "settings"));
    let plan = rig.plan(&all).await;
    assert!(plan.drift[0].gone, "{:?}", plan.drift);
    rig.apply(&all).await;
    rig.assert_settled(&all).await;
}

/// Protects: another namespace at the same address is another object: the old one goes.
#[tokio::test(flavor = "multi_thread")]
async fn another_namespace_replaces_the_object() {
    let (rig, other) = (Rig::new(), Rig::new());
    rig.apply(&[desired(rig.config_map("settings", &json!({ "a": "1" })))])
        .await;
    let moved = [desired(other.config_map("settings", &json!({ "a": "1" })))];
    assert_eq!(
        rig.changes(&moved).await,
        ["replace settings /identity/namespace"]
    );
    rig.apply(&moved).await;
    rig.assert_settled(&moved).await;
    assert_eq!(shared().get(&rig.path("v1/configmaps", "settings")), None);
    assert!(shared().get(&other.path("v1/configmaps", "settings")).is_some());
}

/// Protects: a namespace and what stands in it come in one apply; the API server is not asked about what can't
/// be there yet.
#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_and_its_objects_come_in_one_apply() {
    let rig = Rig::over("made-by-the-plan");
    let namespace = desired(json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "made-by-the-plan" },
    }));
    let settings = after(
        desired(rig.config_map("settings", &json!({ "a": "1" }))),
        &[&namespace],
    );
    let all = [namespace, settings];
    assert_eq!(rig.preflight(&all).await, []);
    rig.apply(&all).await;
    rig.assert_settled(&all).await;
    let _controllers = Controllers::start("made-by-the-plan");
    rig.destroy().await;
    assert_eq!(shared().get("/api/v1/namespaces/made-by-the-plan"), None);
}

/// Protects: volumes outlive what asked for them, and destroying says which.
#[tokio::test(flavor = "multi_thread")]
async fn volume_claims_stay_and_are_named() {
    let rig = Rig::new();
    let _controllers = Controllers::start(&rig.namespace);
    rig.apply(&[desired(rig.deployment("store"))]).await;
    for name in ["data-store-0", "data-other-0"] {
        let claim = json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": { "name": name },
            "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } } },
        });
        shared().post(
            &format!("/api/v1/namespaces/{}/persistentvolumeclaims", rig.namespace),
            &claim,
        );
    }
    rig.destroy().await;
    let left = rig.left().join("\n");
    assert!(
        left.contains("data-store-0") && !left.contains("data-other-0"),
        "{left}"
    );
    assert!(
        shared()
            .get(&rig.path("v1/persistentvolumeclaims", "data-store-0"))
            .is_some()
    );
}
