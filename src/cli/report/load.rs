//! The account of a load test, for a person; in the modules below, what it measured.

pub(in crate::cli::report) mod chart;
pub(crate) mod html;
pub(crate) mod measured;
pub(in crate::cli::report) mod plots;

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::load::Outcome;
use crate::load::open::Measured;
use crate::load::open::threshold::Judged;
use crate::load::outcome::Latency;

/// Everything that a run came to.
#[derive(Debug)]
pub(crate) struct Results {
    /// The plan file.
    pub plan: String,
    pub measured: Measured,
    pub account: Outcome,
    pub thresholds: Vec<Judged>,
}

impl Results {
    /// As `vvbill loadtest --help` describes it.
    pub(crate) fn json(&self) -> Value {
        let mut result = json!({
            "seed": self.account.seed,
            "thresholds": self.thresholds,
            "durable_after_seconds": self.account.seconds_settling,
            "account": self.account,
        });
        if let (Some(result), Value::Object(measured)) = (result.as_object_mut(), json!(self.measured)) {
            result.extend(measured);
        }
        result
    }
}

/// The account; its last line says what is lost and doubled.
pub(crate) fn render(outcome: &Outcome) -> String {
    let Outcome { audit, usage, .. } = outcome;
    let sending = outcome.seconds_sending;
    let per_second = (outcome.sent as f64 / sending.max(0.001)) as u64;
    let rows: u64 = audit.rows.iter().sum();
    let shards: Vec<String> = (0..)
        .zip(&audit.rows)
        .map(|(shard, rows): (u16, _)| format!("shard {shard}: {}", grouped(*rows)))
        .collect();
    let reasons: Vec<String> = outcome
        .dead_letters
        .iter()
        .map(|(reason, count)| format!("{reason} {}", grouped(*count)))
        .collect();
    let lines = [
        (
            "sent",
            grouped(outcome.sent),
            format!(
                "{sending:.1} s, {} a second, seed {}",
                grouped(per_second),
                outcome.seed
            ),
        ),
        (
            "accepted",
            grouped(outcome.accepted),
            "by the API (202) or Kafka (all replicas)".to_owned(),
        ),
        (
            "rejected",
            grouped(outcome.rejected),
            format!("{} of them for their size (413)", grouped(outcome.too_large)),
        ),
        (
            "dead-lettered",
            grouped(outcome.dead_lettered),
            reasons.join(", "),
        ),
        (
            "duplicates dropped",
            grouped(outcome.duplicates),
            format!("{} sent again by the sender", grouped(outcome.resent)),
        ),
        ("rows", grouped(rows), shards.join(", ")),
        (
            "Σ quantity",
            audit.quantity.clone(),
            format!("the generator's own: {}", audit.quantity_expected),
        ),
        (
            "usage",
            usage.api.clone(),
            format!("of account {}, from {}", usage.account, usage.source),
        ),
        (
            "",
            usage.rows.clone(),
            format!(
                "from Postgres; rollups {}, the generator's own {}",
                usage.rollups, usage.expected
            ),
        ),
        (
            "HTTP latency",
            String::new(),
            latency(&outcome.http_latency_ms, "a batch"),
        ),
        (
            "Kafka latency",
            String::new(),
            latency(&outcome.kafka_latency_ms, "an event"),
        ),
        (
            "durable",
            format!("{:.1} s", outcome.seconds_settling),
            "after the last answer".to_owned(),
        ),
    ];
    let mut text = String::new();
    for (name, figure, note) in lines {
        let _ = writeln!(text, "{:<19}{:>22}   {note}", name, figure);
    }
    let _ = writeln!(
        text,
        "lost {}, doubled {}",
        grouped(audit.lost),
        grouped(audit.doubled)
    );
    text
}

/// 1234567 → `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn latency(latency: &Latency, unit: &str) -> String {
    let Latency { p50, p95, p99, max } = latency;
    format!("p50 {p50:.1} ms, p95 {p95:.1} ms, p99 {p99:.1} ms, longest {max:.1} ms {unit}")
}

#[cfg(test)]
mod tests;
