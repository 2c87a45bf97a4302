//! The typed plan: from texts to a [`Spec`], or to every problem at once.
//!
//! Pure: no file, clock, network or async. Whoever calls hands over the texts; `cli` does. Depends on no
//! other module of vvbill.
//!
//! A text becomes a tree of nodes with spans; trees that `extends`, `--var-file` and `--set`
//! name are laid over one another ([`load()`]); the result is checked against the JSON Schema of the types
//! below ([`schema()`]) and, when nothing is wrong, becomes a [`Spec`].

mod aurora;
mod check;
mod codes;
mod cost;
pub mod diagnostic;
mod edge;
pub mod edit;
mod eks;
mod explain;
mod ingest;
mod kafka;
mod load;
mod load_balancer;
mod local;
mod metadata;
mod monitoring;
mod network;
mod objectives;
mod operators;
mod path;
mod policy;
mod redis;
mod regions;
mod rollout;
pub mod rules;
mod schema;
mod source;
mod state;
mod tuning;
mod units;
mod workload;
mod yaml;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use aurora::*;
pub use codes::{UnknownCode, all_codes, explain_code};
pub use cost::*;
pub use diagnostic::{Diagnostic, DiagnosticView, RelatedView, Severity};
pub use edge::*;
pub use eks::*;
pub use explain::{UnknownField, explain_field};
pub use ingest::*;
pub use kafka::*;
pub use load::{Loaded, MAX_EXTENDS, Overrides, Problems, load};
pub use load_balancer::*;
pub use local::*;
pub use metadata::*;
pub use monitoring::*;
pub use network::*;
pub use objectives::*;
pub use operators::*;
pub use path::{FieldPath, PathError, Segment, SpanMap};
pub use policy::{BrokenPolicy, Policy, Undecided, broken};
pub use redis::*;
pub use regions::*;
pub use rollout::*;
pub use schema::schema;
pub use source::{Excerpt, SourceId, Sources, Span};
pub use state::*;
pub use tuning::*;
pub use units::*;
pub use workload::*;
pub use yaml::MAX_BYTES;

/// A plan: everything that a billing-event platform is, on one target.
///
/// A section that is `None` is not part of the platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "vvbill plan")]
pub struct Spec {
    /// Another plan, relative to this one, that this one is laid over: maps are merged, everything else is
    /// replaced, and `null` takes a key away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extends: Option<String>,
    /// Name, environment and tags.
    pub metadata: Metadata,
    /// Where it runs: `aws` or `local`.
    pub target: Target,
    /// Needed on AWS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regions: Option<Regions>,
    /// Needed on AWS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<Network>,
    /// The Kubernetes cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eks: Option<Eks>,
    /// Operators in the cluster, by name: what the plan needs is there without being named (`strimzi`,
    /// `aws-load-balancer-controller`, `prometheus`, `cluster-autoscaler`, `karpenter`), further ones are added.
    #[serde(default)]
    #[schemars(extend("propertyNames" = units::key_names()))]
    pub operators: BTreeMap<String, Operator>,
    /// Deployments, by name.
    #[serde(default)]
    #[schemars(extend("propertyNames" = units::key_names()))]
    pub workloads: BTreeMap<String, Workload>,
    /// The database shards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aurora: Option<Aurora>,
    /// The Kafka cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kafka: Option<Kafka>,
    /// The write-behind buffer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buffer: Option<Buffer>,
    /// The cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<Cache>,
    /// The load balancer of each region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_balancer: Option<LoadBalancer>,
    /// DNS and CloudFront.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edge: Option<Edge>,
    /// Kernel settings and limits of the nodes.
    #[serde(default)]
    pub operating_system: OperatingSystem,
    /// The application's HTTP server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gunicorn: Option<Gunicorn>,
    /// The bundled ingestion service. Unset: it doesn't run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ingest: Option<Ingest>,
    /// Unset: no Prometheus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monitoring: Option<Monitoring>,
    /// Alerts, by name.
    #[serde(default)]
    #[schemars(extend("propertyNames" = units::key_names()))]
    pub alerts: BTreeMap<String, Alert>,
    /// What the platform promises.
    #[serde(default)]
    pub success_metrics: SuccessMetrics,
    /// The bottleneck table, by component: `database`, `application`, `cache`, `kafka`, `load-balancer`.
    #[serde(default)]
    #[schemars(extend("propertyNames" = units::key_names()))]
    pub sizing: SizingTable,
    /// Price book, budget and amounts.
    #[serde(default)]
    pub cost: Cost,
    /// What `plan` and `apply` hold a plan to before anything is done.
    #[serde(default)]
    pub policy: Vec<Policy>,
    /// The weeks of the rollout, by id: `week-1` …
    #[serde(default)]
    #[schemars(extend("propertyNames" = units::key_names()))]
    pub rollout: Rollout,
    /// Where the state is kept.
    #[serde(default)]
    pub state: StateSettings,
    /// Folder, ports and programs of the local target.
    #[serde(default)]
    pub local: Local,
}
