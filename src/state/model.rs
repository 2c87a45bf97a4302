//! The recorded state as data: address to physical id, properties and outputs.
//!
//! Reading checks everything that can be checked without the world: JSON, version, fields, checksum.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::journal::Operation;
use crate::resource::Address;

/// The format that this version writes, and the newest that it reads.
pub const FORMAT_VERSION: u32 = 1;

/// What one plan has made, on one target.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// The vvbill that wrote it.
    pub vvbill_version: String,
    /// Born with the first write and never changed: two states of one lineage are of the same things.
    pub lineage: Uuid,
    /// Counts the writes.
    pub serial: u64,
    /// What exists, by address.
    pub resources: BTreeMap<Address, Record>,
    /// What a newer resource has replaced at its address and that is still to be deleted.
    pub deposed: Vec<Record>,
    /// What was in flight when an earlier run ended; the next run finds out what became of it.
    pub pending_operations: Vec<PendingOperation>,
}

/// One resource that exists, as far as is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Where it stands.
    pub address: Address,
    /// Its kind's name.
    pub kind: String,
    /// What the provider knows it by.
    pub id: String,
    /// How far it is.
    pub status: Status,
    /// Data: neither replaced nor deleted unless asked for by address or with `--destroy-data`.
    #[serde(default)]
    pub protect: bool,
    /// What was asked for last, references resolved; secrets are references to where they are kept.
    pub properties: Value,
    /// What others may refer to.
    pub outputs: Value,
    /// What had to be ready first; deletion goes the other way round.
    #[serde(default)]
    pub dependencies: BTreeSet<Address>,
    /// The plan's section that brought it.
    #[serde(default)]
    pub section: String,
    /// When its creation began.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Record {
    /// What was asked for when it was last brought to that; `None` while it is on its way.
    pub fn settled(&self) -> Option<&Value> {
        (self.status == Status::Ready).then_some(&self.properties)
    }
}

/// How far a resource is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Made, not ready yet.
    Creating,
    /// A change or a reboot began and did not end.
    Updating,
    /// Stands as recorded.
    Ready,
    /// Its deletion began and did not end.
    Deleting,
    /// Replaced by a newer one at the same address, still to be deleted.
    Deposed,
}

/// A verb that began and whose end nobody saw.
pub type PendingOperation = Operation;

/// The file's form: deposed records stand among the others, and a checksum guards the whole text.
#[derive(Deserialize)]
struct Document {
    vvbill_version: String,
    lineage: Uuid,
    serial: u64,
    resources: Vec<Record>,
    pending_operations: Vec<PendingOperation>,
    #[serde(default)]
    checksum: Option<String>,
}

/// The same, to write.
#[derive(Serialize)]
struct DocumentOf<'a> {
    format_version: u32,
    vvbill_version: &'a str,
    lineage: Uuid,
    serial: u64,
    resources: Vec<&'a Record>,
    pending_operations: &'a [PendingOperation],
    checksum: &'a str,
}

/// Why a state can't be read. `line` and `column` count from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// Cut short, or not JSON.
    #[error("the state ends in the middle, at line {line}: {why}")]
    Truncated {
        /// Where.
        line: usize,
        /// The parser's words.
        why: String,
    },
    /// Not JSON, or not a state.
    #[error("line {line}, column {column} of the state can't be understood: {why}")]
    Malformed {
        /// Where.
        line: usize,
        /// Where.
        column: usize,
        /// The parser's words.
        why: String,
    },
    /// From a newer vvbill.
    #[error("the state has format {found}, and this vvbill reads up to {FORMAT_VERSION}: upgrade vvbill")]
    Newer {
        /// Its format.
        found: u64,
    },
    /// No such format.
    #[error("the state has format {found}, which never existed")]
    UnknownFormat {
        /// Its format, as written.
        found: String,
    },
    /// Parses, but isn't what vvbill wrote.
    #[error("the state was changed by something other than vvbill: its checksum doesn't fit")]
    Edited,
    /// Two records at one address, or a record that contradicts its address.
    #[error("the state contradicts itself: {0}")]
    Contradiction(String),
}

impl State {
    /// Nothing recorded, nothing written: no lineage yet, serial 0.
    pub fn new() -> Self {
        Self {
            vvbill_version: env!("CARGO_PKG_VERSION").into(),
            lineage: Uuid::nil(),
            serial: 0,
            resources: BTreeMap::new(),
            deposed: Vec::new(),
            pending_operations: Vec::new(),
        }
    }

    /// Reads what [`State::to_json`] wrote, and refuses what something else changed.
    pub fn from_json(text: &[u8]) -> Result<Self, StateError> {
        let document = parse(text)?;
        let written = document.checksum.as_deref().unwrap_or_default();
        let intact = std::str::from_utf8(text)
            .ok()
            .and_then(|text| text.rsplit_once(written))
            .is_some_and(|(head, tail)| checksum(&[head, NO_CHECKSUM, tail]) == written);
        if intact {
            Self::from_document(document)
        } else {
            Err(StateError::Edited)
        }
    }

    /// Reads a state that a person vouches for (`state push`): the checksum may be wrong or missing.
    pub fn from_edited_json(text: &[u8]) -> Result<Self, StateError> {
        Self::from_document(parse(text)?)
    }

    /// The file's text: indented JSON with a checksum, ending in a newline.
    pub fn to_json(&self) -> Vec<u8> {
        let document = DocumentOf {
            format_version: FORMAT_VERSION,
            vvbill_version: &self.vvbill_version,
            lineage: self.lineage,
            serial: self.serial,
            resources: self.resources.values().chain(&self.deposed).collect(),
            pending_operations: &self.pending_operations,
            checksum: NO_CHECKSUM,
        };
        let mut text = serde_json::to_string_pretty(&document).expect("records serialise to JSON");
        text.push('\n');
        let (head, tail) = text
            .rsplit_once(NO_CHECKSUM)
            .expect("the document ends in its checksum");
        [head, &checksum(&[head, NO_CHECKSUM, tail]), tail]
            .concat()
            .into_bytes()
    }

    fn from_document(document: Document) -> Result<Self, StateError> {
        let mut resources = BTreeMap::new();
        let mut deposed = Vec::new();
        for record in document.resources {
            if record.kind != record.address.kind() {
                let text = format!("{} is recorded as a `{}`", record.address, record.kind);
                return Err(StateError::Contradiction(text));
            }
            if record.status == Status::Deposed {
                deposed.push(record);
            } else if let Some(twin) = resources.insert(record.address.clone(), record) {
                let text = format!("{} is recorded twice", twin.address);
                return Err(StateError::Contradiction(text));
            }
        }
        Ok(Self {
            vvbill_version: document.vvbill_version,
            lineage: document.lineage,
            serial: document.serial,
            resources,
            deposed,
            pending_operations: document.pending_operations,
        })
    }
}

/// Stands in the checksum's place while the checksum is taken.
const NO_CHECKSUM: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

fn checksum(parts: &[&str]) -> String {
    let mut digest = Sha256::new();
    parts.iter().for_each(|part| digest.update(part.as_bytes()));
    format!("sha256:{}", super::hex(&digest.finalize()))
}

fn parse(text: &[u8]) -> Result<Document, StateError> {
    let explain = |why: serde_json::Error| {
        let (line, column) = (why.line(), why.column());
        let why = why.to_string();
        let why = why.split(" at line ").next().unwrap_or_default().to_owned();
        if why.starts_with("EOF") || text.is_empty() {
            StateError::Truncated { line, why }
        } else {
            StateError::Malformed { line, column, why }
        }
    };
    check_format(text).map_err(explain)??;
    serde_json::from_slice(text).map_err(explain)
}

/// The version comes before the fields: a newer format may have others.
fn check_format(text: &[u8]) -> Result<Result<(), StateError>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Format {
        format_version: Value,
    }
    let found = serde_json::from_slice::<Format>(text)?.format_version;
    Ok(match found.as_u64() {
        Some(1) => Ok(()),
        Some(newer) if newer > u64::from(FORMAT_VERSION) => Err(StateError::Newer { found: newer }),
        _ => Err(StateError::UnknownFormat {
            found: found.to_string(),
        }),
    })
}

impl Default for State {
    fn default() -> Self {
        Self::new()
    }
}
