//! The way from one log to another: a region fails over, and its copy of the log has offsets of its own.
//!
//! For each shard and partition it finds where the copy holds what the shard has not, and records that
//! as the watermark. It may be earlier than needed, never later: an event that comes again is known by
//! its identity. The workers do the rest. It moves no record, and starts or stops nothing.

mod offset_syncs;

use crate::{
    config,
    log_identity::LogIdentity,
    postgres::{self, Entered, LedgerError, ShardPool},
    reconcile::bounds,
    service::{ServiceError, log_identity},
};
use rdkafka::{ClientConfig, consumer::BaseConsumer};
use std::{fmt, sync::Arc};

pub use offset_syncs::OffsetSyncs;

/// Where a partition's records lie in the log that is entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    pub partition: i32,
    /// Kafka's oldest record.
    pub oldest: i64,
    /// The offset after the last.
    pub end: i64,
}

/// What a cut-over came to.
#[derive(Debug, serde::Serialize)]
pub struct Report {
    pub cluster_id: String,
    pub topic_id: String,
    pub topic: String,
    /// In the order of the shards.
    pub shards: Vec<Entered>,
}

/// Has every shard go on in the log that the settings name. Done again, it changes nothing; interrupted
/// between two shards, it is finished by the next run.
pub async fn run(settings: &config::CutOver) -> Result<Report, ServiceError> {
    let log = log_identity(&settings.kafka).await?;
    let pools = ShardPool::all(&settings.postgres)?;
    for pool in &pools {
        postgres::require_current_schema(pool).await?;
    }
    let (bounds, syncs) = read(settings, &log).await?;
    let mut shards = Vec::with_capacity(pools.len());
    for pool in &pools {
        shards.push(enter(pool, &log, &bounds, &syncs).await?);
    }
    Ok(Report {
        cluster_id: log.cluster_id,
        topic_id: log.topic_id.to_string(),
        topic: log.topic,
        shards,
    })
}

async fn enter(
    pool: &Arc<ShardPool>,
    log: &LogIdentity,
    bounds: &[Bounds],
    syncs: &OffsetSyncs,
) -> Result<Entered, LedgerError> {
    let start = |bounds: &Bounds, left_at: i64| {
        let found = syncs.translate(bounds.partition, left_at)?;
        // A copy that was made anew is shorter than what was once noted about it.
        (found <= bounds.end).then(|| found.max(bounds.oldest))
    };
    postgres::enter_log(pool, log, bounds, &start).await
}

async fn read(
    settings: &config::CutOver,
    log: &LogIdentity,
) -> Result<(Vec<Bounds>, OffsetSyncs), ServiceError> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &settings.kafka.kafka_brokers)
        .set("client.id", "vvbill-ingest-cut-over")
        .set("group.id", "vvbill-ingest-cut-over")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "error")
        .set("fetch.queue.backoff.ms", "5")
        .create()?;
    let (topic, syncs_topic) = (log.topic.clone(), settings.offset_syncs_topic.clone());
    let read = tokio::task::spawn_blocking(move || {
        let bounds = bounds(&consumer, &topic)?;
        let syncs = match &syncs_topic {
            Some(name) => OffsetSyncs::read(&consumer, name, &topic)?,
            None => OffsetSyncs::default(),
        };
        let bounds = bounds.into_iter().map(|(partition, oldest, end)| Bounds {
            partition,
            oldest,
            end,
        });
        Ok((bounds.collect(), syncs))
    });
    match read.await {
        Ok(read) => read,
        Err(error) => Err(ServiceError::Other(error.to_string())),
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            cluster_id,
            topic_id,
            topic,
            shards,
        } = self;
        writeln!(
            f,
            "{topic} is read from cluster {cluster_id}, topic id {topic_id}:"
        )?;
        for entered in shards {
            let how = match entered.moved {
                true => "goes on in it",
                false => "was in it already",
            };
            write!(f, "shard {} {how}; next offsets", entered.shard)?;
            for start in &entered.starts {
                write!(f, " {}:{}", start.partition, start.next)?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
