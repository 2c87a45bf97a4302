//! What runs in pods.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::units::{Bytes, CpuQuantity, Duration, Percent, Port, SecretReference};

/// A deployment of pods, with the service and autoscaler that go with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// Container image with tag or digest. `bundled` is the ingestion service that comes with vvbill.
    pub image: String,
    /// Pods wanted; with `autoscaling`, at the start.
    #[schemars(range(min = 0, max = 5000))]
    pub replicas: u32,
    /// Processor time and memory of each pod.
    pub resources: Resources,
    /// Ports of the container, by name. Unset: none.
    #[serde(default)]
    #[schemars(extend("propertyNames" = super::units::key_names()))]
    pub ports: BTreeMap<String, Port>,
    /// Arguments of the container.
    #[serde(default)]
    pub args: Vec<String>,
    /// Environment of the container; no secrets.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Environment whose values are secrets.
    #[serde(default)]
    pub secret_env: BTreeMap<String, SecretReference>,
    /// Restarts a container that fails it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub liveness: Option<Probe>,
    /// Takes a pod that fails it out of service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readiness: Option<Probe>,
    /// Adds and removes pods by load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscaling: Option<Autoscaling>,
    /// Group of nodes that the pods run on; its taints are tolerated. Unset: any without taints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_group: Option<String>,
    /// How pods are replaced by newer ones.
    #[serde(default)]
    pub strategy: Strategy,
    /// Time to stop in after SIGTERM. Default 30s.
    #[serde(default = "default_grace")]
    pub termination_grace: Duration,
    /// Fewest pods that a node drain leaves. Unset: no disruption budget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_available: Option<u32>,
    /// Paths that the load balancer sends here, such as `/v1/events`. Empty on one workload: what nobody else takes.
    #[serde(default)]
    pub routes: Vec<String>,
}

const fn default_grace() -> Duration {
    Duration::from_secs(30)
}

/// What a pod asks for and what it may take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resources {
    /// Reserved on a node.
    pub requests: Amount,
    /// Never exceeded. Unset: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Amount>,
}

/// Processor time and memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Amount {
    /// vCPUs.
    pub cpu: CpuQuantity,
    /// Memory.
    pub memory: Bytes,
}

/// An HTTP request that a pod answers with 2xx or 3xx when it is well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// Path that is asked for.
    pub path: String,
    /// Port of the container.
    pub port: Port,
    /// Wait before the first. Default 0s.
    #[serde(default)]
    pub initial_delay: Duration,
    /// Time between two. Default 10s, as in Kubernetes.
    #[serde(default = "default_period")]
    pub period: Duration,
    /// Longest wait for an answer. Default 1s, as in Kubernetes.
    #[serde(default = "default_timeout")]
    pub timeout: Duration,
    /// Failures in a row that count. Default 3, as in Kubernetes.
    #[serde(default = "default_failures")]
    pub failure_threshold: u32,
}

const fn default_period() -> Duration {
    Duration::from_secs(10)
}

const fn default_timeout() -> Duration {
    Duration::from_secs(1)
}

const fn default_failures() -> u32 {
    3
}

/// A horizontal pod autoscaler.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Autoscaling {
    /// Fewest pods.
    #[schemars(range(min = 1, max = 5000))]
    pub min: u32,
    /// Most pods.
    #[schemars(range(min = 1, max = 5000))]
    pub max: u32,
    /// Share of the requested processor time that pods are kept at on average.
    pub target_cpu: Percent,
    /// How long load must be lower before pods go. Default 5m, as in Kubernetes.
    #[serde(default = "default_scale_down")]
    pub scale_down_after: Duration,
}

const fn default_scale_down() -> Duration {
    Duration::from_secs(300)
}

/// How a rolling update goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Strategy {
    /// Pods above `replicas` for the time of an update. Default 1.
    pub max_surge: u32,
    /// Pods missing for the time of an update. Default 0.
    pub max_unavailable: u32,
}

impl Default for Strategy {
    fn default() -> Self {
        Self {
            max_surge: 1,
            max_unavailable: 0,
        }
    }
}
