//! The local target against real servers: each kind alone, faults between spawn and record, and whole
//! platforms from a plan.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

#[path = "local/servers/mod.rs"]
mod servers;
