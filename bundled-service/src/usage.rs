//! What an account used: the shapes that a reader asks with and is answered in.

use crate::event::{AccountId, Timestamp};

/// Usage of one account, whole hours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    pub account: AccountId,
    /// One metric, or all.
    pub metric: Option<String>,
    /// First hour, and the hour to stop before; in hours since 1970 ([`Timestamp::hour`]).
    pub hours: std::ops::Range<i64>,
}

/// Where the committed part of an answer came from; what is pending always comes from Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Redis,
    Postgres,
}

impl Source {
    pub fn name(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Postgres => "postgres",
        }
    }
}

/// An answer: one entry an hour and metric with events, sorted by metric, then hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    pub source: Source,
    /// The answer holds everything that was readable at this moment.
    pub as_of: Timestamp,
    pub hours: Vec<HourUsage>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HourUsage {
    pub metric: String,
    /// Hours since 1970.
    pub hour: i64,
    /// Millionths; print with [`crate::event::format_millionths`].
    pub quantity: i128,
    pub events: i64,
}

/// Neither Redis nor Postgres could answer.
#[derive(Debug, thiserror::Error)]
#[error("usage can't be read: {0}")]
pub struct UsageError(pub String);

/// Who can answer a [`Query`].
pub trait Read: Send + Sync {
    fn read(&self, query: Query) -> futures::future::BoxFuture<'_, Result<Usage, UsageError>>;
}
