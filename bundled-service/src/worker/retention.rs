//! Shards that are behind, and how much of Kafka's retention is left for each: what is deleted before
//! a shard has it is gone.

use super::{Shared, meeting::Meeting};
use crate::{metrics::Metrics, postgres::LedgerError};
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, ResourceSpecifier},
    client::DefaultClientContext,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Each (partition, shard) that is behind.
pub(super) struct Behind {
    entries: Mutex<BTreeMap<(i32, usize), Arc<Meeting>>>,
    metrics: Arc<Metrics>,
}

const INTERVAL: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(10);

impl Behind {
    pub(super) fn new(metrics: &Arc<Metrics>) -> Self {
        Self {
            entries: Mutex::default(),
            metrics: Arc::clone(metrics),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(i32, usize), Arc<Meeting>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, partition: i32, shard: usize, meeting: &Arc<Meeting>) {
        self.lock().insert((partition, shard), Arc::clone(meeting));
    }

    /// The shard has caught up, or is another's: nothing more is said of it.
    pub(super) fn remove(&self, partition: i32, shard: usize, meeting: &Arc<Meeting>) {
        let mut entries = self.lock();
        let known = entries.get(&(partition, shard));
        if known.is_some_and(|known| Arc::ptr_eq(known, meeting)) {
            entries.remove(&(partition, shard));
            let labels = [&*partition.to_string(), &*shard.to_string()];
            self.metrics.shard_behind_records.remove(&labels);
            self.metrics.shard_retention_left_records.remove(&labels);
            self.metrics.shard_retention_left_seconds.remove(&labels);
        }
    }

    /// Says something of a shard, as long as it is behind.
    fn say(&self, key: (i32, usize), meeting: &Arc<Meeting>, say: impl FnOnce(&Metrics, [&str; 2])) {
        let entries = self.lock();
        if entries.get(&key).is_some_and(|known| Arc::ptr_eq(known, meeting)) {
            say(&self.metrics, [&key.0.to_string(), &key.1.to_string()]);
        }
    }
}

/// How long until records are deleted that are as old as the newest one that the shard has. `None`
/// where age deletes nothing.
fn left_seconds(retention_ms: i64, newest_ms: i64, now_ms: i64) -> Option<i64> {
    (retention_ms >= 0).then(|| (newest_ms + retention_ms - now_ms).div_euclid(1_000))
}

/// Watches for as long as it is let.
pub(super) async fn watch(shared: Arc<Shared>) {
    let mut admin = None;
    // Whose loss was told.
    let mut told = BTreeSet::new();
    loop {
        tokio::time::sleep(INTERVAL).await;
        let entries = shared.behind.lock().clone();
        told.retain(|key| entries.contains_key(key));
        if entries.is_empty() {
            continue;
        }
        let client = match admin.take().map_or_else(|| connect(&shared.brokers), Ok) {
            Ok(client) => client,
            Err(error) => {
                tracing::warn!(%error, "what is left of Kafka's retention is not known");
                continue;
            }
        };
        let retention_ms = retention_ms(&client, &shared.log.topic).await;
        for (key, meeting) in entries {
            let gone = look(&shared, &client, key, &meeting, retention_ms).await;
            if let Some(error) = gone
                && told.insert(key)
            {
                tracing::error!("{error}");
            }
        }
        admin = Some(client);
    }
}

type Client = Arc<AdminClient<DefaultClientContext>>;

fn connect(brokers: &str) -> Result<Client, rdkafka::error::KafkaError> {
    let client = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("client.id", "vvbill-ingest-retention")
        .create()?;
    Ok(Arc::new(client))
}

/// The topic's `retention.ms`, where Kafka says it.
async fn retention_ms(client: &Client, topic: &str) -> Option<i64> {
    let options = AdminOptions::new().request_timeout(Some(TIMEOUT));
    let asked = [ResourceSpecifier::Topic(topic)];
    let described = client.describe_configs(&asked, &options).await.ok()?;
    let settings = described.into_iter().next()?.ok()?;
    settings.get("retention.ms")?.value.as_ref()?.parse().ok()
}

/// `Some` where records are gone that the shard needs.
async fn look(
    shared: &Shared,
    client: &Client,
    key: (i32, usize),
    meeting: &Arc<Meeting>,
    retention_ms: Option<i64>,
) -> Option<LedgerError> {
    let (partition, shard) = key;
    let (asking, topic) = (Arc::clone(client), shared.log.topic.clone());
    let asked = tokio::task::spawn_blocking(move || {
        let client = asking.inner();
        client.fetch_watermarks(&topic, partition, TIMEOUT)
    });
    let (oldest, _) = asked.await.ok()?.ok()?;
    let next = meeting.watermark.next()?;
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let seconds = (meeting.watermark.timestamp_ms())
        .zip(retention_ms)
        .and_then(|(newest_ms, retention_ms)| left_seconds(retention_ms, newest_ms, now_ms));
    shared.behind.say(key, meeting, |metrics, labels| {
        metrics
            .shard_retention_left_records
            .with(&labels)
            .set(next - oldest);
        if let Some(seconds) = seconds {
            metrics.shard_retention_left_seconds.with(&labels).set(seconds);
        }
    });
    (next < oldest).then_some(LedgerError::RecordsGone {
        shard,
        log_id: shared.shards.known_log_id(shard)?,
        partition,
        next,
        oldest,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record goes when it is as old as the topic keeps them.
    #[test]
    fn what_is_left() {
        assert_eq!(left_seconds(60_000, 1_000_000, 1_010_000), Some(50));
        assert_eq!(left_seconds(60_000, 1_000_000, 1_061_000), Some(-1));
        assert_eq!(left_seconds(-1, 1_000_000, 1_010_000), None);
    }
}
