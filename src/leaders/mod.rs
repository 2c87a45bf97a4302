//! Who leads where in a running platform: Kafka's controller and partitions, Redis's master, each shard's primary.
//!
//! Asks the systems themselves, through their [`Endpoints`]: Kafka, Sentinel, Patroni. Changes nothing, decides
//! nothing, prints nothing. What does not answer within seconds is told as unknown.

mod kafka;
pub mod quorum;
mod redis;
pub mod sentinel;
mod shards;

use std::time::Duration;

use serde::Serialize;

pub use kafka::Kafka;
pub use redis::Redis;
pub use shards::{Member, Shard};

use crate::endpoints::Endpoints;

/// How long one system may take to answer.
const LIMIT: Duration = Duration::from_secs(4);

/// Who leads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Leaders {
    /// Kafka; null: the platform has none.
    pub kafka: Option<Seen<Kafka>>,
    /// Redis behind Sentinel; null: the platform has none.
    pub redis: Option<Seen<Redis>>,
    /// The shards that have members, by number.
    pub shards: Vec<Seen<Shard>>,
}

/// What a system said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Seen<T> {
    /// Its answer.
    Known(T),
    /// There was none.
    Unknown {
        /// What was asked.
        what: String,
        /// Why.
        error: String,
    },
}

/// Asks all at the same time.
pub async fn look(endpoints: &Endpoints) -> Leaders {
    let kafka = async {
        match endpoints.kafka.is_empty() {
            true => None,
            false => Some(seen("kafka".into(), kafka::look(endpoints.kafka.clone())).await),
        }
    };
    let redis = async {
        let redis = endpoints.redis.as_ref()?;
        Some(seen("redis".into(), redis::look(redis)).await)
    };
    let shards = endpoints.shards.iter().filter(|shard| !shard.patroni.is_empty());
    let shards = shards.map(|shard| seen(format!("shard {}", shard.number), shards::look(shard)));
    let (kafka, redis, shards) = tokio::join!(kafka, redis, futures::future::join_all(shards));
    Leaders { kafka, redis, shards }
}

async fn seen<T>(what: String, asked: impl Future<Output = Result<T, String>>) -> Seen<T> {
    match tokio::time::timeout(2 * LIMIT, asked).await {
        Ok(Ok(found)) => Seen::Known(found),
        Ok(Err(error)) => Seen::Unknown { what, error },
        Err(_) => Seen::Unknown {
            what,
            error: format!("no answer within {} s", 2 * LIMIT.as_secs()),
        },
    }
}

impl Leaders {
    /// A line a system, for a person.
    pub fn lines(&self) -> Vec<String> {
        let kafka = self.kafka.iter().map(|seen| line(seen, Kafka::line));
        let redis = self.redis.iter().map(|seen| line(seen, Redis::line));
        let shards = self.shards.iter().map(|seen| line(seen, Shard::line));
        kafka.chain(redis).chain(shards).collect()
    }
}

fn line<T>(seen: &Seen<T>, known: fn(&T) -> String) -> String {
    match seen {
        Seen::Known(found) => known(found),
        Seen::Unknown { what, error } => format!("{what}: unknown, {error}"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn member(name: &str, role: &str, state: &str, lag_bytes: Option<u64>) -> Member {
        Member {
            name: name.into(),
            role: role.into(),
            state: state.into(),
            endpoint: "127.0.0.1:1".into(),
            timeline: Some(2),
            lag_bytes,
        }
    }

    #[test]
    fn each_system_is_one_line() {
        let leaders = Leaders {
            kafka: Some(Seen::Known(Kafka {
                controller: Some(2),
                partitions_led: BTreeMap::from([(1, 5), (2, 6)]),
                partitions_without_leader: 0,
                partitions_under_replicated: 1,
            })),
            redis: Some(Seen::Known(Redis {
                master: "127.0.0.1:6379".into(),
                replicas: vec!["127.0.0.1:6380".into()],
                sentinels_that_agree: 2,
                sentinels: 3,
            })),
            shards: vec![
                Seen::Known(Shard {
                    number: 0,
                    leader: Some("shard-0-2".into()),
                    members: vec![
                        member("shard-0-1", "replica", "streaming", Some(16)),
                        member("shard-0-2", "leader", "running", None),
                    ],
                }),
                Seen::Known(Shard {
                    number: 1,
                    leader: None,
                    members: vec![member("shard-1-1", "replica", "running", None)],
                }),
                Seen::Unknown {
                    what: "shard 2".into(),
                    error: "no answer within 8 s".into(),
                },
            ],
        };
        assert_eq!(
            leaders.lines(),
            [
                "kafka: node 2 is the controller; partitions led: 5 by node 1, 6 by node 2; 1 not in sync everywhere",
                "redis: 127.0.0.1:6379 is the master, as 2 of 3 Sentinels say; replicas: 127.0.0.1:6380",
                "shard 0: shard-0-2 leads (127.0.0.1:1, timeline 2); shard-0-1 is a replica, streaming, 16 bytes behind",
                "shard 1: nobody leads; shard-1-1 is a replica, running",
                "shard 2: unknown, no answer within 8 s",
            ]
        );
    }
}
