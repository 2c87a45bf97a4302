//! What a target offers when it stands: the same for this machine and for AWS.
//!
//! Data only; made from the outputs in the state. Rollout, drills and load tests see nothing else.

use serde::{Deserialize, Serialize};

/// Where to reach the running platform. Passwords and keys are references (`file:…`, `env:…`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoints {
    /// Kafka's bootstrap servers, `host:port`.
    pub kafka: Vec<String>,
    /// The topic that events go through.
    pub events_topic: String,
    /// The topic that refused records go to.
    pub dead_letter_topic: String,
    /// The write-behind buffer.
    pub redis: Option<Redis>,
    /// The Postgres shards, in the order of their numbers.
    pub shards: Vec<Shard>,
    /// Base URLs of the ingestion API.
    pub api: Vec<String>,
    /// A reference to an API key that may write and read every account, where the target makes one.
    pub api_key: Option<String>,
    /// Prometheus's base URL.
    pub prometheus: Option<String>,
}

impl Endpoints {
    /// Every reference to a secret.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        let redis = self.redis.iter().map(|redis| &redis.password);
        let shards = self.shards.iter().map(|shard| &shard.password);
        redis
            .chain(shards)
            .chain([&self.api_key])
            .filter_map(|it| it.as_deref())
    }
}

/// Redis behind Sentinel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redis {
    /// Sentinels, `host:port`.
    pub sentinels: Vec<String>,
    /// The name under which they watch the master.
    pub master_name: String,
    /// A reference to the password.
    pub password: Option<String>,
}

/// One Postgres shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// Its number.
    pub number: u16,
    /// Hosts of primary and replicas, `host:port`.
    pub hosts: Vec<String>,
    /// The REST APIs of Patroni, `host:port`, where it decides who of them leads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patroni: Vec<String>,
    /// The database.
    pub database: String,
    /// The role that the service connects as.
    pub user: String,
    /// A reference to its password.
    pub password: Option<String>,
}
