//! What AWS, Kafka and Redis said of themselves when this was written: tables, with their sources.
//!
//! Data and look-ups only. Where a table ends, the answer is `None`: unknown is not "wrong".

pub(crate) mod aurora;
pub(crate) mod cache;
pub(crate) mod eks;
pub(crate) mod failover;
pub(crate) mod logs;
pub(crate) mod machine;
