//! Marked events beside a load: each is sent to Kafka and looked for in the shards, so that the time until an event
//! is committed is known from outside, whatever the service says of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::future::{BoxFuture, FutureExt, try_join_all};
use jiff::Timestamp;
use rdkafka::producer::{FutureProducer, FutureRecord};
use tokio::task::JoinHandle;

use super::events::Batch;
use super::kafka::Cluster;
use super::sql::{self, Ledger};
use super::step::{Scene, Trouble};

/// Charged by turns, so that every shard and many partitions are seen.
const ACCOUNTS: u16 = 16;
/// Between a marked event and the next.
const EVERY: Duration = Duration::from_millis(50);
/// Between two looks at a shard: no latency is told finer than this.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A stream of marked events that goes on until it is ended.
pub(super) struct Markers {
    is_over: Arc<AtomicBool>,
    task: JoinHandle<Result<Marked, Trouble>>,
}

/// What came of them.
#[derive(Clone, Debug)]
pub(super) struct Marked {
    /// The accounts, and how many events each of them was sent.
    pub(super) batch: Batch,
    /// From sending to the moment at which the row was seen, in order of size: Kafka's part is in it. Without those of
    /// the warm-up. One that was never seen counts with the time that it was waited for.
    pub(super) until_committed: Vec<Duration>,
}

impl Marked {
    /// So many of 100 took no longer; none of nothing.
    pub(super) fn percentile(&self, percent: f64) -> Option<Duration> {
        let last = self.until_committed.len().checked_sub(1)?;
        let rank = (percent / 100.0 * self.until_committed.len() as f64).ceil() as usize;
        self.until_committed
            .get(rank.saturating_sub(1).min(last))
            .copied()
    }
}

impl Markers {
    /// Begins to send; what is sent within the warm-up is not timed.
    pub(super) async fn begin(scene: &Scene, warm_up: Duration) -> Result<Self, Trouble> {
        let ledgers = sql::all(&scene.endpoints).await?;
        let producer = Cluster::of(&scene.endpoints.kafka)?.prompt_producer(scene.patience)?;
        let is_over = Arc::new(AtomicBool::new(false));
        let stream = Stream {
            batch: Batch::new(ACCOUNTS, 0),
            topic: scene.endpoints.events_topic.clone(),
            patience: scene.patience,
            counts_from: Instant::now() + warm_up,
            is_over: Arc::clone(&is_over),
            producer,
            ledgers,
        };
        Ok(Self {
            is_over,
            task: tokio::spawn(stream.run()),
        })
    }

    /// Sends no more; answers when every row was seen, or the patience is over.
    pub(super) async fn end(self) -> Result<Marked, Trouble> {
        self.is_over.store(true, Ordering::Relaxed);
        match self.task.await {
            Ok(marked) => marked,
            Err(why) => Err(Trouble::new("the marked events broke off", why)),
        }
    }
}

struct Stream {
    batch: Batch,
    topic: String,
    patience: Duration,
    counts_from: Instant,
    is_over: Arc<AtomicBool>,
    producer: FutureProducer,
    ledgers: Vec<Ledger>,
}

/// When each account's events were sent.
type SentAt = BTreeMap<u64, Vec<Instant>>;

impl Stream {
    async fn run(mut self) -> Result<Marked, Trouble> {
        let (mut sent, mut seen): (SentAt, BTreeMap<u64, usize>) = Default::default();
        let mut until_committed = Vec::new();
        let mut deliveries: Vec<BoxFuture<'static, Result<(), Trouble>>> = Vec::new();
        let accounts: Vec<u64> = self.batch.accounts().collect();
        let (mut next, mut last_sent) = (0_usize, None::<Instant>);
        loop {
            // Each account gets the same number: it ends with a whole round.
            let is_over = self.is_over.load(Ordering::Relaxed) && next.is_multiple_of(accounts.len());
            let is_due = last_sent.is_none_or(|at| at.elapsed() >= EVERY);
            if !is_over && is_due {
                let account = accounts[next % accounts.len()];
                let number = u32::try_from(next / accounts.len()).unwrap_or(u32::MAX);
                sent.entry(account).or_default().push(Instant::now());
                deliveries.push(self.send(account, number));
                (next, last_sent) = (next + 1, Some(Instant::now()));
            }
            let all = self.look(&sent, &mut seen, &mut until_committed).await?;
            let patience_is_over = last_sent.is_some_and(|at| at.elapsed() > self.patience);
            if is_over && (all || patience_is_over) {
                break;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        until_committed.extend(self.waited_for(&sent, &seen));
        try_join_all(deliveries).await?;
        until_committed.sort();
        self.batch.each = u32::try_from(next / accounts.len()).unwrap_or(u32::MAX);
        Ok(Marked {
            batch: self.batch,
            until_committed,
        })
    }

    /// How long each event was waited for that is no row yet.
    fn waited_for(&self, sent: &SentAt, seen: &BTreeMap<u64, usize>) -> Vec<Duration> {
        let unseen = sent.iter().flat_map(|(account, sent)| {
            let seen = seen.get(account).copied().unwrap_or_default();
            sent.get(seen..).unwrap_or_default()
        });
        let timed = unseen.filter(|at| **at >= self.counts_from);
        timed.map(Instant::elapsed).collect()
    }

    fn send(&self, account: u64, number: u32) -> BoxFuture<'static, Result<(), Trouble>> {
        let body = self
            .batch
            .event(account, number, Timestamp::now().as_millisecond());
        let (key, body) = (account.to_string(), body.to_string());
        let (producer, topic, patience) = (self.producer.clone(), self.topic.clone(), self.patience);
        let sending = tokio::spawn(async move {
            let record = FutureRecord::to(&topic).key(&key).payload(&body);
            producer
                .send(record, patience)
                .await
                .map_err(|(why, _)| why.to_string())
        });
        async move {
            let failed = |why: String| Trouble::new("Kafka did not take a marked event", why);
            match sending.await {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(why)) => Err(failed(why)),
                Err(why) => Err(failed(why.to_string())),
            }
        }
        .boxed()
    }

    /// Whether every event that was sent is a row by now. An account's events are committed in their order.
    async fn look(
        &self,
        sent: &SentAt,
        seen: &mut BTreeMap<u64, usize>,
        until_committed: &mut Vec<Duration>,
    ) -> Result<bool, Trouble> {
        let accounts = self.batch.accounts();
        let found = try_join_all(self.ledgers.iter().map(|ledger| ledger.rows(&accounts))).await?;
        let now = Instant::now();
        for (account, rows) in found.iter().flatten() {
            let (Some(sent), rows) = (sent.get(account), usize::try_from(*rows).unwrap_or(usize::MAX)) else {
                continue;
            };
            let seen = seen.entry(*account).or_default();
            let new = sent.get(*seen..rows.min(sent.len())).unwrap_or_default();
            let timed = new.iter().filter(|at| **at >= self.counts_from);
            until_committed.extend(timed.map(|at| now.saturating_duration_since(*at)));
            *seen = rows.max(*seen);
        }
        let (wanted, found): (usize, usize) = (sent.values().map(Vec::len).sum(), seen.values().sum());
        Ok(found >= wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_latency_that_was_seen() {
        let marked = |count: u64| Marked {
            batch: Batch::new(1, 1),
            until_committed: (1..=count).map(Duration::from_millis).collect(),
        };
        assert_eq!(marked(100).percentile(95.0), Some(Duration::from_millis(95)));
        assert_eq!(marked(10).percentile(95.0), Some(Duration::from_millis(10)));
        assert_eq!(marked(1).percentile(50.0), Some(Duration::from_millis(1)));
        assert_eq!(marked(0).percentile(95.0), None);
    }
}
