//! What a step has shown: verdicts and measured values against thresholds. Pure.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How an attempt at a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every measured value holds its threshold.
    Passed,
    /// A measured value misses its threshold.
    Failed,
    /// It could not be measured.
    Inconclusive,
    /// The plan has nothing that the step could be about.
    Skipped,
}

impl Verdict {
    /// Whether the next week may build on it.
    pub fn opens_the_gate(self) -> bool {
        matches!(self, Self::Passed | Self::Skipped)
    }

    /// `passed`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Inconclusive => "inconclusive",
            Self::Skipped => "skipped",
        }
    }
}

/// How a measured value must stand to its threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    /// Both are the same.
    Equal,
    /// Not below it.
    AtLeast,
    /// Not above it.
    AtMost,
}

/// One value that the running system gave, and what the plan wants it to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// What was measured: `billing-events min.insync.replicas`.
    pub name: String,
    /// What was found; null where the system doesn't say.
    pub measured: Value,
    /// How it must stand to the threshold.
    pub comparison: Comparison,
    /// What it was held against.
    pub threshold: Value,
    /// Whether it holds.
    pub holds: bool,
}

impl Measure {
    /// Must be the same.
    pub fn equal(name: impl Into<String>, measured: impl Into<Value>, threshold: impl Into<Value>) -> Self {
        let (measured, threshold) = (measured.into(), threshold.into());
        Self {
            name: name.into(),
            holds: measured == threshold,
            measured,
            comparison: Comparison::Equal,
            threshold,
        }
    }

    /// Must not be below.
    pub fn at_least(name: impl Into<String>, measured: f64, threshold: f64) -> Self {
        Self {
            name: name.into(),
            measured: rounded(measured),
            comparison: Comparison::AtLeast,
            threshold: rounded(threshold),
            holds: measured >= threshold,
        }
    }

    /// Must not be above.
    pub fn at_most(name: impl Into<String>, measured: f64, threshold: f64) -> Self {
        Self {
            name: name.into(),
            measured: rounded(measured),
            comparison: Comparison::AtMost,
            threshold: rounded(threshold),
            holds: measured <= threshold,
        }
    }

    /// `redis-1 maxmemory-policy is allkeys-lru, must be noeviction`.
    pub fn sentence(&self) -> String {
        let must = match self.comparison {
            Comparison::Equal => "must be",
            Comparison::AtLeast => "must be at least",
            Comparison::AtMost => "must be at most",
        };
        format!(
            "{} is {}, {must} {}",
            self.name,
            words(&self.measured),
            words(&self.threshold)
        )
    }
}

/// Three places, and none that are needless.
fn rounded(value: f64) -> Value {
    let value = (value * 1_000.0).round() / 1_000.0;
    match value.fract() == 0.0 && value.abs() < 9e15 {
        true => Value::from(value as i64),
        false => Value::from(value),
    }
}

/// A value as a person reads it.
pub fn words(value: &Value) -> String {
    match value {
        Value::Null => "none".into(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What a result speaks of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basis {
    /// Digest of what the plan asks up to the week, see [`super::week::digest`].
    pub plan: String,
    /// The state's serial when the attempt began.
    pub serial: u64,
}

/// How a step came to its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// A look was enough: it was satisfied already.
    Checked,
    /// Its action was carried out.
    Ran,
    /// It was not tried.
    NotTried,
}

/// The end of an attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// How it ended.
    pub verdict: Verdict,
    /// How it came to that.
    pub how: How,
    /// Everything that was measured.
    #[serde(default)]
    pub measures: Vec<Measure>,
    /// Why it is inconclusive or skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What the step needs to look at its own traces again.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub memory: Value,
}

impl Evidence {
    /// Passed or failed, by the measured values.
    pub fn of(how: How, measures: Vec<Measure>, memory: Value) -> Self {
        let verdict = match measures.is_empty() {
            true => Verdict::Inconclusive,
            false if measures.iter().all(|measure| measure.holds) => Verdict::Passed,
            false => Verdict::Failed,
        };
        let reason = measures.is_empty().then(|| "nothing was measured".to_owned());
        Self {
            verdict,
            how,
            measures,
            reason,
            memory,
        }
    }

    /// Nothing was measured, and why.
    pub fn without(verdict: Verdict, how: How, reason: impl Into<String>) -> Self {
        Self {
            verdict,
            how,
            measures: Vec::new(),
            reason: Some(reason.into()),
            memory: Value::Null,
        }
    }

    /// What missed, or why nothing is known; empty where it passed.
    pub fn misses(&self) -> Vec<String> {
        let missed = self.measures.iter().filter(|measure| !measure.holds);
        missed.map(Measure::sentence).chain(self.reason.clone()).collect()
    }
}

/// One attempt at a step, as the ledger tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// Unique in the ledger.
    pub number: u64,
    /// `week-1/kafka-brokers`.
    pub step: String,
    /// When it began.
    pub began_at: Timestamp,
    /// What it speaks of.
    pub basis: Basis,
    /// It went on past a closed gate.
    pub forced: bool,
    /// When it ended and how; none: it was cut off, or still runs.
    pub end: Option<(Timestamp, Evidence)>,
}

impl Attempt {
    /// Its evidence, where it came to an end.
    pub fn evidence(&self) -> Option<&Evidence> {
        self.end.as_ref().map(|(_, evidence)| evidence)
    }

    /// It passed (or had nothing to show) for this plan.
    pub fn holds_for(&self, plan: &str) -> bool {
        self.basis.plan == plan
            && self
                .evidence()
                .is_some_and(|evidence| evidence.verdict.opens_the_gate())
    }
}
