//! Failure drills: a part of a running platform is struck under load, and what that costs is measured from
//! outside.
//!
//! [`catalogue`] says which drills a plan offers, `victims` asks the system whom one would strike, [`Faults`]
//! strikes and heals (processes of this machine, or a cloud's own means). While it happens, `probe`s try each
//! tier again and again, and [`series`] makes recovery times of what they saw; every event among them that was
//! acknowledged is a [`marker`](markers) that must be a row in the end. [`engine`] is the whole of it, [`outcome`]
//! what came of it. Judges nothing by the plan's promises, applies nothing, prints nothing, and never asks the
//! service how it is.

mod background;
pub mod catalogue;
#[cfg(all(feature = "aws", feature = "kubernetes"))]
mod cloud;
pub mod engine;
mod faults;
mod kafka;
mod marker_check;
pub mod markers;
pub mod outcome;
mod probe;
mod processes;
mod region;
pub mod series;
mod stream;
#[cfg(test)]
mod tests;
mod victims;
mod whole;

use std::fmt;

pub use catalogue::{Drill, Offer};
#[cfg(all(feature = "aws", feature = "kubernetes"))]
pub use cloud::Cloud;
pub use engine::{Listener, Order, Stage, run};
pub use faults::{Blow, Faults};
pub use marker_check::read_back;
pub use outcome::{Outcome, Tier};
pub use processes::Processes;
pub use whole::missing;

/// Why something could not be done or measured: the result is inconclusive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble(pub String);

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Trouble {}

impl Trouble {
    /// `what`, and why it could not be.
    pub fn new(what: impl fmt::Display, why: impl fmt::Display) -> Self {
        Self(format!("{what}: {why}"))
    }
}

impl From<crate::load::LoadError> for Trouble {
    fn from(error: crate::load::LoadError) -> Self {
        Self(error.to_string())
    }
}
