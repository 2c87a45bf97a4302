//! Real registries on loopback, and the tools that people use on them.

#[cfg(feature = "aws")]
mod ecr;
mod hadolint;
mod layout;
mod login;
mod proxy;
mod push;
mod registry;
