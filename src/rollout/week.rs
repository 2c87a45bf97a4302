//! The plan's weeks, each with its sections and the steps that prove it. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::step::Step;
use crate::spec::{Section, Spec};

/// One week of a plan's rollout.
#[derive(Clone)]
pub struct Week {
    /// `week-1`.
    pub id: String,
    /// What it is for.
    pub title: String,
    /// What it brings up, as `--target` names it.
    pub sections: Vec<String>,
    /// What proves it, in order.
    pub steps: Vec<Placed>,
    /// Whether a person has to approve its end.
    pub approval: bool,
    /// Digest of what the plan asks up to this week, see [`digest`].
    pub plan: String,
}

/// A step in the week in which it is due.
#[derive(Clone)]
pub struct Placed {
    /// `week-1/kafka-brokers`.
    pub id: String,
    /// The step.
    pub step: Arc<dyn Step>,
}

/// The weeks of a plan. A step is due in its own week, or in the later one that brings up what it needs; one
/// whose sections the plan lacks is due in none.
pub fn weeks(spec: &Spec, steps: &[Arc<dyn Step>]) -> Vec<Week> {
    let ids: Vec<&String> = spec.rollout.keys().collect();
    let mut weeks: Vec<Week> = spec
        .rollout
        .iter()
        .map(|(id, week)| Week {
            id: id.clone(),
            title: week.title.clone(),
            sections: week.sections.iter().map(|section| name(*section)).collect(),
            steps: Vec::new(),
            approval: week.approval,
            plan: digest(spec, id),
        })
        .collect();
    for step in steps {
        if !step.sections().iter().all(|section| has(spec, *section)) {
            continue;
        }
        let home = ids.iter().position(|id| *id == step.home());
        if home.is_none() && step.only_at_home() {
            continue;
        }
        let home = home.unwrap_or(0);
        let up = step.sections().iter().filter_map(|section| {
            let mut all = spec.rollout.values();
            all.position(|week| week.sections.contains(section))
        });
        let due = up.chain([home]).max().unwrap_or(home);
        if let Some(week) = weeks.get_mut(due) {
            week.steps.push(Placed {
                id: format!("{}/{}", week.id, step.name()),
                step: Arc::clone(step),
            });
        }
    }
    weeks
}

/// SHA-256 of what the plan asks until the end of a week: everything but the sections of later weeks, what is
/// said of money, where the state lies, and the other weeks' gates. A result holds as long as this stays the same.
pub fn digest(spec: &Spec, week: &str) -> String {
    let later: BTreeSet<Section> = spec
        .rollout
        .iter()
        .skip_while(|(id, _)| *id != week)
        .skip(1)
        .flat_map(|(_, week)| week.sections.iter().copied())
        .collect();
    let sooner: BTreeSet<Section> = spec
        .rollout
        .iter()
        .take_while(|(id, _)| id.as_str() <= week)
        .flat_map(|(_, week)| week.sections.iter().copied())
        .collect();
    let mut asked: BTreeMap<String, Value> = match json!(spec) {
        Value::Object(fields) => fields.into_iter().collect(),
        _ => BTreeMap::new(),
    };
    for section in later.difference(&sooner) {
        asked.remove(&name(*section));
    }
    for silent in ["rollout", "cost", "sizing", "state", "extends"] {
        asked.remove(silent);
    }
    let gate = spec.rollout.get(week).map(|week| &week.gate);
    asked.insert("gate".into(), json!(gate));
    let digest = Sha256::digest(json!(asked).to_string());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// As desired resources and the plan name it.
fn name(section: Section) -> String {
    match json!(section) {
        Value::String(name) => name,
        other => other.to_string(),
    }
}

fn has(spec: &Spec, section: Section) -> bool {
    match section {
        Section::Network => spec.network.is_some(),
        Section::Eks => spec.eks.is_some(),
        Section::Kafka => spec.kafka.is_some(),
        Section::Buffer => spec.buffer.is_some(),
        Section::Cache => spec.cache.is_some(),
        Section::Aurora => spec.aurora.is_some(),
        Section::Ingest => spec.ingest.is_some(),
        Section::Workloads => !spec.workloads.is_empty(),
        Section::LoadBalancer => spec.load_balancer.is_some(),
        Section::Edge => spec.edge.is_some(),
        Section::OperatingSystem => true,
        Section::Gunicorn => spec.gunicorn.is_some(),
        Section::Monitoring => spec.monitoring.is_some(),
        Section::Alerts => !spec.alerts.is_empty(),
    }
}
