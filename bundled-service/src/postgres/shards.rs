//! All shards of the ledger, each found out about when it first answers: one that is down keeps
//! nobody from starting.

use super::{LedgerError, ShardPool, require_current_schema, slot_map, watermark::register_log};
use crate::{log_identity::LogIdentity, slot::SlotMap};
use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::{sync::OnceCell, time::timeout};

/// How long a start waits for a shard that says nothing.
const START_PATIENCE: Duration = Duration::from_secs(3);

/// Version and entries of a slot map, as Postgres keeps them.
type Entries = (i64, Vec<i16>);

/// The shards, and the number that each has for the log.
pub struct Shards {
    pools: Vec<Arc<ShardPool>>,
    log: Arc<LogIdentity>,
    log_ids: Vec<OnceCell<i16>>,
    /// What every shard's copy must agree with.
    slot_map: OnceLock<Entries>,
}

impl Shards {
    /// Asks every shard, and goes on without those that don't answer. The lowest that does decides the
    /// slot map; a shard that is back later must agree, or what relies on it stops.
    pub async fn open(
        pools: Vec<Arc<ShardPool>>,
        log: Arc<LogIdentity>,
    ) -> Result<(Arc<Self>, SlotMap), LedgerError> {
        let shards = Self {
            log_ids: pools.iter().map(|_| OnceCell::new()).collect(),
            pools,
            log,
            slot_map: OnceLock::new(),
        };
        let asked = shards.pools.iter().map(async |pool| {
            let answer = timeout(START_PATIENCE, shards.ask(pool)).await;
            answer.unwrap_or(Err(LedgerError::Silent { shard: pool.shard() }))
        });
        let mut away = None;
        for (shard, answer) in futures::future::join_all(asked).await.into_iter().enumerate() {
            match answer {
                Ok((log_id, entries)) => {
                    shards.require_same_map(shard, entries)?;
                    let _ = shards.log_ids[shard].set(log_id);
                }
                Err(error) if error.passes() => {
                    tracing::warn!(%error, shard, "going on without a shard until it is back");
                    away = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        let Some((version, entries)) = shards.slot_map.get() else {
            return Err(away.unwrap_or(LedgerError::NoSlotMap(0)));
        };
        let map = SlotMap::new(*version, entries, shards.pools.len())?;
        Ok((Arc::new(shards), map))
    }

    /// The shard's number of the log, from the shard itself the first time.
    pub async fn log_id(&self, shard: usize) -> Result<i16, LedgerError> {
        let pool = &self.pools[shard];
        let finding = async {
            let (log_id, entries) = pool.answered(self.ask(pool)).await?;
            self.require_same_map(shard, entries)?;
            Ok(log_id)
        };
        self.log_ids[shard].get_or_try_init(|| finding).await.copied()
    }

    /// The shard's number of the log, if it answered once.
    pub fn known_log_id(&self, shard: usize) -> Option<i16> {
        self.log_ids[shard].get().copied()
    }

    async fn ask(&self, pool: &Arc<ShardPool>) -> Result<(i16, Entries), LedgerError> {
        require_current_schema(pool).await?;
        let log_id = register_log(pool, &self.log).await?;
        let entries = slot_map::newest(pool).await?;
        Ok((log_id, entries.ok_or(LedgerError::NoSlotMap(pool.shard()))?))
    }

    fn require_same_map(&self, shard: usize, entries: Entries) -> Result<(), LedgerError> {
        let version = entries.0;
        if *self.slot_map.get_or_init(|| entries.clone()) == entries {
            return Ok(());
        }
        Err(LedgerError::SlotMapDiffers { shard, version })
    }
}
