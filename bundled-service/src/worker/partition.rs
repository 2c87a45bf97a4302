//! One partition that this worker owns: its records are decoded, judged, routed and packed.

use super::{Shared, lane::Lane, recent::Recent};
use crate::{
    batch::{Builder, Origin},
    dead_letter::Place,
    event::{self, Event, Rejection, Timestamp},
};
use rdkafka::{
    Timestamp as KafkaTimestamp,
    message::{BorrowedMessage, Message},
};
use std::{
    collections::VecDeque,
    sync::{Arc, Once, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

/// How long rows stay unread behind a batch that Postgres has not taken.
const READABLE_WITHIN: Duration = Duration::from_millis(250);

static WARN_OF_CREATE_TIME: Once = Once::new();

/// A partition and its lanes, one a shard. Dropping it cancels what is under way.
pub(super) struct Partition {
    number: i32,
    shared: Arc<Shared>,
    /// The offset after the last record that was read.
    position: i64,
    /// Kafka's time of the last record, in milliseconds.
    last_timestamp_ms: i64,
    tracks: Vec<Track>,
    _cancel: tokio_util::sync::DropGuard,
}

/// A shard's share of a partition.
pub(super) struct Track {
    pub(super) lane: Lane,
    pub(super) log_id: i16,
    /// The watermark at which this owner took over: what lies below is there.
    pub(super) start: i64,
    pub(super) builder: Builder,
    /// Ends that batches must have, because Redis holds such batches already.
    pub(super) cuts: VecDeque<i64>,
    /// When the batch got its first row, or the range its start.
    since: Instant,
}

impl Track {
    pub(super) fn new(lane: Lane, log_id: i16, start: i64, builder: Builder, cuts: Vec<i64>) -> Self {
        Self {
            lane,
            log_id,
            start,
            builder,
            cuts: cuts.into(),
            since: Instant::now(),
        }
    }

    fn close(&mut self, to: i64) {
        if to > self.builder.from() {
            let batch = self.builder.close(to);
            self.lane.send(batch);
        }
        self.since = Instant::now();
    }
}

impl Partition {
    pub(super) fn new(
        number: i32,
        shared: Arc<Shared>,
        tracks: Vec<Track>,
        cancel: CancellationToken,
    ) -> Self {
        let position = tracks.iter().map(|track| track.start).min().unwrap_or(0);
        let cancel = cancel.drop_guard();
        Self {
            number,
            shared,
            position,
            last_timestamp_ms: 0,
            tracks,
            _cancel: cancel,
        }
    }

    pub(super) fn number(&self) -> i32 {
        self.number
    }

    /// Where reading starts: the smallest watermark of the shards.
    pub(super) fn position(&self) -> i64 {
        self.position
    }

    /// The next offset that some shard still needs.
    pub(super) fn committed(&self) -> i64 {
        let committed = self.tracks.iter().map(|track| track.lane.committed.load(Relaxed));
        committed.min().unwrap_or(self.position)
    }

    /// Kafka's time of the last record that was read, in milliseconds; 0 before the first.
    pub(super) fn last_timestamp_ms(&self) -> i64 {
        self.last_timestamp_ms
    }

    /// Nothing is waiting to be committed.
    pub(super) fn is_settled(&self) -> bool {
        self.tracks
            .iter()
            .all(|track| track.lane.under_way.load(Relaxed) == 0)
    }

    /// Takes a record in.
    pub(super) fn take(&mut self, message: &BorrowedMessage<'_>, recent: &mut Recent) {
        let offset = message.offset();
        if offset < self.position {
            return;
        }
        let payload = message.payload().unwrap_or_default();
        let timestamp_ms = match message.timestamp() {
            KafkaTimestamp::LogAppendTime(ms) => ms,
            KafkaTimestamp::CreateTime(ms) => {
                WARN_OF_CREATE_TIME.call_once(|| {
                    tracing::warn!(
                        "the topic's timestamps are the producers' own: set \
                         message.timestamp.type=LogAppendTime, or they decide what is too late"
                    );
                });
                ms
            }
            KafkaTimestamp::NotAvailable => 0,
        };
        self.cut(offset);
        match judge(payload, timestamp_ms, self.shared.window) {
            Ok(event) => {
                let shard = self.shared.slot_map.shard_of(event.account).index();
                let track = &mut self.tracks[shard];
                if offset >= track.start {
                    if track.builder.is_empty() {
                        track.since = Instant::now();
                    }
                    let suspect = recent.insert(event.account, event.id);
                    let origin = Origin {
                        log_id: track.log_id,
                        offset,
                        timestamp_ms,
                    };
                    track.builder.push(&event, origin, suspect);
                }
            }
            Err(why) => {
                let place = Place {
                    partition: self.number,
                    offset,
                    timestamp_ms,
                };
                let acknowledgement = self.shared.dead_letters.send(place, payload, &why);
                for track in self.tracks.iter_mut().filter(|track| offset >= track.start) {
                    track.builder.hold_for(acknowledgement.clone());
                }
            }
        }
        self.position = offset + 1;
        self.last_timestamp_ms = timestamp_ms;
        let (rows, bytes) = (self.shared.batch_rows, self.shared.batch_bytes);
        for track in &mut self.tracks {
            let full = track.builder.rows() >= rows || track.builder.bytes() >= bytes;
            // A batch that Redis holds must end where it does: it was a whole batch once.
            if full && track.cuts.is_empty() {
                track.close(offset + 1);
            }
        }
    }

    /// Closes batches whose end is given, before a record at `offset` is taken in.
    fn cut(&mut self, offset: i64) {
        for track in &mut self.tracks {
            while let Some(&cut) = track.cuts.front()
                && cut <= offset
            {
                track.close(cut);
                track.cuts.pop_front();
            }
        }
    }

    /// Closes what is old enough: rows after the flush interval, or, while the batch before them is
    /// not committed, after a longer one, so that they become readable though Postgres waits; empty
    /// ranges after the idle interval.
    pub(super) fn close_old(&mut self, now: Instant, flush: Duration, idle: Duration) {
        let position = self.position;
        self.cut(position);
        for track in &mut self.tracks {
            let waits = track.lane.under_way.load(Relaxed) > 0;
            let limit = match (track.builder.is_empty(), waits) {
                (true, true) => continue,
                (true, false) => idle,
                (false, true) => flush.max(READABLE_WITHIN),
                (false, false) => flush,
            };
            let old = now.duration_since(track.since) >= limit && position > track.start;
            if old && track.cuts.is_empty() {
                track.close(position);
            }
        }
    }

    /// Closes everything, for a stop.
    pub(super) fn close_all(&mut self) {
        let position = self.position;
        self.cut(position);
        for track in &mut self.tracks {
            if position > track.start && track.cuts.is_empty() {
                track.close(position);
            }
        }
    }
}

fn judge(payload: &[u8], timestamp_ms: i64, window: event::Window) -> Result<Event<'_>, Rejection> {
    let event = event::parse(payload)?;
    event.check_time(Timestamp::from_millis(timestamp_ms), window)?;
    Ok(event)
}
