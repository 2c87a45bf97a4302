//! What a run must have shown: a figure against a bound. Pure.

use serde::Serialize;

use super::measured::Totals;

/// A figure of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Half of the latencies, of the slower channel, in ms.
    P50,
    /// 90 of 100.
    P90,
    /// 95 of 100.
    P95,
    /// 99 of 100.
    P99,
    /// 999 of 1,000.
    P999,
    /// The longest.
    Max,
    /// The share of tries that failed.
    Errors,
    /// Events accepted a second.
    Rate,
}

/// On which side of its bound a figure must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `>`
    Above,
    /// `>=`
    AtLeast,
}

/// A figure and its bound.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    /// As it was written.
    pub text: String,
    /// Of what.
    pub metric: Metric,
    /// Which side is right.
    pub side: Side,
    /// In the metric's unit: ms, a share, events a second.
    pub bound: f64,
}

/// How a run stands to a threshold.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judged {
    /// As it was written.
    pub threshold: String,
    /// What was measured, with its unit.
    pub measured: String,
    /// Whether it holds.
    pub is_met: bool,
}

impl Metric {
    /// By name, as thresholds are written.
    pub const NAMED: [(&'static str, Self); 8] = [
        ("p50", Self::P50),
        ("p90", Self::P90),
        ("p95", Self::P95),
        ("p99.9", Self::P999),
        ("p99", Self::P99),
        ("max", Self::Max),
        ("errors", Self::Errors),
        ("rate", Self::Rate),
    ];

    /// Its value; none where nothing was measured.
    fn of(self, totals: &Totals) -> Option<f64> {
        match self {
            Self::P50 => totals.worst(|ms| ms.p50),
            Self::P90 => totals.worst(|ms| ms.p90),
            Self::P95 => totals.worst(|ms| ms.p95),
            Self::P99 => totals.worst(|ms| ms.p99),
            Self::P999 => totals.worst(|ms| ms.p999),
            Self::Max => totals.worst(|ms| ms.max),
            Self::Errors => Some(totals.error_share),
            Self::Rate => Some(totals.achieved_per_second),
        }
    }

    fn told(self, value: f64) -> String {
        match self {
            Self::Errors => format!("{:.3}%", value * 100.0),
            Self::Rate => format!("{value:.0}/s"),
            _ => format!("{value:.1} ms"),
        }
    }
}

impl Threshold {
    /// Whether it holds. What wasn't measured doesn't.
    pub fn judge(&self, totals: &Totals) -> Judged {
        let value = self.metric.of(totals);
        let holds = |value: f64| match self.side {
            Side::Below => value < self.bound,
            Side::AtMost => value <= self.bound,
            Side::Above => value > self.bound,
            Side::AtLeast => value >= self.bound,
        };
        Judged {
            threshold: self.text.clone(),
            measured: value.map_or_else(|| "nothing".to_owned(), |value| self.metric.told(value)),
            is_met: value.is_some_and(holds),
        }
    }
}

impl Judged {
    /// In words: `p95 < 100ms: 180.3 ms`.
    pub fn told(&self) -> String {
        format!("{}: measured {}", self.threshold, self.measured)
    }
}
