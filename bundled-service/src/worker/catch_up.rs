//! A catch-up reader: goes over the log of one partition from one shard's watermark, for that shard
//! alone, until it meets the partition's reader.
//!
//! A thread with a consumer of its own, which is assigned and in no group. What it packs goes through
//! the shard's lane as any batch does: same ranges, same fence, same Redis. Its memory is bounded by
//! the number of its batches under way and by what it fetches ahead.

use super::{
    Shared,
    lane::MOST_PATIENCE,
    meeting::{Meeting, Step},
    partition::{judge, timestamp_ms},
    recent::Recent,
    track::Track,
};
use crate::{dead_letter::Place, log_identity::LogIdentity, postgres::LedgerError};
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, RDKafkaErrorCode},
    message::{BorrowedMessage, Message},
};
use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    thread::sleep,
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

/// One reader.
pub(super) struct Reader {
    shared: Arc<Shared>,
    partition: i32,
    shard: usize,
    track: Track,
    meeting: Arc<Meeting>,
    cancel: CancellationToken,
    recent: Recent,
    /// The next offset to be taken.
    position: i64,
    kept_house: Instant,
}

/// How reading ended.
pub(super) enum End {
    /// All before the place where the partition's reader was met is on its way.
    Met(Box<Track>),
    /// The partition is another's, or the worker stops.
    Ended,
    /// The shard is away again.
    Lost,
    /// It can't go on by itself.
    Failed(String),
}

const POLL: Duration = Duration::from_millis(20);
const MOMENT: Duration = Duration::from_millis(1);
const HOUSEKEEPING: Duration = Duration::from_millis(5);
const RETRY_PAUSE: Duration = Duration::from_secs(1);
const WATERMARK_TIMEOUT: Duration = Duration::from_secs(10);
/// One in Redis, one in Postgres, one waiting.
const BATCHES_UNDER_WAY: usize = 3;
const FETCH_AHEAD_KBYTES: &str = "8192";

impl Reader {
    pub(super) fn new(
        shared: Arc<Shared>,
        (partition, shard): (i32, usize),
        track: Track,
        meeting: Arc<Meeting>,
        cancel: CancellationToken,
    ) -> Self {
        Self {
            shared,
            partition,
            shard,
            position: track.start,
            track,
            meeting,
            cancel,
            recent: Recent::small(),
            kept_house: Instant::now(),
        }
    }

    /// Reads until it has met the partition's reader. Blocks.
    pub(super) fn run(mut self) -> End {
        match self.open() {
            Ok(Some(consumer)) => match self.read(&consumer) {
                Ok(place) => {
                    self.track.close(place);
                    End::Met(Box::new(self.track))
                }
                Err(end) => end,
            },
            Ok(None) => End::Ended,
            Err(why) => End::Failed(why),
        }
    }

    /// A consumer at the shard's watermark, once Kafka answers; `None` when it came to an end.
    fn open(&self) -> Result<Option<BaseConsumer>, String> {
        let topic = &self.shared.log.topic;
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &self.shared.brokers)
            .set("group.id", &self.shared.group)
            .set("client.id", "vvbill-ingest-catch-up")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "error")
            .set("fetch.queue.backoff.ms", "5")
            .set("fetch.wait.max.ms", "20")
            .set("fetch.message.max.bytes", "1048576")
            .set("queued.max.messages.kbytes", FETCH_AHEAD_KBYTES)
            .set("reconnect.backoff.max.ms", "1000")
            .set("socket.timeout.ms", "10000")
            .create()
            .map_err(text)?;
        while !self.has_ended() {
            match self.oldest(&consumer)? {
                Some(oldest) if oldest > self.position => return Err(self.gone(oldest)),
                Some(_) => {
                    let mut list = TopicPartitionList::new();
                    list.add_partition_offset(topic, self.partition, Offset::Offset(self.position))
                        .map_err(text)?;
                    consumer.assign(&list).map_err(text)?;
                    return Ok(Some(consumer));
                }
                None => sleep(RETRY_PAUSE),
            }
        }
        Ok(None)
    }

    /// Kafka's oldest offset in the very log that this worker started with; `None` while it is away.
    fn oldest(&self, consumer: &BaseConsumer) -> Result<Option<i64>, String> {
        let topic = &self.shared.log.topic;
        let Ok(found) = LogIdentity::fetch(&self.shared.brokers, topic) else {
            return Ok(None);
        };
        self.shared.require_same(&found)?;
        let bounds = consumer.fetch_watermarks(topic, self.partition, WATERMARK_TIMEOUT);
        Ok(bounds.ok().map(|(oldest, _)| oldest))
    }

    fn gone(&self, oldest: i64) -> String {
        let error = LedgerError::RecordsGone {
            shard: self.shard,
            log_id: self.track.log_id,
            partition: self.partition,
            next: self.position,
            oldest,
        };
        error.to_string()
    }

    /// The place where the partition's reader was met.
    fn read(&mut self, consumer: &BaseConsumer) -> Result<i64, End> {
        loop {
            let position = self.position;
            if let Some(place) = self.wait_for_leave(position)? {
                return Ok(place);
            }
            match consumer.poll(POLL) {
                None => {}
                Some(Ok(message)) => {
                    // Offsets may be without a record: this one may be beyond the place.
                    if let Some(place) = self.wait_for_leave(message.offset())? {
                        return Ok(place);
                    }
                    self.take(&message);
                }
                Some(Err(error)) => self.face(&error, consumer)?,
            }
        }
    }

    /// Returns when the offset may be taken, or with the place where the partition's reader was met.
    fn wait_for_leave(&mut self, offset: i64) -> Result<Option<i64>, End> {
        loop {
            if self.kept_house.elapsed() >= HOUSEKEEPING {
                self.keep_house()?;
            }
            let full =
                (self.track.lane()).is_some_and(|lane| lane.under_way.load(Relaxed) >= BATCHES_UNDER_WAY);
            match self.meeting.step(offset) {
                Step::Met(place) => return Ok(Some(place)),
                Step::Take if !full => return Ok(None),
                Step::Take | Step::Wait => sleep(MOMENT),
            }
        }
    }

    fn keep_house(&mut self) -> Result<(), End> {
        let now = Instant::now();
        self.kept_house = now;
        if self.has_ended() {
            return Err(End::Ended);
        }
        let patience = self.shared.pools[self.shard].timeout() * MOST_PATIENCE * 2;
        if self.shared.in_flight.is_gone(self.shard, patience) {
            return Err(End::Lost);
        }
        let (flush, idle) = (self.shared.flush_interval, self.shared.idle_interval);
        self.track.cut(self.position);
        self.track.close_old(self.position, now, flush, idle);
        self.say_when_ready();
        Ok(())
    }

    fn has_ended(&self) -> bool {
        self.cancel.is_cancelled() || self.shared.stop.is_cancelled()
    }

    /// With a batch under way that must end where Redis has its end, there is no meeting before it.
    fn say_when_ready(&self) {
        if self.track.cuts.is_empty() {
            self.meeting.ready(self.position);
        }
    }

    fn take(&mut self, message: &BorrowedMessage<'_>) {
        let offset = message.offset();
        if offset < self.position {
            return;
        }
        let payload = message.payload().unwrap_or_default();
        let timestamp_ms = timestamp_ms(message);
        self.track.cut(offset);
        match judge(payload, timestamp_ms, self.shared.window) {
            Ok(event) => {
                if self.shared.slot_map.shard_of(event.account).index() == self.shard {
                    let suspect = self.recent.insert(event.account, event.id);
                    self.track.push(&event, offset, timestamp_ms, suspect);
                }
            }
            Err(why) => {
                // The partition's reader has sent this letter too; nobody knows whether Kafka has it.
                let place = Place {
                    partition: self.partition,
                    offset,
                    timestamp_ms,
                };
                let acknowledgement = self.shared.dead_letters.send(place, payload, &why);
                self.track.builder.hold_for(acknowledgement);
            }
        }
        self.position = offset + 1;
        let (rows, bytes) = (self.shared.batch_rows, self.shared.batch_bytes);
        self.track.close_full(self.position, rows, bytes);
        self.say_when_ready();
    }

    fn face(&self, error: &KafkaError, consumer: &BaseConsumer) -> Result<(), End> {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => {
                let oldest = self.oldest(consumer).map_err(End::Failed)?;
                Err(End::Failed(match oldest {
                    Some(oldest) if oldest > self.position => self.gone(oldest),
                    _ => format!("Kafka does not have offset {}: {error}", self.position),
                }))
            }
            Some(RDKafkaErrorCode::Fatal) => Err(End::Failed(error.to_string())),
            _ => {
                tracing::warn!(%error, self.partition, self.shard, "Kafka, catching up");
                Ok(())
            }
        }
    }
}

fn text(error: KafkaError) -> String {
    error.to_string()
}
