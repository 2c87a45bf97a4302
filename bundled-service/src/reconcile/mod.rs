//! Completeness, checked from outside: reads Kafka again and compares it with every shard.
//!
//! For each partition and hour (of Kafka's time): records = rows + dead letters + repeats; on each
//! shard: rollups = sum of rows. Nothing that a worker counted enters the verdict, and nothing is
//! written. Memory does not grow with the log: both sides are read in the order of offsets.

mod ledger;
mod log;
mod report;

pub(crate) use log::{bounds, each};
pub use report::{Difference, Hour, Kind, Report, RollupDifference, Summary};

use crate::{
    config,
    event::Window,
    log_identity::LogIdentity,
    postgres::{self, LedgerError, ShardPool},
    service::{ServiceError, log_identity},
    slot::SlotMap,
};
use ledger::{Rows, Snapshot};
use log::{Content, LogReader, Record};
use std::{collections::HashSet, sync::Arc};

/// Compares everything below the watermarks that stand when it starts.
pub async fn run(settings: &config::Reconcile) -> Result<Report, ServiceError> {
    let log = Arc::new(log_identity(&settings.kafka).await?);
    let pools = ShardPool::all(&settings.postgres)?;
    for pool in &pools {
        postgres::require_current_schema(pool).await?;
    }
    let slot_map = postgres::load_slot_map(&pools).await?;
    let mut leases = Vec::with_capacity(pools.len());
    for pool in &pools {
        leases.push(pool.lease().await?);
    }
    let mut snapshots = Vec::with_capacity(pools.len());
    for (shard, lease) in leases.iter_mut().enumerate() {
        snapshots.push(Snapshot::take(shard, lease.client_mut(), &log).await?);
    }
    let reader = LogReader::new(&settings.kafka, Arc::clone(&log));
    let dead = reader.dead_letters().await?;
    let window = settings.window.window();
    let mut comparison = Comparison {
        slot_map,
        pools: &pools,
        window,
        report: Report::new(&log, snapshots.len()),
    };
    comparison.partitions(&reader, &snapshots, &dead).await?;
    for snapshot in &snapshots {
        let differences = snapshot.rollup_differences().await?;
        comparison.report.rollups.extend(differences);
    }
    Ok(comparison.report.finish())
}

struct Comparison<'a> {
    slot_map: SlotMap,
    pools: &'a [Arc<ShardPool>],
    window: Window,
    report: Report,
}

/// Origins in the dead-letter topic: (partition, offset).
type Dead = HashSet<(i32, i64)>;

/// Candidates are looked up this many at a time.
const REPEATS_AT_ONCE: usize = 1_000;

impl Comparison<'_> {
    async fn partitions(
        &mut self,
        reader: &LogReader,
        snapshots: &[Snapshot<'_>],
        dead: &Dead,
    ) -> Result<(), ServiceError> {
        let mut shards = Vec::with_capacity(snapshots.len());
        for snapshot in snapshots {
            shards.push(snapshot.rows().await?);
        }
        for (partition, oldest) in reader.partitions().await? {
            // What lies before a cut-over was taken from the log that this one is a copy of.
            let began = snapshots.iter().filter_map(|shard| shard.began(partition));
            let oldest = began.min().map_or(oldest, |began| began.max(oldest));
            let next: Vec<i64> = snapshots
                .iter()
                .map(|shard| shard.watermark(partition).unwrap_or(oldest))
                .collect();
            self.partition(reader, partition, oldest, &next, &mut shards, dead)
                .await?;
        }
        for (shard, rows) in shards.iter_mut().enumerate() {
            while let Some(row) = rows.pop(i32::MAX, i64::MAX).await? {
                self.report.add_row(shard, &row, None);
            }
        }
        Ok(())
    }

    async fn partition(
        &mut self,
        reader: &LogReader,
        partition: i32,
        oldest: i64,
        next: &[i64],
        shards: &mut [Rows],
        dead: &Dead,
    ) -> Result<(), ServiceError> {
        let end = next.iter().copied().max().unwrap_or(0);
        for (shard, rows) in shards.iter_mut().enumerate() {
            while let Some(row) = rows.pop(partition, oldest).await? {
                if row.partition == partition {
                    self.report.expired_rows += 1;
                } else {
                    self.report.add_row(shard, &row, None);
                }
            }
        }
        let mut records = reader.read(partition, oldest, end, self.window);
        let mut candidates: Vec<Vec<Record>> = vec![Vec::new(); shards.len()];
        let mut hour = 0;
        while let Some(record) = records.recv().await {
            let record = record?;
            hour = record.hour;
            for (shard, rows) in shards.iter_mut().enumerate() {
                while let Some(row) = rows.pop(partition, record.offset).await? {
                    self.report.add_row(shard, &row, Some(hour));
                }
            }
            self.record(record, next, shards, dead, &mut candidates).await?;
            for (shard, waiting) in candidates.iter_mut().enumerate() {
                if waiting.len() >= REPEATS_AT_ONCE {
                    self.repeats(shard, std::mem::take(waiting)).await?;
                }
            }
        }
        for (shard, rows) in shards.iter_mut().enumerate() {
            while let Some(row) = rows.pop(partition, i64::MAX).await? {
                self.report.add_row(shard, &row, Some(hour));
            }
        }
        for (shard, waiting) in candidates.into_iter().enumerate() {
            self.repeats(shard, waiting).await?;
        }
        Ok(())
    }

    /// Accounts for one record: it is a row, a dead letter, or perhaps a repeat.
    async fn record(
        &mut self,
        record: Record,
        next: &[i64],
        shards: &mut [Rows],
        dead: &Dead,
        candidates: &mut [Vec<Record>],
    ) -> Result<(), ServiceError> {
        let is_dead = dead.contains(&(record.partition, record.offset));
        let Content::Good(good) = &record.content else {
            let hour = self.report.hour(record.partition, record.hour);
            hour.records += 1;
            if is_dead {
                hour.dead_letters += 1;
            } else {
                self.report.differs(Kind::DeadLetterMissing, &record, None);
            }
            return Ok(());
        };
        let shard = self.slot_map.shard_of(good.account).index();
        if record.offset >= next[shard] {
            self.report.pending += 1;
            return Ok(());
        }
        self.report.hour(record.partition, record.hour).records += 1;
        let mut here = Vec::new();
        while let Some(row) = shards[shard].pop_at(record.partition, record.offset).await? {
            here.push(row);
        }
        if !here.is_empty() {
            // Of several rows that claim this record, the one that says what it says is its own.
            let own = here.iter().position(|row| row.is_of(good));
            here.swap_remove(own.unwrap_or(0));
            self.report.hour(record.partition, record.hour).rows[shard] += 1;
            for row in &here {
                self.report.add_row(shard, row, Some(record.hour));
            }
            if own.is_none() {
                self.report.differs(Kind::Changed, &record, Some(shard));
            }
        } else if is_dead {
            self.report.hour(record.partition, record.hour).dead_letters += 1;
        } else {
            candidates[shard].push(record);
        }
        Ok(())
    }

    /// Records without a row of their own: each must be a repeat of one that has a row.
    async fn repeats(&mut self, shard: usize, records: Vec<Record>) -> Result<(), ServiceError> {
        if records.is_empty() {
            return Ok(());
        }
        let found = ledger::find_identities(&self.pools[shard], &records).await?;
        for (index, record) in records.iter().enumerate() {
            if found.contains(&index) {
                self.report.hour(record.partition, record.hour).repeats += 1;
            } else {
                self.report.differs(Kind::Lost, record, Some(shard));
            }
        }
        Ok(())
    }
}

/// Errors of a shard, as the service's.
fn of_shard(shard: usize) -> impl Fn(tokio_postgres::Error) -> ServiceError {
    move |error| ServiceError::Ledger(LedgerError::of(shard)(error))
}

/// The log's number in a shard, if the shard has ever heard of it.
async fn log_number(
    client: &tokio_postgres::Transaction<'_>,
    log: &LogIdentity,
) -> Result<Option<i16>, tokio_postgres::Error> {
    let select = "select log_id from logs where cluster_id = $1 and topic_id::text = $2";
    let row = client
        .query_opt(select, &[&log.cluster_id, &log.topic_id.to_string()])
        .await?;
    Ok(row.map(|row| row.get(0)))
}
