//! One consumer: a thread that polls, and owns its partitions alone.

use super::{
    Shared, Trouble,
    assignment::{Assignment, Change},
    in_flight::{Load, is_to_be_dropped},
    partition::Partition,
    recent::Recent,
    recovery::Start,
};
use crate::log_identity::LogIdentity;
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer as _},
    error::{KafkaError, RDKafkaErrorCode},
    message::Message,
};
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::mpsc;

/// Polls until the worker stops.
pub(super) struct Consumer {
    shared: Arc<Shared>,
    consumer: BaseConsumer<Assignment>,
    partitions: HashMap<i32, Partition>,
    recent: Recent,
    trouble: mpsc::UnboundedReceiver<Trouble>,
    paused: bool,
}

const POLL: Duration = Duration::from_millis(5);
const HOUSEKEEPING: Duration = Duration::from_millis(5);
const COMMIT_INTERVAL: Duration = Duration::from_secs(2);
/// Waiting this long for memory, the consumer goes on polling with its partitions paused.
const PATIENCE: Duration = Duration::from_secs(1);

impl Consumer {
    pub(super) fn new(shared: Arc<Shared>, settings: &super::Settings) -> Result<Self, KafkaError> {
        let (sender, trouble) = mpsc::unbounded_channel();
        let session = settings.kafka.session_timeout_ms;
        let consumer: BaseConsumer<Assignment> = ClientConfig::new()
            .set("bootstrap.servers", &settings.kafka.kafka_brokers)
            .set("group.id", &settings.kafka.group)
            .set("client.id", "vvbill-ingest")
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", session.to_string())
            .set("heartbeat.interval.ms", (session / 3).max(1).to_string())
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            // Where to start is always said: an offset that Kafka lacks is an error.
            .set("auto.offset.reset", "error")
            .set("fetch.queue.backoff.ms", "5")
            // A broker answers for many partitions at once, or after a moment, not for each record of each.
            .set("fetch.wait.max.ms", "20")
            .set("fetch.min.bytes", "100000")
            .set("fetch.message.max.bytes", "4194304")
            .set(
                "queued.max.messages.kbytes",
                settings.worker.fetch_ahead_kbytes.to_string(),
            )
            .set("queued.min.messages", "1000000")
            .set("statistics.interval.ms", "1000")
            .set("reconnect.backoff.max.ms", "1000")
            .set("socket.timeout.ms", "10000")
            .create_with_context(Assignment::new(Arc::clone(&shared), sender))?;
        consumer.subscribe(&[&shared.log.topic])?;
        Ok(Self {
            shared,
            consumer,
            partitions: HashMap::new(),
            recent: Recent::new(),
            trouble,
            paused: false,
        })
    }

    /// Runs until told to stop; `Err` says why it had to end.
    pub(super) fn run(mut self, stop_timeout: Duration) -> Result<(), String> {
        let mut kept_house = Instant::now();
        let mut committed = Instant::now();
        while !self.shared.stop.is_cancelled() {
            self.wait_for_memory()?;
            self.poll()?;
            self.apply_changes();
            self.face_trouble()?;
            let now = Instant::now();
            if now - kept_house >= HOUSEKEEPING {
                kept_house = now;
                let (flush, idle) = (self.shared.flush_interval, self.shared.idle_interval);
                for partition in self.partitions.values_mut() {
                    partition.close_old(now, flush, idle);
                }
                self.tend();
            }
            if now - committed >= COMMIT_INTERVAL {
                committed = now;
                self.commit(CommitMode::Async);
                self.report_lag();
            }
        }
        self.finish(stop_timeout)
    }

    /// Takes what is there; waits a moment for the first record only.
    fn poll(&mut self) -> Result<(), String> {
        let mut wait = POLL;
        for _ in 0..5_000 {
            match self.consumer.poll(wait) {
                None => return Ok(()),
                Some(Ok(message)) => {
                    if let Some(partition) = self.partitions.get_mut(&message.partition()) {
                        partition.take(&message, &mut self.recent);
                    }
                }
                Some(Err(error)) => return passing(&self.shared, &error),
            }
            wait = Duration::ZERO;
        }
        Ok(())
    }

    fn apply_changes(&mut self) {
        for change in self.consumer.context().changes.take() {
            match change {
                Change::Taken(partition) => {
                    self.partitions.insert(partition.number(), *partition);
                }
                Change::Lost(number) => {
                    self.partitions.remove(&number);
                    self.forget_gauges(number);
                }
                Change::CaughtUp {
                    partition,
                    shard,
                    meeting,
                    track,
                } => {
                    if let Some(partition) = self.partitions.get_mut(&partition) {
                        partition.take_back(shard, &meeting, *track);
                    }
                }
            }
        }
    }

    /// Comes to terms with catch-up readers, and drops the rows of shards that are down and hold more
    /// than their share of memory.
    fn tend(&mut self) {
        let shared = Arc::clone(&self.shared);
        for partition in self.partitions.values_mut() {
            partition.tend();
        }
        let in_flight = &shared.in_flight;
        let share = shared.in_flight_budget / in_flight.shards().max(1);
        let over = |shard: &usize| in_flight.bytes_of(*shard) > share && in_flight.is_stalled(*shard);
        let Some(shard) = (0..in_flight.shards()).find(over) else {
            return;
        };
        let load = |shard| Load {
            bytes: in_flight.bytes_of(shard),
            stalled: in_flight.is_stalled(shard),
            served: self.partitions.values().any(|partition| partition.serves(shard)),
        };
        let loads: Vec<Load> = (0..in_flight.shards()).map(load).collect();
        if !is_to_be_dropped(&loads, shard, share) {
            return;
        }
        let context = self.consumer.context();
        for (&number, partition) in &mut self.partitions {
            partition.drop_rows(shard, |meeting, epoch, cancel| {
                let recovery = context.recovery(number, shard, meeting, cancel);
                recovery.start(Start::Dropped(epoch));
            });
        }
    }

    fn face_trouble(&mut self) -> Result<(), String> {
        let mut rejoin = false;
        while let Ok(trouble) = self.trouble.try_recv() {
            match trouble {
                Trouble::Stop(why) => return Err(why),
                // Trouble of a partition that is gone already is old news.
                Trouble::Fenced { partition } => {
                    rejoin |= self.partitions.contains_key(&partition);
                }
            }
        }
        if rejoin {
            tracing::warn!("another worker owns a partition of ours: joining the group anew");
            self.partitions.clear();
            self.consumer.unsubscribe();
            let topic = &self.shared.log.topic;
            self.consumer
                .subscribe(&[topic])
                .map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Holds still while the batches in memory are over their budget.
    fn wait_for_memory(&mut self) -> Result<(), String> {
        let budget = self.shared.in_flight_budget;
        let started = Instant::now();
        while self.shared.in_flight.bytes() > budget && !self.shared.stop.is_cancelled() {
            // What catches up may wait for us, and a shard that is down is not waited for.
            self.apply_changes();
            self.tend();
            if started.elapsed() < PATIENCE {
                std::thread::sleep(Duration::from_millis(1));
                continue;
            }
            if !self.paused {
                tracing::warn!("memory for batches is used up: waiting for Postgres");
                self.consumer
                    .assignment()
                    .and_then(|all| self.consumer.pause(&all))
                    .map_err(text)?;
                self.paused = true;
            }
            self.poll()?;
            self.apply_changes();
            self.face_trouble()?;
        }
        if self.paused {
            self.consumer
                .assignment()
                .and_then(|all| self.consumer.resume(&all))
                .map_err(text)?;
            self.paused = false;
        }
        Ok(())
    }

    /// Tells Kafka how far every shard is: for those who watch lag, not for us.
    fn commit(&self, mode: CommitMode) {
        let mut list = TopicPartitionList::new();
        for partition in self.partitions.values() {
            let offset = Offset::Offset(partition.committed());
            let _ = list.add_partition_offset(&self.shared.log.topic, partition.number(), offset);
        }
        if list.count() > 0
            && let Err(error) = self.consumer.commit(&list, mode)
        {
            tracing::debug!(%error, "the committed offset stays behind");
        }
    }

    fn report_lag(&self) {
        let ends = self
            .consumer
            .context()
            .ends
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let now_ms = jiff::Timestamp::now().as_millisecond();
        for (number, partition) in &self.partitions {
            let Some(end) = ends.get(number) else {
                continue;
            };
            let lag = (end - partition.committed()).max(0);
            let age_ms = match (lag, partition.last_timestamp_ms()) {
                (0, _) | (_, 0) => 0,
                (_, last) => (now_ms - last).max(0),
            };
            let label = number.to_string();
            for (shard, records) in partition.behind() {
                let labels = [&*label, &*shard.to_string()];
                self.shared
                    .metrics
                    .shard_behind_records
                    .with(&labels)
                    .set(records);
            }
            self.shared.metrics.kafka_consumer_lag.with(&[&label]).set(lag);
            self.shared
                .metrics
                .kafka_consumer_lag_seconds
                .with(&[&label])
                .set(age_ms / 1_000);
        }
    }

    fn forget_gauges(&self, number: i32) {
        let label = number.to_string();
        self.shared.metrics.kafka_consumer_lag.remove(&[&label]);
        self.shared.metrics.kafka_consumer_lag_seconds.remove(&[&label]);
        for shard in 0..self.shared.pools.len() {
            let labels = [&*label, &*shard.to_string()];
            self.shared.metrics.ingest_watermark.remove(&labels);
            self.shared.metrics.ingest_owner_epoch.remove(&labels);
        }
    }

    /// What was read is committed, as far as the time allows; the next owner does the rest.
    fn finish(mut self, timeout: Duration) -> Result<(), String> {
        let deadline = Instant::now() + timeout;
        for partition in self.partitions.values_mut() {
            partition.close_all();
        }
        while !self.partitions.values().all(Partition::is_settled) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
            self.face_trouble()?;
        }
        self.commit(CommitMode::Sync);
        tracing::info!("the consumer leaves the group");
        Ok(())
    }
}

fn text(error: KafkaError) -> String {
    error.to_string()
}

/// Errors that librdkafka recovers from by itself are noted, the others end the worker.
fn passing(shared: &Shared, error: &KafkaError) -> Result<(), String> {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => {
            if let Ok(found) = LogIdentity::fetch(&shared.brokers, &shared.log.topic) {
                shared.require_same(&found)?;
            }
            Err(format!(
                "Kafka does not have the offset that is needed next ({error}): records are gone that \
                 some shard still needs"
            ))
        }
        Some(RDKafkaErrorCode::Fatal) => Err(error.to_string()),
        _ => {
            tracing::warn!(%error, "Kafka");
            Ok(())
        }
    }
}
