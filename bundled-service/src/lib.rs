//! The ingestion service of vvbill: billing events from Kafka through Redis into sharded Postgres,
//! none lost and none doubled.
//!
//! Kafka is the log, Redis is disposable, Postgres is the ledger. The path of an event:
//!
//! 1. [`api`] takes it over HTTP, checks it ([`event`]) and answers once Kafka has it.
//! 2. [`worker`] reads it from Kafka. What can't be taken goes to the dead-letter topic
//!    ([`dead_letter`]); the rest is routed by [`slot`] and packed into a [`batch`], which covers a
//!    contiguous range of offsets of one partition for one shard.
//! 3. [`redis`] gets the batch and its usage: from here on readers see it ([`usage`]).
//! 4. [`postgres`] gets the rows, the hourly rollups and the watermark in one transaction.
//! 5. `redis` lets the batch go; Kafka's committed offset follows as a hint.
//!
//! [`cut_over`] has the shards go on in another log; [`reconcile`] reads Kafka again and says whether that came out right.

pub mod api;
pub mod batch;
pub mod config;
pub mod cut_over;
pub mod dead_letter;
pub mod event;
pub mod log_identity;
pub mod metrics;
pub mod postgres;
pub mod reconcile;
pub mod redis;
pub mod service;
pub mod slot;
pub mod topics;
pub mod usage;
pub mod worker;
