//! The two Redis stores: the write-behind buffer that must not lose, and the cache that may forget.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::units::{Bytes, Duration, Port, SecretReference, TimeWindow};

/// The write-behind buffer: a Redis master, its replicas and their Sentinels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Buffer {
    /// Version of Redis. Default `7.0`.
    #[serde(default = "default_version")]
    pub version: String,
    /// Replicas besides the master. Default 2.
    #[serde(default = "two")]
    #[schemars(range(min = 0, max = 20))]
    pub replicas: u32,
    /// Port of master and replicas. On the local target `local.ports` and `local.port_base` decide. Default 6379.
    #[serde(default = "default_port")]
    pub port: Port,
    /// Who elects a new master. Unset: nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sentinel: Option<Sentinel>,
    /// Password of master and replicas (`requirepass` and `masterauth`). Unset: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<SecretReference>,
    /// Most memory for data.
    pub maxmemory: Bytes,
    /// What goes when memory is full. A buffer that must not lose needs `noeviction`, the default.
    #[serde(default)]
    pub maxmemory_policy: EvictionPolicy,
    /// When a snapshot is written. Empty: never.
    #[serde(default)]
    pub save: Vec<SavePoint>,
    /// Logs each write to disk. Default true.
    #[serde(default = "super::eks::yes")]
    pub appendonly: bool,
    /// When the log is synced. Default `everysec`, as in Redis: up to a second is lost with the machine.
    #[serde(default)]
    pub appendfsync: AppendSync,
    /// Background work a second, 1 to 500. Default 10, as in Redis.
    #[serde(default = "default_hz")]
    #[schemars(range(min = 1, max = 500))]
    pub hz: u32,
    /// Commands that take longer are logged. Default 10ms, as in Redis.
    #[serde(default = "default_slowlog")]
    pub slowlog_slower_than: Duration,
    /// Slow commands kept. Default 128, as in Redis.
    #[serde(default = "default_slowlog_length")]
    pub slowlog_max_len: u32,
    /// Interval of TCP keepalive. Default 300s, as in Redis.
    #[serde(default = "five_minutes")]
    pub tcp_keepalive: Duration,
    /// Connections that may wait to be accepted; the kernel's `somaxconn` caps it. Default 511, as in Redis.
    #[serde(default = "default_backlog")]
    pub tcp_backlog: u32,
    /// Numbered databases. Default 16, as in Redis.
    #[serde(default = "default_databases")]
    #[schemars(range(min = 1, max = 10000))]
    pub databases: u32,
    /// Idle clients are disconnected after it. Default 0s: never.
    #[serde(default)]
    pub timeout: Duration,
    /// Volume of each node on Kubernetes. Unset: twice `maxmemory`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<Bytes>,
    /// Group of nodes that the pods run on. Unset: any without taints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_group: Option<String>,
}

fn default_version() -> String {
    "7.0".to_owned()
}

const fn two() -> u32 {
    2
}

const fn default_port() -> Port {
    Port::known(6379)
}

const fn default_hz() -> u32 {
    10
}

const fn default_slowlog() -> Duration {
    Duration::from_millis(10)
}

const fn default_slowlog_length() -> u32 {
    128
}

const fn five_minutes() -> Duration {
    Duration::from_secs(300)
}

const fn default_backlog() -> u32 {
    511
}

const fn default_databases() -> u32 {
    16
}

/// Sentinels watch the master and agree on a new one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sentinel {
    /// Sentinels; three or more, and odd, so that a majority is left. Default 3.
    #[serde(default = "three")]
    #[schemars(range(min = 1, max = 15))]
    pub count: u32,
    /// Port of each. On the local target `local.ports` and `local.port_base` decide. Default 26379.
    #[serde(default = "default_sentinel_port")]
    pub port: Port,
    /// What the master is called. Default `mymaster`.
    #[serde(default = "default_master_name")]
    pub master_name: String,
    /// Sentinels that must agree that the master is down; at most `count`. Default 2.
    #[serde(default = "two")]
    #[schemars(range(min = 1, max = 15))]
    pub quorum: u32,
    /// Silence after which the master counts as down. Bounds the recovery time from below. Default 30s, as in Redis.
    #[serde(default = "thirty_seconds")]
    pub down_after: Duration,
    /// Longest a failover may take before it is tried again. Default 3m, as in Redis.
    #[serde(default = "three_minutes")]
    pub failover_timeout: Duration,
    /// Replicas that follow a new master at the same time. Default 1, as in Redis.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 20))]
    pub parallel_syncs: u32,
    /// Password that Sentinels use towards master and replicas (`auth-pass`). Unset: the buffer's `auth`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<SecretReference>,
}

const fn three() -> u32 {
    3
}

const fn one() -> u32 {
    1
}

const fn default_sentinel_port() -> Port {
    Port::known(26379)
}

fn default_master_name() -> String {
    "mymaster".to_owned()
}

const fn thirty_seconds() -> Duration {
    Duration::from_secs(30)
}

const fn three_minutes() -> Duration {
    Duration::from_secs(180)
}

/// A snapshot after so long with so many changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SavePoint {
    /// Time since the last snapshot.
    pub after: Duration,
    /// Changes since the last snapshot.
    pub changes: u32,
}

/// What Redis drops when its memory is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EvictionPolicy {
    /// Nothing: writes fail instead.
    #[default]
    #[serde(rename = "noeviction")]
    NoEviction,
    /// The key unused for longest.
    AllkeysLru,
    /// The key used least.
    AllkeysLfu,
    /// Any key.
    AllkeysRandom,
    /// Of keys that expire, the one unused for longest.
    VolatileLru,
    /// Of keys that expire, the one used least.
    VolatileLfu,
    /// Of keys that expire, any.
    VolatileRandom,
    /// Of keys that expire, the one that expires first.
    VolatileTtl,
}

impl EvictionPolicy {
    /// As Redis spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoEviction => "noeviction",
            Self::AllkeysLru => "allkeys-lru",
            Self::AllkeysLfu => "allkeys-lfu",
            Self::AllkeysRandom => "allkeys-random",
            Self::VolatileLru => "volatile-lru",
            Self::VolatileLfu => "volatile-lfu",
            Self::VolatileRandom => "volatile-random",
            Self::VolatileTtl => "volatile-ttl",
        }
    }
}

/// When Redis syncs its log of writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AppendSync {
    /// Before each answer.
    Always,
    /// Every second.
    #[default]
    Everysec,
    /// When the kernel likes.
    No,
}

impl AppendSync {
    /// As Redis spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Everysec => "everysec",
            Self::No => "no",
        }
    }
}

/// The cache: an ElastiCache replication group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    /// Replication group's id; AWS allows 40 characters. Default `billing-cache`.
    #[serde(default = "default_cache_identifier")]
    pub identifier: String,
    /// What it is for, as the console shows it.
    #[serde(default)]
    pub description: String,
    /// Default `redis`.
    #[serde(default)]
    pub engine: CacheEngine,
    /// Version of the engine, such as `7.0`; 7.1 is ElastiCache's last Redis.
    pub engine_version: String,
    /// Node type, such as `cache.r6g.xlarge` (4 vCPU, 26.32 GiB). Needed on AWS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_type: Option<String>,
    /// Nodes without cluster mode: one primary, the others replicas; AWS allows 6. Default 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 6))]
    pub nodes: u32,
    /// Spreads keys over shards; takes the place of `nodes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_mode: Option<ClusterMode>,
    /// Default 6379.
    #[serde(default = "default_port")]
    pub port: Port,
    /// Makes a replica primary when the primary is gone. Default false.
    #[serde(default)]
    pub automatic_failover: bool,
    /// Puts nodes into several zones. Default false.
    #[serde(default)]
    pub multi_az: bool,
    /// How long snapshots are kept; AWS allows 0s (none) to 35d. Default 0s.
    #[serde(default)]
    pub snapshot_retention: Duration,
    /// When the daily snapshot is taken, UTC, at least 60 minutes. Unset: AWS chooses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_window: Option<TimeWindow>,
    /// Encrypts what is on disk. Default true.
    #[serde(default = "super::eks::yes")]
    pub at_rest_encryption: bool,
    /// TLS to clients and between nodes. Default true.
    #[serde(default = "super::eks::yes")]
    pub transit_encryption: bool,
    /// Password; needs TLS; 16 to 128 characters, of specials only `!&#$^<>-`. Unset: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_token: Option<SecretReference>,
    /// Whether a write waits until it is safe: `sync` needs Valkey 9, cluster mode, Multi-AZ and TLS. Unset: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub durability: Option<Durability>,
    /// Family of the parameter group, such as `redis7`. Unset: from the engine version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameter_family: Option<String>,
    /// Name of the parameter group. Unset: from the plan's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameter_group: Option<String>,
    /// Settings of the engine, such as `maxmemory-policy`.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
}

fn default_cache_identifier() -> String {
    "billing-cache".to_owned()
}

/// Which engine ElastiCache runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CacheEngine {
    /// Redis, up to 7.1.
    #[default]
    Redis,
    /// Redis' open successor, 20 % cheaper.
    Valkey,
}

/// Shards of a cache in cluster mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClusterMode {
    /// Shards; AWS allows 500 with a raised quota, 90 nodes without.
    #[schemars(range(min = 1, max = 500))]
    pub shards: u32,
    /// Replicas of each shard, 0 to 5.
    #[schemars(range(min = 0, max = 5))]
    pub replicas_per_shard: u32,
}

/// When ElastiCache acknowledges a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// A write is acknowledged when it is safe in two zones.
    Sync,
    /// A write is acknowledged at once.
    Async,
}
