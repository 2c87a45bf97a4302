//! Doing: carries out a [`Plan`](crate::plan::Plan) with the providers, and records what it did.
//!
//! The only writer of state. It does what the plan says, refuses a plan that is stale, and decides
//! nothing again. It prints nothing: it emits [`Event`]s.

mod attempt;
pub mod event;
mod import;
mod look;
mod outcome;
mod record;
mod restore;
mod run;
mod schedule;
mod session;
mod step;
mod wait;

pub use attempt::Pauses;
pub use event::{Event, Observer, Severity};
pub use import::{ImportError, import};
pub use look::{Health, LookError, health, observe};
pub use outcome::{ApplyError, Failure, Interrupt, NotTried, Outcome};
pub use run::{Options, apply};
pub use session::{Session, SessionError, push_state, read_state};

pub use crate::state::lock::{holder as lock_holder, unlock};
