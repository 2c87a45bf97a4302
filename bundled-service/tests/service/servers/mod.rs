//! Tests that need servers.

mod bad_events;
mod crashes;
mod flow;
mod reconcile;
mod redis;
mod http;
