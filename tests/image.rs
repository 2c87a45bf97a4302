//! The image of the bundled service: what is in it, that its bytes depend on nothing else, and its way into
//! registries.
#![allow(clippy::unwrap_used, unreachable_pub)]

#[path = "image/bench.rs"]
mod bench;
#[path = "image/build.rs"]
mod build;
#[path = "image/dockerfile.rs"]
mod dockerfile;
// The fake AWS is the same for all.
#[cfg(feature = "aws")]
#[allow(dead_code)]
#[path = "aws/servers/fake.rs"]
mod fake;
#[path = "image/servers/mod.rs"]
mod servers;
