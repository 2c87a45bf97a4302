//! Bytes of batches that are not committed, a shard: what the budget counts, and whose rows are
//! dropped from memory when a shard is down. It reads the clock and does no IO.

use crate::{
    batch::Batch,
    metrics::{Gauge, Metrics},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

/// A shard that holds batches and commits none for this long takes nothing…
const SILENT_FOR: Duration = Duration::from_secs(5);
/// …or for this long, when it refused one meanwhile.
const REFUSING_FOR: Duration = Duration::from_secs(1);

/// Bytes of all batches of this process that are not committed yet.
pub(super) struct InFlight {
    bytes: AtomicUsize,
    gauge: Arc<Gauge>,
    shards: Box<[Flow]>,
    started: Instant,
}

#[derive(Default)]
struct Flow {
    bytes: AtomicUsize,
    /// When it last committed a batch, or got one while it held none; milliseconds since the start.
    moved_ms: AtomicU64,
    refusing: AtomicBool,
}

/// How a shard stands, as far as dropping its rows goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) bytes: usize,
    /// It holds batches and takes none.
    pub(super) stalled: bool,
    /// Some partition's rows still go to it as they are read.
    pub(super) served: bool,
}

/// Are this shard's rows to be dropped from memory? When it takes nothing, holds more than its share,
/// and another one could go on: were there none, waiting would cost less than reading all again.
pub(super) fn is_to_be_dropped(loads: &[Load], shard: usize, share: usize) -> bool {
    let load = loads[shard];
    let others = loads.iter().enumerate().filter(|(other, _)| *other != shard);
    load.stalled
        && load.served
        && load.bytes > share
        && others
            .into_iter()
            .any(|(_, other)| other.served && !other.stalled)
}

impl InFlight {
    pub(super) fn new(metrics: &Metrics, shards: usize) -> Self {
        Self {
            bytes: AtomicUsize::new(0),
            gauge: metrics.ingest_in_flight_bytes.with(&[]),
            shards: (0..shards).map(|_| Flow::default()).collect(),
            started: Instant::now(),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Relaxed)
    }

    pub(super) fn bytes_of(&self, shard: usize) -> usize {
        self.shards[shard].bytes.load(Relaxed)
    }

    pub(super) fn shards(&self) -> usize {
        self.shards.len()
    }

    /// A batch is committed.
    pub(super) fn moved(&self, shard: usize) {
        self.shards[shard].refusing.store(false, Relaxed);
        self.shards[shard].moved_ms.store(self.now_ms(), Relaxed);
    }

    /// A try to commit a batch failed, not for want of an answer.
    pub(super) fn refused(&self, shard: usize) {
        self.shards[shard].refusing.store(true, Relaxed);
    }

    /// Does the shard hold batches and take none?
    pub(super) fn is_stalled(&self, shard: usize) -> bool {
        let limit = match self.shards[shard].refusing.load(Relaxed) {
            true => REFUSING_FOR,
            false => SILENT_FOR,
        };
        self.is_waiting_for(shard, limit)
    }

    /// Is the shard gone, and not only slow? One that is slow gets up to `patience` for a batch.
    pub(super) fn is_gone(&self, shard: usize, patience: Duration) -> bool {
        let limit = match self.shards[shard].refusing.load(Relaxed) {
            true => SILENT_FOR,
            false => patience,
        };
        self.is_waiting_for(shard, limit)
    }

    fn is_waiting_for(&self, shard: usize, limit: Duration) -> bool {
        let flow = &self.shards[shard];
        let since_ms = self.now_ms().saturating_sub(flow.moved_ms.load(Relaxed));
        flow.bytes.load(Relaxed) > 0 && since_ms >= limit.as_millis() as u64
    }

    fn now_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    fn add(&self, shard: usize, bytes: usize) {
        if self.shards[shard].bytes.fetch_add(bytes, Relaxed) == 0 {
            self.moved(shard);
        }
        self.bytes.fetch_add(bytes, Relaxed);
        self.gauge.set(self.bytes() as i64);
    }

    fn remove(&self, shard: usize, bytes: usize) {
        self.shards[shard].bytes.fetch_sub(bytes, Relaxed);
        self.bytes.fetch_sub(bytes, Relaxed);
        self.gauge.set(self.bytes() as i64);
    }
}

/// A batch that gives its bytes back to the budget however it ends.
pub(super) struct Held {
    pub(super) batch: Batch,
    weight: usize,
    in_flight: Arc<InFlight>,
}

impl Held {
    pub(super) fn new(batch: Batch, in_flight: &Arc<InFlight>) -> Self {
        let weight = batch.weight();
        in_flight.add(batch.shard.index(), weight);
        Self {
            batch,
            weight,
            in_flight: Arc::clone(in_flight),
        }
    }

    pub(super) fn weight(&self) -> usize {
        self.weight
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.in_flight.remove(self.batch.shard.index(), self.weight);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{batch::Builder, slot::Shard};

    /// Only a shard that takes nothing and holds too much is dropped, and only for another's sake.
    #[test]
    fn whose_rows_are_dropped() {
        let load = |bytes, stalled, served| Load {
            bytes,
            stalled,
            served,
        };
        let well = load(50, false, true);
        let down = load(101, true, true);
        assert!(is_to_be_dropped(&[well, down], 1, 100));
        assert!(!is_to_be_dropped(&[well, down], 0, 100));
        assert!(!is_to_be_dropped(&[well, load(100, true, true)], 1, 100));
        // It is slow, not down.
        assert!(!is_to_be_dropped(&[well, load(500, false, true)], 1, 100));
        // Nobody would be served.
        assert!(!is_to_be_dropped(&[down, down], 1, 100));
        assert!(!is_to_be_dropped(&[load(0, false, false), down], 1, 100));
        // There is nothing left to drop.
        assert!(!is_to_be_dropped(&[well, load(500, true, false)], 1, 100));
    }

    /// Bytes are given back however a batch ends, each to its own shard.
    #[test]
    fn bytes_are_given_back() {
        let in_flight = Arc::new(InFlight::new(&Metrics::default(), 2));
        let held = |shard| Held::new(Builder::new(0, Shard(shard), 0).close(5), &in_flight);
        let (one, two) = (held(0), held(1));
        assert_eq!(in_flight.bytes(), one.weight() + two.weight());
        drop(two);
        assert_eq!((in_flight.bytes_of(0), in_flight.bytes_of(1)), (one.weight(), 0));
        drop(one);
        assert_eq!(in_flight.bytes(), 0);
        assert!(!in_flight.is_stalled(0), "it holds nothing");
    }
}
