//! AWS: plans applied through the SDK to a fake AWS, which is moto with what it lacks and with faults.
// Seeds are printed, so that a failure can be had again.
#![cfg(feature = "aws")]
#![allow(clippy::unwrap_used, clippy::print_stdout, unreachable_pub)]

#[path = "aws/servers/mod.rs"]
mod servers;
