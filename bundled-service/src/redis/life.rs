//! Which life of Redis we are in, and how a new one begins.
//!
//! A failure, a new server, or a missing key ends a life: the worker raises the generation in each
//! shard's Postgres and starts with empty keys; until then ingest goes on past Redis. The API never
//! raises, it follows.

use super::{Connector, RedisError, generation_key, prefix};
use crate::{
    metrics::Metrics,
    postgres::{self, LedgerError, Life, ShardPool},
    slot::Shard,
};
use redis::aio::MultiplexedConnection;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{sync::Notify, time::timeout};
use tokio_util::sync::CancellationToken;

/// May this process raise the generation? A worker may; the API follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Raising {
    Allowed,
    Follows,
}

/// A life of Redis, while it lasts.
pub struct Live {
    /// Grows with each life that this process sees.
    pub number: u64,
    pub connection: MultiplexedConnection,
    /// One for each shard.
    pub generations: Vec<i64>,
}

/// The present life, if there is one.
pub struct Lives {
    connector: Connector,
    pools: Vec<Arc<ShardPool>>,
    raising: Raising,
    metrics: Arc<Metrics>,
    state: Mutex<State>,
    ended: Notify,
}

#[derive(Default)]
struct State {
    live: Option<Arc<Live>>,
    /// Why the last life ended; `None` when it only has to be read anew.
    reason: Option<String>,
    /// The generations of the last life: what a raise has to get past.
    seen: Option<Vec<i64>>,
    number: u64,
}

const CHECK_INTERVAL: Duration = Duration::from_millis(500);
/// How long Postgres may take to say which generation it is.
const PATIENCE: Duration = Duration::from_secs(2);
const RETRY_INTERVAL: Duration = Duration::from_millis(250);

impl Lives {
    pub fn new(
        connector: Connector,
        pools: Vec<Arc<ShardPool>>,
        raising: Raising,
        metrics: Arc<Metrics>,
    ) -> Arc<Self> {
        let state = Mutex::default();
        Arc::new(Self {
            connector,
            pools,
            raising,
            metrics,
            state,
            ended: Notify::new(),
        })
    }

    /// The present life; `None` while Redis is away.
    pub fn live(&self) -> Option<Arc<Live>> {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .live
            .clone()
    }

    /// The owner that Postgres knows of a partition.
    pub(super) async fn epoch(
        &self,
        shard: Shard,
        log_id: i16,
        partition: i32,
    ) -> Result<Option<i64>, LedgerError> {
        postgres::read_epoch(&self.pools[shard.index()], log_id, partition).await
    }

    /// Ends a life, because of what happened in it.
    pub fn end(&self, live: &Live, error: &RedisError) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state
            .live
            .as_ref()
            .is_none_or(|present| present.number != live.number)
        {
            return;
        }
        tracing::warn!(%error, generations = ?live.generations, "this life of Redis is over");
        state.seen = Some(live.generations.clone());
        state.reason = error.ends_life().then(|| error.to_string());
        state.live = None;
        self.ended.notify_one();
    }

    /// Keeps a life going, until told to stop. Run it once, as a task.
    pub async fn keep(self: Arc<Self>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let pause = match self.live() {
                Some(live) => {
                    if let Err(error) = self.check(&live).await {
                        self.end(&live, &error);
                        continue;
                    }
                    CHECK_INTERVAL
                }
                None => match self.begin().await {
                    Ok(()) => CHECK_INTERVAL,
                    Err(error) => {
                        tracing::debug!(%error, "Redis stays away");
                        RETRY_INTERVAL
                    }
                },
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.ended.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Is each shard's generation still the one that Redis and Postgres know?
    async fn check(&self, live: &Live) -> Result<(), RedisError> {
        let mut connection = live.connection.clone();
        for (shard, &generation) in live.generations.iter().enumerate() {
            let key = generation_key(shard);
            let found: Option<i64> = redis::cmd("GET").arg(&key).query_async(&mut connection).await?;
            match found {
                None => return Err(RedisError::Lost("the generation is missing")),
                Some(found) if found != generation => return Err(RedisError::Stale),
                Some(_) => {}
            }
        }
        for (pool, &generation) in self.pools.iter().zip(&live.generations) {
            // Postgres being away, or silent, does not end Redis' life.
            if let Ok(Ok(life)) = timeout(PATIENCE, postgres::read_life(pool)).await
                && life.generation != generation
            {
                return Err(RedisError::Stale);
            }
        }
        Ok(())
    }

    async fn begin(&self) -> Result<(), RedisError> {
        let connected = self.connector.connect().await?;
        let mut connection = connected.connection;
        let (seen, reason) = {
            let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            (state.seen.clone(), state.reason.clone())
        };
        let mut generations = Vec::with_capacity(self.pools.len());
        for (shard, pool) in self.pools.iter().enumerate() {
            let life = postgres::read_life(pool).await?;
            let key = generation_key(shard);
            let found: Option<i64> = redis::cmd("GET").arg(&key).query_async(&mut connection).await?;
            let failed = reason.is_some() && seen.as_ref().is_some_and(|seen| seen[shard] == life.generation);
            let intact = found == Some(life.generation) && life.run_id == connected.run_id;
            let life = if intact && !failed {
                life
            } else if self.raising == Raising::Follows {
                // A worker will raise it, or has not written the key yet. Reading is safe as soon
                // as both agree, on the very server that the generation began on: another one may hold
                // the same generation as it was earlier.
                if found != Some(life.generation) || life.run_id != connected.run_id {
                    return Err(RedisError::Stale);
                }
                life
            } else {
                let why = reason.as_deref().unwrap_or("Redis is not the one it was");
                self.raise(shard, pool, &life, &connected.run_id, why, &mut connection)
                    .await?
            };
            self.metrics
                .ingest_redis_generation
                .with(&[&shard.to_string()])
                .set(life.generation);
            generations.push(life.generation);
        }
        tracing::info!(?generations, "a life of Redis begins");
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.number += 1;
        state.reason = None;
        state.live = Some(Arc::new(Live {
            number: state.number,
            connection,
            generations,
        }));
        Ok(())
    }

    async fn raise(
        &self,
        shard: usize,
        pool: &Arc<ShardPool>,
        old: &Life,
        run_id: &str,
        why: &str,
        connection: &mut MultiplexedConnection,
    ) -> Result<Life, RedisError> {
        let life = postgres::raise_generation(pool, old.generation, run_id, why).await?;
        self.metrics
            .ingest_redis_failovers_total
            .with(&[&shard.to_string()])
            .add(1);
        // Another worker may be ahead: the key only grows.
        let grow = redis::Script::new(
            "local old = redis.call('GET', KEYS[1]) \
             if not old or tonumber(old) < tonumber(ARGV[1]) then \
                 redis.call('SET', KEYS[1], ARGV[1]) return ARGV[1] end return old",
        );
        let key = generation_key(shard);
        let now: i64 = grow
            .key(key)
            .arg(life.generation)
            .invoke_async(connection)
            .await?;
        if now != life.generation {
            return Err(RedisError::Stale);
        }
        let mut cleaning = connection.clone();
        tokio::spawn(async move {
            if let Err(error) = sweep(&mut cleaning, shard, life.generation).await {
                tracing::debug!(%error, "keys of an earlier life stay for now");
            }
        });
        Ok(life)
    }
}

/// Removes what earlier generations of a shard left.
async fn sweep(
    connection: &mut MultiplexedConnection,
    shard: usize,
    generation: i64,
) -> Result<(), redis::RedisError> {
    let (keep, own) = (generation_key(shard), prefix(shard, generation));
    let mut cursor = 0_u64;
    loop {
        let mut scan = redis::cmd("SCAN");
        scan.arg(cursor)
            .arg("MATCH")
            .arg(format!("vv:{{s{shard}}}:*"))
            .arg("COUNT")
            .arg(1_000);
        let (next, keys): (u64, Vec<String>) = scan.query_async(connection).await?;
        let older = |key: &String| {
            let number = key.split(':').nth(2).and_then(|part| part.parse::<i64>().ok());
            *key != keep && !key.starts_with(&own) && number.is_some_and(|g| g < generation)
        };
        let old: Vec<String> = keys.into_iter().filter(older).collect();
        if !old.is_empty() {
            redis::cmd("UNLINK")
                .arg(&old)
                .query_async::<()>(connection)
                .await?;
        }
        if next == 0 {
            return Ok(());
        }
        cursor = next;
    }
}
