//! Tests that need servers.

mod bad_events;
mod behind;
mod crashes;
mod faults;
mod flow;
mod http;
mod reconcile;
mod redis;
