//! Taking and losing partitions, as the group decides.
//!
//! Taking one raises its epoch on each shard, which is what keeps its former owner out; reading
//! starts at the smallest watermark of the shards that answer, and the others catch up when they are
//! back. Kafka's committed offset is not asked.

use super::{
    Shared, Trouble,
    claim::{self, Taken},
    lane::Watermark,
    meeting::Meeting,
    partition::Partition,
    recovery::{Recovery, Start},
    track::Track,
};
use crate::{log_identity::LogIdentity, postgres::LedgerError};
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
    pub(super) changes: Arc<Changes>,
    /// Partition → offset after its last record, as the broker said last.
    pub(super) ends: Mutex<HashMap<i32, i64>>,
}

pub(super) enum Change {
    Taken(Box<Partition>),
    Lost(i32),
    /// A shard that was behind goes on with the partition's reader.
    CaughtUp {
        partition: i32,
        shard: usize,
        meeting: Arc<Meeting>,
        track: Box<Track>,
    },
}

/// Changes that wait for the consumer's thread.
#[derive(Default)]
pub(super) struct Changes(Mutex<Vec<Change>>);

impl Changes {
    pub(super) fn push(&self, change: Change) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(change);
    }

    pub(super) fn take(&self) -> Vec<Change> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

const WATERMARK_TIMEOUT: Duration = Duration::from_secs(10);
const RETRY_PAUSE: Duration = Duration::from_millis(200);

impl Assignment {
    pub(super) fn new(shared: Arc<Shared>, trouble: mpsc::UnboundedSender<Trouble>) -> Self {
        Self {
            shared,
            trouble,
            changes: Arc::default(),
            ends: Mutex::default(),
        }
    }

    /// A shard that is behind in a partition.
    pub(super) fn recovery(
        &self,
        partition: i32,
        shard: usize,
        meeting: Arc<Meeting>,
        cancel: CancellationToken,
    ) -> Recovery {
        Recovery {
            shared: Arc::clone(&self.shared),
            partition,
            shard,
            meeting,
            changes: Arc::clone(&self.changes),
            trouble: self.trouble.clone(),
            cancel,
        }
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
        match self.take(consumer, &numbers) {
            Ok(partitions) => {
                for partition in partitions {
                    let (topic, number) = (&self.shared.log.topic, partition.number());
                    let offset = Offset::Offset(partition.position());
                    if let Err(error) = starts.add_partition_offset(topic, number, offset) {
                        let _ = self.trouble.send(Trouble::Stop(error.to_string()));
                    }
                    self.changes.push(Change::Taken(Box::new(partition)));
                }
            }
            // Told to stop, we need no partitions.
            Err(_) if self.shared.stop.is_cancelled() => {}
            Err(error) => {
                let _ = self.trouble.send(Trouble::Stop(error));
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
            self.changes.push(Change::Lost(element.partition()));
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

    /// Claims partitions on the shards that answer, trying as long as it takes until one does.
    fn take(&self, consumer: &BaseConsumer<Self>, numbers: &[i32]) -> Result<Vec<Partition>, String> {
        let mut asked = Vec::with_capacity(numbers.len());
        for &number in numbers {
            asked.push((number, self.oldest(consumer, number)?));
        }
        let taking = async {
            let taken = claim::claim_all(&self.shared, &asked).await?;
            let mut partitions = Vec::with_capacity(numbers.len());
            for (&(number, oldest), taken) in asked.iter().zip(taken) {
                partitions.push(self.begin(number, oldest, taken).await?);
            }
            Ok(partitions)
        };
        self.shared.runtime.block_on(taking)
    }

    /// Puts a partition together from what was claimed; sees to the shards that are behind.
    async fn begin(&self, number: i32, oldest: i64, taken: Vec<Taken>) -> Result<Partition, String> {
        let shared = &self.shared;
        let (mut served, mut gone) = (Vec::new(), None);
        for (shard, taken) in taken.iter().enumerate() {
            match taken {
                Taken::Claimed(claim) if claim.next < oldest => {
                    gone = Some(LedgerError::RecordsGone {
                        shard,
                        log_id: shared.shards.known_log_id(shard).unwrap_or_default(),
                        partition: number,
                        next: claim.next,
                        oldest,
                    });
                }
                Taken::Claimed(claim) => served.push(claim.next),
                Taken::Asking(_) => {}
            }
        }
        let Some(position) = claim::start_of(&served, shared.catch_up_records) else {
            let why = gone.map(|error| error.to_string());
            return Err(why.unwrap_or_else(|| "no shard answered".to_owned()));
        };
        let cancel = CancellationToken::new();
        let mut tracks = Vec::with_capacity(taken.len());
        for (shard, taken) in taken.into_iter().enumerate() {
            let watermark = Arc::new(Watermark::unknown());
            let start = match taken {
                Taken::Claimed(claim) if claim.next >= position.max(oldest) => {
                    let trouble = self.trouble.clone();
                    let track = shared.track(number, shard, claim, watermark, trouble, &cancel);
                    tracks.push(track.await.map_err(|error| error.to_string())?);
                    continue;
                }
                Taken::Claimed(claim) => {
                    let behind = position - claim.next;
                    tracing::warn!(number, shard, behind, "the shard is far behind the others");
                    Start::Claimed(claim)
                }
                Taken::Asking(asking) => {
                    tracing::warn!(number, shard, "the shard is away: it catches up when it is back");
                    Start::Asking(asking)
                }
            };
            let meeting = Arc::new(Meeting::new(position, watermark));
            let in_flight = Arc::clone(&shared.in_flight);
            tracks.push(Track::away(number, shard, Arc::clone(&meeting), in_flight));
            self.recovery(number, shard, meeting, cancel.clone()).start(start);
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
