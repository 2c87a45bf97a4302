//! Tests that start etcd and kube-apiserver.

#[cfg(feature = "aws")]
#[path = "../../aws/servers/binary.rs"]
#[allow(dead_code)]
mod binary;
mod cluster;
mod controllers;
mod crash;
mod definitions;
#[cfg(feature = "aws")]
mod eks;
#[cfg(feature = "aws")]
#[path = "../../aws/servers/fake.rs"]
#[allow(dead_code)]
mod fake;
mod fields;
mod helm;
mod lives;
#[cfg(feature = "aws")]
mod one_apply;
mod operators;
mod pods;
mod readiness;
mod refusals;
mod rendered;
mod rig;
mod secrets;
