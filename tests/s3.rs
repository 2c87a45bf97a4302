//! State on S3: the store alone and the engine over it, against moto's server behind a proxy that misbehaves.
// Seeds and figures are printed, so that they can be had again.
#![cfg(feature = "aws")]
#![allow(clippy::unwrap_used, clippy::print_stdout, unreachable_pub)]

#[path = "s3/moto.rs"]
mod moto;
#[path = "s3/proxy.rs"]
mod proxy;
// Shared with the engine's tests, which use more of it.
#[allow(dead_code)]
#[path = "engine/rig.rs"]
mod rig;
#[path = "s3/servers/mod.rs"]
mod servers;
