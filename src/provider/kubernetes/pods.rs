//! Pods that are to go, by the means that a cluster has for it: evicted, which a disruption budget may refuse, or
//! rolled by Strimzi.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::client::Clusters;
use super::cluster::Cluster;
use crate::provider::ProviderError;

/// A pod that runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// Its address within the cluster.
    pub address: Option<String>,
    /// The zone of its node.
    pub zone: Option<String>,
    /// It passes its checks.
    pub is_ready: bool,
}

/// Has Strimzi roll the pod that bears it, at its next look: `strimzi.io/manual-rolling-update` of Strimzi's
/// documentation, "Rolling pods using an annotation".
const ROLL: &str = "strimzi.io/manual-rolling-update";
const ZONE: &str = "topology.kubernetes.io/zone";

impl Clusters {
    /// The pods of a namespace with these labels, by name.
    pub async fn pods(
        &self,
        cluster: &Cluster,
        namespace: &str,
        labels: &str,
    ) -> Result<Vec<Pod>, ProviderError> {
        let standing = self.of(cluster).await?;
        let nodes = standing.list("v1", "Node", None, "").await?;
        let zones: BTreeMap<String, String> = nodes
            .iter()
            .filter_map(|node| {
                let zone = node["metadata"]["labels"][ZONE].as_str()?;
                Some((node["metadata"]["name"].as_str()?.to_owned(), zone.to_owned()))
            })
            .collect();
        let pods = standing.list("v1", "Pod", Some(namespace), labels).await?;
        let mut pods: Vec<Pod> = pods.iter().map(|pod| read(pod, &zones)).collect();
        pods.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(pods)
    }

    /// Asks for a pod's eviction.
    ///
    /// # Errors
    /// Also where a disruption budget has no room for it.
    pub async fn evict(&self, cluster: &Cluster, namespace: &str, pod: &str) -> Result<(), ProviderError> {
        let eviction = json!({
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": { "name": pod, "namespace": namespace },
        });
        let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}/eviction");
        let standing = self.of(cluster).await?;
        standing
            .post(&format!("evicting {namespace}/{pod}"), &path, &eviction)
            .await
    }

    /// Has Strimzi roll a broker's pod.
    pub async fn roll(&self, cluster: &Cluster, namespace: &str, pod: &str) -> Result<(), ProviderError> {
        let note = json!({ "metadata": { "annotations": { ROLL: "true" } } });
        let path = format!("/api/v1/namespaces/{namespace}/pods");
        let standing = self.of(cluster).await?;
        standing
            .note(&format!("rolling {namespace}/{pod}"), &path, pod, &note)
            .await
    }
}

fn read(pod: &Value, zones: &BTreeMap<String, String>) -> Pod {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let conditions = pod["status"]["conditions"].as_array();
    let is_ready = |condition: &Value| condition["type"] == "Ready" && condition["status"] == "True";
    let node = pod["spec"]["nodeName"].as_str().unwrap_or_default();
    Pod {
        name: text(&pod["metadata"]["name"]).unwrap_or_default(),
        address: text(&pod["status"]["podIP"]),
        zone: zones.get(node).cloned(),
        is_ready: conditions.into_iter().flatten().any(is_ready),
    }
}
