//! The slot map at rest: shard 0 decides, every other shard holds a copy that must agree.

use super::{LedgerError, ShardPool};
use crate::slot::SlotMap;
use std::sync::Arc;

/// Publishes an even map under version 1 where there is none, and copies the newest to the others.
pub async fn publish_first_slot_map(pools: &[Arc<ShardPool>]) -> Result<(), LedgerError> {
    let newest = match newest(&pools[0]).await? {
        Some(found) => found,
        None => {
            let map = SlotMap::even(pools.len());
            (map.version(), map.entries())
        }
    };
    for pool in pools {
        let lease = pool.lease().await?;
        let insert = "insert into slot_maps (version, shards) values ($1, $2) on conflict do nothing";
        let inserted = lease.client().execute(insert, &[&newest.0, &newest.1]).await;
        inserted.map_err(LedgerError::of(pool.shard()))?;
        lease.give_back();
    }
    Ok(())
}

/// The newest map, checked against the copies and the number of shards.
pub async fn load_slot_map(pools: &[Arc<ShardPool>]) -> Result<SlotMap, LedgerError> {
    let (version, entries) = newest(&pools[0]).await?.ok_or(LedgerError::NoSlotMap(0))?;
    for pool in &pools[1..] {
        let copy = newest(pool).await?.ok_or(LedgerError::NoSlotMap(pool.shard()))?;
        if copy != (version, entries.clone()) {
            return Err(LedgerError::SlotMapDiffers {
                shard: pool.shard(),
                version,
            });
        }
    }
    Ok(SlotMap::new(version, &entries, pools.len())?)
}

pub(super) async fn newest(pool: &Arc<ShardPool>) -> Result<Option<(i64, Vec<i16>)>, LedgerError> {
    let lease = pool.lease().await?;
    let select = "select version, shards from slot_maps order by version desc limit 1";
    let row = lease.client().query_opt(select, &[]).await;
    let row = row.map_err(LedgerError::of(pool.shard()))?;
    lease.give_back();
    Ok(row.map(|row| (row.get(0), row.get(1))))
}
