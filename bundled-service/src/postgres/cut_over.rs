//! A shard leaves one log and goes on in another, in one transaction.

use super::{LedgerError, ShardPool, watermark::known_logs};
use crate::{cut_over::Bounds, log_identity::LogIdentity};
use std::{collections::HashMap, sync::Arc};
use tokio_postgres::Transaction;

/// How a shard came to be in a log.
#[derive(Debug, PartialEq, Eq, serde::Serialize)]
pub struct Entered {
    pub shard: usize,
    /// False where it was in that log before.
    pub moved: bool,
    pub starts: Vec<Start>,
}

/// Where it goes on in a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Start {
    pub partition: i32,
    /// The watermark in the log that it leaves.
    pub left_at: Option<i64>,
    /// The next offset that it needs.
    pub next: i64,
}

const CURRENT: &str = "select partition, next from watermarks where log_id = $1";
const RETIRE: &str = "update logs set retired_at = now() \
     where topic = $1 and log_id <> $2 and retired_at is null";
/// Whoever still owns a partition of a log that is left writes nothing more.
const FENCE: &str = "update watermarks set epoch = epoch + 1 where log_id in \
     (select log_id from logs where topic = $1 and log_id <> $2)";
const ENTER: &str = "insert into logs (cluster_id, topic_id, topic) values ($1, $2::text::uuid, $3) \
     on conflict (cluster_id, topic_id) do update set retired_at = null returning log_id";
/// What the shard has of a log that it comes back to, it has still.
const START: &str = "insert into watermarks as w (log_id, partition, next, epoch, began) \
     values ($1, $2, $3, 0, $3) on conflict (log_id, partition) do update \
     set next = greatest(w.next, excluded.next), epoch = w.epoch + 1, updated_at = now(), \
         began = case when excluded.next > w.next then excluded.next else w.began end \
     returning next";
const NOTE: &str = "insert into cut_overs (from_log, to_log, starts) values ($1, $2, $3::text::jsonb)";

/// Has the shard go on in `log`, in each partition where `start` says, given the watermark that it leaves. Where
/// that knows nothing, it goes on where it was in that log before, or else begins with the oldest record.
pub async fn enter_log(
    pool: &Arc<ShardPool>,
    log: &LogIdentity,
    bounds: &[Bounds],
    start: &(dyn Fn(&Bounds, i64) -> Option<i64> + Sync),
) -> Result<Entered, LedgerError> {
    let of_shard = LedgerError::of(pool.shard());
    let mut lease = pool.lease().await?;
    let transaction = lease.client_mut().transaction().await.map_err(&of_shard)?;
    let entered = enter(&transaction, pool.shard(), log, bounds, start).await;
    let entered = entered.map_err(&of_shard)?;
    transaction.commit().await.map_err(&of_shard)?;
    lease.give_back();
    Ok(entered)
}

async fn enter(
    transaction: &Transaction<'_>,
    shard: usize,
    log: &LogIdentity,
    bounds: &[Bounds],
    start: &(dyn Fn(&Bounds, i64) -> Option<i64> + Sync),
) -> Result<Entered, tokio_postgres::Error> {
    transaction
        .batch_execute("lock table logs in exclusive mode")
        .await?;
    let known = known_logs(transaction, &log.topic).await?;
    let present = known.iter().find(|known| !known.is_retired);
    let left = match present {
        Some(present) => watermarks(transaction, present.log_id).await?,
        None => HashMap::new(),
    };
    if let Some(present) = present.filter(|present| present.is(log)) {
        tracing::debug!(shard, present.log_id, "is in this log already");
        let mut starts: Vec<Start> = left
            .iter()
            .map(|(&partition, &next)| Start {
                partition,
                left_at: None,
                next,
            })
            .collect();
        starts.sort_unstable_by_key(|start| start.partition);
        return Ok(Entered {
            shard,
            moved: false,
            starts,
        });
    }
    let topic_id = log.topic_id.to_string();
    let row = transaction
        .query_one(ENTER, &[&log.cluster_id, &topic_id, &log.topic])
        .await?;
    let log_id: i16 = row.get(0);
    transaction.execute(RETIRE, &[&log.topic, &log_id]).await?;
    transaction.execute(FENCE, &[&log.topic, &log_id]).await?;
    let before = watermarks(transaction, log_id).await?;
    let mut starts = Vec::with_capacity(bounds.len());
    for bounds in bounds {
        let left_at = left.get(&bounds.partition).copied();
        let was_at = before.get(&bounds.partition).copied();
        let next = left_at.and_then(|left_at| start(bounds, left_at));
        let next = next.or(was_at).unwrap_or(bounds.oldest);
        let row = transaction
            .query_one(START, &[&log_id, &bounds.partition, &next])
            .await?;
        starts.push(Start {
            partition: bounds.partition,
            left_at,
            next: row.get(0),
        });
    }
    let noted = serde_json::to_string(&starts).unwrap_or_else(|_| "[]".to_owned());
    let from = present.map(|present| present.log_id);
    transaction.execute(NOTE, &[&from, &log_id, &noted]).await?;
    Ok(Entered {
        shard,
        moved: true,
        starts,
    })
}

async fn watermarks(
    transaction: &Transaction<'_>,
    log_id: i16,
) -> Result<HashMap<i32, i64>, tokio_postgres::Error> {
    let rows = transaction.query(CURRENT, &[&log_id]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}
