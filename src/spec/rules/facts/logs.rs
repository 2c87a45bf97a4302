//! CloudWatch Logs: for how long a group keeps what it takes in.
//!
//! Source: `PutRetentionPolicy` of the CloudWatch Logs API, `retentionInDays`.

/// The days that can be chosen.
pub(crate) const RETENTION_DAYS: &[u64] = &[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];
