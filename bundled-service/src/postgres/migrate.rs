//! The schema, brought up to date by numbered SQL files that are part of the program.

use super::{LedgerError, ShardPool};
use sha2::{Digest, Sha256};
use std::sync::Arc;

const MIGRATIONS: &[(i32, &str)] = &[
    (1, include_str!("../../migrations/0001_ledger.sql")),
    (2, include_str!("../../migrations/0002_cut_over.sql")),
];

/// The version that a shard has once every migration is applied.
pub fn newest_schema() -> i32 {
    MIGRATIONS.last().map_or(0, |&(version, _)| version)
}

/// Applies what is missing, one transaction each; two at once wait for each other.
///
/// Answers with the versions that were applied.
pub async fn migrate(pool: &Arc<ShardPool>) -> Result<Vec<i32>, LedgerError> {
    let shard = pool.shard();
    let of_shard = LedgerError::of(shard);
    let mut lease = pool.lease().await?;
    let client = lease.client_mut();
    let lock = "select pg_advisory_lock(hashtextextended('vvbill-ingest migrate', 0))";
    client.batch_execute(lock).await.map_err(&of_shard)?;
    let table = "create table if not exists schema_migrations (version integer primary key, \
                 sha256 text not null, applied_at timestamptz not null default now())";
    client.batch_execute(table).await.map_err(&of_shard)?;
    let mut applied = Vec::new();
    for &(version, sql) in MIGRATIONS {
        let sha256 = hash(sql);
        let known = "select sha256 from schema_migrations where version = $1";
        let known = client.query_opt(known, &[&version]).await.map_err(&of_shard)?;
        if let Some(row) = known {
            if row.get::<_, String>(0) != sha256 {
                return Err(LedgerError::MigrationChanged { shard, version });
            }
            continue;
        }
        let transaction = client.transaction().await.map_err(&of_shard)?;
        transaction.batch_execute(sql).await.map_err(&of_shard)?;
        let insert = "insert into schema_migrations (version, sha256) values ($1, $2)";
        transaction
            .execute(insert, &[&version, &sha256])
            .await
            .map_err(&of_shard)?;
        transaction.commit().await.map_err(&of_shard)?;
        applied.push(version);
    }
    let unlock = "select pg_advisory_unlock(hashtextextended('vvbill-ingest migrate', 0))";
    client.batch_execute(unlock).await.map_err(&of_shard)?;
    lease.give_back();
    Ok(applied)
}

/// Refuses a shard whose schema is not the one this program was written for.
pub async fn require_current_schema(pool: &Arc<ShardPool>) -> Result<(), LedgerError> {
    let shard = pool.shard();
    let needed = newest_schema();
    let lease = pool.lease().await?;
    let exists = "select to_regclass('schema_migrations') is not null";
    let exists = lease
        .client()
        .query_one(exists, &[])
        .await
        .map_err(LedgerError::of(shard))?;
    let mut found = 0;
    if exists.get(0) {
        let latest = "select coalesce(max(version), 0) from schema_migrations";
        let row = lease
            .client()
            .query_one(latest, &[])
            .await
            .map_err(LedgerError::of(shard))?;
        found = row.get(0);
    }
    lease.give_back();
    if found == needed {
        Ok(())
    } else {
        Err(LedgerError::Schema { shard, found, needed })
    }
}

fn hash(sql: &str) -> String {
    Sha256::digest(sql.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
