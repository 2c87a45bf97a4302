//! What controllers and operators would do, done by hand: none run beside the tests' API server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

use super::cluster::{Cluster, shared};

/// When everything was done.
const AT: &str = "2026-11-01T00:00:00Z";
const CONTROLLER: &str = "kube-controller-manager";

/// Kinds that have somebody who reports on them, by the path of their collections.
const REPORTED: [&str; 8] = [
    "apps/v1/deployments",
    "apps/v1/statefulsets",
    "batch/v1/jobs",
    "kafka.strimzi.io/v1/kafkas",
    "kafka.strimzi.io/v1/kafkanodepools",
    "kafka.strimzi.io/v1/kafkatopics",
    "kafka.strimzi.io/v1/kafkausers",
    "kafka.strimzi.io/v1/kafkamirrormaker2s",
];

/// Further kinds that the garbage collector lets go.
const COLLECTED: [&str; 3] = [
    "elbv2.k8s.aws/v1beta1/targetgroupbindings",
    "monitoring.coreos.com/v1/prometheusrules",
    "monitoring.coreos.com/v1/servicemonitors",
];

/// Until it is dropped, what is in a namespace becomes ready, and what was deleted is let go.
pub struct Controllers {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Controllers {
    pub fn start(namespace: &str) -> Self {
        Self::over(shared(), namespace)
    }

    pub fn over(cluster: &'static Cluster, namespace: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (asked, namespace) = (stop.clone(), namespace.to_owned());
        let thread = std::thread::spawn(move || {
            while !asked.load(Ordering::SeqCst) {
                for kind in REPORTED.iter().chain(&COLLECTED) {
                    let (version, plural) = kind.rsplit_once('/').unwrap();
                    let collection = format!("/apis/{version}/namespaces/{namespace}/{plural}");
                    if REPORTED.contains(kind) {
                        for object in cluster.list(&collection) {
                            report(cluster, &collection, &object);
                        }
                    }
                    let_go(cluster, &collection);
                }
                finish(cluster, &namespace);
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        Self {
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Controllers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// As its controller reports that all is well.
fn report(cluster: &Cluster, collection: &str, object: &Value) {
    let metadata = &object["metadata"];
    let generation = &metadata["generation"];
    let seen = match collection.ends_with("/jobs") {
        true => !object["status"]["conditions"].is_null(),
        false => object["status"]["observedGeneration"] == *generation,
    };
    if seen || !metadata["deletionTimestamp"].is_null() {
        return;
    }
    let replicas = &object["spec"]["replicas"];
    let condition = |name: &str| json!({ "type": name, "status": "True", "lastTransitionTime": AT });
    let done = ["SuccessCriteriaMet", "Complete"].map(condition);
    let status = match collection.rsplit('/').next().unwrap() {
        "deployments" => json!({
            "observedGeneration": generation, "replicas": replicas, "updatedReplicas": replicas,
            "readyReplicas": replicas, "availableReplicas": replicas,
        }),
        "statefulsets" => json!({
            "observedGeneration": generation, "replicas": replicas, "updatedReplicas": replicas,
            "readyReplicas": replicas, "availableReplicas": replicas, "currentReplicas": replicas,
            "currentRevision": "one", "updateRevision": "one",
        }),
        "jobs" => json!({
            "startTime": AT, "completionTime": AT, "succeeded": 1,
            "conditions": done,
        }),
        _ => json!({
            "observedGeneration": generation,
            "conditions": [condition("Ready")],
        }),
    };
    let path = format!("{collection}/{}/status", metadata["name"].as_str().unwrap());
    cluster.merge_if_there(&path, CONTROLLER, &json!({ "status": status }));
}

/// As the garbage collector, once dependents are gone.
pub fn let_go(cluster: &Cluster, collection: &str) {
    for object in cluster.list(collection) {
        let metadata = &object["metadata"];
        let waits = !metadata["deletionTimestamp"].is_null() && !metadata["finalizers"].is_null();
        if waits {
            let path = format!("{collection}/{}", metadata["name"].as_str().unwrap());
            cluster.merge_if_there(&path, CONTROLLER, &json!({ "metadata": { "finalizers": null } }));
        }
    }
}

/// As the namespace controller, once everything in it is gone.
fn finish(cluster: &Cluster, name: &str) {
    let path = format!("/api/v1/namespaces/{name}");
    if let Some(mut namespace) = cluster.get(&path)
        && !namespace["metadata"]["deletionTimestamp"].is_null()
    {
        namespace["spec"]["finalizers"] = json!([]);
        cluster.put(&format!("{path}/finalize"), &namespace);
    }
}
