//! Rollups of one account, with the watermarks that they stand at.

use super::{LedgerError, ShardPool, rollup::hour_of};
use crate::usage::{HourUsage, Query};
use std::{collections::HashMap, sync::Arc};
use tokio_postgres::IsolationLevel;

/// Rollups and watermarks of the same snapshot: a pending batch below a watermark is in them.
#[derive(Debug, Default)]
pub struct Committed {
    /// Every metric, whatever the query asked for; with the version of each.
    pub hours: Vec<(HourUsage, i64)>,
    pub watermarks: HashMap<i32, i64>,
}

pub async fn read_usage(pool: &Arc<ShardPool>, log_id: i16, query: &Query) -> Result<Committed, LedgerError> {
    const HOURS: &str = "select metric, hour, quantity::text, events, version from usage_hourly \
         where account_id = $1 and hour >= to_timestamp($2) and hour < to_timestamp($3)";
    const WATERMARKS: &str = "select partition, next from watermarks where log_id = $1";
    let of_shard = LedgerError::of(pool.shard());
    let mut lease = pool.lease().await?;
    let hours = lease.prepare(HOURS).await.map_err(&of_shard)?;
    let watermarks = lease.prepare(WATERMARKS).await.map_err(&of_shard)?;
    let builder = lease.client_mut().build_transaction();
    let transaction = builder
        .isolation_level(IsolationLevel::RepeatableRead)
        .read_only(true);
    let transaction = transaction.start().await.map_err(&of_shard)?;
    let (from, to) = (
        query.hours.start as f64 * 3_600.0,
        query.hours.end as f64 * 3_600.0,
    );
    let rows = transaction
        .query(&hours, &[&query.account.get(), &from, &to])
        .await;
    let rows = rows.map_err(&of_shard)?;
    let marks = transaction
        .query(&watermarks, &[&log_id])
        .await
        .map_err(&of_shard)?;
    transaction.commit().await.map_err(&of_shard)?;
    lease.give_back();
    let hours = rows
        .iter()
        .map(|row| {
            let quantity: &str = row.get(2);
            let usage = HourUsage {
                metric: row.get(0),
                hour: hour_of(row.get(1)),
                quantity: quantity.parse().expect("numeric(38, 0) fits an i128"),
                events: row.get(3),
            };
            (usage, row.get(4))
        })
        .collect();
    let watermarks = marks.iter().map(|row| (row.get(0), row.get(1))).collect();
    Ok(Committed { hours, watermarks })
}
