//! What Prometheus computes and warns of: the plan's own alerts, and rules on what the ingestion service measures.
//!
//! Typed, so that a rules file and a Kubernetes `PrometheusRule` are the same groups. Every metric named here is
//! one that `bundled-service` or Prometheus itself has.

mod objectives;
mod recording;
mod watches;

use std::collections::BTreeMap;

use serde::Serialize;

pub use objectives::{Burn, Measured, Objective, objectives};

use crate::spec::{Alert, AlertSeverity, Duration, Spec};

/// Rules that are evaluated one after the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Group {
    /// Unique in a file.
    pub name: String,
    /// In their order.
    pub rules: Vec<Rule>,
}

/// A rule, in the form that Prometheus reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Rule {
    /// Computes a series.
    Recording(Recording),
    /// Warns.
    Alerting(Alerting),
}

/// A series that is computed from others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Recording {
    /// Its name.
    pub record: String,
    /// PromQL.
    pub expr: String,
}

/// An alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Alerting {
    /// Its name.
    pub alert: String,
    /// PromQL that is true when something is wrong.
    pub expr: String,
    /// How long it must be true: `5m`.
    #[serde(rename = "for")]
    pub held_for: String,
    /// `severity`, and what routes it.
    pub labels: BTreeMap<String, String>,
    /// `summary`, and what to do.
    pub annotations: BTreeMap<String, String>,
}

/// The groups of a plan; none without `monitoring`. The plan's own alerts come first, and take the place of one of
/// ours with the same name.
pub fn groups(spec: &Spec) -> Vec<Group> {
    let Some(monitoring) = &spec.monitoring else {
        return Vec::new();
    };
    let mut groups = vec![Group {
        name: "billing-performance".into(),
        rules: spec.alerts.iter().map(planned).collect(),
    }];
    if spec.ingest.is_some() {
        let objectives = objectives(spec);
        groups.push(Group {
            name: "billing-recording".into(),
            rules: recording::rules(monitoring.scrape_interval),
        });
        groups.push(Group {
            name: "billing-objectives".into(),
            rules: objectives.iter().flat_map(Objective::rules).collect(),
        });
        groups.push(Group {
            name: "billing-ingest".into(),
            rules: watches::rules(spec),
        });
        for group in &mut groups[1..] {
            group.rules.retain(|rule| match rule {
                Rule::Recording(_) => true,
                Rule::Alerting(alert) => !spec.alerts.contains_key(&alert.alert),
            });
        }
    }
    groups.retain(|group| !group.rules.is_empty());
    groups
}

fn planned((name, alert): (&String, &Alert)) -> Rule {
    let mut annotations = BTreeMap::from([("summary".to_owned(), alert.summary.clone())]);
    annotations.extend(alert.runbook.clone().map(|text| ("runbook".to_owned(), text)));
    Rule::Alerting(Alerting {
        alert: name.clone(),
        expr: alert.expr.clone(),
        held_for: time(alert.held_for),
        labels: severity(match alert.severity {
            AlertSeverity::Info => "info",
            AlertSeverity::Warning => "warning",
            AlertSeverity::Critical => "critical",
        }),
        annotations,
    })
}

fn record(name: impl Into<String>, expr: impl Into<String>) -> Rule {
    Rule::Recording(Recording {
        record: name.into(),
        expr: expr.into(),
    })
}

fn severity(severity: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("severity".to_owned(), severity.to_owned())])
}

/// As Prometheus writes it, which knows no microseconds.
fn time(time: Duration) -> String {
    Duration::from_millis(time.as_millis()).to_string()
}
