//! The copy of an alert's rule that is tried in its place: the same expression, so changed that it can fire and clear
//! within a minute. Pure.

use std::time::Duration;

use serde_json::{Value, json};

/// Names of copies end so.
const SUFFIX: &str = "Tried";
/// The group that copies stand in, and between two evaluations of it.
const GROUP: &str = "vvbill-tried-alerts";
const EVALUATED_EVERY: &str = "1s";

/// What makes an alert fire here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// Nothing is sent.
    Silence,
    /// A shard's transactions wait.
    HeldShard,
    /// Usage of accounts is asked that Redis has nothing of.
    Misses,
    /// None is known: the threshold is moved past what is measured.
    MovedThreshold,
}

/// A rule that is to be tried.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Copy {
    /// Of the alert itself.
    pub(super) alert: String,
    pub(super) cause: Cause,
    /// What is compared, over shortened windows.
    pub(super) left: String,
    pub(super) operator: &'static str,
    pub(super) threshold: f64,
    /// What differs from the rule itself, in words.
    pub(super) changes: Vec<String>,
}

/// Longer ones first, so that `>` isn't found in `>=`.
const OPERATORS: [&str; 6] = [">=", "<=", "==", "!=", ">", "<"];

impl Copy {
    /// Of a rule as Prometheus writes it. None where its end is no comparison with a number.
    pub(super) fn of(alert: &str, expression: &str, held_for: Duration, window: Duration) -> Option<Self> {
        let (left, operator, threshold) = compared(expression)?;
        let (short, shortened) = shortened(left, window);
        let mut changes = Vec::new();
        if shortened {
            changes.push(format!("over {} s", window.as_secs()));
        }
        if !held_for.is_zero() {
            changes.push(format!("without `for: {} s`", held_for.as_secs()));
        }
        let is_below = operator.starts_with('<');
        let cause = match left {
            _ if is_below && left.contains("events_processed") => Cause::Silence,
            _ if is_below && left.contains("cache_hit") => Cause::Misses,
            _ if !operator.starts_with('>') => Cause::MovedThreshold,
            _ if left.contains("kafka_consumer_lag") || left.contains("kafka_lag") => Cause::HeldShard,
            _ if left.contains("event_processing_duration") || left.contains("event_latency") => {
                Cause::HeldShard
            }
            _ => Cause::MovedThreshold,
        };
        Some(Self {
            alert: alert.into(),
            cause,
            left: short,
            operator,
            threshold,
            changes,
        })
    }

    /// With a threshold no higher than this.
    pub(super) fn at_most(mut self, highest: f64) -> Self {
        if self.threshold > highest {
            let told = format!("threshold lowered from {} to {highest}", self.threshold);
            self.changes.push(told);
            self.threshold = highest;
        }
        self
    }

    /// Whether the expression names this.
    pub(super) fn is_of(&self, metric: &str) -> bool {
        self.left.contains(metric)
    }

    /// Its own name.
    pub(super) fn name(&self) -> String {
        format!("{}{SUFFIX}", self.alert)
    }

    /// `KafkaLag (a copy over 20 s, …)`.
    pub(super) fn told(&self) -> String {
        match self.changes.is_empty() {
            true => self.alert.clone(),
            false => format!("{} (a copy {})", self.alert, self.changes.join(", ")),
        }
    }

    fn rule(&self) -> Value {
        json!({
            "alert": self.name(),
            "expr": format!("{} {} {}", self.left, self.operator, self.threshold),
            "labels": { "severity": "none", "tried_for": self.alert },
            "annotations": { "summary": format!("vvbill phase run tries {}", self.alert) },
        })
    }
}

/// The rules file that has these; JSON is YAML too.
pub(super) fn file(copies: &[Copy]) -> String {
    let rules: Vec<Value> = copies.iter().map(Copy::rule).collect();
    let group = json!({ "name": GROUP, "interval": EVALUATED_EVERY, "rules": rules });
    format!("{:#}\n", json!({ "groups": [group] }))
}

/// Whether a rule is a copy.
pub(super) fn is_copy(name: &str, alerts: &[&str]) -> bool {
    name.strip_suffix(SUFFIX)
        .is_some_and(|alert| alerts.contains(&alert))
}

/// What stands before the last comparison outside brackets, the comparison, and the number after it.
fn compared(expression: &str) -> Option<(&str, &'static str, f64)> {
    let expression = expression.trim();
    let mut depth = 0_i32;
    let mut quoted = None;
    let mut last = None;
    for (at, sign) in expression.char_indices() {
        match (quoted, sign) {
            (Some(quote), _) if sign == quote => quoted = None,
            (Some(_), _) => {}
            (None, '"' | '\'' | '`') => quoted = Some(sign),
            (None, '(' | '{' | '[') => depth += 1,
            (None, ')' | '}' | ']') => depth -= 1,
            (None, '<' | '>' | '=' | '!') if depth == 0 => {
                let rest = expression.get(at..)?;
                let operator = OPERATORS.into_iter().find(|operator| rest.starts_with(operator));
                let before = expression[..at].ends_with(['<', '>', '=', '!']);
                last = operator
                    .filter(|_| !before)
                    .map(|operator| (at, operator))
                    .or(last);
            }
            _ => {}
        }
    }
    let (at, operator) = last?;
    let number = expression.get(at + operator.len()..)?.trim();
    Some((expression[..at].trim(), operator, number.parse().ok()?))
}

/// The expression with every window that is longer than this made this long; whether one was.
fn shortened(expression: &str, window: Duration) -> (String, bool) {
    let mut out = String::new();
    let mut rest = expression;
    let mut changed = false;
    while let Some((before, after)) = rest.split_once('[') {
        let (inside, tail) = after.split_once(']').unwrap_or((after, ""));
        let is_longer = seconds(inside).is_some_and(|seconds| seconds > window.as_secs_f64());
        out += before;
        out += &match is_longer {
            true => format!("[{}s]", window.as_secs()),
            false => format!("[{inside}]"),
        };
        changed |= is_longer;
        rest = tail;
    }
    (out + rest, changed)
}

/// A duration as Prometheus writes it: `5m`, `1h30m`. None of anything else.
fn seconds(text: &str) -> Option<f64> {
    let units = [
        ("ms", 0.001),
        ("s", 1.0),
        ("m", 60.0),
        ("h", 3_600.0),
        ("d", 86_400.0),
        ("w", 604_800.0),
    ];
    let (mut total, mut rest) = (0.0, text.trim());
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|sign: char| !sign.is_ascii_digit())?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let (unit, factor) = units.into_iter().find(|(unit, _)| rest.starts_with(unit))?;
        total += number * factor;
        rest = &rest[unit.len()..];
    }
    Some(total)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(20);
    const HELD: Duration = Duration::from_secs(300);

    /// The specification's four, as Prometheus writes them: expression, cause, the copy's left side, its threshold.
    #[test]
    fn each_alert_of_the_specification_has_a_copy_and_a_cause() {
        let cases = [
            (
                "histogram_quantile(0.95, sum by (le) (rate(event_processing_duration_seconds_bucket[5m]))) > 0.1",
                Cause::HeldShard,
                "histogram_quantile(0.95, sum by (le) (rate(event_processing_duration_seconds_bucket[20s])))",
                0.1,
            ),
            (
                "sum(rate(events_processed_total{result=\"a > b\"}[1m])) < 15000",
                Cause::Silence,
                "sum(rate(events_processed_total{result=\"a > b\"}[20s]))",
                15_000.0,
            ),
            (
                "kafka_consumer_lag > 10000",
                Cause::HeldShard,
                "kafka_consumer_lag",
                10_000.0,
            ),
            (
                "redis_cache_hit_ratio < 0.8",
                Cause::Misses,
                "redis_cache_hit_ratio",
                0.8,
            ),
            (
                "sum(up{job=\"x\"} == 0) >= 2",
                Cause::MovedThreshold,
                "sum(up{job=\"x\"} == 0)",
                2.0,
            ),
        ];
        for (expression, cause, left, threshold) in cases {
            let copy = Copy::of("Alert", expression, HELD, WINDOW).unwrap();
            assert_eq!((copy.cause, copy.left.as_str()), (cause, left), "{expression}");
            assert!((copy.threshold - threshold).abs() < 1e-9, "{expression}");
        }
        for expression in ["absent(up)", "a > b", "vector(1)"] {
            assert_eq!(Copy::of("Alert", expression, HELD, WINDOW), None, "{expression}");
        }
    }

    /// Whatever differs from the rule itself is told.
    #[test]
    fn a_copy_tells_how_it_differs() {
        let copy = Copy::of(
            "KafkaLag",
            "max_over_time(kafka_consumer_lag[10m]) > 10000",
            HELD,
            WINDOW,
        )
        .unwrap();
        assert_eq!(
            copy.at_most(100.0).told(),
            "KafkaLag (a copy over 20 s, without `for: 300 s`, threshold lowered from 10000 to 100)"
        );
        let same = Copy::of("Lag", "kafka_consumer_lag > 50", Duration::ZERO, WINDOW).unwrap();
        assert_eq!(same.at_most(100.0).told(), "Lag");
    }

    #[test]
    fn only_longer_windows_are_shortened() {
        assert_eq!(
            shortened("rate(a[5m]) / rate(b[15s])", WINDOW).0,
            "rate(a[20s]) / rate(b[15s])"
        );
        assert_eq!(shortened("a", WINDOW), ("a".to_owned(), false));
        assert_eq!(seconds("1h30m"), Some(5_400.0));
        assert_eq!(seconds("500ms"), Some(0.5));
        assert_eq!(seconds("soon"), None);
    }

    #[test]
    fn a_file_of_copies_is_one_group_that_is_evaluated_often() {
        let copy = Copy::of("KafkaLag", "kafka_consumer_lag > 10", HELD, WINDOW).unwrap();
        let file: Value = serde_json::from_str(&file(&[copy])).unwrap();
        let group = &file["groups"][0];
        assert_eq!(group["interval"], "1s");
        assert_eq!(group["rules"][0]["alert"], "KafkaLagTried");
        assert_eq!(group["rules"][0]["expr"], "kafka_consumer_lag > 10");
        assert!(is_copy("KafkaLagTried", &["KafkaLag"]) && !is_copy("KafkaLag", &["KafkaLag"]));
    }
}
