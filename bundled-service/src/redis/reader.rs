//! The API's side: usage = committed total + what is pending, from Redis where it can be, from
//! Postgres where it must.

use super::{LOAD, Live, Lives, READ, RedisError, generation_key, pack, prefix, verdict};
use crate::{
    event::Timestamp,
    metrics::Metrics,
    postgres::{self, Committed, ShardPool, Shards},
    slot::SlotMap,
    usage::{self, HourUsage, Query, Source, Usage, UsageError},
};
use futures::future::BoxFuture;
use redis::{FromRedisValue, Value};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::time::timeout;

/// Entries that are worth keeping for one account; a longer history is read from Postgres.
const MAX_KEPT_ENTRIES: usize = 3_000;

/// How long Postgres may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Reads usage.
pub struct UsageReader {
    lives: Arc<Lives>,
    pools: Vec<Arc<ShardPool>>,
    shards: Arc<Shards>,
    slot_map: Arc<SlotMap>,
    totals_ttl_seconds: u64,
    metrics: Arc<Metrics>,
}

/// What Redis knows of an account.
struct Found {
    /// `metric|hour` → total; `None` when Redis does not keep this account's totals, or not for
    /// these hours.
    totals: Option<BTreeMap<(String, i64), (i128, i64)>>,
    /// Partition, end of the batch, what it adds.
    pending: Vec<(i32, i64, Vec<pack::Pending>)>,
}

impl usage::Read for UsageReader {
    fn read(&self, query: Query) -> BoxFuture<'_, Result<Usage, UsageError>> {
        Box::pin(async move { Self::read(self, &query).await })
    }
}

impl UsageReader {
    pub fn new(
        lives: Arc<Lives>,
        pools: Vec<Arc<ShardPool>>,
        shards: Arc<Shards>,
        slot_map: Arc<SlotMap>,
        totals_ttl_seconds: u64,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            lives,
            pools,
            shards,
            slot_map,
            totals_ttl_seconds,
            metrics,
        }
    }

    /// What an account used, hour by hour, including what Postgres does not have yet.
    pub async fn read(&self, query: &Query) -> Result<Usage, UsageError> {
        let as_of = now();
        let shard = self.slot_map.shard_of(query.account).index();
        let live = self.lives.live();
        let mut found = None;
        let live = live.and_then(|live| Some((live.generation(shard)?, live)));
        if let Some((generation, live)) = &live {
            match self.find(live, *generation, shard, query).await {
                Ok(answer) => found = Some(answer),
                Err(error) => self.lives.end(live, &error),
            }
        }
        if let Some(Found {
            totals: Some(totals),
            pending,
        }) = found
        {
            self.metrics.redis_cache_hits_total.with(&[]).add(1);
            let hours = sum(query, totals, &pending);
            return Ok(Usage {
                source: Source::Redis,
                as_of,
                hours,
            });
        }
        self.metrics.redis_cache_misses_total.with(&[]).add(1);
        let pool = &self.pools[shard];
        let wide = until_tomorrow(query, as_of.hour());
        let read = async {
            let log_id = self.shards.log_id(shard).await?;
            postgres::read_usage(pool, log_id, &wide).await
        };
        let read = timeout(PATIENCE.min(pool.timeout()), read).await;
        let read = read.map_err(|_| UsageError(pool.silent().to_string()))?;
        let committed = read.map_err(|error| UsageError(error.to_string()))?;
        let mut pending = found.map(|found| found.pending).unwrap_or_default();
        // A batch below the watermark is in the rollups already.
        pending.retain(|(partition, to, _)| committed.watermarks.get(partition).is_none_or(|next| to > next));
        if let Some((generation, live)) = &live
            && let Err(error) = self.keep(live, *generation, shard, &wide, &committed).await
        {
            self.lives.end(live, &error);
        }
        let totals = (committed.hours.into_iter())
            .map(|(usage, _)| ((usage.metric, usage.hour), (usage.quantity, usage.events)))
            .collect();
        Ok(Usage {
            source: Source::Postgres,
            as_of,
            hours: sum(query, totals, &pending),
        })
    }

    async fn find(
        &self,
        live: &Live,
        generation: i64,
        shard: usize,
        query: &Query,
    ) -> Result<Found, RedisError> {
        let answer: Value = READ
            .key(generation_key(shard))
            .arg(generation)
            .arg(prefix(shard, generation))
            .arg(query.account.get())
            .arg(self.totals_ttl_seconds)
            .invoke_async(&mut live.connection.clone())
            .await?;
        let (_, rest) = verdict(answer)?;
        let mut lists = Vec::with_capacity(2);
        for value in rest {
            lists.push(Vec::<String>::from_redis_value(value).map_err(redis::RedisError::from)?);
        }
        let garbled = || RedisError::Lost("a value is not what was written");
        let [totals, pending] = <[Vec<String>; 2]>::try_from(lists).map_err(|_| garbled())?;
        let mut batches = Vec::new();
        for entry in pending.chunks_exact(3) {
            let deltas = pack::parse_deltas(&entry[2]).ok_or_else(garbled)?;
            let partition = entry[0].parse().map_err(|_| garbled())?;
            batches.push((partition, entry[1].parse().map_err(|_| garbled())?, deltas));
        }
        let totals = covering(&totals, query).ok_or_else(garbled)?;
        Ok(Found {
            totals,
            pending: batches,
        })
    }

    /// Keeps what Postgres said, so that the next reader finds it in Redis.
    async fn keep(
        &self,
        live: &Live,
        generation: i64,
        shard: usize,
        query: &Query,
        committed: &Committed,
    ) -> Result<(), RedisError> {
        if committed.hours.len() > MAX_KEPT_ENTRIES || committed.watermarks.is_empty() {
            return Ok(());
        }
        let mut call = LOAD.key(generation_key(shard));
        call.arg(generation)
            .arg(prefix(shard, generation))
            .arg(query.account.get())
            .arg(self.totals_ttl_seconds)
            .arg(committed.watermarks.len());
        for (partition, next) in &committed.watermarks {
            call.arg(*partition).arg(*next);
        }
        call.arg("#from")
            .arg(query.hours.start)
            .arg("#to")
            .arg(query.hours.end);
        for (usage, version) in &committed.hours {
            call.arg(format!("{}|{}", usage.metric, usage.hour));
            call.arg(format!("{version}:{}:{}", usage.quantity, usage.events));
        }
        let answer: Value = call.invoke_async(&mut live.connection.clone()).await?;
        verdict(answer).map(|_| ())
    }
}

/// The totals, if they cover the hours asked for: outer `None` is garbage, inner is a miss.
#[allow(clippy::option_option, clippy::type_complexity)]
fn covering(list: &[String], query: &Query) -> Option<Option<BTreeMap<(String, i64), (i128, i64)>>> {
    let mut totals = BTreeMap::new();
    let (mut from, mut to) = (None, None);
    for pair in list.chunks_exact(2) {
        match pair[0].as_str() {
            "#from" => from = Some(pair[1].parse::<i64>().ok()?),
            "#to" => to = Some(pair[1].parse::<i64>().ok()?),
            field => {
                let (metric, hour) = pack::parse_field(field)?;
                totals.insert((metric.to_owned(), hour), pack::parse_total(&pair[1])?);
            }
        }
    }
    let covered =
        from.is_some_and(|from| from <= query.hours.start) && to.is_some_and(|to| to >= query.hours.end);
    Some(covered.then_some(totals))
}

/// What is read from Postgres for a query up to the present: a day more. Little is there, and what is kept of it
/// answers the same query after the hour has changed, though Postgres may be away then.
fn until_tomorrow(query: &Query, hour: i64) -> Query {
    let mut wide = query.clone();
    if wide.hours.end >= hour {
        wide.hours.end = wide.hours.end.max(hour + 24);
    }
    wide
}

fn sum(
    query: &Query,
    mut totals: BTreeMap<(String, i64), (i128, i64)>,
    pending: &[(i32, i64, Vec<pack::Pending>)],
) -> Vec<HourUsage> {
    for entry in pending.iter().flat_map(|(_, _, deltas)| deltas) {
        let total = totals.entry((entry.metric.clone(), entry.hour)).or_default();
        total.0 += entry.quantity;
        total.1 += entry.events;
    }
    totals
        .into_iter()
        .filter(|((metric, hour), (_, events))| {
            query.hours.contains(hour)
                && *events != 0
                && query.metric.as_ref().is_none_or(|asked| asked == metric)
        })
        .map(|((metric, hour), (quantity, events))| HourUsage {
            metric,
            hour,
            quantity,
            events,
        })
        .collect()
}

fn now() -> Timestamp {
    Timestamp::from_micros(jiff::Timestamp::now().as_microsecond())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Protects: what was kept in one hour answers in the next one, when Postgres may be away.
    #[test]
    fn what_is_kept_covers_the_next_hours() {
        let query = |hours: std::ops::Range<i64>| Query {
            account: "7".parse().unwrap(),
            metric: None,
            hours,
        };
        let kept = until_tomorrow(&query(976..1_001), 1_000).hours;
        let list = [("#from", kept.start), ("#to", kept.end)];
        let list: Vec<String> = list
            .into_iter()
            .flat_map(|(field, hour)| [field.to_owned(), hour.to_string()])
            .collect();
        for later in [977..1_002, 999..1_024] {
            assert!(covering(&list, &query(later)).unwrap().is_some());
        }
        assert!(covering(&list, &query(975..1_001)).unwrap().is_none());
        assert!(covering(&list, &query(1_001..1_025)).unwrap().is_none());
        // The past is asked for as it is.
        assert_eq!(until_tomorrow(&query(10..20), 1_000).hours, 10..20);
    }
}
