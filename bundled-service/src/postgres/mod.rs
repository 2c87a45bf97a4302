//! The ledger: rows, rollups and watermarks of each shard.
//!
//! Everything that decides whether an event counts is decided here, within one transaction. It
//! never reads Redis.

mod connection;
mod copy;
mod cut_over;
mod flush;
mod generation;
mod insert;
mod migrate;
mod rollup;
mod shards;
mod slot_map;
mod usage;
mod watermark;

pub use connection::{Lease, ShardPool};
pub use cut_over::{Entered, Start, enter_log};
pub use flush::{FlushError, Flushed, Owner, flush};
pub use generation::{Life, raise_generation, read_life};
pub use migrate::{migrate, newest_schema, require_current_schema};
pub use rollup::Total;
pub use shards::Shards;
pub use slot_map::{load_slot_map, publish_first_slot_map};
pub use usage::{Committed, read_usage};
pub(crate) use watermark::PostgresUuid;
pub use watermark::{Claim, claim, claim_again, read_epoch, read_watermarks};

use tokio_postgres::error::SqlState;

/// What went wrong in a shard.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("shard {shard}: {}", describe(.source))]
    Postgres {
        shard: usize,
        source: tokio_postgres::Error,
    },
    #[error("shard {shard}: no server that takes writes answered in time")]
    Silent { shard: usize },
    #[error("{0}")]
    Secret(#[from] crate::config::SecretError),
    #[error(
        "shard {shard} has schema version {found}, this program needs {needed}: run \
         `vvbill-ingest migrate`"
    )]
    Schema { shard: usize, found: i32, needed: i32 },
    #[error("migration {version} of shard {shard} was changed after it had been applied")]
    MigrationChanged { shard: usize, version: i32 },
    #[error("shard {0} has no slot map: run `vvbill-ingest migrate`")]
    NoSlotMap(usize),
    #[error("shard {shard}'s copy of slot map {version} differs from that of the shards before it")]
    SlotMapDiffers { shard: usize, version: i64 },
    #[error(transparent)]
    SlotMap(#[from] crate::slot::SlotMapError),
    #[error(
        "shard {shard} has watermarks of topic {topic} in another log (cluster {cluster_id}, topic \
         id {topic_id}); this one (cluster {found_cluster_id}, topic id {found_topic_id}) has \
         offsets of its own. Was the topic deleted and made anew, or is this another cluster? A \
         cut-over must first record where to start: `vvbill-ingest cut-over`"
    )]
    OtherLog {
        shard: usize,
        topic: String,
        cluster_id: String,
        topic_id: uuid::Uuid,
        found_cluster_id: String,
        found_topic_id: uuid::Uuid,
    },
    #[error(
        "shard {shard} has left this log of topic {topic} (cluster {cluster_id}): a cut-over has it go on in \
         cluster {present_cluster_id}. `vvbill-ingest cut-over`, with this cluster's brokers, would have it come back"
    )]
    RetiredLog {
        shard: usize,
        topic: String,
        cluster_id: String,
        present_cluster_id: String,
    },
    #[error(
        "shard {shard} is at offset {next} of partition {partition}, but the broker's oldest record \
         is {oldest}: what lies between is gone from Kafka, and nothing more of the partition is \
         taken into the shard. Bring those records back into it, from a backup or from who sent \
         them; then run on the shard: update watermarks set next = {oldest} where log_id = {log_id} \
         and partition = {partition}. A longer retention.ms of the topic leaves more time"
    )]
    RecordsGone {
        shard: usize,
        log_id: i16,
        partition: i32,
        next: i64,
        oldest: i64,
    },
}

/// The server's own words where there are some.
pub(crate) fn describe(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(db) => format!("{} (SQLSTATE {})", db.message(), db.code().code()),
        None => {
            let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
            format!("{error}{}", cause.unwrap_or_default())
        }
    }
}

/// What to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// The server or the way to it: try again, for as long as it takes.
    Retry,
    /// A row: find out which.
    Bisect,
    /// The schema or this program: stop.
    Stop,
}

/// SQLSTATE classes 22 and 23 come from data; 08, 25 (a server that only reads), 40, 53, 55, 57, 58 and a lost
/// connection pass.
pub fn remedy(error: &tokio_postgres::Error) -> Remedy {
    let Some(code) = error.code().map(SqlState::code) else {
        return Remedy::Retry;
    };
    match &code[..2] {
        "22" | "23" => Remedy::Bisect,
        "08" | "25" | "40" | "53" | "55" | "57" | "58" => Remedy::Retry,
        _ => Remedy::Stop,
    }
}

impl LedgerError {
    pub(crate) fn of(shard: usize) -> impl Fn(tokio_postgres::Error) -> Self {
        move |source| Self::Postgres { shard, source }
    }

    /// Would the same call succeed once the server is well again?
    pub fn passes(&self) -> bool {
        match self {
            Self::Postgres { source, .. } => remedy(source) == Remedy::Retry,
            Self::Silent { .. } => true,
            _ => false,
        }
    }
}
