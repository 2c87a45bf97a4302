//! The dead-letter topic: what could not be taken, why, and where it came from.
//!
//! A letter may be written twice (after a crash, or when the first try went unanswered); readers count
//! an origin once. It depends on Kafka alone and never decides whether an event is bad.

use crate::{
    config,
    event::Rejection,
    log_identity::LogIdentity,
    metrics::{Counter, Metrics},
};
use futures::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use rdkafka::{
    ClientConfig,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{DeliveryFuture, FutureProducer, FutureRecord},
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// Resolves when Kafka has the letter; `Err` says why it never will.
pub type Acknowledgement = Shared<BoxFuture<'static, Result<(), Arc<str>>>>;

/// Most bytes of a record that a letter repeats; the whole of it stays at its origin.
const MAX_PAYLOAD_BYTES: usize = 32 * 1024;

/// A letter's value, as JSON.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct Letter {
    /// [`Rejection::code`].
    pub reason: String,
    pub detail: String,
    pub cluster_id: String,
    pub topic_id: String,
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    /// Kafka's timestamp of the record, in milliseconds.
    pub timestamp_ms: i64,
    /// The record's value where it is UTF-8…
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
    /// …or in hexadecimal where it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload_hex: Option<String>,
    pub payload_truncated: bool,
}

/// Where a bad record lies.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    pub partition: i32,
    pub offset: i64,
    pub timestamp_ms: i64,
}

/// Writes letters. Cheap to clone.
#[derive(Clone)]
pub struct DeadLetters {
    producers: Arc<Producers>,
    topic: Arc<str>,
    log: Arc<LogIdentity>,
    metrics: Arc<Metrics>,
    processed: Arc<Counter>,
}

/// The producer, made anew when it leaves letters unanswered for too long or meets a fatal error:
/// librdkafka may never find back to a partition that had no leader for a moment (its issue 5430).
struct Producers {
    settings: ClientConfig,
    current: Mutex<Numbered>,
}

/// A producer, and how many there were before it.
#[derive(Clone)]
struct Numbered {
    number: u64,
    producer: FutureProducer,
}

/// A letter on its way, and the producer that has it.
struct Handed {
    number: u64,
    delivery: Result<DeliveryFuture, KafkaError>,
}

const RETRY_PAUSE: Duration = Duration::from_millis(200);

impl Producers {
    fn new(settings: ClientConfig) -> Result<Self, KafkaError> {
        let producer = settings.create()?;
        Ok(Self {
            settings,
            current: Mutex::new(Numbered { number: 0, producer }),
        })
    }

    fn current(&self) -> Numbered {
        self.current
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Hands a letter over. Waits only while the producer's queue is full.
    fn hand_over(&self, topic: &str, key: &str, value: &[u8]) -> Handed {
        let Numbered { number, producer } = self.current();
        let mut record = FutureRecord::to(topic).key(key).payload(value);
        loop {
            let delivery = match producer.send_result(record) {
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), again)) => {
                    record = again;
                    std::thread::sleep(Duration::from_millis(5));
                    continue;
                }
                Ok(delivery) => Ok(delivery),
                Err((error, _)) => Err(error),
            };
            return Handed { number, delivery };
        }
    }

    /// Puts a new producer in the place of that one, if nobody has done so already.
    fn renew(&self, number: u64, reason: &str) -> Result<(), KafkaError> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.number != number {
            return Ok(());
        }
        tracing::warn!(reason, "the dead letters' producer is made anew");
        let producer = self.settings.create()?;
        let number = number + 1;
        let old = std::mem::replace(&mut *current, Numbered { number, producer });
        drop(current);
        // The end of a producer takes its time.
        std::thread::spawn(move || drop(old));
        Ok(())
    }
}

/// Is it the producer that failed, or the way to Kafka, and not the letter?
fn passes(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::MessageTimedOut
                | RDKafkaErrorCode::PurgeQueue
                | RDKafkaErrorCode::PurgeInflight
                | RDKafkaErrorCode::Fatal
        )
    )
}

impl DeadLetters {
    /// A letter that is not acknowledged within `timeout` is handed to a new producer.
    pub fn new(
        kafka: &config::Kafka,
        timeout: Duration,
        log: Arc<LogIdentity>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, KafkaError> {
        let mut settings = ClientConfig::new();
        settings
            .set("bootstrap.servers", &kafka.kafka_brokers)
            .set("client.id", "vvbill-ingest-dead-letters")
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("partitioner", "murmur2_random")
            .set("compression.type", "lz4")
            .set("message.timeout.ms", timeout.as_millis().max(1_000).to_string())
            .set("reconnect.backoff.max.ms", "1000")
            .set("queue.buffering.max.kbytes", "32768");
        let processed = metrics.events_processed_total.with(&["dead_letter", "none"]);
        Ok(Self {
            producers: Arc::new(Producers::new(settings)?),
            topic: kafka.dead_letter_topic.as_str().into(),
            log,
            metrics,
            processed,
        })
    }

    /// Hands a letter over; it is tried for as long as it takes: its watermark waits. Blocks only
    /// while the producer's queue is full.
    pub fn send(&self, place: Place, payload: &[u8], why: &Rejection) -> Acknowledgement {
        let letter = self.letter(place, payload, why);
        let value = serde_json::to_vec(&letter).expect("a letter has only string keys");
        let key = format!(
            "{}/{}/{}/{}",
            letter.cluster_id, letter.topic_id, place.partition, place.offset
        );
        self.metrics.ingest_dead_letters_total.with(&[why.code()]).add(1);
        self.processed.add(1);
        tracing::debug!(place.partition, place.offset, reason = why.code(), "dead letter");
        let (producers, topic) = (Arc::clone(&self.producers), Arc::clone(&self.topic));
        let mut handed = producers.hand_over(&topic, &key, &value);
        async move {
            loop {
                let Handed { number, delivery } = handed;
                let reason = match delivery {
                    Ok(delivery) => match delivery.await {
                        Ok(Ok(_)) => return Ok(()),
                        Ok(Err((error, _))) if !passes(&error) => return Err(error.to_string().into()),
                        Ok(Err((error, _))) => error.to_string(),
                        Err(_) => "the producer was closed".to_owned(),
                    },
                    Err(error) if !passes(&error) => return Err(error.to_string().into()),
                    Err(error) => error.to_string(),
                };
                producers
                    .renew(number, &reason)
                    .map_err(|error| Arc::from(error.to_string()))?;
                tokio::time::sleep(RETRY_PAUSE).await;
                handed = producers.hand_over(&topic, &key, &value);
            }
        }
        .boxed()
        .shared()
    }

    fn letter(&self, place: Place, payload: &[u8], why: &Rejection) -> Letter {
        let kept = &payload[..payload.len().min(MAX_PAYLOAD_BYTES)];
        // A cut may fall within a character: then the text ends before it.
        let text = match std::str::from_utf8(kept) {
            Ok(text) => Some(text),
            Err(error) if kept.len() < payload.len() && kept.len() - error.valid_up_to() < 4 => {
                std::str::from_utf8(&kept[..error.valid_up_to()]).ok()
            }
            Err(_) => None,
        };
        let hex = || kept.iter().map(|byte| format!("{byte:02x}")).collect();
        Letter {
            reason: why.code().to_owned(),
            detail: why.to_string(),
            cluster_id: self.log.cluster_id.clone(),
            topic_id: self.log.topic_id.to_string(),
            topic: self.log.topic.clone(),
            partition: place.partition,
            offset: place.offset,
            timestamp_ms: place.timestamp_ms,
            payload: text.map(str::to_owned),
            payload_hex: text.is_none().then(hex),
            payload_truncated: kept.len() < payload.len(),
        }
    }
}
