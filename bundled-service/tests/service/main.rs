//! The service against real servers: Kafka, Redis and two Postgres, started here and ended here.
//!
//! What needs a server lies under `servers`, so that it can be left out of a quick run.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod servers;
mod support;
