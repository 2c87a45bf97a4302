//! Tests that start the fake AWS.

mod basics;
mod binary;
mod checkov;
mod drift;
mod fake;
mod faults;
mod kills;
mod kinds;
mod production;
mod refusals;
mod rig;
mod secrets;
mod services;
