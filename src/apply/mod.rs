//! Doing: carries out a [`Plan`](crate::plan::Plan) with the providers, and records what it did.
//!
//! The only writer of state. It does what the plan says, refuses a plan that is stale, and decides
//! nothing again. It prints nothing: it emits [`Event`]s.

pub mod event;

pub use event::{Event, Observer, Severity};
