//! The weeks in which the platform is brought up, and what each has to show before the next.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::units::{Duration, EventRate, Percent};

/// One week: what it brings up, what is done, what must hold at its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Week {
    /// What the week is for.
    pub title: String,
    /// Working time. Default 5d.
    #[serde(default = "default_duration")]
    pub duration: Duration,
    /// Sections of the plan that it brings up.
    #[serde(default)]
    pub sections: BTreeSet<Section>,
    /// What is done, in order, in words.
    #[serde(default)]
    pub tasks: Vec<String>,
    /// What must hold at its end.
    #[serde(default)]
    pub gate: Gate,
    /// Whether a person has to approve the end. Default false.
    #[serde(default)]
    pub approval: bool,
}

const fn default_duration() -> Duration {
    Duration::from_secs(5 * 86_400)
}

/// Thresholds at the end of a week; what is unset isn't asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Gate {
    /// Least rate of events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<EventRate>,
    /// How long the rate is held.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub held_for: Option<Duration>,
    /// Most time from Kafka to the commit for 95 of 100 events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p95_latency: Option<Duration>,
    /// Most events lost; 0 means none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost_events: Option<u64>,
    /// Longest recovery in a drill.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovery_time: Option<Duration>,
    /// Most records that consumers are behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consumer_lag: Option<u64>,
    /// Least share of answers from the cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_hits: Option<Percent>,
}

/// A section of the plan that a week can bring up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Section {
    Network,
    Eks,
    Kafka,
    Buffer,
    Cache,
    Aurora,
    Ingest,
    Workloads,
    LoadBalancer,
    Edge,
    OperatingSystem,
    Gunicorn,
    Monitoring,
    Alerts,
}

/// The weeks, by id: `week-1` …
pub type Rollout = BTreeMap<String, Week>;
