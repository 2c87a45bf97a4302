//! How a run ended: what succeeded, what failed, what was not tried.

use std::time::Duration;

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::LookError;
use crate::plan::{Stale, Tally, Verb};
use crate::resource::Address;
use crate::state::StoreError;

/// How a run ended.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Outcome {
    /// Carried out (without those that needed nothing).
    pub succeeded: Vec<Address>,
    /// Failed.
    pub failed: Vec<Failure>,
    /// Not tried, or stopped before their end.
    pub not_tried: Vec<NotTried>,
    /// What was carried out, by verb.
    pub done: Tally,
    /// A person stopped it.
    pub interrupted: bool,
    /// Since its start.
    pub elapsed: Duration,
}

/// One action that failed.
#[derive(Clone, Debug, Serialize)]
pub struct Failure {
    /// On which resource.
    pub address: Address,
    /// Which.
    pub verb: Verb,
    /// What failed and why.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    /// The plan's field that the resource comes from.
    pub origin: Option<String>,
}

/// One action that was not tried, or not carried to its end.
#[derive(Clone, Debug, Serialize)]
pub struct NotTried {
    /// On which resource.
    pub address: Address,
    /// Which.
    pub verb: Verb,
    /// Why not.
    pub because: String,
}

impl Outcome {
    /// Everything was carried out.
    pub fn is_success(&self) -> bool {
        self.failed.is_empty() && self.not_tried.is_empty() && !self.interrupted
    }
}

/// Why a run did not start, or could not be recorded.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The plan is of another state or another world.
    #[error(transparent)]
    Stale(#[from] Stale),
    /// The world could not be looked at.
    #[error(transparent)]
    Look(#[from] LookError),
    /// The run could not be begun or recorded. What was done until then is in the outcome, and what could
    /// not be written in the journal is found by the next run.
    #[error("{error}")]
    Store {
        /// Why.
        error: StoreError,
        /// What was done until then.
        outcome: Box<Outcome>,
    },
}

impl ApplyError {
    /// What a person can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Stale(_) => Some("`vvbill plan --out` again, look at it, and apply that".into()),
            Self::Look(error) => error.hint(),
            Self::Store {
                error: StoreError::Fenced { .. },
                ..
            } => Some("another run took over: wait for it, then plan again".into()),
            Self::Store { .. } => {
                Some("run the same command again: it takes in what this run has begun".into())
            }
        }
    }
}

impl From<StoreError> for ApplyError {
    fn from(error: StoreError) -> Self {
        Self::Store {
            error,
            outcome: Box::default(),
        }
    }
}

/// How a person stops a run: first gently, then at once.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    gently: CancellationToken,
    at_once: CancellationToken,
}

impl Interrupt {
    /// Not interrupted.
    pub fn new() -> Self {
        Self::default()
    }

    /// Start nothing new; let finish what runs.
    pub fn first(&self) {
        self.gently.cancel();
    }

    /// Stop at once; the journal tells the next run what was on its way.
    pub fn second(&self) {
        self.gently.cancel();
        self.at_once.cancel();
    }

    /// True after the first.
    pub fn is_interrupted(&self) -> bool {
        self.gently.is_cancelled()
    }

    pub(super) async fn at_once(&self) {
        self.at_once.cancelled().await;
    }
}
