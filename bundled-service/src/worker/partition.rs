//! One partition that this worker owns: its records are decoded, judged, routed and packed.

use super::{Shared, meeting::Meeting, recent::Recent, track::Track};
use crate::{
    dead_letter::Place,
    event::{self, Event, Rejection, Timestamp},
};
use rdkafka::{
    Timestamp as KafkaTimestamp,
    message::{BorrowedMessage, Message},
};
use std::{
    sync::{Arc, Once},
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

static WARN_OF_CREATE_TIME: Once = Once::new();

/// A partition and its tracks, one a shard. Dropping it cancels what is under way.
pub(super) struct Partition {
    number: i32,
    shared: Arc<Shared>,
    /// The offset after the last record that was read.
    position: i64,
    /// Kafka's time of the last record, in milliseconds.
    last_timestamp_ms: i64,
    tracks: Vec<Track>,
    cancel: CancellationToken,
}

impl Partition {
    /// Reading starts at the smallest watermark of the shards that are not behind.
    pub(super) fn new(
        number: i32,
        shared: Arc<Shared>,
        tracks: Vec<Track>,
        cancel: CancellationToken,
    ) -> Self {
        let served = tracks.iter().filter(|track| track.lane().is_some());
        let position = served.map(|track| track.start).min().unwrap_or(0);
        for (shard, track) in tracks.iter().enumerate() {
            if let Some(meeting) = track.meeting() {
                meeting.pass(position);
                shared.behind.add(number, shard, meeting);
            }
        }
        Self {
            number,
            shared,
            position,
            last_timestamp_ms: 0,
            tracks,
            cancel,
        }
    }

    pub(super) fn number(&self) -> i32 {
        self.number
    }

    /// The next offset that is read.
    pub(super) fn position(&self) -> i64 {
        self.position
    }

    /// The next offset that some shard still needs.
    pub(super) fn committed(&self) -> i64 {
        let committed = self.tracks.iter().filter_map(Track::committed);
        committed.min().unwrap_or(self.position)
    }

    /// Kafka's time of the last record that was read, in milliseconds; 0 before the first.
    pub(super) fn last_timestamp_ms(&self) -> i64 {
        self.last_timestamp_ms
    }

    /// Nothing is waiting to be committed.
    pub(super) fn is_settled(&self) -> bool {
        !self.tracks.iter().any(Track::is_under_way)
    }

    /// Takes a record in.
    pub(super) fn take(&mut self, message: &BorrowedMessage<'_>, recent: &mut Recent) {
        let offset = message.offset();
        if offset < self.position {
            return;
        }
        let payload = message.payload().unwrap_or_default();
        let timestamp_ms = timestamp_ms(message);
        self.cut(offset);
        match judge(payload, timestamp_ms, self.shared.window) {
            Ok(event) => {
                let shard = self.shared.slot_map.shard_of(event.account).index();
                let track = &mut self.tracks[shard];
                if offset >= track.start {
                    let suspect = recent.insert(event.account, event.id);
                    track.push(&event, offset, timestamp_ms, suspect);
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
            track.close_full(offset + 1, rows, bytes);
        }
    }

    fn cut(&mut self, offset: i64) {
        for track in &mut self.tracks {
            track.cut(offset);
        }
    }

    /// Closes what is old enough.
    pub(super) fn close_old(&mut self, now: Instant, flush: Duration, idle: Duration) {
        let position = self.position;
        self.cut(position);
        for track in &mut self.tracks {
            track.close_old(position, now, flush, idle);
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

    /// Do a shard's rows go to it as they are read?
    pub(super) fn serves(&self, shard: usize) -> bool {
        self.tracks[shard].lane().is_some()
    }

    /// Comes to terms with the catch-up readers.
    pub(super) fn tend(&mut self) {
        for (shard, track) in self.tracks.iter_mut().enumerate() {
            if track.meeting().is_some() {
                let log_id = self.shared.shards.known_log_id(shard);
                track.tend(self.position, self.shared.catch_up_bytes, log_id);
            }
        }
    }

    /// Drops a shard's rows from memory. From its watermark on it is another reader's affair, which
    /// `start` starts, under an epoch after the one given.
    pub(super) fn drop_rows(
        &mut self,
        shard: usize,
        start: impl FnOnce(Arc<Meeting>, i64, CancellationToken),
    ) {
        let Some(lane) = self.tracks[shard].lane() else {
            return;
        };
        let (epoch, watermark) = (lane.epoch, Arc::clone(&lane.watermark));
        tracing::warn!(
            self.number,
            shard,
            from = watermark.next(),
            "the shard takes nothing and its share of memory is used up: its rows are dropped from \
             memory, and read from Kafka again when it is back"
        );
        let meeting = Arc::new(Meeting::new(self.position, watermark));
        self.shared.behind.add(self.number, shard, &meeting);
        let in_flight = Arc::clone(&self.shared.in_flight);
        self.tracks[shard] = Track::away(self.number, shard, Arc::clone(&meeting), in_flight);
        start(meeting, epoch, self.cancel.clone());
    }

    /// Takes a shard back whose catch-up reader was met; one of an earlier time is dropped.
    pub(super) fn take_back(&mut self, shard: usize, meeting: &Arc<Meeting>, caught_up: Track) {
        let track = &mut self.tracks[shard];
        if track
            .meeting()
            .is_some_and(|present| Arc::ptr_eq(present, meeting))
        {
            track.join(caught_up);
            self.shared.behind.remove(self.number, shard, meeting);
            tracing::info!(self.number, shard, from = track.start, "the shard has caught up");
        }
    }

    /// For each shard that is behind, records between its watermark and what was read. Of one that has
    /// not answered yet, those since this worker took the partition.
    pub(super) fn behind(&self) -> impl Iterator<Item = (usize, i64)> {
        self.tracks.iter().enumerate().filter_map(|(shard, track)| {
            let meeting = track.meeting()?;
            let from = meeting.watermark.next().unwrap_or(meeting.first());
            Some((shard, (self.position - from).max(0)))
        })
    }
}

impl Drop for Partition {
    fn drop(&mut self) {
        self.cancel.cancel();
        for (shard, track) in self.tracks.iter().enumerate() {
            if let Some(meeting) = track.meeting() {
                self.shared.behind.remove(self.number, shard, meeting);
            }
        }
    }
}

/// Kafka's time of a record, in milliseconds.
#[inline]
pub(super) fn timestamp_ms(message: &BorrowedMessage<'_>) -> i64 {
    match message.timestamp() {
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
    }
}

pub(super) fn judge(
    payload: &[u8],
    timestamp_ms: i64,
    window: event::Window,
) -> Result<Event<'_>, Rejection> {
    let event = event::parse(payload)?;
    event.check_time(Timestamp::from_millis(timestamp_ms), window)?;
    Ok(event)
}
