//! vvbill: one typed plan for a high-volume billing platform.
//!
//! The modules stand in reading order, which is the path of data: a plan file becomes a [`spec`],
//! [`topology`] turns it into desired [`resource`]s, [`provider`]s observe what exists, [`plan`]
//! compares the two with the recorded [`state`] into ordered actions, and [`apply`] carries them out.
//! `cli` is the only module that prints. Nothing goes back up: no module calls one before it.

pub mod apply;
pub mod cli;
pub mod cost;
pub mod drill;
pub mod endpoints;
pub mod failover;
pub mod image;
pub mod leaders;
pub mod load;
pub mod plan;
pub mod provider;
pub mod render;
pub mod resource;
pub mod rollout;
pub mod slo;
pub mod spec;
pub mod state;
pub mod templates;
pub mod topology;
