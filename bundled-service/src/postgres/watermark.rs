//! Watermarks: how far each partition is in a shard, and who may move that on.
//!
//! Taking a partition raises its epoch, and nothing else does: that is fence and read in one.

use super::{LedgerError, ShardPool};
use crate::log_identity::LogIdentity;
use std::{collections::HashMap, sync::Arc};
use tokio_postgres::error::SqlState;

/// What taking a partition gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    pub epoch: i64,
    /// The next offset that the shard needs.
    pub next: i64,
}

/// Finds or makes the shard's number for a log. Refuses one that takes another's place.
pub(super) async fn register_log(pool: &Arc<ShardPool>, log: &LogIdentity) -> Result<i16, LedgerError> {
    let shard = pool.shard();
    let of_shard = LedgerError::of(shard);
    let mut lease = pool.lease().await?;
    let transaction = lease.client_mut().transaction().await.map_err(&of_shard)?;
    transaction
        .batch_execute("lock table logs in exclusive mode")
        .await
        .map_err(&of_shard)?;
    let known = known_logs(&transaction, &log.topic).await.map_err(&of_shard)?;
    let same = known.iter().find(|known| known.is(log));
    let present = known.iter().find(|known| !known.is_retired);
    if let (Some(retired), Some(present)) = (same.filter(|same| same.is_retired), present) {
        return Err(LedgerError::RetiredLog {
            shard,
            topic: log.topic.clone(),
            cluster_id: retired.cluster_id.clone(),
            present_cluster_id: present.cluster_id.clone(),
        });
    }
    let log_id = match (same, present.or(known.first())) {
        (Some(same), _) => same.log_id,
        (None, Some(other)) => {
            return Err(LedgerError::OtherLog {
                shard,
                topic: log.topic.clone(),
                cluster_id: other.cluster_id.clone(),
                topic_id: other.topic_id,
                found_cluster_id: log.cluster_id.clone(),
                found_topic_id: log.topic_id,
            });
        }
        (None, None) => {
            let insert = "insert into logs (cluster_id, topic_id, topic) \
                          values ($1, $2::text::uuid, $3) returning log_id";
            let topic_id = log.topic_id.to_string();
            let row = transaction
                .query_one(insert, &[&log.cluster_id, &topic_id, &log.topic])
                .await;
            row.map_err(&of_shard)?.get(0)
        }
    };
    transaction.commit().await.map_err(&of_shard)?;
    lease.give_back();
    Ok(log_id)
}

/// Takes a partition for this owner; the first owner ever starts at `oldest`, Kafka's oldest record.
pub async fn claim(
    pool: &Arc<ShardPool>,
    log_id: i16,
    partition: i32,
    oldest: i64,
) -> Result<Claim, LedgerError> {
    const TAKE: &str = "insert into watermarks as w (log_id, partition, next, epoch) \
         values ($1, $2, $3, 1) on conflict (log_id, partition) do update \
         set epoch = w.epoch + 1, updated_at = now() returning epoch, next";
    let taken = take(pool, TAKE, &[&log_id, &partition, &oldest]).await?;
    taken.ok_or(LedgerError::Silent { shard: pool.shard() })
}

/// Takes a partition anew that this owner has under `epoch`, from where the shard is; `None` when
/// another took it since.
pub async fn claim_again(
    pool: &Arc<ShardPool>,
    log_id: i16,
    partition: i32,
    epoch: i64,
) -> Result<Option<Claim>, LedgerError> {
    const TAKE: &str = "update watermarks set epoch = epoch + 1, updated_at = now() \
         where log_id = $1 and partition = $2 and epoch = $3 returning epoch, next";
    take(pool, TAKE, &[&log_id, &partition, &epoch]).await
}

async fn take(
    pool: &Arc<ShardPool>,
    sql: &'static str,
    values: &[&(dyn tokio_postgres::types::ToSql + Sync)],
) -> Result<Option<Claim>, LedgerError> {
    let of_shard = LedgerError::of(pool.shard());
    let mut lease = pool.lease().await?;
    let taking = async {
        // A server that is silent must not find a claim waiting when it goes on.
        lease.client().simple_query("select 1").await.map_err(&of_shard)?;
        let statement = lease.prepare(sql).await.map_err(&of_shard)?;
        let row = lease.client().query_opt(&statement, values).await;
        let row = row.map_err(&of_shard)?;
        lease.give_back();
        Ok(row.map(|row| Claim {
            epoch: row.get(0),
            next: row.get(1),
        }))
    };
    pool.answered(taking).await
}

/// The epoch of a partition's owner; `None` before the first.
pub async fn read_epoch(
    pool: &Arc<ShardPool>,
    log_id: i16,
    partition: i32,
) -> Result<Option<i64>, LedgerError> {
    let lease = pool.lease().await?;
    let reading = async {
        let select = "select epoch from watermarks where log_id = $1 and partition = $2";
        let row = lease.client().query_opt(select, &[&log_id, &partition]).await;
        let row = row.map_err(LedgerError::of(pool.shard()))?;
        lease.give_back();
        Ok(row.map(|row| row.get(0)))
    };
    pool.answered(reading).await
}

/// The watermarks of a log: partition → next offset.
pub async fn read_watermarks(pool: &Arc<ShardPool>, log_id: i16) -> Result<HashMap<i32, i64>, LedgerError> {
    let lease = pool.lease().await?;
    let select = "select partition, next from watermarks where log_id = $1";
    let rows = lease.client().query(select, &[&log_id]).await;
    let rows = rows.map_err(LedgerError::of(pool.shard()))?;
    lease.give_back();
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// A log of a topic that a shard has heard of.
pub(super) struct KnownLog {
    pub(super) log_id: i16,
    cluster_id: String,
    topic_id: uuid::Uuid,
    /// A cut-over has put another in its place.
    pub(super) is_retired: bool,
}

impl KnownLog {
    pub(super) fn is(&self, log: &LogIdentity) -> bool {
        self.cluster_id == log.cluster_id && self.topic_id == log.topic_id
    }
}

/// The logs that the shard knows of the topic.
pub(super) async fn known_logs(
    transaction: &tokio_postgres::Transaction<'_>,
    topic: &str,
) -> Result<Vec<KnownLog>, tokio_postgres::Error> {
    const KNOWN: &str = "select log_id, cluster_id, topic_id, retired_at is not null from logs \
         where topic = $1 order by log_id";
    let rows = transaction.query(KNOWN, &[&topic]).await?;
    let known = rows.iter().map(|row| {
        let PostgresUuid(topic_id) = row.get(2);
        KnownLog {
            log_id: row.get(0),
            cluster_id: row.get(1),
            topic_id,
            is_retired: row.get(3),
        }
    });
    Ok(known.collect())
}

/// Postgres' `uuid` in its binary form.
pub(crate) struct PostgresUuid(pub(crate) uuid::Uuid);

impl<'a> tokio_postgres::types::FromSql<'a> for PostgresUuid {
    fn from_sql(
        _: &tokio_postgres::types::Type,
        raw: &'a [u8],
    ) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(uuid::Uuid::from_slice(raw)?))
    }

    fn accepts(kind: &tokio_postgres::types::Type) -> bool {
        *kind == tokio_postgres::types::Type::UUID
    }
}

/// Is this the error of a unique key?
pub(super) fn is_unique_violation(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::UNIQUE_VIOLATION)
}
