//! The plan as data: what `plan` decides, what a saved plan file holds, what `apply` carries out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::resource::{Address, Change, Desired};

/// The format of saved plans that this version writes and reads.
pub const FORMAT_VERSION: u32 = 1;

/// What will be done, and to what it is bound.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// [`FORMAT_VERSION`].
    pub format_version: u32,
    /// The vvbill that made it.
    pub vvbill_version: String,
    /// `metadata.name` of the plan file.
    pub name: String,
    /// `local`, `aws`, …
    pub target: String,
    /// The state that it is of.
    pub lineage: Uuid,
    /// That state's serial.
    pub serial: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// What was asked for.
    pub mode: Mode,
    /// One per resource that was looked at: what stands, dependencies first, then what goes, dependents
    /// first. Those that need nothing are there as [`Verb::Keep`].
    pub actions: Vec<Action>,
    /// What changed outside since the state was written.
    pub drift: Vec<Drift>,
    /// Recorded, not there any more, and not asked for: their records go.
    pub gone: Vec<Address>,
    /// Data (and what it stands on) that is no longer asked for and stays nevertheless.
    pub retained: Vec<Retained>,
    /// A hash of what was observed, by address; a plan is stale when one no longer fits.
    pub observations: BTreeMap<Address, String>,
}

/// What happens to one resource, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Action {
    /// Which one.
    pub address: Address,
    /// What happens.
    pub verb: Verb,
    /// Why.
    pub reason: Reason,
    /// What the provider knows it by now; none before it is made.
    pub id: Option<String>,
    /// What differs; an `after` that holds a reference becomes known on the way.
    pub changes: Vec<Change>,
    /// The properties found; none where nothing was.
    pub before: Option<Value>,
    /// What is asked for; none for a deletion.
    pub desired: Option<Desired>,
    /// A replacement that makes the new one before it deletes the old one.
    #[serde(default)]
    pub create_first: bool,
}

/// The closed set of things that can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Make it.
    Create,
    /// Take over what exists: half made by an interrupted run, or imported; wait until it is ready.
    Adopt,
    /// Change it in place. Where all that differs becomes known on the way, it may turn out to be kept.
    Update,
    /// Change it in place, then restart it.
    Reboot,
    /// Delete it and make it anew.
    Replace,
    /// Delete it.
    Delete,
    /// Leave it.
    Keep,
}

/// Why an action is taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Reason {
    /// The state doesn't know it.
    New,
    /// It was there and was removed outside vvbill.
    Gone,
    /// An earlier run was interrupted on it.
    Interrupted,
    /// These properties differ (JSON pointers).
    Differs {
        /// Which.
        paths: Vec<String>,
    },
    /// These properties differ and can't be changed in place.
    CannotChange {
        /// Which.
        paths: Vec<String>,
    },
    /// It refers to outputs that may change on the way.
    DependsOn {
        /// Whose.
        addresses: Vec<Address>,
    },
    /// Properties that can't be changed in place refer to a resource that is made anew.
    DependencyReplaced {
        /// That resource first, then on to the root cause.
        chain: Vec<Address>,
    },
    /// Asked for by address.
    Requested,
    /// The plan no longer has it.
    NotInPlan,
    /// Everything goes.
    Destroy,
    /// A newer one stands at its address already.
    Deposed,
    /// Nothing differs.
    Same,
}

/// What a run is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Bring the world to the plan.
    #[default]
    Apply,
    /// Remove what the state holds.
    Destroy,
    /// Bring the state to the world; change nothing outside.
    RefreshOnly,
}

/// What the command line asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// See [`Mode`].
    pub mode: Mode,
    /// `--target`: these and what they depend on (in a destroy: what depends on them). Empty: all.
    pub targets: Vec<Selector>,
    /// `--exclude`: not these, nor what depends on them (in a destroy: nor what they depend on).
    pub excludes: Vec<Selector>,
    /// `--replace`: these are made anew, protected or not.
    pub replace: BTreeSet<Address>,
    /// `--destroy-data`: protection is lifted.
    pub destroy_data: bool,
}

/// Names one resource, or all that one section of the plan brings.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Selector {
    /// `local/global/kafka_broker/broker-1`.
    Address(Address),
    /// `kafka`.
    Section(String),
}

/// One resource that is no longer as it was recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// Which one.
    pub address: Address,
    /// It isn't there any more.
    pub gone: bool,
    /// What changed: recorded value before, observed value after.
    pub changes: Vec<Change>,
}

/// One resource that stays although the plan no longer asks for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Retained {
    /// Which one.
    pub address: Address,
    /// What the provider knows it by.
    pub id: String,
    /// The protected resource that stands on it, where it isn't protected itself.
    pub needed_by: Option<Address>,
}

/// How many actions of each verb a plan has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// [`Verb::Create`].
    pub create: usize,
    /// [`Verb::Adopt`].
    pub adopt: usize,
    /// [`Verb::Update`].
    pub update: usize,
    /// [`Verb::Reboot`].
    pub reboot: usize,
    /// [`Verb::Replace`].
    pub replace: usize,
    /// [`Verb::Delete`].
    pub delete: usize,
    /// [`Verb::Keep`].
    pub keep: usize,
}

impl Plan {
    /// What is to be done: every action but those that keep.
    pub fn changes(&self) -> impl Iterator<Item = &Action> {
        self.actions.iter().filter(|action| action.verb != Verb::Keep)
    }

    /// True where nothing is to be done: a second plan after an apply.
    pub fn is_empty(&self) -> bool {
        let learns = self.mode == Mode::RefreshOnly && !(self.drift.is_empty() && self.gone.is_empty());
        self.changes().next().is_none() && !learns
    }

    /// Counts by verb.
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for action in &self.actions {
            *tally.of(action.verb) += 1;
        }
        tally
    }

    /// The text of a saved plan.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a plan serialises to JSON")
    }

    /// Reads a saved plan.
    pub fn from_json(text: &[u8]) -> Result<Self, super::PlanError> {
        #[derive(Deserialize)]
        struct Format {
            format_version: u32,
        }
        let unreadable = |why: serde_json::Error| super::PlanError::NotAPlan { why: why.to_string() };
        let format: Format = serde_json::from_slice(text).map_err(unreadable)?;
        if format.format_version != FORMAT_VERSION {
            return Err(super::PlanError::UnknownFormat {
                found: format.format_version,
            });
        }
        serde_json::from_slice(text).map_err(unreadable)
    }
}

impl Tally {
    /// The count of one verb.
    pub fn of(&mut self, verb: Verb) -> &mut usize {
        match verb {
            Verb::Create => &mut self.create,
            Verb::Adopt => &mut self.adopt,
            Verb::Update => &mut self.update,
            Verb::Reboot => &mut self.reboot,
            Verb::Replace => &mut self.replace,
            Verb::Delete => &mut self.delete,
            Verb::Keep => &mut self.keep,
        }
    }
}

impl Verb {
    /// The sign that plans show before an address.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Create => "+",
            Self::Adopt => "=",
            Self::Update => "~",
            Self::Reboot => "!",
            Self::Replace => "-/+",
            Self::Delete => "-",
            Self::Keep => " ",
        }
    }

    /// `create`, `adopt`, …
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Adopt => "adopt",
            Self::Update => "update",
            Self::Reboot => "reboot",
            Self::Replace => "replace",
            Self::Delete => "delete",
            Self::Keep => "keep",
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New => f.write_str("it does not exist yet"),
            Self::Gone => f.write_str("it was removed outside vvbill"),
            Self::Interrupted => f.write_str("an earlier run was interrupted on it"),
            Self::Differs { paths } => write!(f, "{} differ{}", list(paths), singular(paths)),
            Self::CannotChange { paths } => {
                write!(
                    f,
                    "{} differ{} and can't be changed in place",
                    list(paths),
                    singular(paths)
                )
            }
            Self::DependsOn { addresses } => write!(f, "outputs of {} may change", list(addresses)),
            Self::DependencyReplaced { chain } => {
                write!(
                    f,
                    "{} is made anew",
                    chain.first().map_or("a dependency", Address::as_str)
                )?;
                chain
                    .iter()
                    .skip(1)
                    .try_for_each(|cause| write!(f, ", because {cause} is"))
            }
            Self::Requested => f.write_str("asked for by address"),
            Self::NotInPlan => f.write_str("the plan no longer has it"),
            Self::Destroy => f.write_str("everything is destroyed"),
            Self::Deposed => f.write_str("a newer one has taken its place"),
            Self::Same => f.write_str("nothing differs"),
        }
    }
}

fn list<T: fmt::Display>(items: &[T]) -> String {
    items
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

fn singular<T>(items: &[T]) -> &'static str {
    if items.len() == 1 { "s" } else { "" }
}

impl FromStr for Selector {
    type Err = crate::resource::AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.contains('/') {
            text.parse().map(Self::Address)
        } else {
            Ok(Self::Section(text.into()))
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Section(section) => f.write_str(section),
        }
    }
}
