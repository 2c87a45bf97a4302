//! What the plan promises, as budgets of what may go wrong, and alerts on how fast they are spent.
//!
//! Several windows and burn rates, as Google's "The Site Reliability Workbook", chapter 5, has them: the long window
//! says that enough was spent to matter, the short one that it still is.

use rust_decimal::Decimal;

use super::{Alerting, Rule, record, severity};
use crate::spec::{Duration, Spec};

/// Edges of `event_processing_duration_seconds` in the ingestion service, in milliseconds and as their label.
const EDGES: &[(u64, &str)] = &[
    (1, "0.001"),
    (5, "0.005"),
    (10, "0.01"),
    (25, "0.025"),
    (50, "0.05"),
    (75, "0.075"),
    (100, "0.1"),
    (150, "0.15"),
    (250, "0.25"),
    (500, "0.5"),
    (1_000, "1"),
    (2_500, "2.5"),
    (5_000, "5"),
    (10_000, "10"),
    (30_000, "30"),
    (60_000, "60"),
    (300_000, "300"),
];

/// Requests of customers; probes and scrapes are none.
const CUSTOMERS: &str = "route=~\"/v1/.*\"";

const WINDOWS: &[&str] = &["5m", "30m", "1h", "2h", "6h", "1d", "3d"];

/// A promise about a share of events or requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objective {
    /// As alerts are called after it: `Availability`.
    pub name: &'static str,
    /// The series of the bad share, without its window: `billing:http_errors:ratio_rate`.
    pub series: &'static str,
    /// The share that may be bad: 0.0001.
    pub budget: Decimal,
    /// Of what.
    pub measured: Measured,
    /// PromQL of the bad share; `WINDOW` stands for the window.
    share: String,
    /// What is promised, in words.
    promise: String,
}

/// What is good or bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measured {
    /// Requests of customers; those answered 5xx are bad.
    Requests,
    /// Events; those durable later than the histogram's edge are bad.
    Events {
        /// The value of its label `le`.
        edge: &'static str,
    },
}

/// How fast a budget is spent, and over which windows that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Burn {
    /// Times as fast as would spend the budget in 30 days.
    pub rate: Decimal,
    /// The window that shows that it matters.
    pub long: &'static str,
    /// The window that shows that it goes on.
    pub short: &'static str,
    /// How long both must show it.
    pub held_for: &'static str,
    severity: &'static str,
}

/// What the plan promises of its users' requests and events.
pub fn objectives(spec: &Spec) -> Vec<Objective> {
    let promised = &spec.success_metrics;
    let mut objectives = Vec::new();
    if let Some(availability) = promised
        .availability
        .filter(|share| share.as_ratio() < Decimal::ONE)
    {
        objectives.push(Objective {
            name: "Availability",
            series: "billing:http_errors:ratio_rate",
            budget: Decimal::ONE - availability.as_ratio(),
            measured: Measured::Requests,
            share: bad_requests("WINDOW"),
            promise: format!("{availability} of requests are answered without an error of ours"),
        });
    }
    if let Some((promised, edge)) = promised
        .p95_latency
        .and_then(|time| Some((time, edge_within(time)?)))
    {
        objectives.push(Objective {
            name: "Latency",
            series: "billing:slow_events:ratio_rate",
            budget: Decimal::new(5, 2),
            measured: Measured::Events { edge },
            share: format!(
                "1 - sum(rate(event_processing_duration_seconds_bucket{{stage=\"durable\",le=\"{edge}\"}}[WINDOW])) / \
                 sum(rate(event_processing_duration_seconds_count{{stage=\"durable\"}}[WINDOW]))"
            ),
            promise: format!("95 % of events are durable within {promised}"),
        });
    }
    objectives
}

/// The share of customers' requests that were answered 5xx. Before the first of them there is no such series.
pub(super) fn bad_requests(window: &str) -> String {
    format!(
        "(sum(rate(http_requests_total{{{CUSTOMERS},status=~\"5..\"}}[{window}])) or vector(0)) / \
         sum(rate(http_requests_total{{{CUSTOMERS}}}[{window}]))"
    )
}

/// The largest edge that is not above what is promised.
fn edge_within(promised: Duration) -> Option<&'static str> {
    let within = EDGES.iter().rev().find(|(ms, _)| *ms <= promised.as_millis());
    within.map(|(_, label)| *label)
}

impl Objective {
    /// Each burn that is warned of, the fastest first. A budget that is large can't be spent that fast.
    pub fn burns(&self) -> Vec<Burn> {
        let burn = |rate, long, short, held_for, severity| Burn {
            rate,
            long,
            short,
            held_for,
            severity,
        };
        [
            burn(Decimal::new(144, 1), "1h", "5m", "2m", "critical"),
            burn(Decimal::from(6), "6h", "30m", "5m", "critical"),
            burn(Decimal::from(3), "1d", "2h", "15m", "warning"),
            burn(Decimal::ONE, "3d", "6h", "30m", "warning"),
        ]
        .into_iter()
        .filter(|burn| self.limit(*burn) < Decimal::ONE)
        .collect()
    }

    /// What the alert on `burn` is called: `AvailabilityBurn1h`.
    pub fn alert(&self, burn: Burn) -> String {
        format!("{}Burn{}", self.name, burn.long)
    }

    /// The bad share from which `burn` is warned of.
    pub fn limit(&self, burn: Burn) -> Decimal {
        (self.budget * burn.rate).normalize()
    }

    pub(super) fn rules(&self) -> Vec<Rule> {
        let series = |window: &str| format!("{}{window}", self.series);
        let mut rules: Vec<Rule> = WINDOWS
            .iter()
            .map(|window| record(series(window), self.share.replace("WINDOW", window)))
            .collect();
        for burn in self.burns() {
            let limit = self.limit(burn);
            let (long, short) = (series(burn.long), series(burn.short));
            rules.push(Rule::Alerting(Alerting {
                alert: self.alert(burn),
                expr: format!("{long} > {limit} and {short} > {limit}"),
                held_for: burn.held_for.to_owned(),
                labels: severity(burn.severity),
                annotations: [
                    (
                        "summary".to_owned(),
                        format!("{}: the budget is spent {} times too fast", self.name, burn.rate),
                    ),
                    (
                        "description".to_owned(),
                        format!(
                            "Promised: {}. Over {} and {} more than {limit} of them were bad.",
                            self.promise, burn.long, burn.short
                        ),
                    ),
                ]
                .into(),
            }));
        }
        rules
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_promise_between_two_edges_is_judged_by_the_stricter_one() {
        assert_eq!(edge_within(Duration::from_millis(100)), Some("0.1"));
        assert_eq!(edge_within(Duration::from_millis(120)), Some("0.1"));
        assert_eq!(edge_within(Duration::from_micros(500)), None);
    }

    /// Protects: each edge is one that the service's histogram has, or the rule would divide nothing.
    #[test]
    fn the_edges_are_those_of_the_service() {
        let source = include_str!("../../../bundled-service/src/metrics.rs");
        let seconds = source.split("const SECONDS: &[f64] = &[").nth(1).unwrap();
        let seconds = seconds.split(']').next().unwrap();
        let known: Vec<f64> = seconds
            .split(',')
            .filter_map(|edge| edge.trim().parse().ok())
            .collect();
        for (ms, label) in EDGES {
            let edge: f64 = label.parse().unwrap();
            assert!(known.contains(&edge), "{label}");
            assert!((edge * 1_000.0 - *ms as f64).abs() < 1e-9, "{label}");
        }
    }
}
