//! The local target: its layout, each kind against real servers, faults between spawn and record,
//! and whole platforms from a plan.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

#[path = "local/layout.rs"]
mod layout;
#[path = "local/servers/mod.rs"]
mod servers;
