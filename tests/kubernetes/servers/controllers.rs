//! What controllers would do, done by hand: none run beside the tests' API server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

use super::cluster::{Cluster, shared};

/// Rolls deployments of a namespace out, and lets go what was deleted, until it is dropped.
pub struct Controllers {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Controllers {
    pub fn start(namespace: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (asked, namespace) = (stop.clone(), namespace.to_owned());
        let thread = std::thread::spawn(move || {
            while !asked.load(Ordering::SeqCst) {
                let deployments = format!("/apis/apps/v1/namespaces/{namespace}/deployments");
                for deployment in shared().list(&deployments) {
                    roll_out(&deployment);
                }
                let jobs = format!("/apis/batch/v1/namespaces/{namespace}/jobs");
                for path in [&deployments, &jobs] {
                    let_go(shared(), path);
                }
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

pub fn path_of(deployment: &Value) -> String {
    let metadata = &deployment["metadata"];
    let (namespace, name) = (metadata["namespace"].as_str(), metadata["name"].as_str());
    format!(
        "/apis/apps/v1/namespaces/{}/deployments/{}",
        namespace.unwrap(),
        name.unwrap()
    )
}

/// As the deployment controller reports a rollout that is over.
pub fn roll_out(deployment: &Value) {
    let generation = &deployment["metadata"]["generation"];
    if deployment["status"]["observedGeneration"] == *generation
        || !deployment["metadata"]["deletionTimestamp"].is_null()
    {
        return;
    }
    let replicas = &deployment["spec"]["replicas"];
    let status = json!({ "status": {
        "observedGeneration": generation, "replicas": replicas, "updatedReplicas": replicas,
        "readyReplicas": replicas, "availableReplicas": replicas,
    } });
    let path = format!("{}/status", path_of(deployment));
    shared().merge_if_there(&path, "kube-controller-manager", &status);
}

/// As the garbage collector, once dependents are gone.
pub fn let_go(cluster: &Cluster, collection: &str) {
    for object in cluster.list(collection) {
        let metadata = &object["metadata"];
        let waits = !metadata["deletionTimestamp"].is_null() && !metadata["finalizers"].is_null();
        if waits {
            let path = format!("{collection}/{}", metadata["name"].as_str().unwrap());
            cluster.merge_if_there(
                &path,
                "kube-controller-manager",
                &json!({ "metadata": { "finalizers": null } }),
            );
        }
    }
}

/// As the namespace controller, once everything in it is gone.
pub fn finish_namespace(name: &str) {
    let path = format!("/api/v1/namespaces/{name}");
    if let Some(mut namespace) = shared().get(&path) {
        namespace["spec"]["finalizers"] = json!([]);
        shared().put(&format!("{path}/finalize"), &namespace);
    }
}
