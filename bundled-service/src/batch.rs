//! A batch: the rows of one shard from a contiguous range of offsets of one partition, packed as
//! Postgres' binary COPY wants them, with the usage they add.
//!
//! Pure: no IO, no clock. Ranges are `[from, to)`; a batch covers its range whether or not each
//! offset held a row for its shard.

mod row;

pub use row::{COLUMNS, Row};

use crate::{
    dead_letter::Acknowledgement,
    event::{Event, Timestamp},
    slot::Shard,
};
use ahash::AHashMap;
use bytes::{Bytes, BytesMut};
use std::sync::Arc;

/// What a batch adds to one account's usage of one metric in one hour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delta {
    /// Millionths; wide, because thousands of the largest quantities don't fit 64 bits.
    pub quantity: i128,
    pub events: i64,
}

/// Account, metric (an index into [`Batch::metrics`]), hours since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeltaKey {
    pub account: i64,
    pub metric: u32,
    pub hour: i64,
}

/// A closed batch.
#[derive(Debug)]
pub struct Batch {
    pub partition: i32,
    pub shard: Shard,
    pub from: i64,
    pub to: i64,
    /// The rows one after the other, without COPY's header and trailer.
    pub rows: Bytes,
    /// Where each row starts in `rows`.
    pub starts: Vec<u32>,
    /// Indices of rows whose identity was seen lately: they must not go through COPY.
    pub suspects: Vec<u32>,
    pub deltas: AHashMap<DeltaKey, Delta>,
    pub metrics: Vec<Arc<str>>,
    /// Kafka's timestamps (ms) of the rows, as runs of equal ones.
    pub arrivals: Vec<(i64, u32)>,
    /// Days since 1970 that rows' identities lie in, each once.
    pub days: Vec<i64>,
    /// Dead letters from this range, which must be acknowledged before the watermark passes it.
    pub dead_letters: Vec<Acknowledgement>,
}

impl Batch {
    /// Bytes of memory, roughly: what the budget counts.
    pub fn weight(&self) -> usize {
        self.rows.len() + self.starts.len() * 4 + self.deltas.len() * 72 + 512
    }

    pub fn row(&self, index: usize) -> Row<'_> {
        let from = self.starts[index] as usize;
        let to = self
            .starts
            .get(index + 1)
            .map_or(self.rows.len(), |&next| next as usize);
        Row::decode(&self.rows[from..to])
    }

    /// The rows between the suspects, as slices of `rows`.
    pub fn unsuspected(&self) -> Vec<Bytes> {
        let mut slices = Vec::with_capacity(self.suspects.len() + 1);
        let mut from = 0;
        for &suspect in &self.suspects {
            let start = self.starts[suspect as usize] as usize;
            let end = (self.starts.get(suspect as usize + 1)).map_or(self.rows.len(), |&next| next as usize);
            if start > from {
                slices.push(self.rows.slice(from..start));
            }
            from = end;
        }
        if from < self.rows.len() {
            slices.push(self.rows.slice(from..));
        }
        slices
    }

    /// The deltas without those of the rows given, which were not inserted.
    pub fn deltas_without(&self, left_out: &[u32]) -> AHashMap<DeltaKey, Delta> {
        let mut deltas = self.deltas.clone();
        for &index in left_out {
            let row = self.row(index as usize);
            let metric = self.metrics.iter().position(|name| **name == *row.metric);
            let metric = metric.expect("the batch interned the metric of each of its rows") as u32;
            let key = DeltaKey {
                account: row.account,
                metric,
                hour: row.occurred_at.hour(),
            };
            if let Some(delta) = deltas.get_mut(&key) {
                delta.quantity -= i128::from(row.quantity);
                delta.events -= 1;
                if delta.events == 0 {
                    deltas.remove(&key);
                }
            }
        }
        deltas
    }
}

/// A batch that is being filled.
#[derive(Debug)]
pub struct Builder {
    partition: i32,
    shard: Shard,
    from: i64,
    rows: BytesMut,
    starts: Vec<u32>,
    suspects: Vec<u32>,
    deltas: AHashMap<DeltaKey, Delta>,
    metrics: Vec<Arc<str>>,
    metric_ids: AHashMap<Arc<str>, u32>,
    arrivals: Vec<(i64, u32)>,
    days: Vec<i64>,
    dead_letters: Vec<Acknowledgement>,
}

/// Where a row comes from.
#[derive(Debug, Clone, Copy)]
pub struct Origin {
    pub log_id: i16,
    pub offset: i64,
    /// Kafka's timestamp, in milliseconds.
    pub timestamp_ms: i64,
}

impl Builder {
    pub fn new(partition: i32, shard: Shard, from: i64) -> Self {
        Self {
            partition,
            shard,
            from,
            rows: BytesMut::new(),
            starts: Vec::new(),
            suspects: Vec::new(),
            deltas: AHashMap::new(),
            metrics: Vec::new(),
            metric_ids: AHashMap::new(),
            arrivals: Vec::new(),
            days: Vec::new(),
            dead_letters: Vec::new(),
        }
    }

    pub fn from(&self) -> i64 {
        self.from
    }

    pub fn rows(&self) -> usize {
        self.starts.len()
    }

    pub fn bytes(&self) -> usize {
        self.rows.len()
    }

    /// Nothing but the range itself would be in the batch.
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty() && self.dead_letters.is_empty()
    }

    pub fn push(&mut self, event: &Event<'_>, origin: Origin, suspect: bool) {
        let index = self.starts.len() as u32;
        self.starts.push(self.rows.len() as u32);
        if suspect {
            self.suspects.push(index);
        }
        let id_time = event.id_time();
        row::encode(&mut self.rows, event, id_time, self.partition, origin);
        let day = id_time.micros().div_euclid(DAY_MICROS);
        if !self.days.contains(&day) {
            self.days.push(day);
        }
        match self.arrivals.last_mut() {
            Some((timestamp, count)) if *timestamp == origin.timestamp_ms => *count += 1,
            _ => self.arrivals.push((origin.timestamp_ms, 1)),
        }
        let metric = self.metric_id(&event.metric);
        let key = DeltaKey {
            account: event.account.get(),
            metric,
            hour: event.occurred_at.hour(),
        };
        let delta = self.deltas.entry(key).or_default();
        delta.quantity += i128::from(event.quantity.millionths());
        delta.events += 1;
    }

    /// A dead letter lies within the range.
    pub fn hold_for(&mut self, acknowledgement: Acknowledgement) {
        self.dead_letters.push(acknowledgement);
    }

    /// Forgets what it has, and starts at `from`.
    pub fn start_anew(&mut self, from: i64) {
        *self = Self::new(self.partition, self.shard, from);
    }

    /// Closes the range before `to`, and starts the next one there.
    pub fn close(&mut self, to: i64) -> Batch {
        let mut next = Self::new(self.partition, self.shard, to);
        next.starts.reserve(self.starts.len());
        next.rows.reserve(self.rows.len());
        let full = std::mem::replace(self, next);
        Batch {
            partition: full.partition,
            shard: full.shard,
            from: full.from,
            to,
            rows: full.rows.freeze(),
            starts: full.starts,
            suspects: full.suspects,
            deltas: full.deltas,
            metrics: full.metrics,
            arrivals: full.arrivals,
            days: full.days,
            dead_letters: full.dead_letters,
        }
    }

    fn metric_id(&mut self, name: &str) -> u32 {
        if let Some(first) = self.metrics.first()
            && **first == *name
        {
            return 0;
        }
        if let Some(&id) = self.metric_ids.get(name) {
            return id;
        }
        let id = self.metrics.len() as u32;
        let name: Arc<str> = name.into();
        self.metrics.push(Arc::clone(&name));
        self.metric_ids.insert(name, id);
        id
    }
}

const DAY_MICROS: i64 = 86_400_000_000;

/// Midnight (UTC) of a day that [`Batch::days`] names.
pub fn start_of_day(day: i64) -> Timestamp {
    Timestamp::from_micros(day * DAY_MICROS)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::event::parse;

    fn fill(builder: &mut Builder, offset: i64, metric: &str, quantity: &str, suspect: bool) {
        let json = format!(
            r#"{{"event_id":"0198c5a2-7c00-7000-8000-0000000000{offset:02}","account_id":5,"metric":"{metric}","quantity":{quantity},"occurred_at":7200000,"properties":{{"a":{offset}}}}}"#
        );
        let origin = Origin {
            log_id: 3,
            offset,
            timestamp_ms: 9,
        };
        builder.push(&parse(json.as_bytes()).unwrap(), origin, suspect);
    }

    /// What is packed for COPY reads back field by field, and suspects are cut out exactly.
    #[test]
    fn rows_and_suspects() {
        let mut builder = Builder::new(4, Shard(1), 10);
        fill(&mut builder, 10, "a", "1.5", false);
        fill(&mut builder, 11, "b", "-2", true);
        fill(&mut builder, 12, "a", "0.25", false);
        let batch = builder.close(20);
        assert_eq!((batch.from, batch.to, builder.from()), (10, 20, 20));
        let row = batch.row(1);
        assert_eq!((row.account, row.quantity, row.offset), (5, -2_000_000, 11));
        assert_eq!((row.metric, row.properties), ("b", Some(r#"{"a":11}"#)));
        assert_eq!(row.occurred_at, Timestamp::from_hour(2));
        let slices = batch.unsuspected();
        assert_eq!(slices.len(), 2);
        assert_eq!(Row::decode(&slices[1]).offset, 12);
        assert_eq!(batch.arrivals, [(9, 3)]);
    }

    /// Usage counts only what was inserted.
    #[test]
    fn deltas_without_what_was_left_out() {
        let mut builder = Builder::new(0, Shard(0), 0);
        fill(&mut builder, 1, "a", "1.5", false);
        fill(&mut builder, 2, "b", "7", false);
        fill(&mut builder, 3, "a", "2", false);
        let batch = builder.close(4);
        let key = |metric| DeltaKey {
            account: 5,
            metric,
            hour: 2,
        };
        assert_eq!(
            batch.deltas[&key(0)],
            Delta {
                quantity: 3_500_000,
                events: 2
            }
        );
        let left = batch.deltas_without(&[1, 2]);
        assert_eq!(left.len(), 1);
        assert_eq!(
            left[&key(0)],
            Delta {
                quantity: 1_500_000,
                events: 1
            }
        );
    }
}
