//! A lane: the batches of one (partition, shard) on their way, in order, one transaction at a time.
//!
//! Two tasks, so that the next batch becomes readable while the last one is being committed. Both
//! end when the partition is taken away; the fence makes that safe at any point.

use super::{
    Trouble,
    in_flight::{Held, InFlight},
};
use crate::{
    batch::Batch,
    metrics::{Counter, Histogram, Metrics},
    postgres::{FlushError, Flushed, LedgerError, Owner, ShardPool, flush},
    redis::{Lives, Stored, Writer, complete},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::sync::mpsc;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

/// The consumer's end of a lane.
pub(super) struct Lane {
    /// Bounded by the budget of bytes, which the consumer holds to before it closes a batch.
    batches: mpsc::UnboundedSender<Held>,
    /// Batches that are not committed yet.
    pub(super) under_way: Arc<AtomicUsize>,
    pub(super) watermark: Arc<Watermark>,
    pub(super) epoch: i64,
    in_flight: Arc<InFlight>,
    /// Ends the tasks where they are; the fence makes that safe.
    _cancel: DropGuard,
}

/// How far a shard is in a partition, as this process knows it.
pub(super) struct Watermark {
    next: AtomicI64,
    /// Kafka's time of the newest row that is committed, in milliseconds.
    timestamp_ms: AtomicI64,
}

impl Watermark {
    /// Of a shard that has not answered yet.
    pub(super) fn unknown() -> Self {
        Self {
            next: AtomicI64::new(-1),
            timestamp_ms: AtomicI64::new(0),
        }
    }

    /// The next offset that the shard needs; `None` before it answered.
    pub(super) fn next(&self) -> Option<i64> {
        Some(self.next.load(Relaxed)).filter(|next| *next >= 0)
    }

    /// Kafka's time of the newest row known to be committed, in milliseconds.
    pub(super) fn timestamp_ms(&self) -> Option<i64> {
        Some(self.timestamp_ms.load(Relaxed)).filter(|timestamp| *timestamp > 0)
    }

    fn set(&self, next: i64) {
        self.next.store(next, Relaxed);
    }

    fn committed(&self, batch: &Batch) {
        self.set(batch.to);
        if let Some(&(timestamp, _)) = batch.arrivals.last() {
            self.timestamp_ms.store(timestamp, Relaxed);
        }
    }
}

/// What a lane works with.
pub(super) struct Parts {
    pub(super) pool: Arc<ShardPool>,
    pub(super) lives: Arc<Lives>,
    pub(super) writer: Writer,
    pub(super) owner: Owner,
    pub(super) start: i64,
    pub(super) watermark: Arc<Watermark>,
    pub(super) in_flight: Arc<InFlight>,
    pub(super) trouble: mpsc::UnboundedSender<Trouble>,
}

impl Lane {
    /// Starts the tasks; they end when `cancel` says so, or with the lane.
    pub(super) fn start(parts: Parts, tasks: &TaskTracker, cancel: &CancellationToken) -> Self {
        let (batches, incoming) = mpsc::unbounded_channel::<Held>();
        let (cached, flushing) = mpsc::unbounded_channel::<Held>();
        let under_way = Arc::new(AtomicUsize::new(0));
        let (watermark, in_flight) = (parts.watermark, parts.in_flight);
        watermark.set(parts.start);
        let epoch = parts.owner.epoch;
        let observe = Observe::new(&parts.owner.metrics, parts.pool.shard());
        let metrics = Arc::clone(&parts.owner.metrics);
        let first = make_readable(parts.writer, incoming, cached, Arc::clone(&watermark), metrics);
        let second = Committing {
            pool: parts.pool,
            lives: parts.lives,
            owner: parts.owner,
            under_way: Arc::clone(&under_way),
            watermark: Arc::clone(&watermark),
            in_flight: Arc::clone(&in_flight),
            trouble: parts.trouble,
            observe,
        };
        let cancel = cancel.child_token();
        let stop = cancel.clone();
        tasks.spawn(async move { stop.run_until_cancelled(first).await });
        let stop = cancel.clone();
        tasks.spawn(async move { stop.run_until_cancelled(second.run(flushing)).await });
        Self {
            batches,
            under_way,
            watermark,
            epoch,
            in_flight,
            _cancel: cancel.drop_guard(),
        }
    }

    pub(super) fn send(&self, batch: Batch) {
        self.pass_on(Held::new(batch, &self.in_flight));
    }

    /// Sends a batch that the budget counts already.
    pub(super) fn pass_on(&self, held: Held) {
        self.under_way.fetch_add(1, Relaxed);
        // The tasks end only with the partition, whose batches are dropped with it.
        let _ = self.batches.send(held);
    }
}

/// First task: Redis.
async fn make_readable(
    mut writer: Writer,
    mut incoming: mpsc::UnboundedReceiver<Held>,
    cached: mpsc::UnboundedSender<Held>,
    watermark: Arc<Watermark>,
    metrics: Arc<Metrics>,
) {
    let seconds = metrics.event_processing_duration_seconds.with(&["cached"]);
    while let Some(held) = incoming.recv().await {
        let committed = watermark.next().unwrap_or(held.batch.from);
        let stored = writer.store(&held.batch, committed).await;
        if stored == Stored::Cached {
            observe_age(&seconds, &held.batch);
        }
        if cached.send(held).is_err() {
            return;
        }
    }
}

/// Second task: Postgres, then Redis is told.
struct Committing {
    pool: Arc<ShardPool>,
    lives: Arc<Lives>,
    owner: Owner,
    under_way: Arc<AtomicUsize>,
    watermark: Arc<Watermark>,
    in_flight: Arc<InFlight>,
    trouble: mpsc::UnboundedSender<Trouble>,
    observe: Observe,
}

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// A server that is slow with a batch, not silent, gets up to so much more time for it.
pub(super) const MOST_PATIENCE: u32 = 8;

impl Committing {
    async fn run(self, mut flushing: mpsc::UnboundedReceiver<Held>) {
        while let Some(held) = flushing.recv().await {
            let Some(flushed) = self.commit(&held.batch).await else {
                return;
            };
            self.watermark.committed(&held.batch);
            self.in_flight.moved(self.pool.shard());
            self.observe.batch(&held.batch, &flushed);
            complete(&self.lives, &held.batch, self.owner.epoch, &flushed).await;
            self.under_way.fetch_sub(1, Relaxed);
        }
    }

    /// `None` when this owner is done here; the consumer has been told why.
    async fn commit(&self, batch: &Batch) -> Option<Flushed> {
        let mut pause = FIRST_PAUSE;
        let mut patience = 1;
        loop {
            let limit = self.pool.timeout() * patience;
            let trouble = match flush(&self.pool, batch, &self.owner, limit).await {
                Ok(flushed) => return Some(flushed),
                Err(FlushError::Passing(error)) => {
                    if matches!(error, LedgerError::Silent { .. }) {
                        patience = (patience * 2).min(MOST_PATIENCE);
                    } else {
                        self.in_flight.refused(self.pool.shard());
                    }
                    tracing::warn!(%error, batch.partition, %batch.shard, "trying again");
                    self.observe.retries.add(1);
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    continue;
                }
                Err(FlushError::Fenced) => {
                    self.owner.metrics.ingest_fenced_total.with(&[]).add(1);
                    Trouble::Fenced {
                        partition: batch.partition,
                    }
                }
                Err(error) => Trouble::Stop(error.to_string()),
            };
            let _ = self.trouble.send(trouble);
            return None;
        }
    }
}

/// Where a lane's figures go, looked up once.
struct Observe {
    durable: Arc<Histogram>,
    rows: Arc<Histogram>,
    inserted: Arc<Counter>,
    duplicate: Arc<Counter>,
    duplicates: Arc<Counter>,
    retries: Arc<Counter>,
    watermarks: Arc<Metrics>,
    shard: String,
}

impl Observe {
    fn new(metrics: &Arc<Metrics>, shard: usize) -> Self {
        let shard = shard.to_string();
        Self {
            durable: metrics.event_processing_duration_seconds.with(&["durable"]),
            rows: metrics.ingest_batch_rows.with(&[&shard]),
            inserted: metrics.events_processed_total.with(&["inserted", &shard]),
            duplicate: metrics.events_processed_total.with(&["duplicate", &shard]),
            duplicates: metrics.ingest_duplicates_total.with(&[&shard]),
            retries: metrics.ingest_flush_retries_total.with(&[&shard]),
            watermarks: Arc::clone(metrics),
            shard,
        }
    }

    fn batch(&self, batch: &Batch, flushed: &Flushed) {
        observe_age(&self.durable, batch);
        if !batch.starts.is_empty() {
            self.rows.observe(batch.starts.len() as f64);
        }
        self.inserted.add(flushed.inserted);
        self.duplicate.add(flushed.duplicates);
        self.duplicates.add(flushed.duplicates);
        let partition = batch.partition.to_string();
        self.watermarks
            .ingest_watermark
            .with(&[&partition, &self.shard])
            .set(batch.to);
    }
}

fn observe_age(histogram: &Histogram, batch: &Batch) {
    let now = jiff::Timestamp::now().as_millisecond();
    for &(timestamp, count) in &batch.arrivals {
        let seconds = (now - timestamp).max(0) as f64 / 1e3;
        histogram.observe_many(seconds, u64::from(count));
    }
}
