//! Sends a workload's share of events straight into Kafka, as other services of the company do.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::ClientContext;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};

use super::LoadError;
use super::open::{Keeper, Meter};
use super::pace::Pace;
use super::send::{Answers, Options, Progress};
use super::workload::{Channel, Series};
use crate::endpoints::Endpoints;

/// After so many events at the latest, acknowledgements are looked for.
const STEP: u64 = 100;
/// An acknowledgement is seen so much later at most.
const LONGEST_WAIT: Duration = Duration::from_millis(1);
/// How long events for a partition are gathered, as long as the service's API does by itself: each batch is a request.
const LINGER_MS: &str = "20";

pub(super) fn send(
    endpoints: &Endpoints,
    series: &Series,
    options: &Options,
    pace: &Pace,
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
    let producer = producer(&servers, options.patience, progress.meter.clone()).map_err(failed)?;
    let acknowledged = || producer.context().acknowledged();
    let mut keeper = Keeper::default();
    let indices = (0..options.workload.count).filter(|index| series.channel(*index) == Channel::Kafka);
    for (number, index) in (1..).zip(indices) {
        let due = wait(&producer, pace, index);
        if progress.is_stopped() || pace.is_over() {
            let left = index..options.workload.count;
            let left = left.filter(|index| series.channel(*index) == Channel::Kafka);
            progress.meter.give_up(left.count() as u64);
            break;
        }
        let item = series.item(index);
        let key = series.account_id(item.account).to_string();
        let late = due.elapsed();
        let own = keeper.own(late);
        let record = BaseRecord::with_opaque_to(&endpoints.events_topic, Box::new(due));
        let waited = enqueue(&producer, record.key(&key).payload(&item.body)).map_err(failed)?;
        keeper.excuse(waited);
        progress.meter.sent(Channel::Kafka, due, 1, late + waited, own);
        if number % STEP == 0 {
            producer.poll(Duration::ZERO);
            progress.kafka.store(acknowledged(), Ordering::Relaxed);
        }
    }
    while producer.in_flight_count() > 0 {
        producer.poll(Duration::from_millis(100));
        progress.kafka.store(acknowledged(), Ordering::Relaxed);
    }
    progress.kafka.store(acknowledged(), Ordering::Relaxed);
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

/// Waits until event `index` is due, taking acknowledgements meanwhile, and answers with that moment.
fn wait(producer: &BaseProducer<Deliveries>, pace: &Pace, index: u64) -> Instant {
    let Some(due) = pace.due(index) else {
        return Instant::now();
    };
    loop {
        let left = due.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return due;
        }
        // A wait inside the client spins through its last millisecond.
        producer.poll(Duration::ZERO);
        thread::sleep(left.min(LONGEST_WAIT));
    }
}

/// As the service's own API sends: acknowledged by all replicas, one request at a time to each broker, partitioned
/// like Java's.
fn producer(
    servers: &str,
    patience: Duration,
    meter: Arc<Meter>,
) -> Result<BaseProducer<Deliveries>, KafkaError> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", servers);
    config.set("client.id", "vvbill-loadtest");
    config.set("max.in.flight.requests.per.connection", "1");
    config.set("acks", "all");
    // How soon a partition's new leader is learned.
    config.set("topic.metadata.refresh.interval.ms", "1000");
    config.set("partitioner", "murmur2_random");
    config.set("compression.type", "lz4");
    config.set("linger.ms", LINGER_MS);
    config.set("message.timeout.ms", patience.as_millis().to_string());
    config.set("queue.buffering.max.messages", "20000");
    config.set("queue.buffering.max.kbytes", "65536");
    BaseProducer::from_config_and_context(&config, Deliveries::new(meter))
}

type Record<'a> = BaseRecord<'a, String, Vec<u8>, Box<Instant>>;

/// Hands a record to the client, waiting while its queue is full; answers with how long.
fn enqueue(producer: &BaseProducer<Deliveries>, record: Record<'_>) -> Result<Duration, KafkaError> {
    let (mut record, mut since) = (record, None);
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(since.map_or(Duration::ZERO, |since: Instant| since.elapsed())),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                record = back;
                since.get_or_insert_with(Instant::now);
                producer.poll(Duration::from_millis(10));
            }
            Err((error, _)) => return Err(error),
        }
    }
}

/// Counts what comes back.
struct Deliveries {
    answers: Mutex<Answers>,
    meter: Arc<Meter>,
}

impl Deliveries {
    fn new(meter: Arc<Meter>) -> Self {
        Self {
            answers: Mutex::new(Answers::new()),
            meter,
        }
    }

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
                let latency = due.elapsed();
                answers.accepted += 1;
                answers.record(latency);
                self.meter.answered(Channel::Kafka, *due, latency, (1, 0));
            }
            Err((error, _)) => {
                self.meter.failed(Channel::Kafka, *due, "not acknowledged", 1);
                answers.surprise(format!("an event was not acknowledged: {error}"));
            }
        }
    }
}
