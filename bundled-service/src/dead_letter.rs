//! The dead-letter topic: what could not be taken, why, and where it came from.
//!
//! A letter may be written twice (after a crash); readers count an origin once. It depends on Kafka
//! alone and never decides whether an event is bad.

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
    producer::{FutureProducer, FutureRecord},
    util::Timeout,
};
use std::{sync::Arc, time::Duration};

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
    producer: FutureProducer,
    topic: Arc<str>,
    log: Arc<LogIdentity>,
    metrics: Arc<Metrics>,
    processed: Arc<Counter>,
}

impl DeadLetters {
    pub fn new(
        kafka: &config::Kafka,
        log: Arc<LogIdentity>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, KafkaError> {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", &kafka.kafka_brokers)
            .set("client.id", "vvbill-ingest-dead-letters")
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("partitioner", "murmur2_random")
            .set("compression.type", "lz4")
            // A letter is tried for as long as it takes: its watermark waits.
            .set("message.timeout.ms", "0")
            .set("queue.buffering.max.kbytes", "32768")
            .create()?;
        let processed = metrics.events_processed_total.with(&["dead_letter", "none"]);
        Ok(Self {
            producer,
            topic: kafka.dead_letter_topic.as_str().into(),
            log,
            metrics,
            processed,
        })
    }

    /// Hands a letter to the producer. Waits only while the producer's queue is full.
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
        let mut record = FutureRecord::to(&self.topic).key(&key).payload(&value);
        loop {
            match self.producer.send_result(record) {
                Ok(delivery) => {
                    return async move {
                        match delivery.await {
                            Ok(Ok(_)) => Ok(()),
                            Ok(Err((error, _))) => Err(error.to_string().into()),
                            Err(_) => Err("the producer was closed".into()),
                        }
                    }
                    .boxed()
                    .shared();
                }
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), again)) => {
                    record = again;
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err((error, _)) => {
                    let why: Arc<str> = error.to_string().into();
                    return futures::future::ready(Err(why)).boxed().shared();
                }
            }
        }
    }

    /// Waits until every letter is acknowledged, at most this long.
    pub fn flush(&self, timeout: Duration) -> Result<(), KafkaError> {
        use rdkafka::producer::Producer;
        self.producer.flush(Timeout::After(timeout))
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
