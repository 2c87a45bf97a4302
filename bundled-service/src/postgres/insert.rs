//! Rows by `INSERT … ON CONFLICT DO NOTHING`: the slow way, which finds repeats, and finds the rows
//! that Postgres refuses by halving.

use super::{Remedy, describe, remedy};
use crate::batch::{Batch, Row};
use std::collections::HashSet;
use tokio_postgres::{Statement, Transaction};

/// `$1…$10` are columns; a conflict is a repeat, the first of two in one batch wins.
pub(super) const INSERT: &str = "insert into events (account_id, event_id, id_time, occurred_at, \
     quantity, kafka_offset, partition, log_id, metric, properties) \
     select a, e::uuid, timestamptz 'epoch' + t * interval '1 microsecond', \
            timestamptz 'epoch' + o * interval '1 microsecond', q, k, $9, $10, m, p::jsonb \
     from unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], \
                 $6::bigint[], $7::text[], $8::text[]) as i (a, e, t, o, q, k, m, p) \
     order by k on conflict do nothing returning kafka_offset";

/// Of rows that were repeats, those that are stored with other content.
pub(super) const OTHER: &str = "select k \
     from unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], \
                 $6::bigint[], $7::text[], $8::text[]) as i (a, e, t, o, q, k, m, p) \
     where not exists (select from events s where s.account_id = a and s.event_id = e::uuid \
         and s.id_time = timestamptz 'epoch' + t * interval '1 microsecond' \
         and s.occurred_at = timestamptz 'epoch' + o * interval '1 microsecond' \
         and s.quantity = q and s.metric = m and s.properties is not distinct from p::jsonb)";

/// Both statements, prepared.
pub(super) struct Statements {
    pub(super) insert: Statement,
    pub(super) other: Statement,
}

/// Rows of a batch (by index) that were not inserted.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct LeftOut {
    /// Sent before, with the same content.
    pub(super) repeats: Vec<u32>,
    /// Sent before, with other content.
    pub(super) other: Vec<u32>,
    /// Refused by Postgres, with its words.
    pub(super) refused: Vec<(u32, String)>,
}

impl LeftOut {
    pub(super) fn indices(&self) -> Vec<u32> {
        let refused = self.refused.iter().map(|(index, _)| index);
        self.repeats
            .iter()
            .chain(&self.other)
            .chain(refused)
            .copied()
            .collect()
    }
}

/// Inserts the rows with these indices; an error leaves the transaction failed.
pub(super) async fn insert(
    transaction: &Transaction<'_>,
    statements: &Statements,
    batch: &Batch,
    log_id: i16,
    indices: &[u32],
    left_out: &mut LeftOut,
) -> Result<(), tokio_postgres::Error> {
    if indices.is_empty() {
        return Ok(());
    }
    let columns = Columns::of(batch, indices);
    let inserted: HashSet<i64> = offsets(
        columns
            .query(transaction, &statements.insert, Some((batch.partition, log_id)))
            .await?,
    );
    let repeats: Vec<u32> = (indices.iter().copied())
        .filter(|&index| !inserted.contains(&batch.row(index as usize).offset))
        .collect();
    if repeats.is_empty() {
        return Ok(());
    }
    let columns = Columns::of(batch, &repeats);
    let other = offsets(columns.query(transaction, &statements.other, None).await?);
    for index in repeats {
        if other.contains(&batch.row(index as usize).offset) {
            left_out.other.push(index);
        } else {
            left_out.repeats.push(index);
        }
    }
    Ok(())
}

/// Inserts all rows; where Postgres refuses some for what they hold, halves until it has found
/// which. Other errors are the caller's.
pub(super) async fn insert_carefully(
    transaction: &Transaction<'_>,
    statements: &Statements,
    batch: &Batch,
    log_id: i16,
) -> Result<LeftOut, tokio_postgres::Error> {
    let mut left_out = LeftOut::default();
    let all: Vec<u32> = (0..batch.starts.len() as u32).collect();
    // The halves that come first lie on top: rows go in by offset, so that the first one wins.
    let mut ranges = vec![all.as_slice()];
    while let Some(range) = ranges.pop() {
        transaction.batch_execute("savepoint half").await?;
        let mut found = LeftOut::default();
        let result = insert(transaction, statements, batch, log_id, range, &mut found).await;
        match result {
            Ok(()) => {
                transaction.batch_execute("release savepoint half").await?;
                left_out.repeats.extend(found.repeats);
                left_out.other.extend(found.other);
            }
            Err(error) if remedy(&error) == Remedy::Bisect => {
                transaction.batch_execute("rollback to savepoint half").await?;
                if let &[index] = range {
                    left_out.refused.push((index, describe(&error)));
                } else {
                    let (first, second) = range.split_at(range.len() / 2);
                    ranges.extend([second, first]);
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(left_out)
}

/// Rows turned into the arrays that `unnest` takes.
struct Columns<'a> {
    accounts: Vec<i64>,
    events: Vec<String>,
    id_times: Vec<i64>,
    occurred: Vec<i64>,
    quantities: Vec<i64>,
    offsets: Vec<i64>,
    metrics: Vec<&'a str>,
    properties: Vec<Option<&'a str>>,
}

impl<'a> Columns<'a> {
    fn of(batch: &'a Batch, indices: &[u32]) -> Self {
        let rows: Vec<Row<'a>> = indices.iter().map(|&index| batch.row(index as usize)).collect();
        Self {
            accounts: rows.iter().map(|row| row.account).collect(),
            events: (rows.iter())
                .map(|row| uuid::Uuid::from_bytes(row.event_id).to_string())
                .collect(),
            id_times: rows.iter().map(|row| row.id_time.micros()).collect(),
            occurred: rows.iter().map(|row| row.occurred_at.micros()).collect(),
            quantities: rows.iter().map(|row| row.quantity).collect(),
            offsets: rows.iter().map(|row| row.offset).collect(),
            metrics: rows.iter().map(|row| row.metric).collect(),
            properties: rows.iter().map(|row| row.properties).collect(),
        }
    }

    async fn query(
        &self,
        transaction: &Transaction<'_>,
        statement: &Statement,
        place: Option<(i32, i16)>,
    ) -> Result<Vec<tokio_postgres::Row>, tokio_postgres::Error> {
        let mut parameters: Vec<&(dyn tokio_postgres::types::ToSql + Sync)> = vec![
            &self.accounts,
            &self.events,
            &self.id_times,
            &self.occurred,
            &self.quantities,
            &self.offsets,
            &self.metrics,
            &self.properties,
        ];
        if let Some((partition, log_id)) = &place {
            parameters.push(partition);
            parameters.push(log_id);
        }
        transaction.query(statement, &parameters).await
    }
}

fn offsets(rows: Vec<tokio_postgres::Row>) -> HashSet<i64> {
    rows.iter().map(|row| row.get(0)).collect()
}
