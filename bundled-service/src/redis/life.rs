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
    run_id: String,
    /// One for each shard; `None` while its database has not said which, so that the shard goes past
    /// Redis.
    generations: Vec<Option<i64>>,
}

impl Live {
    /// The generation of a shard's keys, where it is known.
    pub fn generation(&self, shard: usize) -> Option<i64> {
        self.generations[shard]
    }
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
    /// For each shard the generation that ended and why: what a raise has to get past.
    ended: Vec<Option<(i64, String)>>,
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
        let state = Mutex::new(State {
            ended: vec![None; pools.len()],
            ..State::default()
        });
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
        if error.ends_life() {
            for (ended, generation) in state.ended.iter_mut().zip(&live.generations) {
                if let Some(generation) = generation {
                    *ended = Some((*generation, error.to_string()));
                }
            }
        }
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
                    self.widen(&live).await;
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
        let known =
            || (live.generations.iter().enumerate()).filter_map(|(shard, known)| Some((shard, (*known)?)));
        for (shard, generation) in known() {
            let key = generation_key(shard);
            let found: Option<i64> = redis::cmd("GET").arg(&key).query_async(&mut connection).await?;
            match found {
                None => return Err(RedisError::Lost("the generation is missing")),
                Some(found) if found != generation => return Err(RedisError::Stale),
                Some(_) => {}
            }
        }
        for (shard, generation) in known() {
            // Postgres being away, or silent, does not end Redis' life.
            if let Ok(Ok(life)) = timeout(PATIENCE, postgres::read_life(&self.pools[shard])).await
                && life.generation != generation
            {
                return Err(RedisError::Stale);
            }
        }
        Ok(())
    }

    /// Begins a life with the shards whose databases answer.
    async fn begin(&self) -> Result<(), RedisError> {
        let connected = self.connector.connect().await?;
        let shards = (0..self.pools.len()).map(async |shard| {
            let beginning = self.begin_shard(shard, &connected.run_id, &connected.connection);
            timeout(PATIENCE, beginning)
                .await
                .unwrap_or(Err(RedisError::Away))
        });
        let mut generations = Vec::with_capacity(self.pools.len());
        let mut absent = None;
        for begun in futures::future::join_all(shards).await {
            match begun {
                Ok(generation) => generations.push(Some(generation)),
                Err(error) if error.ends_life() => return Err(error),
                Err(error) => {
                    generations.push(None);
                    absent = Some(error);
                }
            }
        }
        if generations.iter().all(Option::is_none) {
            return Err(absent.unwrap_or(RedisError::Away));
        }
        tracing::info!(?generations, "a life of Redis begins");
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.number += 1;
        state.live = Some(Arc::new(Live {
            number: state.number,
            connection: connected.connection,
            run_id: connected.run_id,
            generations,
        }));
        Ok(())
    }

    /// Takes shards into a life whose databases were away when it began.
    async fn widen(&self, live: &Live) {
        for shard in 0..self.pools.len() {
            if live.generation(shard).is_some() {
                continue;
            }
            let beginning = self.begin_shard(shard, &live.run_id, &live.connection);
            let Ok(Ok(generation)) = timeout(CHECK_INTERVAL, beginning).await else {
                continue;
            };
            tracing::info!(shard, generation, "the shard is back in this life of Redis");
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(present) = state
                .live
                .as_ref()
                .filter(|present| present.number == live.number)
            else {
                return;
            };
            let mut generations = present.generations.clone();
            generations[shard] = Some(generation);
            state.live = Some(Arc::new(Live {
                number: live.number,
                connection: live.connection.clone(),
                run_id: live.run_id.clone(),
                generations,
            }));
        }
    }

    /// The generation of one shard's keys on this server, raised where an earlier one is over.
    async fn begin_shard(
        &self,
        shard: usize,
        run_id: &str,
        connection: &MultiplexedConnection,
    ) -> Result<i64, RedisError> {
        let mut connection = connection.clone();
        let ended = {
            let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.ended[shard].clone()
        };
        let pool = &self.pools[shard];
        let life = postgres::read_life(pool).await?;
        let key = generation_key(shard);
        let found: Option<i64> = redis::cmd("GET").arg(&key).query_async(&mut connection).await?;
        let ended = ended.filter(|(generation, _)| *generation == life.generation);
        let intact = found == Some(life.generation) && life.run_id == run_id;
        let life = if intact && ended.is_none() {
            life
        } else if self.raising == Raising::Follows {
            // A worker will raise it, or has not written the key yet. Reading is safe as soon
            // as both agree, on the very server that the generation began on: another one may hold
            // the same generation as it was earlier.
            if !intact {
                return Err(RedisError::Stale);
            }
            life
        } else {
            let why = ended.map_or("Redis is not the one it was".to_owned(), |(_, why)| why);
            self.raise(shard, pool, &life, run_id, &why, &mut connection)
                .await?
        };
        let label = shard.to_string();
        (self.metrics.ingest_redis_generation)
            .with(&[&label])
            .set(life.generation);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.ended[shard] = None;
        Ok(life.generation)
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
