//! Pods that are struck: evicted and rolled, as the API server takes it.

use std::sync::Arc;

use serde_json::{Value, json};
use vvbill::provider::Connection;
use vvbill::provider::kubernetes::Clusters;

use super::cluster::shared;
use super::rig::{Rig, cluster};

fn clusters() -> Clusters {
    let connection = Connection::default();
    #[cfg(feature = "aws")]
    {
        let aws = Arc::new(vvbill::provider::aws::Aws::new(connection.clone()));
        Clusters::new(connection, aws)
    }
    #[cfg(not(feature = "aws"))]
    {
        let _ = Arc::new(());
        Clusters::new(connection)
    }
}

fn pod(rig: &Rig, name: &str, component: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": name, "namespace": rig.namespace, "labels": { "vvbill/component": component } },
        "spec": {
            "automountServiceAccountToken": false,
            "containers": [{ "name": "main", "image": "registry.example/app:1" }],
        },
    })
}

/// Protects: those with the label are found; an eviction takes one pod and leaves the other; the annotation that
/// Strimzi looks for is on the pod, whose owner's fields stay; a pod that isn't there is an error.
#[tokio::test(flavor = "multi_thread")]
async fn a_pod_is_evicted_and_another_rolled() {
    let rig = Rig::new();
    let namespace = rig.namespace.clone();
    let collection = format!("/api/v1/namespaces/{namespace}/pods");
    for (name, component) in [
        ("api-1", "ingest-api"),
        ("api-2", "ingest-api"),
        ("kafka-0", "kafka"),
    ] {
        shared().apply(&pod(&rig, name, component), false);
    }
    let (clusters, cluster) = (clusters(), cluster(None));
    let names = async |component: &str| -> Vec<String> {
        let labels = format!("vvbill/component={component}");
        let pods = clusters.pods(&cluster, &namespace, &labels).await.unwrap();
        pods.into_iter().map(|pod| pod.name).collect()
    };
    assert_eq!(names("ingest-api").await, ["api-1", "api-2"]);
    clusters.evict(&cluster, &namespace, "api-1").await.unwrap();
    assert_eq!(names("ingest-api").await, ["api-2"]);
    assert_eq!(names("kafka").await, ["kafka-0"]);

    clusters.roll(&cluster, &namespace, "kafka-0").await.unwrap();
    let live = shared().get(&format!("{collection}/kafka-0")).unwrap();
    assert_eq!(
        live["metadata"]["annotations"]["strimzi.io/manual-rolling-update"],
        "true"
    );
    assert_eq!(live["metadata"]["labels"]["vvbill/component"], "kafka");

    let absent = clusters.evict(&cluster, &namespace, "api-9").await.unwrap_err();
    assert!(
        absent.message.contains("evicting") && absent.message.contains("api-9"),
        "{absent}"
    );
}
