//! Who can strike a part of the platform, and bring it back.

use std::collections::BTreeMap;

use futures::future::{BoxFuture, FutureExt, ready};

use super::Trouble;
use super::catalogue::Drill;
use crate::failover::Regions;

/// One part of the platform to strike, by what the system itself calls it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Blow {
    /// A Kafka broker.
    Broker {
        /// Its node id.
        node: i32,
        /// `host:port` as its clients know it.
        endpoint: String,
    },
    /// A Redis server of the buffer.
    Redis {
        /// `host:port` as Sentinel knows it.
        endpoint: String,
    },
    /// A Sentinel.
    Sentinel {
        /// `host:port`.
        endpoint: String,
    },
    /// The Postgres of a shard's member; who watches it goes on.
    Postgres {
        /// The shard.
        shard: u16,
        /// `host:port`.
        endpoint: String,
    },
    /// A shard's member as a whole, Postgres and who watches it.
    Member {
        /// The shard.
        shard: u16,
        /// `host:port` of its Postgres.
        endpoint: String,
    },
    /// A process of the API.
    Api {
        /// Its base URL.
        url: String,
    },
    /// A worker, counted from 1.
    Worker {
        /// Which.
        number: u32,
    },
    /// A member of etcd, counted from 1.
    Etcd {
        /// Which.
        number: u32,
    },
    /// A database cluster of RDS, which fails over.
    Cluster {
        /// Where it is.
        region: String,
        /// Its identifier.
        id: String,
    },
    /// A pod, which is evicted.
    Pod {
        /// Its name.
        name: String,
    },
    /// A broker's pod, which Strimzi rolls.
    Roll {
        /// Its name.
        name: String,
    },
    /// The cache, which ElastiCache fails over.
    Cache,
}

impl Blow {
    /// In words: `Kafka's broker 2 (127.0.0.1:18001)`.
    pub fn words(&self) -> String {
        match self {
            Self::Broker { node, endpoint } => format!("Kafka's broker {node} ({endpoint})"),
            Self::Redis { endpoint } => format!("Redis ({endpoint})"),
            Self::Sentinel { endpoint } => format!("Sentinel ({endpoint})"),
            Self::Postgres { shard, endpoint } => format!("shard {shard}'s Postgres ({endpoint})"),
            Self::Member { shard, endpoint } => format!("shard {shard}'s member ({endpoint})"),
            Self::Api { url } => format!("the API ({url})"),
            Self::Worker { number } => format!("worker {number}"),
            Self::Etcd { number } => format!("etcd's member {number}"),
            Self::Cluster { region, id } => format!("the database cluster {id} ({region})"),
            Self::Pod { name } => format!("the pod {name}"),
            Self::Roll { name } => format!("the broker's pod {name}"),
            Self::Cache => "the cache".into(),
        }
    }
}

/// Strikes and heals. What was struck stays away until [`Faults::heal`], unless the platform itself brings it back.
pub trait Faults: Send + Sync {
    /// What is not there or not well, as far as only the target knows; in words.
    fn missing(&self) -> BoxFuture<'_, Vec<String>>;
    /// Whom a drill strikes, where only the target knows; none: the system is asked.
    fn named(&self, drill: Drill) -> BoxFuture<'_, Result<Option<Vec<Blow>>, Trouble>> {
        let _ = drill;
        ready(Ok(None)).boxed()
    }
    /// What each zone holds, by the zone's name.
    fn zones(&self) -> BoxFuture<'_, Result<BTreeMap<String, Vec<Blow>>, Trouble>>;
    /// Its two regions, where it has a second that can be moved to from here.
    fn regions(&self) -> Option<&Regions> {
        None
    }
    /// Strikes; answers when it has hit.
    fn strike<'a>(&'a self, blow: &'a Blow) -> BoxFuture<'a, Result<(), Trouble>>;
    /// Brings everything back that was struck; answers when it can be depended on. Said again, it does nothing.
    fn heal(&self) -> BoxFuture<'_, Result<(), Trouble>>;
}
