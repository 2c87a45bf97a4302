//! What the world sees: DNS with failover, and CloudFront.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::units::{Duration, Port};

/// DNS zone, records, health checks and the distribution in front of reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Edge {
    /// The Route 53 zone, such as `billing.example.com`.
    pub domain: String,
    /// Whether vvbill makes the zone or finds it. Default false: it is there.
    #[serde(default)]
    pub create_zone: bool,
    /// Records by name, relative to the zone; `@` is the zone itself.
    #[serde(default)]
    pub records: BTreeMap<String, Record>,
    /// Health checks, by name.
    #[serde(default)]
    #[schemars(extend("propertyNames" = super::units::key_names()))]
    pub health_checks: BTreeMap<String, EdgeHealthCheck>,
    /// A CloudFront distribution. Unset: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloudfront: Option<CloudFront>,
}

/// A name and where it leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// What the name stands for.
    pub to: RecordTarget,
    /// How it is answered when there are two regions. Default `simple`.
    #[serde(default)]
    pub policy: RoutingPolicy,
    /// Health check of the primary; needed for `failover`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check: Option<String>,
}

/// Where a record leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RecordTarget {
    /// The load balancer of each region.
    LoadBalancer,
    /// The distribution.
    Cloudfront,
}

/// How Route 53 chooses among regions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RoutingPolicy {
    /// The first region, always.
    #[default]
    Simple,
    /// The first region while it is healthy, else the second.
    Failover,
    /// The nearest.
    Latency,
}

/// A check from many places on earth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EdgeHealthCheck {
    /// Path that must answer with 2xx or 3xx.
    pub path: String,
    /// Default 443.
    #[serde(default = "default_port")]
    pub port: Port,
    /// 10s or 30s. Default 30s.
    #[serde(default = "default_interval")]
    pub interval: Duration,
    /// Failures in a row that count, 1 to 10. Default 3.
    #[serde(default = "default_threshold")]
    #[schemars(range(min = 1, max = 10))]
    pub failure_threshold: u32,
}

const fn default_port() -> Port {
    Port::known(443)
}

const fn default_interval() -> Duration {
    Duration::from_secs(30)
}

const fn default_threshold() -> u32 {
    3
}

/// A CloudFront distribution before the load balancers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CloudFront {
    /// Names that it answers for. Empty: only its own.
    #[serde(default)]
    pub aliases: BTreeSet<String>,
    /// ACM certificate in us-east-1: an ARN, or `managed`. Needed with aliases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// Where its caches are. Default `PriceClass_100` (North America and Europe).
    #[serde(default)]
    pub price_class: PriceClass,
    /// Goes to the second region when the first fails: for GET, HEAD and OPTIONS only. Default false.
    #[serde(default)]
    pub origin_failover: bool,
    /// Paths that go through it; a path that takes POST or PUT doesn't fail over. Default `/*`.
    #[serde(default = "all_paths")]
    pub paths: BTreeSet<String>,
}

fn all_paths() -> BTreeSet<String> {
    BTreeSet::from(["/*".to_owned()])
}

/// Where CloudFront's caches are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PriceClass {
    /// North America and Europe.
    #[default]
    #[serde(rename = "PriceClass_100")]
    Class100,
    /// Those, Asia, the Middle East and Africa.
    #[serde(rename = "PriceClass_200")]
    Class200,
    /// Everywhere.
    #[serde(rename = "PriceClass_All")]
    All,
}
