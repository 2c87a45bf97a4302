//! The plan's success metrics, each met, not met, or not yet measured, with value, scope and evidence.
//!
//! [`watch`](mod@watch) asks Prometheus what it has seen, [`judge`](mod@judge) holds that and the rollout's ledger against the
//! plan. Nothing is claimed beyond what was watched: ten minutes are no day, three drills are no eight. Changes
//! nothing, prints nothing.

pub mod judge;
pub mod watch;

#[cfg(test)]
mod tests;

use serde::Serialize;

pub use judge::judge;
pub use watch::{Span, Watched, watch};

/// How a success metric stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It was measured in the scope that is promised, and holds.
    Met,
    /// It was measured, and misses.
    NotMet,
    /// What was measured does not reach the scope that is promised.
    NotYetMeasured,
    /// The plan promises nothing.
    NotPromised,
}

/// One success metric.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// `sustained_rate`, `p95_latency`, `availability`, `data_loss`, `recovery_time`, `recovery_point`.
    pub name: &'static str,
    /// What it is, as the specification lists it.
    pub title: &'static str,
    /// What the plan promises, in words; null: nothing.
    pub promise: Option<String>,
    /// How it stands.
    pub standing: Standing,
    /// The measured value, in words; null: nothing was measured.
    pub value: Option<String>,
    /// What the value speaks of: the time that was watched, the drills that were run.
    pub scope: String,
    /// Where the value comes from: queries, attempts in the ledger.
    pub evidence: Vec<String>,
}

/// What a month allows, and what of it is spent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ErrorBudget {
    /// Seconds of 30 days that may be lost.
    pub seconds: f64,
    /// Seconds lost in what was watched: its share of refused requests, times its length.
    pub spent_seconds: f64,
    /// Seconds that were watched.
    pub watched_seconds: f64,
}

/// All of them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Account {
    /// In the specification's order.
    pub metrics: Vec<Line>,
    /// Null: no availability is promised, or nothing was watched.
    pub error_budget: Option<ErrorBudget>,
    /// Why Prometheus could not be asked; null: it answered.
    pub unwatched: Option<String>,
}

impl Account {
    /// How many stand so.
    pub fn count(&self, standing: Standing) -> usize {
        self.metrics
            .iter()
            .filter(|line| line.standing == standing)
            .count()
    }
}
