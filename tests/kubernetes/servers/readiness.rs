//! Waiting: a rollout that is on its way, one that is over, and work that fails.

use std::time::Duration;

use serde_json::json;

use super::cluster::shared;
use super::rig::{Rig, desired};

/// Protects: an apply waits until the rollout is over, and says how far it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_is_waited_for_until_its_rollout_is_over() {
    let rig = Rig::new();
    let path = rig.path("apps/v1/deployments", "api");
    let controller = std::thread::spawn(move || {
        let say = |updated: u32, available: u32| {
            let status = json!({ "status": {
                "observedGeneration": 1, "replicas": 2, "updatedReplicas": updated,
                "readyReplicas": available, "availableReplicas": available,
            } });
            shared().merge(&format!("{path}/status"), "kube-controller-manager", &status);
            std::thread::sleep(Duration::from_millis(700));
        };
        while shared().get(&path).is_none() {
            std::thread::sleep(Duration::from_millis(10));
        }
        std::thread::sleep(Duration::from_millis(500));
        say(1, 0);
        say(2, 1);
        say(2, 2);
    });
    rig.apply(&[desired(rig.deployment("api"))]).await;
    let said = rig.progress().join("\n");
    for step in [
        "its controller has not seen the change yet",
        "1 of 2 replicas are updated",
        "1 of 2 replicas are available",
    ] {
        assert!(said.contains(step), "not said: {step}\n{said}");
    }
    controller.join().unwrap();
    let live = shared().get(&rig.path("apps/v1/deployments", "api")).unwrap();
    assert_eq!(live["status"]["availableReplicas"], 2);
}

/// Protects: a rollout that Kubernetes itself has given up is an error with its reason, at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_rollout_that_is_given_up_fails_with_its_reason() {
    let rig = Rig::new();
    let path = rig.path("apps/v1/deployments", "api");
    let controller = std::thread::spawn(move || {
        while shared().get(&path).is_none() {
            std::thread::sleep(Duration::from_millis(10));
        }
        let status = json!({ "status": { "observedGeneration": 1, "conditions": [
            { "type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded",
              "message": "ReplicaSet \"api\" has timed out progressing." },
        ] } });
        shared().merge(&format!("{path}/status"), "kube-controller-manager", &status);
    });
    let why = rig.fail(&[desired(rig.deployment("api"))]).await;
    controller.join().unwrap();
    assert!(why.contains("has timed out progressing"), "{why}");
}

/// Protects: a job that failed fails the apply, with the job's own reason.
#[tokio::test(flavor = "multi_thread")]
async fn a_failed_job_says_why() {
    let rig = Rig::new();
    let path = rig.path("batch/v1/jobs", "migrate");
    let controller = std::thread::spawn(move || {
        while shared().get(&path).is_none() {
            std::thread::sleep(Duration::from_millis(10));
        }
        let condition = |kind: &str| {
            json!({ "type": kind, "status": "True", "reason": "BackoffLimitExceeded",
                    "message": "Job has reached the specified backoff limit" })
        };
        let status = json!({ "status": {
            "startTime": "2026-01-01T00:00:00Z", "failed": 1,
            "conditions": [condition("FailureTarget"), condition("Failed")],
        } });
        shared().merge(&format!("{path}/status"), "kube-controller-manager", &status);
    });
    let why = rig
        .fail(&[desired(json!({
            "apiVersion": "batch/v1", "kind": "Job",
            "metadata": { "name": "migrate", "namespace": rig.namespace },
            "spec": { "backoffLimit": 0, "template": { "spec": {
                "restartPolicy": "Never",
                "containers": [{ "name": "main", "image": "registry.example/app:1" }],
            } } },
        }))])
        .await;
    controller.join().unwrap();
    assert!(
        why.contains("BackoffLimitExceeded: Job has reached the specified backoff limit"),
        "{why}"
    );
}
