//! The database: shards of Aurora PostgreSQL, or of plain PostgreSQL on the local target.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::eks::yes;
use super::units::{Duration, Port, SecretReference, TimeWindow, WeeklyWindow};

/// Shards of one kind: each a primary and its replicas.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Aurora {
    /// Cluster identifier; shard N gets `-N` behind it where there are several. AWS allows 63 characters:
    /// letters, digits, hyphens. Default `billing`.
    #[serde(default = "default_identifier")]
    pub identifier: String,
    /// `aurora-postgresql` on AWS, `postgresql` on the local target.
    pub engine: DatabaseEngine,
    /// Version of the engine, such as `15.15`; local: the installed major version, such as `15`.
    pub engine_version: String,
    /// Instance class of each member, such as `db.r6g.2xlarge` (8 vCPU, 64 GiB). Needed on AWS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_class: Option<String>,
    /// Clusters that accounts are spread over. Default 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 256))]
    pub shards: u32,
    /// Readers in each shard, besides the primary; Aurora allows 15. Default 0.
    #[serde(default)]
    #[schemars(range(min = 0, max = 15))]
    pub replicas_per_shard: u32,
    /// Name of the first database. AWS: letters, digits, underscores, at most 63.
    pub database_name: String,
    /// Name of the administrator.
    pub master_username: String,
    /// Password of the administrator. Default `managed`.
    #[serde(default = "managed")]
    pub master_password: SecretReference,
    /// Port of each shard. On the local target `local.ports` and `local.port_base` decide. Default 5432.
    #[serde(default = "default_port")]
    pub port: Port,
    /// How storage is billed: `aurora` (I/O paid by request) or `aurora-iopt1` (I/O included, instances 30 % dearer).
    /// Unset: AWS's default, `aurora`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_type: Option<AuroraStorage>,
    /// Availability zones of the members. Empty: the network's.
    #[serde(default)]
    pub zones: Vec<String>,
    /// How long backups are kept; Aurora allows 1d to 35d. Default 1d.
    #[serde(default = "one_day")]
    pub backup_retention: Duration,
    /// When the daily backup is taken, UTC, at least 30 minutes. Unset: AWS chooses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup_window: Option<TimeWindow>,
    /// When AWS may patch, such as `sun:05:00-sun:06:00`, UTC. Unset: AWS chooses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance_window: Option<WeeklyWindow>,
    /// Encrypts storage; can't be changed later. Default true.
    #[serde(default = "yes")]
    pub storage_encrypted: bool,
    /// KMS key: `managed` makes one, an ARN or alias names one. Unset: AWS's own `aws/rds`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<String>,
    /// Interval of enhanced monitoring: 0s, 1s, 5s, 10s, 15s, 30s or 60s. Default 0s (off).
    #[serde(default)]
    pub monitoring_interval: Duration,
    /// Performance Insights. Default false.
    #[serde(default)]
    pub performance_insights: bool,
    /// How long Performance Insights are kept: 7d, a multiple of 31d to 713d, or 731d. Unset: 7d.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub performance_insights_retention: Option<Duration>,
    /// Database Insights, its successor; `advanced` needs 465d of Performance Insights' retention. Unset: `standard`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database_insights: Option<DatabaseInsights>,
    /// Logs sent to CloudWatch: `postgresql`.
    #[serde(default)]
    pub log_exports: BTreeSet<String>,
    /// Family of the cluster parameter group, such as `aurora-postgresql15`. Unset: from the engine version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameter_family: Option<String>,
    /// Name of the cluster parameter group. Unset: from the plan's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameter_group: Option<String>,
    /// Settings of the engine, in the engine's own units: numbers or formulas over `{DBInstanceClassMemory}`.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    /// A pooler between the application and the shards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pooler: Option<Pooler>,
    /// Refuses deletion until it is turned off. Default true.
    #[serde(default = "yes")]
    pub deletion_protection: bool,
    /// Takes a last snapshot when a cluster is deleted. Default true.
    #[serde(default = "yes")]
    pub final_snapshot: bool,
    /// Lets AWS install minor versions in the maintenance window. Default true.
    #[serde(default = "yes")]
    pub auto_minor_version_upgrade: bool,
}

fn default_identifier() -> String {
    "billing".to_owned()
}

const fn one() -> u32 {
    1
}

const fn one_day() -> Duration {
    Duration::from_secs(86_400)
}

const fn default_port() -> Port {
    Port::known(5432)
}

fn managed() -> SecretReference {
    SecretReference::Managed
}

/// What runs the shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DatabaseEngine {
    /// Amazon Aurora, compatible with PostgreSQL.
    AuroraPostgresql,
    /// PostgreSQL itself.
    Postgresql,
}

/// How Aurora bills storage and I/O.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AuroraStorage {
    /// Storage at 0.10 USD a GB-month, I/O by request.
    #[serde(rename = "aurora")]
    Standard,
    /// Storage at 0.225 USD a GB-month, I/O included; from engine version 15.2 on.
    #[serde(rename = "aurora-iopt1")]
    IoOptimized,
}

/// Extent of Database Insights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DatabaseInsights {
    /// Seven days of history.
    Standard,
    /// 465 days of history.
    Advanced,
}

/// Shares few server connections among many clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pooler {
    /// AWS's proxy or PgBouncer.
    pub kind: PoolerKind,
    /// Most connections to each shard's server, over all poolers; below `max_connections`.
    #[schemars(range(min = 1, max = 262143))]
    pub max_server_connections: u32,
}

/// Which pooler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PoolerKind {
    /// AWS's managed proxy.
    RdsProxy,
    /// PgBouncer in pods.
    Pgbouncer,
}
