//! Hourly rollups: what was inserted, added up, with a version that grows with each change.

use crate::batch::{Delta, DeltaKey};
use crate::event::Timestamp;
use ahash::AHashMap;
use std::{sync::Arc, time::SystemTime};
use tokio_postgres::{Statement, Transaction};

/// One hour of one account's metric after a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Total {
    pub account: i64,
    pub metric: String,
    /// Hours since 1970.
    pub hour: i64,
    /// Millionths, in decimal.
    pub quantity: String,
    pub events: i64,
    pub version: i64,
}

/// Quantities come in two halves, `high × 10¹² + low`: a sum may be wider than 64 bits.
pub(super) const UPSERT: &str = "insert into usage_hourly as u \
     (account_id, metric, hour, quantity, events, version) \
     select a, m, to_timestamp(h * 3600.0), \
            case when high = 0 then low::numeric else high::numeric * 1000000000000 + low end, n, 1 \
     from unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[]) \
          as d (a, m, h, high, low, n) \
     on conflict (account_id, metric, hour) do update set quantity = u.quantity + excluded.quantity, \
          events = u.events + excluded.events, version = u.version + 1 \
     returning account_id, metric, hour, quantity::text, events, version";

const HALF: i128 = 1_000_000_000_000;

/// Adds the deltas. Rows are locked in the order of their keys, so that two batches can't wait for
/// each other.
pub(super) async fn add(
    transaction: &Transaction<'_>,
    statement: &Statement,
    deltas: &AHashMap<DeltaKey, Delta>,
    metrics: &[Arc<str>],
) -> Result<Vec<Total>, tokio_postgres::Error> {
    let name = |key: &DeltaKey| &*metrics[key.metric as usize];
    let mut sorted: Vec<(&DeltaKey, &Delta)> = deltas.iter().collect();
    sorted.sort_unstable_by(|(a, _), (b, _)| (a.account, name(a), a.hour).cmp(&(b.account, name(b), b.hour)));
    let accounts: Vec<i64> = sorted.iter().map(|(key, _)| key.account).collect();
    let names: Vec<&str> = sorted.iter().map(|(key, _)| name(key)).collect();
    let hours: Vec<i64> = sorted.iter().map(|(key, _)| key.hour).collect();
    let high: Vec<i64> = sorted
        .iter()
        .map(|(_, delta)| delta.quantity.div_euclid(HALF) as i64)
        .collect();
    let low: Vec<i64> = sorted
        .iter()
        .map(|(_, delta)| delta.quantity.rem_euclid(HALF) as i64)
        .collect();
    let counts: Vec<i64> = sorted.iter().map(|(_, delta)| delta.events).collect();
    let rows = transaction
        .query(statement, &[&accounts, &names, &hours, &high, &low, &counts])
        .await?;
    Ok(rows
        .iter()
        .map(|row| Total {
            account: row.get(0),
            metric: row.get(1),
            hour: hour_of(row.get(2)),
            quantity: row.get(3),
            events: row.get(4),
            version: row.get(5),
        })
        .collect())
}

/// Hours since 1970 of a moment that Postgres gave.
pub(super) fn hour_of(moment: SystemTime) -> i64 {
    let micros = match moment.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => after.as_micros() as i64,
        Err(before) => -(before.duration().as_micros() as i64),
    };
    Timestamp::from_micros(micros).hour()
}
