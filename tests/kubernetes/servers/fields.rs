//! Whose field it is: ours is compared and repaired, another's is left alone, and a conflict names who owns it.

use serde_json::json;

use super::cluster::shared;
use super::controllers::Controllers;
use super::rig::{Rig, desired};

/// Protects: an owned field that is gone is drift, and is repaired.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_value_is_drift_and_is_repaired() {
    let rig = Rig::new();
    let all = [desired(
        rig.config_map("settings", &json!({ "a": "1", "b": "2" })),
    )];
    rig.apply(&all).await;
    let path = rig.path("v1/configmaps", "settings");
    shared().merge(&path, "some-controller", &json!({ "data": { "b": null } }));
    let plan = rig.plan(&all).await;
    let paths: Vec<&str> = plan
        .drift
        .iter()
        .flat_map(|drift| &drift.changes)
        .map(|one| one.path.as_str())
        .collect();
    assert_eq!(paths, ["/object/data/b"]);
    rig.apply(&all).await;
    rig.assert_settled(&all).await;
    assert_eq!(
        shared().get(&path).unwrap()["data"],
        json!({ "a": "1", "b": "2" })
    );
}

/// Protects: what an autoscaler or a controller writes is neither drift nor undone by the next update.
#[tokio::test(flavor = "multi_thread")]
async fn what_another_manager_owns_is_left_alone() {
    let rig = Rig::new();
    let _controllers = Controllers::start(&rig.namespace);
    let all = [desired(rig.deployment("api"))];
    rig.apply(&all).await;
    let path = rig.path("apps/v1/deployments", "api");
    let scaled = json!({ "spec": { "replicas": 9 }, "metadata": { "annotations": { "theirs": "x" } } });
    shared().merge(&path, "horizontal-pod-autoscaler", &scaled);
    rig.assert_settled(&all).await;
    let mut newer = rig.deployment("api");
    newer["spec"]["template"]["spec"]["containers"][0]["image"] = json!("registry.example/app:2");
    let newer = [desired(newer)];
    assert_eq!(
        rig.changes(&newer).await,
        ["update api /object/spec/template/spec/containers/0/image"]
    );
    rig.apply(&newer).await;
    rig.assert_settled(&newer).await;
    let live = shared().get(&path).unwrap();
    assert_eq!(live["spec"]["replicas"], 9);
    assert_eq!(live["metadata"]["annotations"]["theirs"], "x");
    assert_eq!(
        live["spec"]["template"]["spec"]["containers"][0]["image"],
        "registry.example/app:2"
    );
}

/// Protects: replicas that only creation takes are neither a difference afterwards nor fall back to one.
#[tokio::test(flavor = "multi_thread")]
async fn what_only_creation_takes_stays_as_it_becomes() {
    let rig = Rig::new();
    let _controllers = Controllers::start(&rig.namespace);
    let mut manifest = rig.deployment("api");
    manifest["spec"]["replicas"] = json!({ "$at_creation": 4 });
    rig.apply(&[desired(manifest.clone())]).await;
    manifest["spec"]["template"]["spec"]["containers"][0]["image"] = json!("registry.example/app:2");
    let newer = [desired(manifest)];
    rig.apply(&newer).await;
    let path = rig.path("apps/v1/deployments", "api");
    assert_eq!(shared().get(&path).unwrap()["spec"]["replicas"], 4);
    shared().merge(
        &path,
        "horizontal-pod-autoscaler",
        &json!({ "spec": { "replicas": 9 } }),
    );
    rig.assert_settled(&newer).await;
}

/// Protects: a plan that wants another value for what somebody else owns fails and says whose it is; taken by
/// force, it is ours.
#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_names_the_other_manager_and_force_takes_it() {
    let mut rig = Rig::new();
    rig.apply(&[desired(
        rig.config_map("settings", &json!({ "a": "1", "b": "2" })),
    )])
    .await;
    let path = rig.path("v1/configmaps", "settings");
    shared().merge(&path, "kubectl-edit", &json!({ "data": { "a": "theirs" } }));
    let wanted = [desired(
        rig.config_map("settings", &json!({ "a": "3", "b": "2" })),
    )];
    let why = rig.fail(&wanted).await;
    assert!(why.contains("data.a belongs to `kubectl-edit`"), "{why}");
    assert!(why.contains("--force-conflicts"), "{why}");
    assert_eq!(shared().get(&path).unwrap()["data"]["a"], "theirs");
    rig.force();
    rig.apply(&wanted).await;
    assert_eq!(shared().get(&path).unwrap()["data"]["a"], "3");
    rig.assert_settled(&wanted).await;
}

/// Protects: what a person changed by kubectl is drift, though it is theirs now; it is not undone without a word.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_by_hand_is_drift_until_it_is_taken_back() {
    let mut rig = Rig::new();
    let _controllers = Controllers::start(&rig.namespace);
    let all = [desired(rig.deployment("api"))];
    rig.apply(&all).await;
    let path = rig.path("apps/v1/deployments", "api");
    shared().merge(&path, "kubectl-edit", &json!({ "spec": { "replicas": 1 } }));
    let plan = rig.plan(&all).await;
    let drift: Vec<&str> = plan
        .drift
        .iter()
        .flat_map(|drift| &drift.changes)
        .map(|one| one.path.as_str())
        .collect();
    assert_eq!(drift, ["/object/spec/replicas"]);
    let why = rig.fail(&all).await;
    assert!(why.contains("spec.replicas belongs to `kubectl-edit`"), "{why}");
    rig.force();
    rig.apply(&all).await;
    assert_eq!(shared().get(&path).unwrap()["spec"]["replicas"], 2);
    rig.assert_settled(&all).await;
}

/// Protects: a value that another took over and the plan still asks for as before is shown and taken back by force.
#[tokio::test(flavor = "multi_thread")]
async fn by_force_what_another_took_over_comes_back() {
    let mut rig = Rig::new();
    let all = [desired(rig.config_map("settings", &json!({ "a": "1" })))];
    rig.apply(&all).await;
    let path = rig.path("v1/configmaps", "settings");
    shared().merge(&path, "some-controller", &json!({ "data": { "a": "theirs" } }));
    rig.assert_settled(&all).await;
    rig.force();
    assert_eq!(rig.changes(&all).await, ["update settings /object/data/a"]);
    rig.apply(&all).await;
    assert_eq!(shared().get(&path).unwrap()["data"]["a"], "1");
}
