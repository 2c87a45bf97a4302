//! Deciding: desired + state + observed → [`Plan`], ordered actions with reasons.
//!
//! Pure: no IO, no clock, no async, no provider beyond its [`KindFacts`](crate::provider::KindFacts). What a plan says is what
//! `apply` does; nothing is decided again.

use std::collections::BTreeMap;

use crate::resource::{Address, Observed};

mod binding;
mod decide;
mod error;
pub mod graph;
mod make;
mod model;
mod order;
mod resolve;
mod select;
mod steps;

pub use binding::{check_observations, check_state};
pub use error::{Blocked, Guarded, PlanError, Stale};
pub use make::{Input, make};
pub use model::{
    Action, Drift, FORMAT_VERSION, Mode, Options, Plan, Reason, Retained, Selector, Tally, Verb,
};
pub use resolve::resolve;
pub use steps::{Part, Step, Steps};

/// What was found at each recorded address; `None`: nothing is there.
pub type Observations = BTreeMap<Address, Option<Observed>>;
