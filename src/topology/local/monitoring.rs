//! Prometheus: what it scrapes and the alerts that it evaluates.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Error, Group, Layout, kind, names, outputs_of};
use crate::provider::local::PrometheusServer;
use crate::spec::{Alert, AlertSeverity};

const SECTION: &str = "monitoring";
const NAME: &str = "prometheus";

impl Layout<'_> {
    pub(super) fn monitoring(&mut self) -> Result<(), Error> {
        let Some(monitoring) = &self.spec.monitoring else {
            return Ok(());
        };
        let mut targets = BTreeMap::new();
        if let Some(ingest) = &self.spec.ingest {
            for (job, count) in [
                ("ingest-api", ingest.api_replicas),
                ("ingest-worker", ingest.worker_replicas),
            ] {
                targets.insert(
                    job.to_string(),
                    outputs_of(kind::INGEST_PROCESS, &names(job, count, 1), "endpoint"),
                );
            }
        }
        let server = PrometheusServer {
            common: self.common(NAME, &[NAME]),
            port: self.port(NAME, Group::Prometheus, 0)?,
            data: self.data(NAME, SECTION, SECTION),
            scrape_interval_ms: monitoring.scrape_interval.as_millis(),
            evaluation_interval_ms: monitoring.evaluation_interval.as_millis(),
            retention_seconds: monitoring.retention.as_secs(),
            targets,
            rules: rules(&self.spec.alerts),
        };
        self.add(kind::PROMETHEUS_SERVER, NAME, &server, SECTION, SECTION);
        Ok(())
    }
}

/// The alerts as a rules file; JSON is YAML too.
fn rules(alerts: &BTreeMap<String, Alert>) -> Option<String> {
    let rule = |(name, alert): (&String, &Alert)| {
        let severity = match alert.severity {
            AlertSeverity::Info => "info",
            AlertSeverity::Warning => "warning",
            AlertSeverity::Critical => "critical",
        };
        let mut annotations = Map::from_iter([("summary".to_string(), Value::from(alert.summary.as_str()))]);
        annotations.extend(
            alert
                .runbook
                .as_ref()
                .map(|text| ("runbook".to_string(), Value::from(text.as_str()))),
        );
        json!({
            "alert": name,
            "expr": alert.expr,
            "for": format!("{}ms", alert.held_for.as_millis()),
            "labels": { "severity": severity },
            "annotations": annotations,
        })
    };
    if alerts.is_empty() {
        return None;
    }
    let groups =
        json!({ "groups": [{ "name": "billing", "rules": alerts.iter().map(rule).collect::<Vec<_>>() }] });
    Some(format!("{groups:#}\n"))
}
