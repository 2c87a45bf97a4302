//! Taking and losing partitions, as the group decides.
//!
//! Taking one raises its epoch on each shard, which is what keeps its former owner out; reading
//! starts at the smallest watermark that this gives. Kafka's committed offset is not asked.

use super::{
    Shared, Trouble,
    lane::{Lane, Parts},
    partition::{Partition, Track},
};
use crate::{
    batch::Builder,
    log_identity::LogIdentity,
    postgres::{self, Claim, LedgerError, Owner},
    redis::Writer,
    slot::Shard,
};
use rdkafka::{
    ClientContext, Offset, Statistics, TopicPartitionList,
    consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol},
    error::KafkaResult,
    types::RDKafkaRespErr,
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// What the group told, for the consumer's thread to pick up after each poll.
pub(super) struct Assignment {
    shared: Arc<Shared>,
    trouble: mpsc::UnboundedSender<Trouble>,
    changes: Mutex<Vec<Change>>,
    /// Partition → offset after its last record, as the broker said last.
    pub(super) ends: Mutex<HashMap<i32, i64>>,
}

pub(super) enum Change {
    Taken(Box<Partition>),
    Lost(i32),
}

const WATERMARK_TIMEOUT: Duration = Duration::from_secs(10);
const RETRY_PAUSE: Duration = Duration::from_millis(200);

impl Assignment {
    pub(super) fn new(shared: Arc<Shared>, trouble: mpsc::UnboundedSender<Trouble>) -> Self {
        Self {
            shared,
            trouble,
            changes: Mutex::default(),
            ends: Mutex::default(),
        }
    }

    pub(super) fn take_changes(&self) -> Vec<Change> {
        std::mem::take(&mut *self.changes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn push(&self, change: Change) {
        self.changes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(change);
    }

    fn assign(&self, consumer: &BaseConsumer<Self>, list: &mut TopicPartitionList) {
        self.shared
            .metrics
            .ingest_rebalances_total
            .with(&["assigned"])
            .add(1);
        let numbers: Vec<i32> = list
            .elements()
            .iter()
            .map(|element| element.partition())
            .collect();
        tracing::info!(partitions = ?numbers, "taking partitions");
        let mut starts = TopicPartitionList::new();
        for number in numbers {
            match self.take(consumer, number) {
                Ok(partition) => {
                    let offset = Offset::Offset(partition.position());
                    let topic = &self.shared.log.topic;
                    if let Err(error) = starts.add_partition_offset(topic, number, offset) {
                        let _ = self.trouble.send(Trouble::Stop(error.to_string()));
                    }
                    self.push(Change::Taken(Box::new(partition)));
                }
                Err(error) => {
                    let _ = self.trouble.send(Trouble::Stop(error));
                }
            }
        }
        let assigned = match consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => consumer.incremental_assign(&starts),
            _ => consumer.assign(&starts),
        };
        self.report(assigned);
    }

    fn revoke(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) {
        self.shared
            .metrics
            .ingest_rebalances_total
            .with(&["revoked"])
            .add(1);
        for element in list.elements() {
            self.push(Change::Lost(element.partition()));
        }
        tracing::info!(lost = consumer.assignment_lost(), partitions = ?list, "giving partitions up");
        let revoked = match consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => consumer.incremental_unassign(list),
            _ => consumer.unassign(),
        };
        self.report(revoked);
    }

    fn report(&self, result: KafkaResult<()>) {
        if let Err(error) = result {
            let _ = self.trouble.send(Trouble::Stop(format!("assignment: {error}")));
        }
    }

    /// Claims a partition on every shard, trying as long as it takes.
    fn take(&self, consumer: &BaseConsumer<Self>, number: i32) -> Result<Partition, String> {
        let shared = &self.shared;
        let oldest = self.oldest(consumer, number)?;
        let claims = shared.runtime.block_on(self.claim(number, oldest))?;
        let cancel = CancellationToken::new();
        let mut tracks = Vec::with_capacity(claims.len());
        for (shard, claim) in claims.into_iter().enumerate() {
            let labels = [&*number.to_string(), &*shard.to_string()];
            shared.metrics.ingest_owner_epoch.with(&labels).set(claim.epoch);
            shared.metrics.ingest_watermark.with(&labels).set(claim.next);
            tracks.push(self.track(number, shard, claim, &cancel));
        }
        Ok(Partition::new(number, Arc::clone(shared), tracks, cancel))
    }

    /// Kafka's oldest offset of a partition of the very log that this worker started with. A broker
    /// that is away is waited for.
    fn oldest(&self, consumer: &BaseConsumer<Self>, number: i32) -> Result<i64, String> {
        let topic = &self.shared.log.topic;
        loop {
            let bounds = match LogIdentity::fetch(&self.shared.brokers, topic) {
                Ok(found) => {
                    self.shared.require_same(&found)?;
                    consumer
                        .fetch_watermarks(topic, number, WATERMARK_TIMEOUT)
                        .map_err(|error| error.to_string())
                }
                Err(error) => Err(error.to_string()),
            };
            match bounds {
                Ok((oldest, _)) => return Ok(oldest),
                Err(error) if self.shared.stop.is_cancelled() => return Err(error),
                Err(error) => {
                    tracing::warn!(error, number, "the partition can't be taken yet");
                    std::thread::sleep(RETRY_PAUSE);
                }
            }
        }
    }

    async fn claim(&self, number: i32, oldest: i64) -> Result<Vec<Claim>, String> {
        let shards = self.shared.pools.iter().zip(&self.shared.log_ids);
        let claims = shards.map(async |(pool, &log_id)| {
            loop {
                match postgres::claim(pool, log_id, number, oldest).await {
                    Err(error) if error.passes() && !self.shared.stop.is_cancelled() => {
                        tracing::warn!(%error, number, "the partition can't be taken yet");
                        tokio::time::sleep(RETRY_PAUSE).await;
                    }
                    other => return other,
                }
            }
        });
        let claims: Result<Vec<Claim>, LedgerError> = futures::future::try_join_all(claims).await;
        claims.map_err(|error| error.to_string())
    }

    fn track(&self, number: i32, shard: usize, claim: Claim, cancel: &CancellationToken) -> Track {
        let shared = &self.shared;
        let place = Shard(shard as u16);
        let mut writer = Writer::new(
            Arc::clone(&shared.lives),
            place,
            shared.log_ids[shard],
            number,
            claim.epoch,
            claim.next,
            shared.pending_cap_bytes,
        );
        let claimed = shared.runtime.block_on(writer.claim(claim.next, claim.next));
        let owner = Owner {
            log_id: shared.log_ids[shard],
            epoch: claim.epoch,
            dead_letters: shared.dead_letters.clone(),
            metrics: Arc::clone(&shared.metrics),
        };
        let parts = Parts {
            pool: Arc::clone(&shared.pools[shard]),
            lives: Arc::clone(&shared.lives),
            writer,
            owner,
            start: claim.next,
            in_flight: Arc::clone(&shared.in_flight),
            trouble: self.trouble.clone(),
        };
        let entered = shared.runtime.enter();
        let lane = Lane::start(parts, &shared.tasks, cancel);
        drop(entered);
        let builder = Builder::new(number, place, claim.next);
        Track::new(lane, shared.log_ids[shard], claim.next, builder, claimed.cuts)
    }
}

impl Shared {
    /// Stops a worker whose topic was deleted and made anew beneath it.
    pub(super) fn require_same(&self, found: &LogIdentity) -> Result<(), String> {
        if *found == *self.log {
            return Ok(());
        }
        Err(format!(
            "topic {} is another log now: cluster {} and topic id {} were cluster {} and topic id \
             {} when this worker started. Its offsets start anew, so nothing more is taken from it",
            found.topic, found.cluster_id, found.topic_id, self.log.cluster_id, self.log.topic_id
        ))
    }
}

impl ClientContext for Assignment {
    fn stats(&self, statistics: Statistics) {
        let Some(topic) = statistics.topics.get(&self.shared.log.topic) else {
            return;
        };
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        for (number, partition) in &topic.partitions {
            if *number >= 0 && partition.hi_offset >= 0 {
                ends.insert(*number, partition.hi_offset);
            }
        }
    }
}

impl ConsumerContext for Assignment {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, event: RDKafkaRespErr, list: &mut TopicPartitionList) {
        if event == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            self.assign(consumer, list);
        } else {
            self.revoke(consumer, list);
        }
    }
}
