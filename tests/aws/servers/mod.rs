//! Tests that start the fake AWS.

mod basics;
mod fake;
mod rig;
