//! Tests that start the fake AWS.

mod basics;
mod binary;
mod checkov;
mod cluster;
mod cost;
mod data;
mod drift;
mod edge;
mod every_kind;
mod failover;
mod fake;
mod faults;
mod kills;
mod kinds;
mod network;
mod prices;
mod production;
mod refusals;
mod rig;
mod secrets;
mod services;
