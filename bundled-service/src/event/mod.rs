//! What an event is: its fields, its bounds, its identity, and how it is read without copying.
//!
//! Pure: bytes in, [`Event`] or [`Rejection`] out. It depends on no other module, does no IO and
//! never looks at a clock; the time it is judged by comes in (Kafka's own, so that a replay decides
//! the same).

mod cloud;
mod identity;
mod nesting;
mod parse;
mod quantity;
mod rejection;
mod timestamp;

pub use cloud::from_cloud_event;
pub use identity::{AccountId, EventId};
pub use nesting::MAX_NESTING;
pub use parse::{parse, write_json};
pub use quantity::{Quantity, QuantityError, format_millionths};
pub use rejection::Rejection;
pub use timestamp::Timestamp;

use std::borrow::Cow;

/// Most bytes of one event's JSON; above it the event is [`Rejection::Oversized`].
pub const MAX_EVENT_BYTES: usize = 16 * 1024;
/// Most bytes of the JSON object `properties`, as it was sent.
pub const MAX_PROPERTIES_BYTES: usize = 4 * 1024;
/// Most bytes of a metric's name.
pub const MAX_METRIC_BYTES: usize = 64;

/// One billing event, borrowing from the bytes it was parsed from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event<'a> {
    pub id: EventId,
    pub account: AccountId,
    /// 1 to 64 characters of `A-Z a-z 0-9 _ . : / -`.
    pub metric: Cow<'a, str>,
    /// Millionths; negative for a correction.
    pub quantity: Quantity,
    pub occurred_at: Timestamp,
    /// The raw JSON object, at most [`MAX_PROPERTIES_BYTES`] long.
    pub properties: Option<Cow<'a, str>>,
}

impl Event<'_> {
    /// The time that the event's identity lies at: a UUIDv7's own, otherwise `occurred_at`.
    pub fn id_time(&self) -> Timestamp {
        self.id.time().unwrap_or(self.occurred_at)
    }

    /// Is the event from within `window` of `received`, the time that Kafka got it?
    ///
    /// A UUIDv7's own time is held to the same window: tables are partitioned by it.
    pub fn check_time(&self, received: Timestamp, window: Window) -> Result<(), Rejection> {
        let earliest = received
            .micros()
            .saturating_sub(window.before_seconds * 1_000_000);
        let latest = received.micros().saturating_add(window.after_seconds * 1_000_000);
        if self.occurred_at.micros() < earliest {
            return Err(Rejection::TooLate);
        }
        if self.occurred_at.micros() > latest {
            return Err(Rejection::InTheFuture);
        }
        let identity = self.id_time().micros();
        if identity < earliest || identity > latest {
            return Err(Rejection::IdentityTime);
        }
        Ok(())
    }
}

/// How far `occurred_at` may lie from the time that Kafka got the event, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub before_seconds: i64,
    pub after_seconds: i64,
}

impl Default for Window {
    /// 34 days before, one hour after.
    fn default() -> Self {
        Self {
            before_seconds: 34 * 86_400,
            after_seconds: 3_600,
        }
    }
}

#[cfg(test)]
mod tests;
