//! What the platform promises, what warns when it doesn't, and from what size it grows to what.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::units::{Bytes, Duration, EventRate, Percent};

/// A Prometheus alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Alert {
    /// PromQL that is true when something is wrong.
    pub expr: String,
    /// How long it must be true. Default 5m.
    #[serde(rename = "for", default = "five_minutes")]
    pub held_for: Duration,
    /// Default `warning`.
    #[serde(default)]
    pub severity: AlertSeverity,
    /// What is wrong, in a line.
    pub summary: String,
    /// What to do. Unset: nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runbook: Option<String>,
}

const fn five_minutes() -> Duration {
    Duration::from_secs(300)
}

/// How bad it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AlertSeverity {
    Info,
    #[default]
    Warning,
    /// Wakes somebody.
    Critical,
}

/// What the platform promises. What is unset isn't promised.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SuccessMetrics {
    /// Rate of events that is held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<EventRate>,
    /// How long it is held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sustained_for: Option<Duration>,
    /// Rate of the load test, above `rate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_test_rate: Option<EventRate>,
    /// Most time from Kafka to the commit for 95 of 100 events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p95_latency: Option<Duration>,
    /// Share of a month in which it works.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub availability: Option<Percent>,
    /// Most events lost in a failover; 0 means none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost_events: Option<u64>,
    /// Longest time until it works again.
    pub recovery_time: RecoveryTime,
    /// Most data lost, as time.
    pub recovery_point: RecoveryPoint,
}

/// Recovery time objectives (RTO): one for all, or one a tier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RecoveryTime {
    /// For each tier that states none of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overall: Option<Duration>,
    /// Until events are accepted again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ingest: Option<Duration>,
    /// Until the application answers again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api: Option<Duration>,
    /// Until each partition has a leader again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kafka: Option<Duration>,
    /// Until the buffer takes writes again; not below Sentinel's `down_after`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub buffer: Option<Duration>,
    /// Until the cache answers again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<Duration>,
    /// Until each shard takes writes again; Aurora: under 60s, often under 30s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<Duration>,
    /// Until the second region has taken over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<Duration>,
}

/// Recovery point objectives (RPO).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RecoveryPoint {
    /// Where nothing else is stated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overall: Option<Duration>,
    /// When something in the region is lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_region: Option<Duration>,
    /// When the region is lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cross_region: Option<Duration>,
}

/// A row of the bottleneck table: what there is, why it is too small, what is needed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sizing {
    /// What there is. Unset: nothing yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<Size>,
    /// Why it is too small.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bottleneck: Option<String>,
    /// What is needed.
    pub required: Size,
}

/// How big a component is; what is unset isn't stated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Size {
    /// Instances, nodes or brokers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instances: Option<u32>,
    /// vCPUs of each instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vcpu: Option<u32>,
    /// Memory of each instance; of all together for a cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Bytes>,
    /// What numbers don't say, such as `cluster mode`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// The bottleneck table, by component: `database`, `application`, `cache`, `kafka`, `load-balancer`.
pub type SizingTable = BTreeMap<String, Sizing>;
