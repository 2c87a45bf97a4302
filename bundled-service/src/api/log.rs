//! Where accepted events go: a log that says when they are durable.

use super::in_flight::Reservation;
use crate::event::{AccountId, Timestamp};
use axum::body::Bytes;
use futures::future::BoxFuture;
use std::ops::Range;

/// Appends events durably. Kafka in production.
pub(super) trait Log: Send + Sync {
    /// Appends every record, and resolves when each is durable or given up, within a bounded time.
    ///
    /// Records go on even when the answer is no longer waited for; the reservation is kept for as
    /// long as any of them is under way.
    fn append(&self, records: Records, reservation: Reservation) -> BoxFuture<'_, Appended>;

    /// The time by the log's own clock, once it is known: it is the one that counts, ours may be wrong.
    fn now(&self) -> Option<Timestamp>;

    /// Could it append now? Otherwise why not. Costs nothing: it tells what was last seen.
    fn reachable(&self) -> Result<(), String>;
}

/// Events as they go to the log: JSON, one after another in one text.
#[derive(Debug)]
pub(super) struct Records {
    pub(super) text: Bytes,
    pub(super) entries: Vec<Entry>,
}

/// One event of [`Records`], keyed by its account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) account: AccountId,
    pub(super) range: Range<usize>,
}

/// What became of the records.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Appended {
    pub(super) acknowledged: usize,
    /// Why the others aren't known to be durable, when there are others.
    pub(super) cause: Option<String>,
}
