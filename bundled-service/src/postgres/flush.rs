//! One batch, one transaction: rows, rollups, and the fenced watermark, all or nothing.

use super::{
    Lease, LedgerError, Remedy, ShardPool, Total, copy, describe,
    insert::{self, LeftOut},
    remedy, rollup,
    watermark::is_unique_violation,
};
use crate::{
    batch::{Batch, start_of_day},
    dead_letter::{DeadLetters, Place},
    event::{AccountId, Event, EventId, Quantity, Rejection},
    metrics::Metrics,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio_postgres::Transaction;

/// What a batch came to.
#[derive(Debug, Default)]
pub struct Flushed {
    pub inserted: u64,
    pub duplicates: u64,
    pub dead_letters: u64,
    /// The rollups it changed. `None` when the batch turned out to be committed already, so that
    /// they are not known.
    pub totals: Option<Vec<Total>>,
}

#[derive(Debug, thiserror::Error)]
pub enum FlushError {
    /// Another owner has the partition: nothing was written.
    #[error("another worker owns the partition now")]
    Fenced,
    /// The server or the way to it; whether the batch is committed may be unknown.
    #[error("{0}")]
    Passing(LedgerError),
    #[error("{0}")]
    Permanent(LedgerError),
    #[error("the dead-letter topic does not take a letter: {0}")]
    DeadLetter(Arc<str>),
}

/// Who flushes, and under which fence.
#[derive(Clone)]
pub struct Owner {
    pub log_id: i16,
    pub epoch: i64,
    pub dead_letters: DeadLetters,
    pub metrics: Arc<Metrics>,
}

/// Writes a batch, each try within `limit`. Call it again after [`FlushError::Passing`]: it finds out
/// what became of the first try.
pub async fn flush(
    pool: &Arc<ShardPool>,
    batch: &Batch,
    owner: &Owner,
    limit: Duration,
) -> Result<Flushed, FlushError> {
    for acknowledgement in &batch.dead_letters {
        acknowledgement.clone().await.map_err(FlushError::DeadLetter)?;
    }
    match bounded(pool, batch, owner, Way::Fast, limit).await {
        Err(Failure::Postgres(error)) if remedy(&error) == Remedy::Bisect => {
            if !is_unique_violation(&error) {
                let reason = describe(&error);
                tracing::info!(batch.partition, %batch.shard, reason, "looking for the refused row");
                pool.forget_days();
            }
            bounded(pool, batch, owner, Way::Careful, limit).await
        }
        other => other,
    }
    .map_err(|failure| failure.into_error(pool.shard()))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// COPY, and INSERT for the suspects.
    Fast,
    /// INSERT for all, halving where Postgres refuses a row.
    Careful,
}

enum Failure {
    Postgres(tokio_postgres::Error),
    Other(FlushError),
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Postgres(error)
    }
}

impl Failure {
    fn into_error(self, shard: usize) -> FlushError {
        match self {
            Self::Other(error) => error,
            Self::Postgres(source) => {
                let stop = remedy(&source) != Remedy::Retry;
                let error = LedgerError::Postgres { shard, source };
                if stop {
                    FlushError::Permanent(error)
                } else {
                    FlushError::Passing(error)
                }
            }
        }
    }
}

const ADVANCE: &str = "update watermarks set next = $1, updated_at = now() \
     where log_id = $2 and partition = $3 and next = $4 and epoch = $5";

/// An attempt that is given up after `limit`: what it came to is unknown then. Waiting for one of the
/// pool's connections is not the server's silence.
async fn bounded(
    pool: &Arc<ShardPool>,
    batch: &Batch,
    owner: &Owner,
    way: Way,
    limit: Duration,
) -> Result<Flushed, Failure> {
    let lease = pool
        .lease()
        .await
        .map_err(|error| Failure::Other(of_lease(error)))?;
    match tokio::time::timeout(limit, attempt(pool, lease, batch, owner, way)).await {
        Ok(done) => done,
        Err(_) => Err(Failure::Other(FlushError::Passing(pool.silent()))),
    }
}

async fn attempt(
    pool: &Arc<ShardPool>,
    mut lease: Lease,
    batch: &Batch,
    owner: &Owner,
    way: Way,
) -> Result<Flushed, Failure> {
    let started = Instant::now();
    ensure_days(pool, &mut lease, batch).await?;
    let advance = lease.prepare(ADVANCE).await?;
    let upsert = lease.prepare(rollup::UPSERT).await?;
    let statements = insert::Statements {
        insert: lease.prepare(insert::INSERT).await?,
        other: lease.prepare(insert::OTHER).await?,
    };
    let transaction = lease.client_mut().transaction().await?;
    // First the fence: a worker that was deposed does no work, and waits for none.
    let fence: [&(dyn tokio_postgres::types::ToSql + Sync); 5] = [
        &batch.to,
        &owner.log_id,
        &batch.partition,
        &batch.from,
        &owner.epoch,
    ];
    if transaction.execute(&advance, &fence).await? == 0 {
        let outcome = find_out(&transaction, batch, owner).await;
        transaction.rollback().await?;
        lease.give_back();
        return outcome;
    }
    let left_out = write_rows(&transaction, &statements, batch, owner, way).await?;
    let totals = match left_out.indices() {
        _ if batch.deltas.is_empty() => Vec::new(),
        none if none.is_empty() => rollup::add(&transaction, &upsert, &batch.deltas, &batch.metrics).await?,
        some => {
            let deltas = batch.deltas_without(&some);
            rollup::add(&transaction, &upsert, &deltas, &batch.metrics).await?
        }
    };
    bury(batch, owner, &left_out).await.map_err(Failure::Other)?;
    transaction.commit().await?;
    lease.give_back();
    let seconds = started.elapsed().as_secs_f64();
    let label = batch.shard.to_string();
    owner
        .metrics
        .ingest_commit_duration_seconds
        .with(&[&label])
        .observe(seconds);
    let missing = left_out.indices().len();
    Ok(Flushed {
        inserted: (batch.starts.len() - missing) as u64,
        duplicates: left_out.repeats.len() as u64,
        dead_letters: (left_out.other.len() + left_out.refused.len()) as u64,
        totals: Some(totals),
    })
}

async fn write_rows(
    transaction: &Transaction<'_>,
    statements: &insert::Statements,
    batch: &Batch,
    owner: &Owner,
    way: Way,
) -> Result<LeftOut, Failure> {
    if way == Way::Careful {
        return Ok(insert::insert_carefully(transaction, statements, batch, owner.log_id).await?);
    }
    let mut left_out = LeftOut::default();
    let copying = Instant::now();
    copy::copy(transaction, batch).await?;
    let label = batch.shard.to_string();
    let histogram = owner.metrics.ingest_copy_duration_seconds.with(&[&label]);
    histogram.observe(copying.elapsed().as_secs_f64());
    // After COPY: of two alike in one batch, the later one is the suspect.
    insert::insert(
        transaction,
        statements,
        batch,
        owner.log_id,
        &batch.suspects,
        &mut left_out,
    )
    .await?;
    Ok(left_out)
}

/// The watermark did not move: because the batch is committed already, or because another owns it.
async fn find_out(transaction: &Transaction<'_>, batch: &Batch, owner: &Owner) -> Result<Flushed, Failure> {
    let select = "select next, epoch from watermarks where log_id = $1 and partition = $2";
    let row = transaction
        .query_opt(select, &[&owner.log_id, &batch.partition])
        .await?;
    match row.map(|row| (row.get::<_, i64>(0), row.get::<_, i64>(1))) {
        Some((next, epoch)) if next == batch.to && epoch == owner.epoch => Ok(Flushed::default()),
        found => {
            tracing::warn!(
                batch.partition, %batch.shard, batch.from, owner.epoch, ?found,
                "the watermark is another's: rolled back"
            );
            Err(Failure::Other(FlushError::Fenced))
        }
    }
}

/// Dead letters for rows that were refused, acknowledged before the watermark moves.
async fn bury(batch: &Batch, owner: &Owner, left_out: &LeftOut) -> Result<(), FlushError> {
    let other = left_out
        .other
        .iter()
        .map(|&index| (index, Rejection::OtherPayload));
    let refused = (left_out.refused.iter()).map(|(index, why)| (*index, Rejection::Refused(why.clone())));
    let mut acknowledgements = Vec::new();
    for (index, why) in other.chain(refused) {
        let row = batch.row(index as usize);
        let place = Place {
            partition: batch.partition,
            offset: row.offset,
            timestamp_ms: timestamp_of(batch, index),
        };
        acknowledgements.push(owner.dead_letters.send(place, &payload(batch, index), &why));
    }
    for acknowledgement in acknowledgements {
        acknowledgement.await.map_err(FlushError::DeadLetter)?;
    }
    Ok(())
}

/// The row as canonical JSON; the record as it was sent stays at its origin.
fn payload(batch: &Batch, index: u32) -> Vec<u8> {
    let row = batch.row(index as usize);
    let account = AccountId::new(row.account.cast_unsigned());
    let event = Event {
        id: EventId::from_bytes(row.event_id),
        account: account.expect("the row was made from an event, whose account is in range"),
        metric: row.metric.into(),
        quantity: Quantity::from_millionths(row.quantity)
            .expect("the row was made from an event, whose quantity is in range"),
        occurred_at: row.occurred_at,
        properties: row.properties.map(Into::into),
    };
    let mut out = Vec::new();
    crate::event::write_json(&event, &mut out);
    out
}

fn timestamp_of(batch: &Batch, index: u32) -> i64 {
    let mut before = 0;
    for &(timestamp, count) in &batch.arrivals {
        before += count;
        if index < before {
            return timestamp;
        }
    }
    0
}

/// Makes the daily partitions that the rows need, outside of the batch's transaction.
async fn ensure_days(
    pool: &ShardPool,
    lease: &mut Lease,
    batch: &Batch,
) -> Result<(), tokio_postgres::Error> {
    for &day in &batch.days {
        if pool.knows_day(day) {
            continue;
        }
        let seconds = start_of_day(day).micros() as f64 / 1e6;
        lease
            .client()
            .execute("select ensure_day(to_timestamp($1))", &[&seconds])
            .await?;
        pool.learn_day(day);
    }
    Ok(())
}

fn of_lease(error: LedgerError) -> FlushError {
    if error.passes() {
        FlushError::Passing(error)
    } else {
        FlushError::Permanent(error)
    }
}
