//! The journal: what an apply is about to do, what ids it got, and how each operation ended.
//!
//! One line an entry, `CHECKSUM JSON`. No operation starts before its *begin* entry is durable; none is
//! complete before its *end* entry is. The file stands beside the state and belongs to one serial of it:
//! folding it into that state gives what was true when its writer stopped.

mod fold;
mod line;
mod writer;

pub use fold::fold;
pub(crate) use fold::{Folding, forget, stand};
pub use line::{JournalError, decode, encode};
pub use writer::{Journal, Written};

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::resource::Address;

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum Entry {
    /// The first line: the state that the others build on.
    Opened {
        /// The state's lineage.
        lineage: Uuid,
        /// The state's serial when the journal was begun.
        serial: u64,
        /// When.
        at: Timestamp,
    },
    /// About to start.
    Begin(Operation),
    /// The provider has answered with an id.
    Id {
        /// [`Operation::number`].
        operation: u64,
        /// What the provider knows the new resource by.
        id: String,
    },
    /// Came to its end.
    End {
        /// [`Operation::number`].
        operation: u64,
        /// How.
        outcome: Ending,
        /// When.
        at: Timestamp,
    },
}

/// A verb on one resource, with all that is needed to find out later what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// Unique within its journal.
    pub number: u64,
    /// On what.
    pub address: Address,
    /// What is done.
    pub verb: OperationVerb,
    /// What the provider knows it by; none before a creation has answered.
    pub id: Option<String>,
    /// By which an interrupted creation is found again; empty for other verbs.
    #[serde(default)]
    pub token: String,
    /// What is asked for, references resolved; null for a deletion.
    pub properties: Value,
    /// The record's further fields.
    #[serde(default)]
    pub protect: bool,
    /// See [`Record::dependencies`](super::Record::dependencies).
    #[serde(default)]
    pub dependencies: BTreeSet<Address>,
    /// See [`Record::section`](super::Record::section).
    #[serde(default)]
    pub section: String,
    /// When it began.
    pub started_at: Timestamp,
}

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationVerb {
    /// Makes it, or takes over what an earlier run half made.
    Create,
    /// Changes it in place.
    Update,
    /// Restarts it.
    Reboot,
    /// Removes it.
    Delete,
}

/// How an operation ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "as", rename_all = "snake_case")]
pub enum Ending {
    /// As asked: it stands (with these outputs), or is gone.
    Done {
        /// Null for a deletion.
        outputs: Value,
    },
    /// Nothing was done: it never started, or the provider refused it.
    NotDone,
    /// It failed on the way: what there is stays recorded as half done.
    Failed,
}
