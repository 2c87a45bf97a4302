//! Why an event is refused. The code is stable: it stands in dead letters, answers and metrics.

use super::{MAX_EVENT_BYTES, MAX_METRIC_BYTES, MAX_PROPERTIES_BYTES, QuantityError};

/// Why an event is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    #[error("not a JSON event: {0}")]
    Malformed(String),
    #[error("the event is larger than {MAX_EVENT_BYTES} bytes")]
    Oversized,
    #[error("event_id is not a UUID")]
    EventId,
    #[error("account_id must be between 1 and 9223372036854775807")]
    Account,
    #[error("metric must have 1 to {MAX_METRIC_BYTES} characters of A-Z a-z 0-9 _ . : / -")]
    Metric,
    #[error("quantity: {0}")]
    Quantity(#[from] QuantityError),
    #[error("occurred_at must be RFC 3339 with an offset, or milliseconds since 1970")]
    OccurredAt,
    #[error("properties must be a JSON object of at most {MAX_PROPERTIES_BYTES} bytes")]
    Properties,
    #[error("occurred_at lies too far before the time the event was received")]
    TooLate,
    #[error("occurred_at lies too far after the time the event was received")]
    InTheFuture,
    #[error("the time within event_id (UUIDv7) lies too far from the time the event was received")]
    IdentityTime,
    #[error("an event with this account_id and event_id, but with other content, is stored already")]
    OtherPayload,
    #[error("the database refuses the event: {0}")]
    Refused(String),
}

impl Rejection {
    /// A stable name in snake case, for dead letters, answers and metric labels.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::Oversized => "oversized",
            Self::EventId => "event_id",
            Self::Account => "account_id",
            Self::Metric => "metric",
            Self::Quantity(_) => "quantity",
            Self::OccurredAt => "occurred_at",
            Self::Properties => "properties",
            Self::TooLate => "too_late",
            Self::InTheFuture => "in_the_future",
            Self::IdentityTime => "identity_time",
            Self::OtherPayload => "other_payload",
            Self::Refused(_) => "refused_by_database",
        }
    }
}
