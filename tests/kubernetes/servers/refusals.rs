//! What the API server refuses, and what we refuse ourselves.

use serde_json::json;
use vvbill::provider::Gravity;

use super::cluster::shared;
use super::controllers::Controllers;
use super::rig::{Rig, cluster, desired, desired_in};

/// Protects: a field that the cluster's version doesn't know is refused before anything is made, not dropped.
#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_field_is_refused_in_the_plan_already() {
    let rig = Rig::new();
    let mut manifest = rig.deployment("api");
    manifest["spec"]["replicasCount"] = json!(3);
    let all = [desired(manifest)];
    let concerns = rig.preflight(&all).await;
    assert_eq!(concerns.len(), 1);
    assert_eq!(concerns[0].gravity, Gravity::Blocking);
    assert!(
        concerns[0].message.contains("replicasCount"),
        "{}",
        concerns[0].message
    );
    assert_eq!(shared().get(&rig.path("apps/v1/deployments", "api")), None);
    let why = rig.fail(&all).await;
    assert!(
        why.contains("replicasCount") && why.contains("kubectl explain"),
        "{why}"
    );
}

/// Protects: a dry run keeps nothing, and a sound manifest raises no concern.
#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_makes_nothing() {
    let rig = Rig::new();
    assert_eq!(rig.preflight(&[desired(rig.deployment("api"))]).await, []);
    assert_eq!(shared().get(&rig.path("apps/v1/deployments", "api")), None);
}

/// Protects: an object that somebody else made is not taken over silently, since we would delete it one day.
#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_else_made_is_not_taken_over() {
    let mut rig = Rig::new();
    let collection = format!(
        "/api/v1/namespaces/{}/configmaps?fieldManager=kubectl-create",
        rig.namespace
    );
    shared().post(&collection, &rig.config_map("settings", &json!({ "a": "1" })));
    let all = [desired(rig.config_map("settings", &json!({ "a": "1" })))];
    assert_eq!(rig.preflight(&all).await[0].gravity, Gravity::Blocking);
    let why = rig.fail(&all).await;
    assert!(
        why.contains("made by kubectl-create") && why.contains("vvbill import"),
        "{why}"
    );
    rig.destroy().await;
    assert!(
        shared().get(&rig.path("v1/configmaps", "settings")).is_some(),
        "it was deleted"
    );
    rig.force();
    rig.apply(&all).await;
    rig.assert_settled(&all).await;
}

/// Protects: what can't be changed in place is said to be so, with the way out; that way works.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_immutable_is_replaced_when_asked_for() {
    let rig = Rig::new();
    let _controllers = Controllers::start(&rig.namespace);
    rig.apply(&[desired(rig.deployment("api"))]).await;
    let mut manifest = rig.deployment("api");
    manifest["spec"]["selector"]["matchLabels"] = json!({ "app": "other" });
    manifest["spec"]["template"]["metadata"]["labels"] = json!({ "app": "other" });
    let all = [desired(manifest)];
    let why = rig.fail(&all).await;
    assert!(why.contains("immutable") && why.contains("--replace"), "{why}");
    let options = vvbill::plan::Options {
        replace: [all[0].address.clone()].into(),
        ..Default::default()
    };
    let outcome = rig.run(&all, &options).await;
    assert!(outcome.is_success(), "{}", super::rig::failures(&outcome));
    rig.assert_settled(&all).await;
}

/// Protects: who may do nothing is told so, and in which cluster.
#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_is_told_so() {
    let rig = Rig::new();
    let manifest = rig.config_map("settings", &json!({ "a": "1" }));
    let why = rig.fail(&[desired_in(cluster(Some("guest")), manifest)]).await;
    assert!(why.contains("forbidden") && why.contains("#guest"), "{why}");
}

/// Protects: a namespace that isn't there is an error that says so, at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_missing_namespace_is_named() {
    let rig = Rig::over("nowhere");
    let why = rig
        .fail(&[desired(rig.config_map("settings", &json!({ "a": "1" })))])
        .await;
    assert!(
        why.contains("nowhere") && why.contains("create namespace"),
        "{why}"
    );
}
