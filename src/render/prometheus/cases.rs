//! Samples for `promtool test rules`: for each alert what it must fire for, and what it must be silent at.
//!
//! Made from the plan's own limits. Samples lie near the limit, so that a test fails when the limit is another.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::Serialize;

use super::super::Input;
use super::shape::Shape;
use crate::spec::Duration;
use crate::topology::prometheus::{Alerting, Group, Measured, Rule, objectives};

/// Between two samples.
const INTERVAL_SECONDS: u64 = 15;
/// Before an alert's own time begins: as long as the windows of its expression.
const LEAD_SECONDS: u64 = 600;
/// An alert that must hold for longer is not tested: evaluating it each minute would take too long.
const HELD_AT_MOST_SECONDS: u64 = 86_400;

/// What the template is filled with.
#[derive(Debug, Serialize)]
pub(super) struct Tests {
    header: String,
    /// Alerts without a test.
    unchecked: Vec<String>,
    cases: Vec<Case>,
}

#[derive(Debug, Serialize)]
struct Case {
    name: String,
    series: Vec<Series>,
    expr: String,
    eval_time: String,
    fires: bool,
}

/// A series in promtool's notation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Series {
    name: String,
    pub(super) values: String,
}

impl Series {
    /// The same value all the time.
    pub(super) fn flat(name: &str, value: f64, count: u64) -> Self {
        Self {
            name: name.to_owned(),
            values: format!("{value}+0x{count}"),
        }
    }

    /// A counter that grows by so much a second.
    pub(super) fn growing(name: &str, a_second: f64, count: u64) -> Self {
        Self {
            name: name.to_owned(),
            values: format!("0+{}x{count}", a_second * INTERVAL_SECONDS as f64),
        }
    }

    /// Not there for the first half.
    fn late(name: &str, value: f64, count: u64) -> Self {
        let half = count / 2;
        Self {
            name: name.to_owned(),
            values: format!("_x{half} {value}+0x{half}"),
        }
    }
}

impl Tests {
    pub(super) fn new(input: &Input<'_>, groups: &[Group]) -> Self {
        let mut tests = Self {
            header: input.header(),
            unchecked: Vec::new(),
            cases: Vec::new(),
        };
        for rule in groups.iter().flat_map(|group| &group.rules) {
            if let Rule::Alerting(alert) = rule {
                tests.add(input, alert);
            }
        }
        tests
    }

    fn add(&mut self, input: &Input<'_>, alert: &Alerting) {
        let held = alert.held_for.parse().map_or(u64::MAX, Duration::as_secs);
        let minutes = held.saturating_add(LEAD_SECONDS).div_ceil(60);
        let count = minutes.saturating_mul(60) / INTERVAL_SECONDS;
        let samples = match held <= HELD_AT_MOST_SECONDS {
            true => samples(input, alert, count),
            false => None,
        };
        let Some([fires, silent]) = samples else {
            self.unchecked.push(alert.alert.clone());
            return;
        };
        for (series, fires) in [(fires, true), (silent, false)] {
            let what = if fires { "fires" } else { "is silent" };
            self.cases.push(Case {
                name: format!("{} {what}", alert.alert),
                series,
                expr: format!(
                    "max(ALERTS{{alertname=\"{}\",alertstate=\"firing\"}})",
                    alert.alert
                ),
                eval_time: format!("{minutes}m"),
                fires,
            });
        }
    }
}

/// What the alert fires for, and what it is silent at.
fn samples(input: &Input<'_>, alert: &Alerting, count: u64) -> Option<[Vec<Series>; 2]> {
    if let Some(samples) = Shape::read(&alert.expr).and_then(|shape| shape.samples(count)) {
        return Some(samples);
    }
    if input.spec.alerts.contains_key(&alert.alert) {
        return None;
    }
    burn(input, &alert.alert, count).or_else(|| watch(&alert.alert, count))
}

/// A budget that is spent a fifth faster than is warned of, and one that is spent a fifth slower.
fn burn(input: &Input<'_>, alert: &str, count: u64) -> Option<[Vec<Series>; 2]> {
    let objectives = objectives(input.spec);
    let (objective, limit) = objectives.iter().find_map(|objective| {
        let burns = objective.burns();
        let burn = burns.iter().find(|burn| objective.alert(**burn) == alert)?;
        Some((objective, objective.limit(*burn)))
    })?;
    let fifth = Decimal::new(2, 1) * limit;
    let fires = (limit + fifth).min((limit + Decimal::ONE) / Decimal::TWO);
    let series = |bad: Decimal| -> Option<Vec<Series>> {
        let (bad, good) = (bad.to_f64()?, (Decimal::ONE - bad).to_f64()?);
        let growing = |name: &str, share: f64| Series::growing(name, share * 1_000.0, count);
        Some(match objective.measured {
            Measured::Requests => vec![
                growing("http_requests_total{route=\"/v1/events\",status=\"202\"}", good),
                growing("http_requests_total{route=\"/v1/events\",status=\"503\"}", bad),
                // A probe that fails is no request of a customer.
                growing("http_requests_total{route=\"/ready\",status=\"503\"}", 1.0),
            ],
            Measured::Events { edge } => vec![
                growing(
                    &format!("event_processing_duration_seconds_bucket{{stage=\"durable\",le=\"{edge}\"}}"),
                    good,
                ),
                growing(
                    "event_processing_duration_seconds_count{stage=\"durable\"}",
                    good + bad,
                ),
            ],
        })
    };
    Some([series(fires)?, series(limit - fifth)?])
}

/// Of our own alerts, those whose expression has a form of its own.
fn watch(alert: &str, count: u64) -> Option<[Vec<Series>; 2]> {
    let flat = |name: &str, value| Series::flat(name, value, count);
    let growing = |name: &str, rate| Series::growing(name, rate, count);
    Some(match alert {
        "DeadLetters" => {
            let name = "ingest_dead_letters_total{reason=\"malformed\"}";
            [vec![Series::late(name, 3.0, count)], vec![flat(name, 3.0)]]
        }
        "WatermarkStalled" => {
            let partition = |first: f64| {
                vec![
                    flat("kafka_consumer_lag{partition=\"3\"}", 500.0),
                    growing("ingest_watermark{partition=\"3\",shard=\"0\"}", 10.0),
                    growing("ingest_watermark{partition=\"3\",shard=\"1\"}", first),
                    // Nothing is left to store there, so nothing need move.
                    flat("kafka_consumer_lag{partition=\"4\"}", 0.0),
                    flat("ingest_watermark{partition=\"4\",shard=\"0\"}", 7.0),
                ]
            };
            [partition(0.0), partition(10.0)]
        }
        "RedisDown" => {
            let stages = |cached| {
                vec![
                    growing(
                        "event_processing_duration_seconds_count{stage=\"cached\"}",
                        cached,
                    ),
                    growing("event_processing_duration_seconds_count{stage=\"durable\"}", 10.0),
                ]
            };
            [stages(4.0), stages(6.0)]
        }
        "IngestDown" => {
            let up = |value| {
                vec![
                    flat("up{job=\"ingest-worker\",instance=\"a\"}", value),
                    flat("up{job=\"ingest-worker\",instance=\"b\"}", 1.0),
                    flat("up{job=\"prometheus\",instance=\"a\"}", 0.0),
                ]
            };
            [up(0.0), up(1.0)]
        }
        _ => return None,
    })
}
