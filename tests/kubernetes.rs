//! Kubernetes: plans applied to a real kube-apiserver. No controllers run there: tests say what theirs would.
#![cfg(feature = "kubernetes")]
#![allow(clippy::unwrap_used, clippy::print_stdout, unreachable_pub)]

#[path = "kubernetes/servers/mod.rs"]
mod servers;
