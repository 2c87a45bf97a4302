//! What came of a drill: figures, without a judgement. Pure.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::markers::{Found, Markers};
use super::series::Figure;
use crate::failover::Step;
use crate::spec::{RecoveryTime, Spec};

/// What is tried again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// An event over HTTP is accepted.
    Ingest,
    /// Usage is answered.
    Api,
    /// Each partition takes a record that all in-sync replicas have.
    Kafka,
    /// The master that Sentinel names takes a write.
    Buffer,
    /// What Kafka has acknowledged becomes durable in every shard.
    Rows,
    /// Each shard takes a durable commit.
    Database,
}

impl Tier {
    /// In the order of an event's way.
    pub const ALL: [Self; 6] = [
        Self::Ingest,
        Self::Api,
        Self::Kafka,
        Self::Buffer,
        Self::Rows,
        Self::Database,
    ];

    /// `ingest`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Api => "api",
            Self::Kafka => "kafka",
            Self::Buffer => "buffer",
            Self::Rows => "rows",
            Self::Database => "database",
        }
    }

    /// What it means that it works.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Ingest => "events are accepted over HTTP",
            Self::Api => "usage is answered",
            Self::Kafka => "each partition takes records",
            Self::Buffer => "the master takes writes",
            Self::Rows => "acknowledged events become rows",
            Self::Database => "each shard commits",
        }
    }

    /// What the plan promises of it, in seconds; none: nothing.
    pub fn objective_seconds(self, spec: &Spec) -> Option<f64> {
        let RecoveryTime {
            overall,
            ingest,
            api,
            kafka,
            buffer,
            database,
            ..
        } = spec.success_metrics.recovery_time;
        let own = match self {
            Self::Ingest => ingest,
            Self::Api => api,
            Self::Kafka => kafka,
            Self::Buffer => buffer,
            Self::Database => database,
            // A plan has no name for it, so that no promise can be about it.
            Self::Rows => return None,
        };
        Some(own.or(overall)?.as_std().as_secs_f64())
    }
}

/// How one tier fared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TierFigure {
    /// Which.
    pub tier: Tier,
    /// What the plan promises, in seconds.
    pub objective_seconds: Option<f64>,
    /// Its worst part from the fault until healing began.
    pub recovery: Figure,
    /// The longest outage while what was struck came back, in seconds.
    pub healing_seconds: f64,
}

/// The account of the load in the background, by rows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Background {
    /// Events a second that were asked for.
    pub rate: f64,
    /// Events sent.
    pub sent: u64,
    /// Not there.
    pub lost: u64,
    /// There and not to be.
    pub doubled: u64,
    /// Accounts whose rows don't come to what was sent.
    pub wrong_accounts: u64,
}

/// What came of a drill.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// `redis-master`.
    pub drill: String,
    /// What was struck, in words.
    pub victims: Vec<String>,
    /// When the platform was found whole.
    pub began_at: Timestamp,
    /// When the fault struck.
    pub fault_at: Timestamp,
    /// How long striking took, in seconds: the fault lies within.
    pub striking_seconds: f64,
    /// When the last row was read.
    pub ended_at: Timestamp,
    /// Each tier that the platform has.
    pub tiers: Vec<TierFigure>,
    /// From the fault until what was struck was told to come back, in seconds.
    pub healed_after_seconds: f64,
    /// From there until all was whole again; none: it was not within the patience.
    pub restored_seconds: Option<f64>,
    /// What was still missing then.
    pub missing: Vec<String>,
    /// What was found of the markers.
    pub found: Found,
    /// How the load fared.
    pub background: Background,
    /// The markers, to be looked for again.
    pub markers: Markers,
    /// The move to another region and back, where that was drilled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved: Option<Moved>,
}

/// A move to another region and back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moved {
    /// Where to.
    pub region: String,
    /// From the fault until clients were turned there, in seconds.
    pub turned_after_seconds: f64,
    /// The parts of the move.
    pub away: Vec<Step>,
    /// Of the way back.
    pub back: Vec<Step>,
    /// What was found of the markers when the first region was back: what its log had kept is there again.
    pub found: Found,
}
