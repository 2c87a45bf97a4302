//! Alerts: Prometheus has each rule of the plan, and each is made to fire and to clear.
//!
//! Waiting for an alert's own `for` and windows would take longer than the week's other steps together. So a copy of
//! the rule is loaded beside it, of what Prometheus itself has read, with windows and thresholds that the evidence
//! names; its condition is caused for real wherever one of [`copy::Cause`] fits.

mod copy;
mod story;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use serde_json::{Value, json};

use super::model::Measure;
use super::prometheus::{Prometheus, Rule};
use super::step::{Scene, Step, Trial, Trouble};
use crate::spec::{Alert, Section, Spec, Target};

pub(super) fn steps() -> Vec<Arc<dyn Step>> {
    vec![Arc::new(Rules), Arc::new(Fire)]
}

const HOME: &str = "week-5";

/// The alerts of the plan; a Prometheus that has no service to look at has none of ours.
fn planned(scene: &Scene) -> &BTreeMap<String, Alert> {
    &scene.spec.alerts
}

struct Rules;

impl Step for Rules {
    fn name(&self) -> &'static str {
        "alert-rules"
    }

    fn home(&self) -> &'static str {
        HOME
    }

    fn title(&self) -> &'static str {
        "Prometheus has the plan's alerts"
    }

    fn proves(&self) -> &'static str {
        "each alert of the plan is a rule there, with the same expression and `for`, evaluated without an error"
    }

    fn sections(&self) -> &'static [Section] {
        &[Section::Monitoring, Section::Alerts]
    }

    fn verify<'a>(&'a self, scene: &'a Scene, _: &'a Value) -> BoxFuture<'a, Result<Vec<Measure>, Trouble>> {
        async move {
            let prometheus = Prometheus::of(&scene.endpoints)?;
            let found = prometheus.alerting_rules().await?;
            let mut measures = Vec::new();
            for (name, alert) in planned(scene) {
                let wanted = prometheus.written(&alert.expr).await?;
                measures.extend(rule_measures(name, alert, &wanted, &found));
            }
            Ok(measures)
        }
        .boxed()
    }
}

/// How the rules of this name stand to the alert of the plan; `wanted` is its expression as Prometheus writes it.
fn rule_measures(name: &str, alert: &Alert, wanted: &str, found: &[Rule]) -> Vec<Measure> {
    let own: Vec<&Rule> = found.iter().filter(|rule| rule.name == name).collect();
    let mut measures = vec![Measure::equal(format!("rules called {name}"), own.len(), 1)];
    if let [rule] = own.as_slice() {
        let state = match rule.last_error.is_empty() {
            true => rule.health.clone(),
            false => format!("{}: {}", rule.health, rule.last_error),
        };
        measures.extend([
            Measure::equal(
                format!("{name} expression"),
                one_line(&rule.query),
                one_line(wanted),
            ),
            Measure::equal(
                format!("{name} for, in seconds"),
                rule.held_for_seconds,
                Duration::from_millis(alert.held_for.as_millis()).as_secs_f64(),
            ),
            Measure::equal(format!("{name} evaluation"), state, "ok"),
        ]);
    }
    measures
}

fn one_line(expression: &str) -> String {
    expression.split_whitespace().collect::<Vec<_>>().join(" ")
}

struct Fire;

impl Step for Fire {
    fn name(&self) -> &'static str {
        "alerts-fire"
    }

    fn home(&self) -> &'static str {
        HOME
    }

    fn title(&self) -> &'static str {
        "each alert is made to fire and to clear"
    }

    fn proves(&self) -> &'static str {
        "Prometheus fires each while what it warns of is caused (a copy of its rule with shorter times, whose \
         differences are named), and no longer once that is over"
    }

    fn sections(&self) -> &'static [Section] {
        &[Section::Monitoring, Section::Alerts, Section::Ingest]
    }

    fn needs(&self) -> &'static [&'static str] {
        &["alert-rules"]
    }

    fn skipped(&self, spec: &Spec) -> Option<String> {
        (spec.target == Target::Aws).then(|| {
            "rules are tried only in a Prometheus of this machine: in a cluster, its operator owns every rule".into()
        })
    }

    fn run<'a>(&'a self, scene: &'a Scene) -> BoxFuture<'a, Result<Trial, Trouble>> {
        async move {
            let measures = story::told(scene).await?;
            let tried: Vec<&String> = planned(scene).keys().collect();
            Ok(Trial {
                measures,
                memory: json!({ "tried": tried }),
            })
        }
        .boxed()
    }

    fn verify<'a>(
        &'a self,
        scene: &'a Scene,
        memory: &'a Value,
    ) -> BoxFuture<'a, Result<Vec<Measure>, Trouble>> {
        async move {
            let tried = memory["tried"].as_array();
            let tried = tried.ok_or_else(|| Trouble("no alert has been tried yet".into()))?;
            let planned: Vec<&str> = planned(scene).keys().map(String::as_str).collect();
            let tried = tried.iter().filter_map(Value::as_str);
            let tried = tried.filter(|name| planned.contains(name)).count();
            let rules = Prometheus::of(&scene.endpoints)?.alerting_rules().await?;
            let copies = rules.iter().filter(|rule| copy::is_copy(&rule.name, &planned));
            Ok(vec![
                Measure::equal("alerts that were tried", tried, planned.len()),
                // Before the step ends; what it loaded is taken away then, whatever came of it.
                Measure::at_most("copies of rules in Prometheus", copies.count() as f64, 0.0),
            ])
        }
        .boxed()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn rule(query: &str, health: &str) -> Rule {
        serde_json::from_value(json!({
            "name": "KafkaLag", "query": query, "type": "alerting", "health": health, "duration": 300,
            "lastError": if health == "ok" { "" } else { "many-to-many matching" },
        }))
        .unwrap()
    }

    /// An alert that is missing, that says something else or can't be evaluated is no alert.
    #[test]
    fn a_rule_that_differs_from_the_plan_is_seen() {
        let alert: Alert = serde_json::from_value(json!({ "expr": "a > 1", "summary": "s" })).unwrap();
        let misses = |found: &[Rule]| -> Vec<String> {
            let measures = rule_measures("KafkaLag", &alert, "a > 1", found);
            measures
                .iter()
                .filter(|measure| !measure.holds)
                .map(Measure::sentence)
                .collect()
        };
        assert_eq!(misses(&[rule("a  >\n1", "ok")]), [""; 0]);
        assert_eq!(misses(&[]), ["rules called KafkaLag is 0, must be 1"]);
        assert_eq!(
            misses(&[rule("a > 2", "ok")]),
            ["KafkaLag expression is a > 2, must be a > 1"]
        );
        assert_eq!(
            misses(&[rule("a > 1", "err")]),
            ["KafkaLag evaluation is err: many-to-many matching, must be ok"]
        );
    }
}
