//! What Prometheus reads, and what it warns of: objects of the Prometheus operator.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::pieces::block;
use super::{Error, Writer};
use crate::spec::{Alert, AlertSeverity, Duration, Spec, Tier};

/// Prometheus' own; it may not be above the interval.
const SCRAPE_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Serialize)]
struct Values {
    comments: Vec<String>,
    interval: String,
    timeout: String,
    scraped: Vec<Scraped>,
    groups: String,
}

/// A service whose metrics are read.
#[derive(Serialize)]
struct Scraped {
    component: &'static str,
    port: &'static str,
}

impl Writer<'_> {
    pub(super) fn monitoring(&mut self) -> Result<(), Error> {
        let Some(monitoring) = &self.spec.monitoring else {
            return Ok(());
        };
        let mut scraped = Vec::new();
        let mut scrape = |component, port| scraped.push(Scraped { component, port });
        if self.spec.ingest.is_some() && self.place.runs(Tier::Ingest) {
            scrape("ingest-api", "http");
            scrape("ingest-worker", "http");
        }
        if self.spec.kafka.is_some() && self.place.runs(Tier::Kafka) {
            scrape("kafka", "metrics");
            scrape("kafka-exporter", "metrics");
        }
        let groups = rule_groups(self.spec);
        if scraped.is_empty() && groups.is_empty() {
            return Ok(());
        }
        let values = Values {
            comments: (self.comments)(&["alerts"]),
            interval: time(monitoring.scrape_interval),
            timeout: time(monitoring.scrape_interval.min(SCRAPE_TIMEOUT)),
            scraped,
            groups: match groups.is_empty() {
                true => String::new(),
                false => block(&groups),
            },
        };
        let origin = ("monitoring", "monitoring");
        self.write("60-monitoring.yaml", "monitoring.yaml", origin, &values)
    }
}

/// The groups of rules that Prometheus evaluates, as its rule files and the operator's objects have them alike.
pub fn rule_groups(spec: &Spec) -> Vec<Value> {
    if spec.alerts.is_empty() {
        return Vec::new();
    }
    let interval = spec.monitoring.as_ref().map(|it| time(it.evaluation_interval));
    let rules: Vec<Value> = spec
        .alerts
        .iter()
        .map(|(name, alert)| rule(name, alert))
        .collect();
    let mut group = json!({ "name": format!("{}-alerts", spec.metadata.name.as_str()) });
    if let Some(interval) = interval {
        group["interval"] = interval.into();
    }
    group["rules"] = rules.into();
    vec![group]
}

fn rule(name: &str, alert: &Alert) -> Value {
    let severity = match alert.severity {
        AlertSeverity::Info => "info",
        AlertSeverity::Warning => "warning",
        AlertSeverity::Critical => "critical",
    };
    let mut annotations = BTreeMap::from([("summary", alert.summary.as_str())]);
    annotations.extend(alert.runbook.as_deref().map(|runbook| ("runbook", runbook)));
    json!({
        "alert": name,
        "expr": alert.expr,
        "for": time(alert.held_for),
        "labels": { "severity": severity },
        "annotations": annotations,
    })
}

/// As Prometheus writes it.
pub(super) fn time(duration: Duration) -> String {
    match duration.as_millis() {
        ms if ms.is_multiple_of(86_400_000) && ms > 0 => format!("{}d", ms / 86_400_000),
        ms if ms.is_multiple_of(1_000) => format!("{}s", ms / 1_000),
        ms => format!("{ms}ms"),
    }
}
