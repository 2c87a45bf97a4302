//! Kafka's side: every record again, judged again, and the origins of all dead letters.

use crate::{
    config,
    dead_letter::Letter,
    event::{self, AccountId, EventId, Timestamp, Window},
    log_identity::LogIdentity,
    service::ServiceError,
};
use rdkafka::{
    ClientConfig, Message, Offset, Timestamp as KafkaTimestamp, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
};
use std::{collections::HashSet, sync::Arc, time::Duration};
use tokio::sync::mpsc;

/// One record of the log.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) partition: i32,
    pub(super) offset: i64,
    /// Hours since 1970, by Kafka's time.
    pub(super) hour: i64,
    pub(super) content: Content,
}

#[derive(Debug, Clone)]
pub(super) enum Content {
    Good(Box<Good>),
    Bad,
}

/// What its row must say.
#[derive(Debug, Clone)]
pub(super) struct Good {
    pub(super) account: AccountId,
    pub(super) id: EventId,
    pub(super) id_time: Timestamp,
    pub(super) occurred_at: Timestamp,
    pub(super) quantity: i64,
    pub(super) metric: String,
    pub(super) properties: Option<String>,
}

/// Reads topics without joining a group.
pub(super) struct LogReader {
    kafka: config::Kafka,
    log: Arc<LogIdentity>,
}

type Records = mpsc::Receiver<Result<Record, ServiceError>>;

const TIMEOUT: Duration = Duration::from_secs(10);
/// A broker that is silent for this long ends the reading.
const SILENCE: Duration = Duration::from_secs(30);
const QUEUE: usize = 4_096;

impl LogReader {
    pub(super) fn new(kafka: &config::Kafka, log: Arc<LogIdentity>) -> Self {
        Self {
            kafka: kafka.clone(),
            log,
        }
    }

    fn consumer(&self) -> Result<BaseConsumer, KafkaError> {
        ClientConfig::new()
            .set("bootstrap.servers", &self.kafka.kafka_brokers)
            .set("client.id", "vvbill-ingest-reconcile")
            .set("group.id", "vvbill-ingest-reconcile")
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "error")
            .set("fetch.queue.backoff.ms", "5")
            .set("queued.max.messages.kbytes", "32768")
            .create()
    }

    /// Partitions of the events topic with the oldest offset of each.
    pub(super) async fn partitions(&self) -> Result<Vec<(i32, i64)>, ServiceError> {
        let consumer = self.consumer()?;
        let topic = self.log.topic.clone();
        blocking(move || {
            let bounds = bounds(&consumer, &topic)?;
            Ok(bounds
                .into_iter()
                .map(|(partition, oldest, _)| (partition, oldest))
                .collect())
        })
        .await
    }

    /// Origins (partition, offset) of the dead letters of this log, each once.
    pub(super) async fn dead_letters(&self) -> Result<HashSet<(i32, i64)>, ServiceError> {
        let consumer = self.consumer()?;
        let (topic, log) = (self.kafka.dead_letter_topic.clone(), Arc::clone(&self.log));
        blocking(move || {
            let mut origins = HashSet::new();
            for (partition, oldest, end) in bounds(&consumer, &topic)? {
                each(&consumer, &topic, partition, oldest, end, |message| {
                    let payload = message.payload().unwrap_or_default();
                    // What others put there is no origin of ours.
                    if let Ok(letter) = serde_json::from_slice::<Letter>(payload)
                        && letter.cluster_id == log.cluster_id
                        && letter.topic_id == log.topic_id.to_string()
                    {
                        origins.insert((letter.partition, letter.offset));
                    }
                    true
                })?;
            }
            Ok(origins)
        })
        .await
    }

    /// The records of `[from, to)`, in order.
    pub(super) fn read(&self, partition: i32, from: i64, to: i64, window: Window) -> Records {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let (consumer, topic) = (self.consumer(), self.log.topic.clone());
        tokio::task::spawn_blocking(move || {
            let result = consumer.map_err(ServiceError::from).and_then(|consumer| {
                each(&consumer, &topic, partition, from, to, |message| {
                    sender.blocking_send(Ok(record(message, window))).is_ok()
                })
            });
            if let Err(error) = result {
                let _ = sender.blocking_send(Err(error));
            }
        });
        receiver
    }
}

fn record(message: &rdkafka::message::BorrowedMessage<'_>, window: Window) -> Record {
    let millis = match message.timestamp() {
        KafkaTimestamp::LogAppendTime(ms) | KafkaTimestamp::CreateTime(ms) => ms,
        KafkaTimestamp::NotAvailable => 0,
    };
    let received = Timestamp::from_millis(millis);
    let parsed = event::parse(message.payload().unwrap_or_default());
    let content = match parsed.and_then(|event| event.check_time(received, window).map(|()| event)) {
        Err(_) => Content::Bad,
        Ok(event) => Content::Good(Box::new(Good {
            account: event.account,
            id: event.id,
            id_time: event.id_time(),
            occurred_at: event.occurred_at,
            quantity: event.quantity.millionths(),
            metric: event.metric.into_owned(),
            properties: event.properties.map(|json| json.into_owned()),
        })),
    };
    Record {
        partition: message.partition(),
        offset: message.offset(),
        hour: received.hour(),
        content,
    }
}

/// Each partition with its oldest offset and its end.
pub(crate) fn bounds(consumer: &BaseConsumer, topic: &str) -> Result<Vec<(i32, i64, i64)>, ServiceError> {
    let metadata = consumer.fetch_metadata(Some(topic), TIMEOUT)?;
    let partitions = metadata
        .topics()
        .first()
        .map(|topic| topic.partitions())
        .unwrap_or_default();
    let mut found = Vec::with_capacity(partitions.len());
    for partition in partitions {
        let (oldest, end) = consumer.fetch_watermarks(topic, partition.id(), TIMEOUT)?;
        found.push((partition.id(), oldest, end));
    }
    found.sort_unstable();
    Ok(found)
}

/// Visits the records of `[from, to)` until `visit` says no.
pub(crate) fn each(
    consumer: &BaseConsumer,
    topic: &str,
    partition: i32,
    from: i64,
    to: i64,
    mut visit: impl FnMut(&rdkafka::message::BorrowedMessage<'_>) -> bool,
) -> Result<(), ServiceError> {
    if from >= to {
        return Ok(());
    }
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, Offset::Offset(from))?;
    consumer.assign(&list)?;
    loop {
        let message = match consumer.poll(SILENCE) {
            Some(Ok(message)) => message,
            Some(Err(KafkaError::PartitionEOF(_))) => continue,
            Some(Err(error)) if is_passing(&error) => continue,
            Some(Err(error)) => return Err(error.into()),
            None => {
                return Err(ServiceError::Other(format!(
                    "Kafka was silent for {} s while {topic}/{partition} was read",
                    SILENCE.as_secs()
                )));
            }
        };
        if message.offset() < to && !visit(&message) {
            return Ok(());
        }
        if message.offset() + 1 >= to {
            return Ok(());
        }
    }
}

fn is_passing(error: &KafkaError) -> bool {
    use rdkafka::error::RDKafkaErrorCode::{AllBrokersDown, BrokerTransportFailure, Resolve};
    matches!(
        error.rdkafka_error_code(),
        Some(AllBrokersDown | BrokerTransportFailure | Resolve)
    )
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ServiceError> + Send + 'static,
) -> Result<T, ServiceError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(ServiceError::Other(error.to_string())),
    }
}
