//! Every attempt at every step, kept beside the state with the state's durability.
//!
//! One JSON object a line. An attempt's beginning is durable before its action starts, its end before the next
//! step begins: a run that was killed leaves a beginning without an end. Each write replaces the whole object
//! under the lock's fence and the version that was read, on files and on S3 alike, so nothing of another run is
//! ever overwritten. Lines are never changed.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::model::{Attempt, Basis, Evidence};
use crate::state::Store;
use crate::state::store::{Expect, Fence, Object, StoreError};

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum Entry {
    /// An attempt at a step starts.
    Begun {
        /// Unique in the ledger.
        attempt: u64,
        /// `week-1/kafka-brokers`.
        step: String,
        /// When.
        at: Timestamp,
        /// What it speaks of.
        basis: Basis,
        /// It goes on past a closed gate.
        #[serde(default)]
        forced: bool,
    },
    /// It came to its end.
    Ended {
        /// [`Entry::Begun::attempt`].
        attempt: u64,
        /// When.
        at: Timestamp,
        /// How.
        #[serde(flatten)]
        evidence: Evidence,
    },
    /// A week's sections were applied.
    Applied {
        /// `week-1`.
        week: String,
        /// When.
        at: Timestamp,
        /// How many resources were changed.
        changes: usize,
        /// The state's serial after it.
        serial: u64,
    },
    /// Somebody went on past a closed gate.
    Forced {
        /// The week that was begun.
        week: String,
        /// When.
        at: Timestamp,
        /// `user@host`.
        who: String,
        /// What kept the gate closed.
        closed_by: Vec<String>,
    },
    /// Somebody approved the end of a week.
    Approved {
        /// `week-1`.
        week: String,
        /// When.
        at: Timestamp,
        /// `user@host`.
        who: String,
        /// What was approved.
        basis: Basis,
    },
    /// A failure drill starts: without [`Entry::Drilled`] after it, vvbill was killed in it, and what it had struck
    /// may be down.
    Striking {
        /// `redis-master`.
        drill: String,
        /// When.
        at: Timestamp,
    },
    /// A failure drill was carried out.
    Drilled {
        /// `redis-master`.
        drill: String,
        /// When it began.
        at: Timestamp,
        /// When it ended.
        until: Timestamp,
        /// What it speaks of.
        basis: Basis,
        /// How it ended, with the drill's outcome as its memory.
        #[serde(flatten)]
        evidence: Evidence,
    },
}

impl Entry {
    /// When it was written.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Begun { at, .. }
            | Self::Ended { at, .. }
            | Self::Applied { at, .. }
            | Self::Forced { at, .. }
            | Self::Approved { at, .. }
            | Self::Striking { at, .. }
            | Self::Drilled { at, .. } => *at,
        }
    }
}

/// Why there is no ledger.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// A line that vvbill didn't write.
    #[error(
        "{place}, line {line}: {why}; nothing is written to a ledger that can't be read: mend or move it away"
    )]
    Malformed {
        /// Where.
        place: String,
        /// Counted from 1.
        line: usize,
        /// The parser's words.
        why: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The entries, in the order in which they were written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ledger {
    entries: Vec<Entry>,
}

impl Ledger {
    /// Reads lines. A last line without its end was cut off while it was written (or copied) and is left out;
    /// any other line that can't be read is an error.
    pub fn parse(bytes: &[u8], place: &str) -> Result<Self, LedgerError> {
        let mut entries = Vec::new();
        let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').zip(1..).peekable();
        while let Some((line, number)) = lines.next() {
            let is_torn = !line.ends_with(b"\n");
            match serde_json::from_slice(line) {
                Ok(entry) => entries.push(entry),
                Err(_) if is_torn && lines.peek().is_none() => {
                    tracing::warn!(place, line = number, "the last line was cut off and is left out");
                }
                Err(_) if line.trim_ascii().is_empty() => {}
                Err(why) => {
                    return Err(LedgerError::Malformed {
                        place: place.into(),
                        line: number,
                        why: why.to_string(),
                    });
                }
            }
        }
        Ok(Self { entries })
    }

    /// What [`Ledger::parse`] reads.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for entry in &self.entries {
            bytes.extend(serde_json::to_vec(entry).expect("an entry serialises to JSON"));
            bytes.push(b'\n');
        }
        bytes
    }

    /// Everything.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Every attempt, in order.
    pub fn attempts(&self) -> Vec<Attempt> {
        let mut attempts: Vec<Attempt> = Vec::new();
        for entry in &self.entries {
            match entry {
                Entry::Begun {
                    attempt,
                    step,
                    at,
                    basis,
                    forced,
                } => attempts.push(Attempt {
                    number: *attempt,
                    step: step.clone(),
                    began_at: *at,
                    basis: basis.clone(),
                    forced: *forced,
                    end: None,
                }),
                Entry::Ended {
                    attempt,
                    at,
                    evidence,
                } => {
                    let begun = attempts.iter_mut().rev().find(|begun| begun.number == *attempt);
                    if let Some(begun) = begun {
                        begun.end = Some((*at, evidence.clone()));
                    }
                }
                _ => {}
            }
        }
        attempts
    }

    /// The last attempt at a step.
    pub fn last(&self, step: &str) -> Option<Attempt> {
        self.attempts().into_iter().rfind(|attempt| attempt.step == step)
    }

    /// The last attempt at a step that passed for this plan.
    pub fn last_passed(&self, step: &str, plan: &str) -> Option<Attempt> {
        self.attempts()
            .into_iter()
            .rfind(|attempt| attempt.step == step && attempt.holds_for(plan))
    }

    /// Who approved the week for this plan, and when.
    pub fn approval(&self, week: &str, plan: &str) -> Option<(&str, Timestamp)> {
        self.entries.iter().rev().find_map(|entry| match entry {
            Entry::Approved {
                week: approved,
                at,
                who,
                basis,
            } if approved == week && basis.plan == plan => Some((who.as_str(), *at)),
            _ => None,
        })
    }

    /// The drill that was done last, by itself or as a step of a week, where it never came to its end: its name, and
    /// when it began.
    pub fn cut_off_drill(&self) -> Option<(&str, Timestamp)> {
        let mut open = None;
        let mut step = None;
        for entry in &self.entries {
            match entry {
                Entry::Striking { drill, at } => open = Some((drill.as_str(), *at)),
                Entry::Begun {
                    attempt,
                    step: begun,
                    at,
                    ..
                } => {
                    if let Some((_, drill)) = begun.split_once("/drill-") {
                        open = Some((drill, *at));
                        step = Some(*attempt);
                    }
                }
                Entry::Ended { attempt, .. } if step == Some(*attempt) => open = None,
                Entry::Drilled { .. } => open = None,
                _ => {}
            }
        }
        open
    }

    fn next_attempt(&self) -> u64 {
        let numbers = self.entries.iter().filter_map(|entry| match entry {
            Entry::Begun { attempt, .. } => Some(*attempt),
            _ => None,
        });
        numbers.max().unwrap_or(0) + 1
    }
}

/// Reads the ledger, without lock and without writing.
pub async fn read(store: &dyn Store) -> Result<Ledger, LedgerError> {
    Ok(load(store).await?.0)
}

async fn load(store: &dyn Store) -> Result<(Ledger, Expect), LedgerError> {
    match store.read(&Object::Rollout).await? {
        None => Ok((Ledger::default(), Expect::Absent)),
        Some(blob) => {
            let ledger = Ledger::parse(&blob.bytes, &store.place(&Object::Rollout))?;
            Ok((ledger, Expect::Version(blob.version)))
        }
    }
}

/// A ledger that is written to.
pub struct Book {
    store: Arc<dyn Store>,
    fence: Fence,
    ledger: Ledger,
    expect: Expect,
}

impl Book {
    /// Reads it, to write under the lock that `fence` names.
    pub async fn open(store: Arc<dyn Store>, fence: Fence) -> Result<Self, LedgerError> {
        let (ledger, expect) = load(&*store).await?;
        Ok(Self {
            store,
            fence,
            ledger,
            expect,
        })
    }

    /// What it holds.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Adds a line; `Ok` means durable. After an error it holds what it held before.
    pub async fn append(&mut self, entry: Entry) -> Result<(), LedgerError> {
        self.ledger.entries.push(entry);
        let bytes = self.ledger.to_bytes();
        let written = self
            .store
            .write(&Object::Rollout, bytes, self.expect.clone(), &self.fence)
            .await;
        match written {
            Ok(version) => {
                self.expect = Expect::Version(version);
                Ok(())
            }
            Err(error) => {
                self.ledger.entries.pop();
                Err(error.into())
            }
        }
    }

    /// Writes down that an attempt starts; its number.
    pub async fn begin(&mut self, step: &str, basis: &Basis, forced: bool) -> Result<u64, LedgerError> {
        let attempt = self.ledger.next_attempt();
        let entry = Entry::Begun {
            attempt,
            step: step.into(),
            at: Timestamp::now(),
            basis: basis.clone(),
            forced,
        };
        self.append(entry).await?;
        Ok(attempt)
    }

    /// Writes down how it ended.
    pub async fn end(&mut self, attempt: u64, evidence: Evidence) -> Result<(), LedgerError> {
        let at = Timestamp::now();
        self.append(Entry::Ended {
            attempt,
            at,
            evidence,
        })
        .await
    }
}
