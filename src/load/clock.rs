//! Times as they go over the wire.

use jiff::Timestamp;

/// RFC 3339 in UTC with milliseconds, for ms since 1970.
pub(super) fn rfc3339(ms: i64) -> String {
    let time = Timestamp::from_millisecond(ms).expect("a workload starts today");
    format!("{time:.3}")
}
