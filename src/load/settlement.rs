//! When everything that was sent is durable, seen from outside: by Kafka's offsets and the shards' own
//! watermarks, never by what the service counts.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde::Deserialize;

use super::LoadError;
use super::shards::Shards;
use crate::endpoints::Endpoints;

const KAFKA_TIMEOUT: Duration = Duration::from_secs(20);
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// The next offset of each partition of a topic.
pub type Offsets = HashMap<i32, i64>;

/// Reads the log itself.
pub struct Log {
    consumer: BaseConsumer,
    servers: String,
    events_topic: String,
    dead_letter_topic: String,
}

impl std::fmt::Debug for Log {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Log")
            .field("servers", &self.servers)
            .finish_non_exhaustive()
    }
}

/// How far both topics reached at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// Of the events' topic.
    pub events: Offsets,
    /// Of the dead letters' topic.
    pub dead_letters: Offsets,
}

/// Dead letters of distinct records, by reason.
pub type DeadLetters = std::collections::BTreeMap<String, u64>;

impl Log {
    /// Connects to the platform's Kafka.
    ///
    /// # Errors
    /// When the platform has no Kafka or the client can't be made.
    pub fn open(endpoints: &Endpoints) -> Result<Self, LoadError> {
        let servers = endpoints.kafka.join(",");
        if servers.is_empty() {
            return Err(LoadError::Missing { what: "Kafka" });
        }
        let consumer = ClientConfig::new()
            .set("bootstrap.servers", &servers)
            .set("client.id", "vvbill-loadtest")
            .set("group.id", "vvbill-loadtest")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "error")
            .create()
            .map_err(|error| kafka_error(&servers, &error))?;
        Ok(Self {
            consumer,
            servers,
            events_topic: endpoints.events_topic.clone(),
            dead_letter_topic: endpoints.dead_letter_topic.clone(),
        })
    }

    /// How far both topics reach now.
    ///
    /// # Errors
    /// When Kafka doesn't say.
    pub fn mark(&self) -> Result<Mark, LoadError> {
        let failed = |error| kafka_error(&self.servers, &error);
        Ok(Mark {
            events: self.ends(&self.events_topic).map_err(failed)?,
            dead_letters: self.ends(&self.dead_letter_topic).map_err(failed)?,
        })
    }

    /// How far the events' topic reaches now.
    ///
    /// # Errors
    /// When Kafka doesn't say.
    pub fn event_ends(&self) -> Result<Offsets, LoadError> {
        self.ends(&self.events_topic)
            .map_err(|error| kafka_error(&self.servers, &error))
    }

    /// Records of the events' topic that not every shard has committed, as it stands now.
    ///
    /// # Errors
    /// When Kafka or a shard can't be asked.
    pub async fn lag(&self, shards: &Shards) -> Result<u64, LoadError> {
        let ends = tokio::task::block_in_place(|| self.event_ends())?;
        shards.lag(&self.events_topic, &ends).await
    }

    /// Waits until every shard has committed what the events' topic held when this was called.
    ///
    /// # Errors
    /// When no watermark rises for `patience`, or Kafka or a shard can't be asked for that long.
    pub async fn settle(&self, shards: &Shards, patience: Duration) -> Result<Mark, LoadError> {
        let mark = self.mark()?;
        let (mut best, mut risen_at) = (u64::MAX, Instant::now());
        loop {
            let behind = shards.behind(&self.events_topic, &mark.events).await;
            match behind {
                Ok(0) => return self.mark(),
                Ok(behind) if behind < best => (best, risen_at) = (behind, Instant::now()),
                other => {
                    if risen_at.elapsed() > patience {
                        let behind = other.map_err(|error| error.to_string());
                        let reason = match behind {
                            Ok(behind) => format!("{behind} offsets are still to be committed"),
                            Err(reason) => reason,
                        };
                        return Err(LoadError::Unsettled {
                            seconds: patience.as_secs(),
                            reason,
                        });
                    }
                }
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Records of the events' topic between two marks.
    pub fn records(from: &Mark, to: &Mark) -> u64 {
        let length = |(partition, end): (&i32, &i64)| end - from.events.get(partition).unwrap_or(&0);
        to.events.iter().map(length).sum::<i64>().unsigned_abs()
    }

    /// Reads the dead letters between two marks and counts each record that they came from once.
    ///
    /// # Errors
    /// When they can't be read, or one isn't what the service promises.
    pub fn dead_letters(&self, from: &Mark, to: &Mark) -> Result<DeadLetters, LoadError> {
        let failed = |error| kafka_error(&self.servers, &error);
        let mut remaining: HashMap<i32, i64> = HashMap::new();
        let mut assignment = TopicPartitionList::new();
        for (partition, end) in &to.dead_letters {
            let start = *from.dead_letters.get(partition).unwrap_or(&0);
            if start < *end {
                remaining.insert(*partition, *end);
                let offset = Offset::Offset(start);
                assignment
                    .add_partition_offset(&self.dead_letter_topic, *partition, offset)
                    .map_err(failed)?;
            }
        }
        self.consumer.assign(&assignment).map_err(failed)?;
        let (mut letters, mut origins) = (DeadLetters::new(), HashSet::new());
        let mut heard_at = Instant::now();
        while !remaining.is_empty() {
            let Some(polled) = self.consumer.poll(KAFKA_TIMEOUT) else {
                let reason = format!("no dead letter came for {} s", KAFKA_TIMEOUT.as_secs());
                return Err(LoadError::Kafka {
                    servers: self.servers.clone(),
                    reason,
                });
            };
            let message = match polled {
                Ok(message) => message,
                Err(KafkaError::PartitionEOF(partition)) => {
                    remaining.remove(&partition);
                    continue;
                }
                // Another broker may have them.
                Err(KafkaError::MessageConsumption(RDKafkaErrorCode::BrokerTransportFailure))
                    if heard_at.elapsed() < KAFKA_TIMEOUT =>
                {
                    continue;
                }
                Err(error) => return Err(failed(error)),
            };
            heard_at = Instant::now();
            let letter: DeadLetter =
                serde_json::from_slice(message.payload().unwrap_or_default()).map_err(|error| {
                    LoadError::Kafka {
                        servers: self.servers.clone(),
                        reason: format!("a dead letter: {error}"),
                    }
                })?;
            if origins.insert((letter.partition, letter.offset)) {
                *letters.entry(letter.reason).or_default() += 1;
            }
            if remaining
                .get(&message.partition())
                .is_some_and(|end| message.offset() + 1 >= *end)
            {
                remaining.remove(&message.partition());
            }
        }
        Ok(letters)
    }

    fn ends(&self, topic: &str) -> Result<Offsets, KafkaError> {
        let metadata = self.consumer.fetch_metadata(Some(topic), KAFKA_TIMEOUT)?;
        let partitions = metadata.topics().iter().flat_map(|topic| topic.partitions());
        let end = |partition: i32| {
            self.consumer
                .fetch_watermarks(topic, partition, KAFKA_TIMEOUT)
                .map(|(_, end)| (partition, end))
        };
        partitions.map(|partition| end(partition.id())).collect()
    }
}

/// What a run needs to know of a dead letter: why, and which record it was.
#[derive(Deserialize)]
struct DeadLetter {
    reason: String,
    partition: i32,
    offset: i64,
}

fn kafka_error(servers: &str, error: &KafkaError) -> LoadError {
    LoadError::Kafka {
        servers: servers.to_owned(),
        reason: error.to_string(),
    }
}
