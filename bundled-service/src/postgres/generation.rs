//! The Redis generation of a shard: which life of Redis this shard's keys belong to.
//!
//! Each shard's own database keeps it, so that a shard that is down holds up no other's, and no
//! database has to be asked about another's keys. It only grows.

use super::{LedgerError, ShardPool};
use std::sync::Arc;

/// A generation, and the `run_id` of the Redis server that it began on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life {
    pub generation: i64,
    pub run_id: String,
}

pub async fn read_life(pool: &Arc<ShardPool>) -> Result<Life, LedgerError> {
    let lease = pool.lease().await?;
    let reading = async {
        let select = "select generation, run_id from redis_generation";
        let row = lease.client().query_one(select, &[]).await;
        let row = row.map_err(LedgerError::of(pool.shard()))?;
        lease.give_back();
        Ok(Life {
            generation: row.get(0),
            run_id: row.get(1),
        })
    };
    pool.answered(reading).await
}

/// Raises the generation past `seen`; where someone else did so already, theirs is the answer.
pub async fn raise_generation(
    pool: &Arc<ShardPool>,
    seen: i64,
    run_id: &str,
    reason: &str,
) -> Result<Life, LedgerError> {
    let lease = pool.lease().await?;
    let raising = async {
        let update = "update redis_generation set generation = generation + 1, run_id = $2, \
                      raised_at = now(), reason = $3 where generation = $1";
        let raised = lease.client().execute(update, &[&seen, &run_id, &reason]).await;
        raised.map_err(LedgerError::of(pool.shard()))?;
        lease.give_back();
        Ok(())
    };
    pool.answered(raising).await?;
    read_life(pool).await
}
