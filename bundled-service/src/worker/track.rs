//! A shard's share of a partition: the batch that is being filled, and where full ones go.

use super::{
    in_flight::{Held, InFlight},
    lane::Lane,
    meeting::Meeting,
};
use crate::{
    batch::{Builder, Origin},
    event::Event,
    slot::Shard,
};
use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

/// How long rows stay unread behind a batch that Postgres has not taken.
const READABLE_WITHIN: Duration = Duration::from_millis(250);
/// A catch-up reader that is so many records behind us is met.
const NEAR_RECORDS: i64 = 10_000;
/// Below this every offset is another's affair.
const NOTHING: i64 = i64::MAX;

pub(super) struct Track {
    pub(super) log_id: i16,
    /// What lies below is there, or another's affair.
    pub(super) start: i64,
    pub(super) builder: Builder,
    /// Ends that batches must have, because Redis holds such batches already.
    pub(super) cuts: VecDeque<i64>,
    /// When the batch got its first row, or the range its start.
    since: Instant,
    way: Way,
}

/// Where batches go.
enum Way {
    /// To the shard.
    Lane(Lane),
    /// Nowhere: the shard is behind, and a catch-up reader sees to it.
    Away(Away),
}

struct Away {
    meeting: Arc<Meeting>,
    /// From here on rows are kept for the shard, until the catch-up reader is here.
    place: Option<i64>,
    /// The batches from there on.
    held: Vec<Held>,
    in_flight: Arc<InFlight>,
}

impl Track {
    pub(super) fn new(lane: Lane, log_id: i16, start: i64, builder: Builder, cuts: Vec<i64>) -> Self {
        Self {
            log_id,
            start,
            builder,
            cuts: cuts.into(),
            since: Instant::now(),
            way: Way::Lane(lane),
        }
    }

    /// Of a shard that is behind.
    pub(super) fn away(
        partition: i32,
        shard: usize,
        meeting: Arc<Meeting>,
        in_flight: Arc<InFlight>,
    ) -> Self {
        Self {
            log_id: 0,
            start: NOTHING,
            builder: Builder::new(partition, Shard(shard as u16), 0),
            cuts: VecDeque::new(),
            since: Instant::now(),
            way: Way::Away(Away {
                meeting,
                place: None,
                held: Vec::new(),
                in_flight,
            }),
        }
    }

    /// The shard's lane, unless the shard is behind.
    pub(super) fn lane(&self) -> Option<&Lane> {
        match &self.way {
            Way::Lane(lane) => Some(lane),
            Way::Away(_) => None,
        }
    }

    /// Where the catch-up reader is met, if the shard is behind.
    pub(super) fn meeting(&self) -> Option<&Arc<Meeting>> {
        match &self.way {
            Way::Lane(_) => None,
            Way::Away(away) => Some(&away.meeting),
        }
    }

    /// The next offset that the shard needs, where it is known.
    pub(super) fn committed(&self) -> Option<i64> {
        match &self.way {
            Way::Lane(lane) => lane.watermark.next(),
            Way::Away(away) => away.meeting.watermark.next(),
        }
    }

    /// Batches are on their way to the shard.
    pub(super) fn is_under_way(&self) -> bool {
        self.lane().is_some_and(|lane| lane.under_way.load(Relaxed) > 0)
    }

    /// Takes a row in that lies at or above the start.
    #[inline]
    pub(super) fn push(&mut self, event: &Event<'_>, offset: i64, timestamp_ms: i64, suspect: bool) {
        if self.builder.is_empty() {
            self.since = Instant::now();
        }
        let origin = Origin {
            log_id: self.log_id,
            offset,
            timestamp_ms,
        };
        self.builder.push(event, origin, suspect);
    }

    /// Closes the batch where it is full, after the record before `to` was taken in. A batch that Redis
    /// holds must end where it does: it was a whole batch once.
    #[inline]
    pub(super) fn close_full(&mut self, to: i64, rows: usize, bytes: usize) {
        let full = self.builder.rows() >= rows || self.builder.bytes() >= bytes;
        if full && self.cuts.is_empty() {
            self.close(to);
        }
    }

    pub(super) fn close(&mut self, to: i64) {
        if to > self.builder.from() {
            let batch = self.builder.close(to);
            match &mut self.way {
                Way::Lane(lane) => lane.send(batch),
                Way::Away(away) => away.held.push(Held::new(batch, &away.in_flight)),
            }
        }
        self.since = Instant::now();
    }

    /// Closes batches whose end is given, before a record at `offset` is taken in.
    #[inline]
    pub(super) fn cut(&mut self, offset: i64) {
        while let Some(&cut) = self.cuts.front()
            && cut <= offset
        {
            self.close(cut);
            self.cuts.pop_front();
        }
    }

    /// Closes what is old enough: rows after the flush interval, or, while the batch before them is
    /// not committed, after a longer one, so that they become readable though Postgres waits; empty
    /// ranges after the idle interval.
    pub(super) fn close_old(&mut self, position: i64, now: Instant, flush: Duration, idle: Duration) {
        let waits = self.is_under_way() || self.meeting().is_some();
        let limit = match (self.builder.is_empty(), waits) {
            (true, true) => return,
            (true, false) => idle,
            (false, true) => flush.max(READABLE_WITHIN),
            (false, false) => flush,
        };
        let old = now.duration_since(self.since) >= limit && position > self.start;
        if old && self.cuts.is_empty() {
            self.close(position);
        }
    }

    /// Comes to terms with the catch-up reader, if there is one. What is kept for the shard while that
    /// one comes near has `most_bytes` of memory.
    pub(super) fn tend(&mut self, position: i64, most_bytes: usize, log_id: Option<i16>) {
        let Way::Away(away) = &mut self.way else {
            return;
        };
        away.meeting.pass(position);
        match away.place {
            None => {
                let Some(log_id) = log_id else {
                    return;
                };
                let Some(place) = away.meeting.propose(position, NEAR_RECORDS) else {
                    return;
                };
                away.place = Some(place);
                self.keep_from(place, log_id);
            }
            Some(place) => {
                let kept: usize = away.held.iter().map(Held::weight).sum();
                let off = away.meeting.is_off();
                if off || (kept > most_bytes && away.meeting.back_out(place)) {
                    away.place = None;
                    away.held.clear();
                    self.keep_from(NOTHING, self.log_id);
                }
            }
        }
    }

    fn keep_from(&mut self, start: i64, log_id: i16) {
        self.builder.start_anew(start);
        self.start = start;
        self.log_id = log_id;
        self.since = Instant::now();
    }

    /// The catch-up reader is where it was to be met: the batches that were kept go the same way as its
    /// own, behind them.
    pub(super) fn join(&mut self, caught_up: Self) {
        let Way::Lane(lane) = caught_up.way else {
            return;
        };
        if let Way::Away(away) = &mut self.way {
            for held in away.held.drain(..) {
                lane.pass_on(held);
            }
        }
        self.way = Way::Lane(lane);
    }
}
