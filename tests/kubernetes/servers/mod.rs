//! Tests that start etcd and kube-apiserver.

mod cluster;
mod controllers;
mod crash;
mod definitions;
#[cfg(feature = "aws")]
mod eks;
mod fields;
mod helm;
mod lives;
mod readiness;
mod refusals;
mod rig;
mod secrets;
