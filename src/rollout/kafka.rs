//! Asks Kafka itself: who is there, how topics are kept, and whether what it acknowledged can be read.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use futures::future::join_all;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde::{Deserialize, Serialize};

use super::step::Trouble;
use crate::load::Workload;
use crate::load::workload::Series;

const TIMEOUT: Duration = Duration::from_secs(10);

/// A cluster, by its bootstrap servers.
#[derive(Clone, Debug)]
pub(super) struct Cluster {
    servers: String,
}

/// One partition as the cluster keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Partition {
    pub(super) number: i32,
    pub(super) leader: i32,
    pub(super) replicas: usize,
    pub(super) in_sync: usize,
}

/// What the cluster says of itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    /// Broker → `host:port`.
    pub(super) brokers: BTreeMap<i32, String>,
    /// Topic → its partitions.
    pub(super) topics: BTreeMap<String, Vec<Partition>>,
}

/// What was sent, so that it can be read again: the events, and the offsets that they lie between.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Sent {
    pub(super) workload: Workload,
    topic: String,
    from: BTreeMap<i32, i64>,
    to: BTreeMap<i32, i64>,
}

/// What came of sending.
#[derive(Debug)]
pub(super) struct Sending {
    pub(super) sent: Sent,
    /// Events that all in-sync replicas have.
    pub(super) acknowledged: u64,
    /// The first refusal.
    pub(super) refusal: Option<String>,
    /// Longest time between an acknowledgement and the next.
    pub(super) longest_pause: Duration,
}

/// What was found again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Events that are there, to the byte.
    pub(super) events: u64,
    /// Further copies of them.
    pub(super) doubled: u64,
}

impl Cluster {
    pub(super) fn of(servers: &[String]) -> Result<Self, Trouble> {
        match servers.is_empty() {
            true => Err(Trouble(
                "the platform offers no Kafka: apply its plan first".into(),
            )),
            false => Ok(Self {
                servers: servers.join(","),
            }),
        }
    }

    fn failed(&self, error: &KafkaError) -> Trouble {
        Trouble::new(format_args!("Kafka at {}", self.servers), error)
    }

    fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.servers)
            .set("client.id", "vvbill-rollout")
            .set("reconnect.backoff.max.ms", "1000");
        config
    }

    fn consumer(&self) -> Result<BaseConsumer, Trouble> {
        self.config()
            .set("group.id", "vvbill-rollout")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "error")
            .create()
            .map_err(|error| self.failed(&error))
    }

    /// Runs what blocks.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, Trouble> {
        let cluster = self.clone();
        match tokio::task::spawn_blocking(move || work(&cluster)).await {
            Ok(result) => result,
            Err(why) => Err(Trouble::new("the look at Kafka broke off", why)),
        }
    }

    /// Brokers, topics, partitions, replicas.
    pub(super) async fn layout(&self) -> Result<Layout, Trouble> {
        self.blocking(|cluster| {
            let metadata = cluster
                .consumer()?
                .fetch_metadata(None, TIMEOUT)
                .map_err(|error| cluster.failed(&error))?;
            let brokers = metadata.brokers().iter();
            let topics = metadata.topics().iter().map(|topic| {
                let partitions = topic.partitions().iter().map(|partition| Partition {
                    number: partition.id(),
                    leader: partition.leader(),
                    replicas: partition.replicas().len(),
                    in_sync: partition.isr().len(),
                });
                (topic.name().to_owned(), partitions.collect())
            });
            Ok(Layout {
                brokers: brokers
                    .map(|broker| (broker.id(), format!("{}:{}", broker.host(), broker.port())))
                    .collect(),
                topics: topics.collect(),
            })
        })
        .await
    }

    /// A topic's settings as the brokers hold them.
    pub(super) async fn settings(&self, topic: &str) -> Result<BTreeMap<String, String>, Trouble> {
        let admin: AdminClient<DefaultClientContext> =
            self.config().create().map_err(|error| self.failed(&error))?;
        let answers = admin
            .describe_configs(
                [&ResourceSpecifier::Topic(topic)],
                &AdminOptions::new().request_timeout(Some(TIMEOUT)),
            )
            .await
            .map_err(|error| self.failed(&error))?;
        let mut settings = BTreeMap::new();
        for answer in answers {
            let answer =
                answer.map_err(|code| Trouble::new(format_args!("Kafka does not describe {topic}"), code))?;
            let entries = answer.entries.into_iter();
            settings.extend(entries.filter_map(|entry| Some((entry.name, entry.value?))));
        }
        Ok(settings)
    }

    /// Clients that a consumer group consists of, as the group's coordinator says.
    pub(super) async fn members(&self, group: &str) -> Result<usize, Trouble> {
        let group = group.to_owned();
        self.blocking(move |cluster| {
            let groups = cluster
                .consumer()?
                .client()
                .fetch_group_list(Some(&group), TIMEOUT)
                .map_err(|error| cluster.failed(&error))?;
            let found = groups.groups().iter().find(|found| found.name() == group);
            Ok(found.map_or(0, |found| found.members().len()))
        })
        .await
    }

    /// A producer whose events all in-sync replicas have once they are acknowledged, each sent at once.
    pub(super) fn prompt_producer(&self, patience: Duration) -> Result<FutureProducer, Trouble> {
        self.config()
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("partitioner", "murmur2_random")
            .set("linger.ms", "0")
            .set("message.timeout.ms", patience.as_millis().max(1).to_string())
            .create()
            .map_err(|error| self.failed(&error))
    }

    /// Sends a whole workload, idempotent and acknowledged by all in-sync replicas, evenly over `within`.
    pub(super) async fn send(
        &self,
        topic: &str,
        workload: &Workload,
        within: Duration,
        patience: Duration,
    ) -> Result<Sending, Trouble> {
        let from = self.ends(topic).await?;
        let producer: FutureProducer = self
            .config()
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("partitioner", "murmur2_random")
            .set("linger.ms", "5")
            .set("message.timeout.ms", patience.as_millis().to_string())
            .create()
            .map_err(|error| self.failed(&error))?;
        let series = Series::new(workload);
        let started = Instant::now();
        let acknowledged: Mutex<Vec<Instant>> = Mutex::new(vec![started]);
        let refusal: Mutex<Option<String>> = Mutex::new(None);
        let to = Mutex::new(from.clone());
        let sending = (0..workload.count).map(|index| {
            let (series, producer, acknowledged) = (&series, &producer, &acknowledged);
            let (refusal, to) = (&refusal, &to);
            async move {
                let due = within.mul_f64(index as f64 / workload.count.max(1) as f64);
                tokio::time::sleep_until((started + due).into()).await;
                let item = series.item(index);
                let key = series.account_id(item.account).to_string();
                let record = FutureRecord::to(topic).key(&key).payload(&item.body);
                match producer.send(record, patience).await {
                    Ok(delivery) => {
                        let now = Instant::now();
                        let mut times = acknowledged.lock().expect("nobody panics while holding it");
                        times.push(now);
                        let mut to = to.lock().expect("nobody panics while holding it");
                        let end = to.entry(delivery.partition).or_default();
                        *end = delivery.offset.saturating_add(1).max(*end);
                    }
                    Err((error, _)) => {
                        let mut first = refusal.lock().expect("nobody panics while holding it");
                        first.get_or_insert_with(|| error.to_string());
                    }
                }
            }
        });
        join_all(sending).await;
        let mut times = acknowledged.into_inner().expect("nobody panics while holding it");
        times.sort();
        let pauses = times.windows(2).map(|pair| pair[1] - pair[0]);
        Ok(Sending {
            sent: Sent {
                workload: workload.clone(),
                topic: topic.to_owned(),
                from,
                to: to.into_inner().expect("nobody panics while holding it"),
            },
            acknowledged: times.len() as u64 - 1,
            refusal: refusal.into_inner().expect("nobody panics while holding it"),
            longest_pause: pauses.max().unwrap_or_default(),
        })
    }

    /// Reads everything between the offsets and counts the workload's events.
    pub(super) async fn read_back(&self, sent: &Sent) -> Result<Found, Trouble> {
        let sent = sent.clone();
        self.blocking(move |cluster| cluster.read(&sent)).await
    }

    fn read(&self, sent: &Sent) -> Result<Found, Trouble> {
        let failed = |error: KafkaError| self.failed(&error);
        let consumer = self.consumer()?;
        let mut remaining: HashMap<i32, i64> = HashMap::new();
        let mut assignment = TopicPartitionList::new();
        for (partition, end) in &sent.to {
            let start = *sent.from.get(partition).unwrap_or(&0);
            if start < *end {
                remaining.insert(*partition, *end);
                assignment
                    .add_partition_offset(&sent.topic, *partition, Offset::Offset(start))
                    .map_err(failed)?;
            }
        }
        consumer.assign(&assignment).map_err(failed)?;
        let series = Series::new(&sent.workload);
        let mut copies: HashMap<Vec<u8>, u64> = (0..sent.workload.count)
            .map(|index| (series.item(index).body, 0))
            .collect();
        while !remaining.is_empty() {
            let message = match consumer.poll(TIMEOUT) {
                Some(Ok(message)) => message,
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    remaining.remove(&partition);
                    continue;
                }
                // The client goes on by itself where a broker is away.
                Some(Err(error)) if is_passing(&error) => continue,
                Some(Err(error)) => return Err(failed(error)),
                None => {
                    let why = format!("no record came for {} s", TIMEOUT.as_secs());
                    return Err(Trouble::new(format_args!("Kafka at {}", self.servers), why));
                }
            };
            let in_range = remaining
                .get(&message.partition())
                .is_some_and(|end| message.offset() < *end);
            if in_range && let Some(copies) = copies.get_mut(message.payload().unwrap_or_default()) {
                *copies += 1;
            }
            if remaining
                .get(&message.partition())
                .is_some_and(|end| message.offset() + 1 >= *end)
            {
                remaining.remove(&message.partition());
            }
        }
        Ok(Found {
            events: copies.values().filter(|copies| **copies > 0).count() as u64,
            doubled: copies.values().map(|copies| copies.saturating_sub(1)).sum(),
        })
    }

    /// The next offset of each partition.
    async fn ends(&self, topic: &str) -> Result<BTreeMap<i32, i64>, Trouble> {
        let topic = topic.to_owned();
        self.blocking(move |cluster| {
            let consumer = cluster.consumer()?;
            let failed = |error: KafkaError| cluster.failed(&error);
            let metadata = consumer.fetch_metadata(Some(&topic), TIMEOUT).map_err(failed)?;
            let partitions = metadata.topics().iter().flat_map(|topic| topic.partitions());
            partitions
                .map(|partition| {
                    let ends = consumer.fetch_watermarks(&topic, partition.id(), TIMEOUT);
                    Ok((partition.id(), ends.map_err(failed)?.1))
                })
                .collect()
        })
        .await
    }
}

/// A broker that is away, which the client outlives.
fn is_passing(error: &KafkaError) -> bool {
    use rdkafka::error::RDKafkaErrorCode as Code;
    matches!(
        error,
        KafkaError::MessageConsumption(
            Code::BrokerTransportFailure | Code::AllBrokersDown | Code::OperationTimedOut
        ) | KafkaError::Global(Code::BrokerTransportFailure | Code::AllBrokersDown)
    )
}
