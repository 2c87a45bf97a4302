//! A shard's side: its rows in the order of offsets, from one snapshot.

use super::{
    log::{Content, Good, Record},
    log_number, of_shard,
    report::RollupDifference,
};
use crate::{
    event::{EventId, Timestamp},
    log_identity::LogIdentity,
    postgres::{PostgresUuid, ShardPool},
    service::ServiceError,
};
use futures::StreamExt;
use std::{
    collections::{HashMap, HashSet},
    pin::Pin,
    sync::Arc,
};
use tokio_postgres::{Client, IsolationLevel, RowStream, Transaction};

/// One moment of a shard.
pub(super) struct Snapshot<'a> {
    shard: usize,
    transaction: Transaction<'a>,
    log_id: Option<i16>,
    watermarks: HashMap<i32, i64>,
    /// Where a cut-over entered the log, by partition.
    began: HashMap<i32, i64>,
}

/// A row, as far as it is compared.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) account: i64,
    pub(super) id: EventId,
    occurred_at_micros: i64,
    quantity: i64,
    metric: String,
}

impl Row {
    /// Does the row say what the record says?
    pub(super) fn is_of(&self, good: &Good) -> bool {
        self.account == good.account.get()
            && self.id == good.id
            && self.occurred_at_micros == good.occurred_at.micros()
            && self.quantity == good.quantity
            && self.metric == good.metric
    }

    /// Hours since 1970 of what the row tells of.
    pub(super) fn hour(&self) -> i64 {
        Timestamp::from_micros(self.occurred_at_micros).hour()
    }
}

impl<'a> Snapshot<'a> {
    pub(super) async fn take(
        shard: usize,
        client: &'a mut Client,
        log: &LogIdentity,
    ) -> Result<Self, ServiceError> {
        let builder = client
            .build_transaction()
            .isolation_level(IsolationLevel::RepeatableRead);
        let transaction = builder.read_only(true).start().await.map_err(of_shard(shard))?;
        let log_id = log_number(&transaction, log).await.map_err(of_shard(shard))?;
        let select = "select partition, next, began from watermarks where log_id = $1";
        let rows = transaction
            .query(select, &[&log_id])
            .await
            .map_err(of_shard(shard))?;
        let watermarks = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        let began = |row: &tokio_postgres::Row| Some((row.get(0), row.get::<_, Option<i64>>(2)?));
        let began = rows.iter().filter_map(began).collect();
        Ok(Self {
            shard,
            transaction,
            log_id,
            watermarks,
            began,
        })
    }

    pub(super) fn watermark(&self, partition: i32) -> Option<i64> {
        self.watermarks.get(&partition).copied()
    }

    pub(super) fn began(&self, partition: i32) -> Option<i64> {
        self.began.get(&partition).copied()
    }

    /// Every row of this log, and those of no log that is known, by partition and offset.
    pub(super) async fn rows(&self) -> Result<Rows, ServiceError> {
        const ROWS: &str = "select partition, kafka_offset, account_id, event_id, \
             (extract(epoch from occurred_at) * 1000000)::bigint, quantity, metric from events \
             where log_id = $1 or log_id not in (select log_id from logs) \
             order by partition, kafka_offset";
        // A log that the shard has never heard of has no rows: -1 is no number of one.
        let log_id = self.log_id.unwrap_or(-1);
        let stream = self.transaction.query_raw(ROWS, [&log_id]).await;
        let stream = Box::pin(stream.map_err(of_shard(self.shard))?);
        Ok(Rows {
            shard: self.shard,
            stream,
            head: None,
            ended: false,
        })
    }

    /// Where rollups are not the sum of the rows: at most 100.
    pub(super) async fn rollup_differences(&self) -> Result<Vec<RollupDifference>, ServiceError> {
        const DIFFERENCES: &str = "with summed as (select account_id, metric, \
                 date_trunc('hour', occurred_at, 'UTC') as hour, sum(quantity) as quantity, \
                 count(*) as events from events group by 1, 2, 3) \
             select account_id, metric, floor(extract(epoch from hour) / 3600)::bigint, \
                    s.quantity::text, u.quantity::text \
             from summed s full join usage_hourly u using (account_id, metric, hour) \
             where s.quantity is distinct from u.quantity or s.events is distinct from u.events \
             order by hour, account_id, metric limit 100";
        let rows = self
            .transaction
            .query(DIFFERENCES, &[])
            .await
            .map_err(of_shard(self.shard))?;
        Ok(rows
            .iter()
            .map(|row| RollupDifference {
                shard: self.shard,
                account_id: row.get(0),
                metric: row.get(1),
                hour: Timestamp::from_hour(row.get(2)).to_string(),
                rows_millionths: row.get(3),
                rollup_millionths: row.get(4),
            })
            .collect())
    }
}

/// Rows that come one after the other.
pub(super) struct Rows {
    shard: usize,
    stream: Pin<Box<RowStream>>,
    head: Option<Row>,
    ended: bool,
}

impl Rows {
    /// The next row, if it lies before this place.
    pub(super) async fn pop(&mut self, partition: i32, offset: i64) -> Result<Option<Row>, ServiceError> {
        self.fill().await?;
        Ok(self
            .head
            .take_if(|row| (row.partition, row.offset) < (partition, offset)))
    }

    /// The next row, if it lies at this place.
    pub(super) async fn pop_at(&mut self, partition: i32, offset: i64) -> Result<Option<Row>, ServiceError> {
        self.fill().await?;
        Ok(self
            .head
            .take_if(|row| (row.partition, row.offset) == (partition, offset)))
    }

    async fn fill(&mut self) -> Result<(), ServiceError> {
        if self.head.is_some() || self.ended {
            return Ok(());
        }
        match self.stream.next().await {
            None => self.ended = true,
            Some(row) => {
                let row = row.map_err(of_shard(self.shard))?;
                let PostgresUuid(id) = row.get(3);
                self.head = Some(Row {
                    partition: row.get(0),
                    offset: row.get(1),
                    account: row.get(2),
                    id: EventId::from_bytes(*id.as_bytes()),
                    occurred_at_micros: row.get(4),
                    quantity: row.get(5),
                    metric: row.get(6),
                });
            }
        }
        Ok(())
    }
}

/// Which of these records (by index) are stored, with the same content, from another offset.
pub(super) async fn find_identities(
    pool: &Arc<ShardPool>,
    records: &[Record],
) -> Result<HashSet<usize>, ServiceError> {
    const FIND: &str = "select n from unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], \
             $5::bigint[], $6::text[], $7::text[]) with ordinality as i (a, e, t, o, q, m, p, n) \
         where exists (select from events s where s.account_id = a and s.event_id = e::uuid \
             and s.id_time = timestamptz 'epoch' + t * interval '1 microsecond' \
             and s.occurred_at = timestamptz 'epoch' + o * interval '1 microsecond' \
             and s.quantity = q and s.metric = m and s.properties is not distinct from p::jsonb)";
    let good: Vec<&Good> = records
        .iter()
        .filter_map(|record| match &record.content {
            Content::Good(good) => Some(&**good),
            Content::Bad => None,
        })
        .collect();
    let accounts: Vec<i64> = good.iter().map(|good| good.account.get()).collect();
    let ids: Vec<String> = good.iter().map(|good| good.id.to_string()).collect();
    let id_times: Vec<i64> = good.iter().map(|good| good.id_time.micros()).collect();
    let occurred: Vec<i64> = good.iter().map(|good| good.occurred_at.micros()).collect();
    let quantities: Vec<i64> = good.iter().map(|good| good.quantity).collect();
    let metrics: Vec<&str> = good.iter().map(|good| good.metric.as_str()).collect();
    // JSON that Postgres refuses was never stored, and must not stop the others here.
    let readable = |json: &&str| !json.contains("\\u0000");
    let properties: Vec<Option<&str>> = (good.iter())
        .map(|good| {
            good.properties
                .as_deref()
                .map(|json| if readable(&json) { json } else { "{}" })
        })
        .collect();
    let lease = pool.lease().await?;
    let found = lease
        .client()
        .query(
            FIND,
            &[
                &accounts,
                &ids,
                &id_times,
                &occurred,
                &quantities,
                &metrics,
                &properties,
            ],
        )
        .await
        .map_err(of_shard(pool.shard()))?;
    lease.give_back();
    Ok(found
        .iter()
        .map(|row| row.get::<_, i64>(0) as usize - 1)
        .collect())
}
