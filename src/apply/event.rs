//! What happens while a run is on: reporters turn it into bars, lines or NDJSON.

use std::time::Duration;

use serde::Serialize;

use crate::plan::Verb;
use crate::resource::Address;

/// Listens. Called on the engine's own task: quick, and never blocking.
pub trait Observer: Send + Sync {
    /// Something happened.
    fn observe(&self, event: &Event);
}

impl<F: Fn(&Event) + Send + Sync> Observer for F {
    fn observe(&self, event: &Event) {
        self(event);
    }
}

/// Something happened. Durations are since the resource's action started.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// The world is being looked at.
    Refreshing {
        /// How many have been looked at.
        done: usize,
        /// How many there are.
        total: usize,
    },
    /// An action that will be taken; one each before the first starts.
    PlannedChange {
        /// On which resource.
        address: Address,
        /// Which.
        verb: Verb,
        /// Why.
        reason: String,
    },
    /// An action starts.
    Started {
        /// On which resource.
        address: Address,
        /// Which.
        verb: Verb,
        /// What the provider knows it by, where it exists.
        id: Option<String>,
    },
    /// It is on its way, or is tried again.
    Progress {
        /// On which resource.
        address: Address,
        /// Which.
        verb: Verb,
        /// Since it started.
        elapsed: Duration,
        /// How far, or why again.
        message: String,
    },
    /// It is done.
    Completed {
        /// On which resource.
        address: Address,
        /// [`Verb::Keep`] where an update turned out not to be needed.
        verb: Verb,
        /// What the provider knows it by; none for what is gone.
        id: Option<String>,
        /// Since it started.
        elapsed: Duration,
    },
    /// It failed.
    Errored {
        /// On which resource.
        address: Address,
        /// Which.
        verb: Verb,
        /// Since it started.
        elapsed: Duration,
        /// What failed and why.
        message: String,
        /// What to do.
        hint: Option<String>,
        /// The plan's field that the resource comes from.
        origin: Option<String>,
    },
    /// It is gone, and something of it stays on purpose.
    Left {
        /// Which resource.
        address: Address,
        /// What stays, and until when.
        what: String,
    },
    /// It was not tried.
    Skipped {
        /// On which resource.
        address: Address,
        /// Which.
        verb: Verb,
        /// Why not.
        because: String,
    },
    /// The end: how many actions were carried out, by verb, and how the others ended.
    Summary {
        /// Carried out.
        done: crate::plan::Tally,
        /// Failed.
        failed: usize,
        /// Not tried.
        not_tried: usize,
        /// Since the run started.
        elapsed: Duration,
    },
    /// Something that a person should know.
    Diagnostic {
        /// How bad.
        severity: Severity,
        /// One line.
        summary: String,
        /// More, or empty.
        detail: String,
        /// About which resource.
        address: Option<Address>,
    },
}

/// How bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The run goes on.
    Warning,
    /// Something failed.
    Error,
}
