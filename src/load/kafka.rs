//! Sends a workload's share of events straight into Kafka, as other services of the company do.

use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::ClientContext;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};

use super::LoadError;
use super::pace::Pace;
use super::send::{Answers, Options, Progress};
use super::workload::{Channel, Series};
use crate::endpoints::Endpoints;

/// So many events at a time are due together.
const STEP: u64 = 100;

pub(super) fn send(
    endpoints: &Endpoints,
    series: &Series,
    options: &Options,
    pace: Pace,
    progress: &Progress,
) -> Result<Answers, LoadError> {
    let servers = endpoints.kafka.join(",");
    let failed = |error: KafkaError| LoadError::Kafka {
        servers: servers.clone(),
        reason: error.to_string(),
    };
    if servers.is_empty() {
        return Err(LoadError::Missing { what: "Kafka" });
    }
    let producer = producer(&servers, options.patience).map_err(failed)?;
    let mut index = 0;
    while index < options.workload.count {
        let due = pace.wait(index);
        let end = (index + STEP).min(options.workload.count);
        for index in (index..end).filter(|index| series.channel(*index) == Channel::Kafka) {
            let item = series.item(index);
            let key = series.account_id(item.account).to_string();
            let record = BaseRecord::with_opaque_to(&endpoints.events_topic, Box::new(due));
            enqueue(&producer, record.key(&key).payload(&item.body)).map_err(failed)?;
        }
        producer.poll(Duration::ZERO);
        progress
            .kafka
            .store(producer.context().acknowledged(), Ordering::Relaxed);
        index = end;
    }
    while producer.in_flight_count() > 0 {
        producer.poll(Duration::from_millis(100));
        progress
            .kafka
            .store(producer.context().acknowledged(), Ordering::Relaxed);
    }
    let deliveries = producer.context();
    let answers = deliveries.answers.lock().expect("no holder panics");
    if let Some(reason) = answers.surprises.first() {
        return Err(LoadError::Kafka {
            servers,
            reason: reason.clone(),
        });
    }
    drop(answers);
    Ok(producer.context().take())
}

/// The strictest that Kafka offers: idempotent, acknowledged by all replicas, and partitioned like Java's.
fn producer(servers: &str, patience: Duration) -> Result<BaseProducer<Deliveries>, KafkaError> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", servers);
    config.set("client.id", "vvbill-loadtest");
    config.set("enable.idempotence", "true");
    config.set("acks", "all");
    config.set("partitioner", "murmur2_random");
    config.set("compression.type", "lz4");
    config.set("linger.ms", "5");
    config.set("message.timeout.ms", patience.as_millis().to_string());
    config.set("queue.buffering.max.messages", "20000");
    config.set("queue.buffering.max.kbytes", "65536");
    BaseProducer::from_config_and_context(&config, Deliveries::default())
}

type Record<'a> = BaseRecord<'a, String, Vec<u8>, Box<Instant>>;

/// Hands a record to the client, waiting while its queue is full.
fn enqueue(producer: &BaseProducer<Deliveries>, record: Record<'_>) -> Result<(), KafkaError> {
    let mut record = record;
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                record = back;
                producer.poll(Duration::from_millis(10));
            }
            Err((error, _)) => return Err(error),
        }
    }
}

/// Counts what comes back.
struct Deliveries {
    answers: Mutex<Answers>,
}

impl Default for Deliveries {
    fn default() -> Self {
        Self {
            answers: Mutex::new(Answers::new()),
        }
    }
}

impl Deliveries {
    fn acknowledged(&self) -> u64 {
        self.answers.lock().expect("no holder panics").accepted
    }

    fn take(&self) -> Answers {
        std::mem::replace(
            &mut *self.answers.lock().expect("no holder panics"),
            Answers::new(),
        )
    }
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<Instant>;

    fn delivery(&self, delivery: &DeliveryResult<'_>, due: Self::DeliveryOpaque) {
        let mut answers = self.answers.lock().expect("no holder panics");
        match delivery {
            Ok(_) => {
                answers.accepted += 1;
                answers.record(due.elapsed());
            }
            Err((error, _)) => answers.surprise(format!("an event was not acknowledged: {error}")),
        }
    }
}
