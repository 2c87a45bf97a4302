//! The worker's side: one [`Writer`] for each (partition, shard) stores batches and lets them go.

use super::{CLAIM, COMPLETE, Live, Lives, RedisError, STORE, generation_key, pack, prefix, verdict};
use crate::{
    batch::Batch,
    postgres::{Flushed, Total},
    slot::Shard,
};
use redis::{FromRedisValue, Value};
use std::sync::Arc;

/// What taking a partition in Redis gives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claimed {
    /// Ends of batches that Redis holds already, in order: new batches must end there too.
    pub cuts: Vec<i64>,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// Readers see it.
    Cached,
    /// It goes past Redis.
    Past,
}

/// Writes for one (partition, shard) under one epoch.
pub struct Writer {
    lives: Arc<Lives>,
    shard: Shard,
    log_id: i16,
    partition: i32,
    epoch: i64,
    pending_cap_bytes: u64,
    /// The life in which this partition was claimed.
    claimed: Option<u64>,
    /// Where Redis wants the next batch to start.
    next: i64,
}

impl Writer {
    pub fn new(
        lives: Arc<Lives>,
        shard: Shard,
        log_id: i16,
        partition: i32,
        epoch: i64,
        next: i64,
        pending_cap_bytes: u64,
    ) -> Self {
        Self {
            lives,
            shard,
            log_id,
            partition,
            epoch,
            pending_cap_bytes,
            claimed: None,
            next,
        }
    }

    /// Takes the partition, if Redis is there. `committed` is the watermark, `from` the next batch.
    pub async fn claim(&mut self, committed: i64, from: i64) -> Claimed {
        let Some(live) = self.lives.live() else {
            return Claimed::default();
        };
        let Some(generation) = live.generation(self.shard.index()) else {
            return Claimed::default();
        };
        match self.claim_in(&live, generation, committed, from).await {
            Ok(claimed) => claimed,
            Err(error) => {
                self.ended(&live, &error);
                Claimed::default()
            }
        }
    }

    async fn claim_in(
        &mut self,
        live: &Live,
        generation: i64,
        committed: i64,
        from: i64,
    ) -> Result<Claimed, RedisError> {
        let answer: Value = CLAIM
            .key(generation_key(self.shard.index()))
            .arg(generation)
            .arg(prefix(self.shard.index(), generation))
            .arg(self.partition)
            .arg(self.epoch)
            .arg(committed)
            .arg(from)
            .invoke_async(&mut live.connection.clone())
            .await?;
        let (_, rest) = match verdict(answer) {
            Err(RedisError::Fenced) => return Err(self.fenced().await),
            other => other?,
        };
        let mut offsets = Vec::with_capacity(rest.len());
        for value in rest {
            offsets.push(i64::from_redis_value(value).map_err(redis::RedisError::from)?);
        }
        let next = offsets
            .first()
            .copied()
            .ok_or(RedisError::Lost("a claim without an offset"))?;
        self.next = next;
        self.claimed = Some(live.number);
        Ok(Claimed {
            cuts: offsets.split_off(1),
        })
    }

    /// Makes the batch readable, where Redis is there. `committed` is the watermark by now.
    pub async fn store(&mut self, batch: &Batch, committed: i64) -> Stored {
        let Some(live) = self.lives.live() else {
            return Stored::Past;
        };
        let Some(generation) = live.generation(self.shard.index()) else {
            return Stored::Past;
        };
        match self.store_in(&live, generation, batch, committed).await {
            Ok(stored) => stored,
            Err(error) => {
                self.ended(&live, &error);
                Stored::Past
            }
        }
    }

    async fn store_in(
        &mut self,
        live: &Live,
        generation: i64,
        batch: &Batch,
        committed: i64,
    ) -> Result<Stored, RedisError> {
        if self.claimed != Some(live.number) {
            self.claim_in(live, generation, committed, batch.from).await?;
        }
        if self.next >= batch.to {
            return Ok(Stored::Cached);
        }
        let deltas = pack::deltas(batch);
        let packed = deltas.values().map(|text| text.len() + 64).sum::<usize>();
        let mut call = STORE.key(generation_key(self.shard.index()));
        call.arg(generation)
            .arg(prefix(self.shard.index(), generation))
            .arg(self.partition)
            .arg(self.epoch)
            .arg(batch.from)
            .arg(batch.to)
            .arg(batch.rows.len() + packed)
            .arg(self.pending_cap_bytes)
            .arg(&batch.rows[..]);
        for (account, text) in &deltas {
            call.arg(*account).arg(text);
        }
        let answer: Value = call.invoke_async(&mut live.connection.clone()).await?;
        let (word, rest) = verdict(answer)?;
        match word.as_str() {
            "OK" => {
                self.next = batch.to;
                Ok(Stored::Cached)
            }
            "FULL" => {
                self.next = batch.to;
                Ok(Stored::Past)
            }
            _ => {
                let next = rest.into_iter().next().unwrap_or(Value::Nil);
                let next = i64::from_redis_value(next).map_err(redis::RedisError::from)?;
                if next >= batch.to {
                    self.next = next;
                    return Ok(Stored::Cached);
                }
                Err(RedisError::Lost(
                    "the next batch does not start where the last one ended",
                ))
            }
        }
    }

    /// Redis knows a later owner. Where Postgres, which makes owners, knows none, Postgres is back at
    /// an earlier state than Redis.
    async fn fenced(&self) -> RedisError {
        match self.lives.epoch(self.shard, self.log_id, self.partition).await {
            Ok(Some(epoch)) if epoch <= self.epoch => {
                RedisError::Lost("its owner of a partition is one that Postgres does not know")
            }
            _ => RedisError::Fenced,
        }
    }

    fn ended(&self, live: &Live, error: &RedisError) {
        // A fenced writer learns the rest from Postgres; Redis itself is well.
        if !matches!(error, RedisError::Fenced) {
            self.lives.end(live, error);
        }
    }
}

/// Says that a batch is committed: its totals are set, its pending usage goes.
pub async fn complete(lives: &Lives, batch: &Batch, epoch: i64, flushed: &Flushed) {
    let Some(live) = lives.live() else {
        return;
    };
    let Some(generation) = live.generation(batch.shard.index()) else {
        return;
    };
    if let Err(error) = complete_in(&live, generation, batch, epoch, flushed).await
        && !matches!(error, RedisError::Fenced)
    {
        lives.end(&live, &error);
    }
}

async fn complete_in(
    live: &Live,
    generation: i64,
    batch: &Batch,
    epoch: i64,
    flushed: &Flushed,
) -> Result<(), RedisError> {
    let shard = batch.shard.index();
    let mut call = COMPLETE.key(generation_key(shard));
    call.arg(generation)
        .arg(prefix(shard, generation))
        .arg(batch.partition)
        .arg(epoch)
        .arg(batch.from)
        .arg(batch.to);
    match &flushed.totals {
        Some(totals) => {
            let mut totals: Vec<&Total> = totals.iter().collect();
            totals.sort_unstable_by_key(|total| total.account);
            for group in totals.chunk_by(|a, b| a.account == b.account) {
                call.arg(group[0].account).arg(group.len());
                for total in group {
                    call.arg(format!("{}|{}", total.metric, total.hour));
                    call.arg(format!("{}:{}:{}", total.version, total.quantity, total.events));
                }
            }
        }
        None => {
            for key in batch.deltas.keys() {
                call.arg(key.account).arg(0);
            }
        }
    }
    let answer: Value = call.invoke_async(&mut live.connection.clone()).await?;
    verdict(answer).map(|_| ())
}
