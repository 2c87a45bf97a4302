//! Asks Prometheus itself: what it scrapes, which rules it has, which alerts fire, what a query gives.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::service::get;
use super::step::Trouble;
use crate::endpoints::Endpoints;

const TIMEOUT: Duration = Duration::from_secs(10);

/// A server.
#[derive(Clone, Debug)]
pub struct Prometheus {
    base: String,
}

/// What it scrapes.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Target {
    pub(super) scrape_url: String,
    pub(super) health: String,
    pub(super) last_error: String,
}

/// A rule as it has read it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Rule {
    pub(super) name: String,
    /// In its own way of writing it.
    pub(super) query: String,
    #[serde(rename = "type")]
    kind: String,
    /// `ok`, `err` or `unknown` before its first evaluation.
    pub(super) health: String,
    #[serde(default, rename = "lastError")]
    pub(super) last_error: String,
    /// Seconds that it must be true.
    #[serde(default, rename = "duration")]
    pub(super) held_for_seconds: f64,
}

#[derive(Deserialize)]
struct Answer<T> {
    status: String,
    #[serde(default)]
    error: String,
    data: Option<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Targets {
    active_targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Groups {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct Alerts {
    alerts: Vec<Alert>,
}

#[derive(Deserialize)]
struct Alert {
    labels: std::collections::BTreeMap<String, String>,
    state: String,
}

#[derive(Deserialize)]
struct Found {
    result: Value,
}

impl Prometheus {
    /// The platform's.
    pub fn of(endpoints: &Endpoints) -> Result<Self, Trouble> {
        let base = endpoints.prometheus.as_deref();
        let base = base.ok_or_else(|| Trouble("the platform offers no Prometheus".into()))?;
        Ok(Self {
            base: base.trim_end_matches('/').to_owned(),
        })
    }

    /// Its URL.
    pub(super) fn url(&self) -> &str {
        &self.base
    }

    /// What it scrapes.
    pub(super) async fn targets(&self) -> Result<Vec<Target>, Trouble> {
        let targets: Targets = self.ask("targets?state=active").await?;
        Ok(targets.active_targets)
    }

    /// The alerting rules.
    pub(super) async fn alerting_rules(&self) -> Result<Vec<Rule>, Trouble> {
        let groups: Groups = self.ask("rules").await?;
        let rules = groups.groups.into_iter().flat_map(|group| group.rules);
        Ok(rules.filter(|rule| rule.kind == "alerting").collect())
    }

    /// The names of those that fire now.
    pub(super) async fn firing(&self) -> Result<BTreeSet<String>, Trouble> {
        let alerts: Alerts = self.ask("alerts").await?;
        let firing = alerts.alerts.into_iter().filter(|alert| alert.state == "firing");
        Ok(firing
            .filter_map(|mut alert| alert.labels.remove("alertname"))
            .collect())
    }

    /// An expression in its own way of writing.
    pub(super) async fn written(&self, expression: &str) -> Result<String, Trouble> {
        self.ask(&format!("format_query?query={}", encoded(expression)))
            .await
    }

    /// The names of every series that it has seen within its retention.
    pub(super) async fn names(&self) -> Result<BTreeSet<String>, Trouble> {
        self.ask("label/__name__/values").await
    }

    /// The names of the metrics that its targets tell of, with or without a value by now.
    pub(super) async fn told_of(&self) -> Result<BTreeSet<String>, Trouble> {
        let told: std::collections::BTreeMap<String, Value> = self.ask("metadata").await?;
        Ok(told.into_keys().collect())
    }

    /// The values that an expression gives now, one a series.
    pub(super) async fn query(&self, expression: &str) -> Result<Vec<f64>, Trouble> {
        let found: Found = self.ask(&format!("query?query={}", encoded(expression))).await?;
        Ok(values(&found.result))
    }

    /// The one value that an expression gives at a moment; none: it gives no series, or no number.
    pub async fn query_at(&self, expression: &str, at: Timestamp) -> Result<Option<f64>, Trouble> {
        let query = format!("query?query={}&time={}", encoded(expression), seconds(at));
        let found: Found = self.ask(&query).await?;
        Ok(values(&found.result)
            .first()
            .copied()
            .filter(|value| value.is_finite()))
    }

    /// What the first series of an expression was in the time before a moment, at points that are `step` apart.
    pub async fn range(
        &self,
        expression: &str,
        (until, window, step): (Timestamp, Duration, Duration),
    ) -> Result<Vec<(Timestamp, f64)>, Trouble> {
        let query = format!(
            "query_range?query={}&start={}&end={}&step={}",
            encoded(expression),
            seconds(until - window),
            seconds(until),
            step.as_secs_f64()
        );
        let found: Found = self.ask(&query).await?;
        let points = found
            .result
            .get(0)
            .and_then(|series| series.get("values")?.as_array());
        let point = |pair: &Value| {
            let at = Timestamp::from_millisecond((pair.get(0)?.as_f64()? * 1_000.0) as i64).ok()?;
            let value: f64 = pair.get(1)?.as_str()?.parse().ok()?;
            value.is_finite().then_some((at, value))
        };
        Ok(points.into_iter().flatten().filter_map(point).collect())
    }

    async fn ask<T: DeserializeOwned>(&self, what: &str) -> Result<T, Trouble> {
        let url = format!("{}/api/v1/{what}", self.base);
        let (status, text) = get(url.clone(), TIMEOUT).await?;
        let answer: Answer<T> = serde_json::from_str(&text)
            .map_err(|why| Trouble::new(format_args!("{url} answers {status}"), why))?;
        match answer.data {
            Some(data) if answer.status == "success" => Ok(data),
            _ => Err(Trouble::new(format_args!("{url} answers {status}"), answer.error)),
        }
    }
}

/// Of a vector, or of a scalar, which is a pair.
fn values(result: &Value) -> Vec<f64> {
    let of_pair = |pair: &Value| pair.get(1)?.as_str()?.parse().ok();
    match result.as_array() {
        Some(series) if series.iter().all(Value::is_object) => series
            .iter()
            .filter_map(|one| of_pair(one.get("value")?))
            .collect(),
        Some(_) => of_pair(result).into_iter().collect(),
        None => Vec::new(),
    }
}

/// As Prometheus takes a moment.
fn seconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1_000.0
}

/// As a part of a URL.
fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn vectors_and_scalars_are_read() {
        let vector = json!([{ "metric": {}, "value": [1.5, "2"] }, { "metric": {}, "value": [1.5, "0.5"] }]);
        assert_eq!(values(&vector), [2.0, 0.5]);
        assert_eq!(values(&json!([1.5, "7"])), [7.0]);
        assert_eq!(values(&json!([])), [0.0; 0]);
    }

    #[test]
    fn an_expression_survives_a_url() {
        assert_eq!(encoded("a{b=\"c d\"} > 1"), "a%7Bb%3D%22c%20d%22%7D%20%3E%201");
    }
}
