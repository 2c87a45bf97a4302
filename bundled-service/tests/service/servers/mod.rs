//! Tests that need servers.

mod flow;
