//! The format `kubernetes`.
