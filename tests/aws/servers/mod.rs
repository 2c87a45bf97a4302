//! Tests that start the fake AWS.

mod basics;
mod cluster;
mod fake;
mod rig;
