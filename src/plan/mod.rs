//! Deciding: desired + state + observed → [`Plan`], ordered actions with reasons.
//!
//! Pure: no IO, no clock, no async, no provider beyond its [`KindFacts`]. What a plan says is what
//! `apply` does; nothing is decided again.

mod error;
mod model;

pub use error::{Blocked, PlanError, Stale};
pub use model::{
    Action, Drift, FORMAT_VERSION, Mode, Options, Plan, Reason, Retained, Selector, Tally, Verb,
};
