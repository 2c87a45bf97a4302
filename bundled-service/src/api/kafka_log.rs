//! Kafka as the [`Log`]: a producer whose acknowledgements are counted per request.

use super::{
    in_flight::Reservation,
    kafka_clock::KafkaClock,
    log::{Appended, Entry, Log, Records},
};
use crate::{
    config,
    event::Timestamp,
    metrics::{Counter, Metrics},
};
use futures::future::BoxFuture;
use rdkafka::{
    ClientConfig, ClientContext, Message as _, Timestamp as KafkaTimestamp,
    error::{KafkaError, KafkaResult, RDKafkaErrorCode},
    producer::{BaseRecord, DeliveryResult, Producer as _, ProducerContext, ThreadedProducer},
};
use std::{
    fmt::Write as _,
    sync::{
        Arc, Mutex, OnceLock, PoisonError, RwLock,
        atomic::{
            AtomicU32, AtomicUsize,
            Ordering::{AcqRel, Acquire, Release},
        },
    },
    time::Duration,
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// How often Kafka is asked for the topic, to know whether it can be reached.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);
const LOOK_TIMEOUT: Duration = Duration::from_secs(3);
/// How long after the delivery timeout librdkafka may still need to report it.
const REPORT_GRACE: Duration = Duration::from_secs(2);
/// A producer that was cut off, or had to give records up, at this many looks in a row is made anew: librdkafka
/// may never find back to a partition that had no leader for a moment (its issue 5430).
const LOOKS_CUT_OFF_AT_MOST: u32 = 3;
/// Records handed over before other requests get their turn.
const RECORDS_BETWEEN_YIELDS: usize = 1_024;

type Producer = ThreadedProducer<Acknowledgements>;

/// The producer of this process.
pub(super) struct KafkaLog {
    settings: ClientConfig,
    topic: String,
    timeout: Duration,
    /// Made anew after a fatal error, and when it stays cut off.
    producer: RwLock<Producer>,
    noted: Noted,
    looks_cut_off: AtomicU32,
    seen: Mutex<Result<(), String>>,
}

/// What producers note, one after another.
#[derive(Clone)]
struct Noted {
    acknowledged: Arc<Counter>,
    /// Records that were given up since the last look.
    given_up: Arc<AtomicUsize>,
    clock: Arc<KafkaClock>,
}

impl KafkaLog {
    pub(super) fn new(kafka: &config::Kafka, api: &config::Api, metrics: &Metrics) -> KafkaResult<Self> {
        let settings = settings(kafka, api);
        let noted = Noted {
            acknowledged: metrics.events_accepted_total.with(&[]),
            given_up: Arc::default(),
            clock: Arc::new(KafkaClock::new()),
        };
        let producer = settings.create_with_context(Acknowledgements(noted.clone()))?;
        Ok(Self {
            settings,
            topic: kafka.topic.clone(),
            timeout: Duration::from_millis(api.produce_timeout_ms),
            producer: RwLock::new(producer),
            noted,
            looks_cut_off: AtomicU32::new(0),
            seen: Mutex::new(Err("not asked yet".to_owned())),
        })
    }

    /// Asks Kafka for the topic again and again until `stop`, so that [`Log::reachable`] knows.
    pub(super) async fn watch(self: Arc<Self>, stop: CancellationToken) {
        loop {
            let log = Arc::clone(&self);
            let seen = tokio::task::spawn_blocking(move || {
                let seen = log.look();
                log.judge(&seen);
                seen
            })
            .await;
            let seen = seen.unwrap_or_else(|error| Err(error.to_string()));
            let before = std::mem::replace(&mut *lock(&self.seen), seen.clone());
            match (&before, &seen) {
                (Ok(()), Err(reason)) => tracing::warn!(%reason, "Kafka can't take events"),
                (Err(_), Ok(())) => tracing::info!(topic = self.topic, "Kafka can take events"),
                _ => {}
            }
            if stop
                .run_until_cancelled(tokio::time::sleep(LOOK_INTERVAL))
                .await
                .is_none()
            {
                return;
            }
        }
    }

    /// Takes note of a look, and makes the producer anew when it was cut off for too long.
    fn judge(&self, seen: &Result<(), String>) {
        let given_up = self.noted.given_up.swap(0, AcqRel);
        if seen.is_ok() && given_up == 0 {
            self.looks_cut_off.store(0, Release);
            return;
        }
        if self.looks_cut_off.fetch_add(1, AcqRel) + 1 < LOOKS_CUT_OFF_AT_MOST {
            return;
        }
        self.looks_cut_off.store(0, Release);
        let reason = seen.as_ref().err().map_or("", String::as_str);
        let mut current = self.producer.write().unwrap_or_else(PoisonError::into_inner);
        let old = self.renew(&mut current, given_up, reason);
        drop(current);
        // The end of a producer takes its time.
        drop(old);
    }

    /// Puts a new producer in the place of `current`, and answers with the old one.
    fn renew(&self, current: &mut Producer, given_up: usize, reason: &str) -> Option<Producer> {
        tracing::warn!(given_up, reason, "the producer is made anew");
        let context = Acknowledgements(self.noted.clone());
        match self.settings.create_with_context(context) {
            Ok(fresh) => Some(std::mem::replace(current, fresh)),
            Err(error) => {
                tracing::error!(%error, "no new producer");
                None
            }
        }
    }

    fn look(&self) -> Result<(), String> {
        let producer = self.producer();
        let metadata = producer
            .client()
            .fetch_metadata(Some(&self.topic), LOOK_TIMEOUT)
            .map_err(|error| error.to_string())?;
        let partitions = metadata
            .topics()
            .first()
            .map_or(&[][..], |topic| topic.partitions());
        if partitions.is_empty() {
            return Err(format!("the topic {} does not exist", self.topic));
        }
        let leaderless = partitions
            .iter()
            .filter(|partition| partition.leader() < 0)
            .count();
        if leaderless > 0 {
            return Err(format!(
                "{leaderless} partitions of {} have no leader",
                self.topic
            ));
        }
        Ok(())
    }

    /// Waits until everything that was handed over is acknowledged or given up.
    pub(super) async fn flush(self: Arc<Self>, timeout: Duration) {
        let flushed = tokio::task::spawn_blocking(move || self.producer().flush(timeout)).await;
        if let Ok(Err(error)) = flushed {
            tracing::warn!(%error, "the producer could not be flushed; no such event was answered with 202");
        }
    }

    /// The producer; a new one when the last has met a fatal error.
    fn producer(&self) -> Producer {
        let producer = self
            .producer
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let Some((code, reason)) = producer.client().fatal_error() else {
            return producer;
        };
        let mut current = self.producer.write().unwrap_or_else(PoisonError::into_inner);
        if current.client().fatal_error().is_none() {
            return current.clone();
        }
        let old = self.renew(&mut current, 0, &format!("{code}: {reason}"));
        let fresh = current.clone();
        drop(current);
        drop(old);
        fresh
    }

    async fn append(&self, records: Records, reservation: Reservation) -> Appended {
        let total = records.entries.len();
        let delivery = Arc::new(Delivery::new(total, reservation));
        let producer = self.producer();
        let mut key = String::with_capacity(20);
        for (place, entry) in records.entries.iter().enumerate() {
            if place % RECORDS_BETWEEN_YIELDS == RECORDS_BETWEEN_YIELDS - 1 {
                tokio::task::yield_now().await;
            }
            if let Err(error) = send(&producer, &self.topic, &mut key, &records, entry, &delivery) {
                delivery.give_up(total - place, &error);
                break;
            }
        }
        let all = tokio::time::timeout(self.timeout + REPORT_GRACE, delivery.finished()).await;
        let acknowledged = delivery.acknowledged.load(Acquire);
        let cause = match (delivery.failure.get(), all) {
            _ if acknowledged == total => None,
            (Some(cause), _) => Some(cause.clone()),
            (None, _) => Some("no report in time".to_owned()),
        };
        Appended { acknowledged, cause }
    }
}

impl Log for KafkaLog {
    fn append(&self, records: Records, reservation: Reservation) -> BoxFuture<'_, Appended> {
        Box::pin(self.append(records, reservation))
    }

    fn now(&self) -> Option<Timestamp> {
        self.noted.clock.now()
    }

    fn reachable(&self) -> Result<(), String> {
        lock(&self.seen).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Hands one event over, keyed by its account as decimal text. `key` is scratch space.
fn send(
    producer: &Producer,
    topic: &str,
    key: &mut String,
    records: &Records,
    entry: &Entry,
    delivery: &Arc<Delivery>,
) -> Result<(), KafkaError> {
    key.clear();
    let _ = write!(key, "{}", entry.account);
    let record = BaseRecord::with_opaque_to(topic, Arc::clone(delivery))
        .key(key.as_str())
        .payload(&records.text[entry.range.clone()]);
    producer.send(record).map_err(|(error, _record)| error)
}

/// Every replica in sync acknowledges. A retry after a lost answer may double a record, which its identity undoes;
/// an idempotent producer would spin while it waits (`docs/decisions/0017`). With one request in flight at a broker
/// nothing overtakes anything, and batches grow as answers take longer. `murmur2_random` is what Java's producers
/// use, so that an account's events meet in one partition whoever sends them.
fn settings(kafka: &config::Kafka, api: &config::Api) -> ClientConfig {
    let in_flight_kbytes = api.api_in_flight_bytes / 1024;
    // The smallest event has some 120 bytes.
    let most_events = (api.api_in_flight_bytes / 100).clamp(100_000, 10_000_000);
    let broker_timeout_ms = (api.produce_timeout_ms / 2).clamp(1_000, 30_000);
    let mut settings = ClientConfig::new();
    settings
        .set("bootstrap.servers", &kafka.kafka_brokers)
        .set("client.id", "vvbill-ingest-api")
        .set("acks", "all")
        .set("max.in.flight.requests.per.connection", "1")
        .set("partitioner", "murmur2_random")
        .set("compression.type", "lz4")
        .set("linger.ms", api.produce_linger_ms.to_string())
        .set("allow.auto.create.topics", "false")
        .set("message.timeout.ms", api.produce_timeout_ms.to_string())
        .set("request.timeout.ms", broker_timeout_ms.to_string())
        .set("socket.timeout.ms", broker_timeout_ms.to_string())
        .set("reconnect.backoff.max.ms", "1000")
        .set("topic.metadata.refresh.interval.ms", "10000")
        // Bodies are bounded by what is in flight; keys and CloudEvents need a little more.
        .set(
            "queue.buffering.max.kbytes",
            (in_flight_kbytes * 2).max(4_096).to_string(),
        )
        .set("queue.buffering.max.messages", most_events.to_string());
    settings
}

/// One request's records on their way. Each record holds it, so the reservation lasts until the
/// last of them is acknowledged or given up.
struct Delivery {
    outstanding: AtomicUsize,
    acknowledged: AtomicUsize,
    failure: OnceLock<String>,
    done: Notify,
    _reservation: Reservation,
}

impl Delivery {
    fn new(records: usize, reservation: Reservation) -> Self {
        Self {
            outstanding: AtomicUsize::new(records),
            acknowledged: AtomicUsize::new(0),
            failure: OnceLock::new(),
            done: Notify::new(),
            _reservation: reservation,
        }
    }

    fn acknowledge(&self) {
        self.acknowledged.fetch_add(1, AcqRel);
        self.settle(1);
    }

    fn give_up(&self, records: usize, error: &KafkaError) {
        self.failure.get_or_init(|| error.to_string());
        self.settle(records);
    }

    fn settle(&self, records: usize) {
        if self.outstanding.fetch_sub(records, AcqRel) == records {
            self.done.notify_one();
        }
    }

    /// There is one waiter: `notify_one` keeps its permit when it comes before the wait.
    async fn finished(&self) {
        while self.outstanding.load(Acquire) > 0 {
            self.done.notified().await;
        }
    }
}

/// Called on the producer's own thread, once for each record.
struct Acknowledgements(Noted);

impl ClientContext for Acknowledgements {}

impl ProducerContext for Acknowledgements {
    type DeliveryOpaque = Arc<Delivery>;

    fn delivery(&self, result: &DeliveryResult<'_>, delivery: Arc<Delivery>) {
        match result {
            Ok(record) => {
                // A producer's own time would only be ours again.
                if let KafkaTimestamp::LogAppendTime(appended_ms) = record.timestamp() {
                    self.0.clock.learn(appended_ms);
                }
                self.0.acknowledged.add(1);
                delivery.acknowledge();
            }
            Err((error, _)) => {
                if error.rdkafka_error_code() == Some(RDKafkaErrorCode::MessageTimedOut) {
                    self.0.given_up.fetch_add(1, AcqRel);
                }
                delivery.give_up(1, error);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use clap::Parser;

    /// Neither a broker that is away for a moment nor a record that is given up once costs the producer; three
    /// looks in a row do.
    #[test]
    fn a_producer_that_stays_cut_off_is_made_anew() {
        let cli = config::Cli::parse_from([
            "vvbill-ingest",
            "run",
            "--role",
            "api",
            "--kafka-brokers",
            "127.0.0.1:1",
            "--shard",
            "none",
            "--redis",
            "127.0.0.1:1",
            "--without-api-keys",
        ]);
        let config::Command::Run(run) = cli.command else {
            panic!("not run");
        };
        let log = KafkaLog::new(&run.kafka, &run.api, &Metrics::default()).unwrap();
        let producer = || log.producer().client().native_ptr();
        let (first, away) = (log.producer(), || Err("away".to_owned()));
        for seen in [away(), away(), Ok(()), away(), away()] {
            log.judge(&seen);
        }
        assert_eq!(producer(), first.client().native_ptr());
        log.judge(&away());
        let second = log.producer();
        assert_ne!(producer(), first.client().native_ptr());
        for _ in 0..3 {
            log.noted.given_up.fetch_add(1, AcqRel);
            log.judge(&Ok(()));
        }
        assert_ne!(producer(), second.client().native_ptr());
    }
}
