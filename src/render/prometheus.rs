//! `prometheus/`: rules, alerts, their tests for promtool, and what is scraped.

mod cases;
mod shape;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::{Error, File, Input, field};
use crate::spec::Target;
use crate::templates::{Templates, sources};
use crate::topology::{self, prometheus};

static TEMPLATES: Templates = Templates::new(sources![
    "prometheus/prometheus.yml",
    "prometheus/rules.yml",
    "prometheus/rules_test.yml",
]);

pub(super) fn files(input: &Input<'_>) -> Result<Vec<File>, Error> {
    let groups = prometheus::groups(input.spec);
    let mut files = Vec::new();
    if let Some(text) = scraping(input, targets(input)?)? {
        files.push(File {
            path: "prometheus.yml".into(),
            text,
        });
        files.push(File {
            path: "rules.yml".into(),
            text: rules(input, &groups)?,
        });
        let tests = cases::Tests::new(input, &groups);
        files.push(File {
            path: "rules_test.yml".into(),
            text: TEMPLATES.fill("prometheus/rules_test.yml", &tests)?,
        });
    }
    Ok(files)
}

#[derive(Debug, Serialize)]
struct Rules {
    header: String,
    groups: Vec<Group>,
}

#[derive(Debug, Serialize)]
struct Group {
    name: String,
    rules: Vec<Rule>,
}

/// A recording rule has a `record`, an alert has what follows `expr`.
#[derive(Debug, Default, Serialize)]
struct Rule {
    comments: Vec<String>,
    record: Option<String>,
    alert: String,
    expr: String,
    held_for: String,
    labels: BTreeMap<String, String>,
    annotations: Vec<Annotation>,
}

#[derive(Debug, Serialize)]
struct Annotation {
    name: String,
    text: String,
}

fn rules(input: &Input<'_>, groups: &[prometheus::Group]) -> Result<String, Error> {
    let rule = |rule: &prometheus::Rule| match rule {
        prometheus::Rule::Recording(recording) => Rule {
            record: Some(recording.record.clone()),
            expr: recording.expr.clone(),
            ..Rule::default()
        },
        prometheus::Rule::Alerting(alert) => Rule {
            comments: input.comments(&field("alerts").key(&alert.alert)),
            record: None,
            alert: alert.alert.clone(),
            expr: alert.expr.clone(),
            held_for: alert.held_for.clone(),
            labels: alert.labels.clone(),
            annotations: alert
                .annotations
                .iter()
                .map(|(name, text)| Annotation {
                    name: name.clone(),
                    text: text.clone(),
                })
                .collect(),
        },
    };
    let values = Rules {
        header: input.header(),
        groups: groups
            .iter()
            .map(|group| Group {
                name: group.name.clone(),
                rules: group.rules.iter().map(rule).collect(),
            })
            .collect(),
    };
    Ok(TEMPLATES.fill("prometheus/rules.yml", &values)?)
}

/// What is scraped under one name: the addresses of `host`, or `targets`.
#[derive(Debug, Serialize)]
pub(super) struct Job {
    name: &'static str,
    host: Option<&'static str>,
    port: u16,
    targets: Vec<String>,
}

impl Job {
    /// Every address of a host.
    pub(super) const fn host(name: &'static str, host: &'static str, port: u16) -> Self {
        Self {
            name,
            host: Some(host),
            port,
            targets: Vec::new(),
        }
    }

    /// Addresses with their ports.
    pub(super) const fn addresses(name: &'static str, targets: Vec<String>) -> Self {
        Self {
            name,
            host: None,
            port: 0,
            targets,
        }
    }
}

#[derive(Debug, Serialize)]
struct Scraping {
    header: String,
    scrape_interval: String,
    evaluation_interval: String,
    jobs: Vec<Job>,
}

/// A `prometheus.yml` beside `rules.yml`; none for a plan without `monitoring`.
pub(super) fn scraping(input: &Input<'_>, jobs: Vec<Job>) -> Result<Option<String>, Error> {
    let Some(monitoring) = &input.spec.monitoring else {
        return Ok(None);
    };
    let values = Scraping {
        header: input.header(),
        scrape_interval: monitoring.scrape_interval.to_string(),
        evaluation_interval: monitoring.evaluation_interval.to_string(),
        jobs,
    };
    Ok(Some(TEMPLATES.fill("prometheus/prometheus.yml", &values)?))
}

/// What runs on the plan's own target: processes of this machine, or pods behind headless Services.
fn targets(input: &Input<'_>) -> Result<Vec<Job>, Error> {
    let spec = input.spec;
    if spec.target == Target::Local {
        return local_targets(input);
    }
    let port = spec.monitoring.as_ref().map_or(9_090, |it| it.port.get());
    let mut jobs = vec![Job::addresses("prometheus", vec![format!("127.0.0.1:{port}")])];
    if let Some(ingest) = &spec.ingest {
        jobs.push(Job::host("ingest-api", "ingest-api", ingest.port.get()));
        jobs.push(Job::host(
            "ingest-worker",
            "ingest-worker",
            ingest.metrics_port.get(),
        ));
    }
    Ok(jobs)
}

fn local_targets(input: &Input<'_>) -> Result<Vec<Job>, Error> {
    let desired = topology::desired(input.spec)?;
    let bind = input.spec.local.bind.get();
    let addresses = |prefix: &str| -> Vec<String> {
        desired
            .iter()
            .filter(|it| it.address.name().starts_with(prefix))
            .filter_map(|it| it.properties.get("port").and_then(Value::as_u64))
            .map(|port| format!("{bind}:{port}"))
            .collect()
    };
    let jobs = ["prometheus", "ingest-api", "ingest-worker"]
        .map(|name| Job::addresses(name, addresses(name)))
        .into_iter()
        .filter(|job| !job.targets.is_empty());
    Ok(jobs.collect())
}
