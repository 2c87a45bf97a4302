//! promtool judges rules and their tests.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use vvbill::render::Format;

use super::PLANS;
use crate::plans::{files, folder, plan};
use crate::yaml::parsed;

/// What is done to a limit.
type Change = fn(f64) -> f64;

fn promtool(folder: &Path, arguments: &[&str]) -> Output {
    Command::new("promtool")
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap_or_else(|why| panic!("promtool can't be started: {why}; run `cargo xtask setup`"))
}

fn told(output: &Output) -> String {
    let text = [output.stdout.clone(), output.stderr.clone()].concat();
    String::from_utf8_lossy(&text).into_owned()
}

/// Protects: Prometheus takes the rules and the configuration, and each alert fires and is silent as it should.
#[test]
fn promtool_takes_rules_tests_and_configuration() {
    for plan in PLANS {
        let folder = folder(plan, &[Format::Prometheus, Format::Compose]);
        let prometheus = folder.path().join("prometheus");
        for arguments in [
            &["check", "rules", "rules.yml"][..],
            &["test", "rules", "rules_test.yml"],
            &["check", "config", "prometheus.yml"],
        ] {
            let output = promtool(&prometheus, arguments);
            assert!(
                output.status.success(),
                "{plan}: {arguments:?}: {}",
                told(&output)
            );
        }
        // The platform of containers has both in one folder.
        let compose = folder.path().join("compose");
        fs::copy(prometheus.join("rules.yml"), compose.join("rules.yml")).unwrap();
        let output = promtool(&compose, &["check", "config", "prometheus.yml"]);
        assert!(output.status.success(), "{plan}: compose: {}", told(&output));
    }
}

/// Protects: no alert is without a test of either kind, and the plan's own expressions are as it has them.
#[test]
fn every_alert_has_a_test_of_each_kind() {
    for name in PLANS {
        let files = files(name, &[Format::Prometheus]);
        let text = |path: &str| &files.iter().find(|file| file.path == path).unwrap().text;
        let rules = parsed(text("prometheus/rules.yml"));
        let tests = parsed(text("prometheus/rules_test.yml"));
        let cases: Vec<&str> = tests["tests"]
            .as_array()
            .unwrap()
            .iter()
            .map(|test| test["name"].as_str().unwrap())
            .collect();
        for (alert, _) in alerts(&rules) {
            for kind in ["fires", "is silent"] {
                let case = format!("{alert} {kind}");
                assert!(cases.contains(&case.as_str()), "{name}: {case}");
            }
        }
        let (spec, _) = plan(name);
        let rendered = alerts(&rules);
        for (alert, planned) in &spec.alerts {
            let found = rendered.iter().find(|(name, _)| name == alert);
            assert_eq!(
                found.map(|(_, expr)| expr),
                Some(&planned.expr),
                "{name}: {alert}"
            );
        }
    }
}

/// Protects: the rule tests themselves. With another limit, each alert's test fails.
#[test]
fn a_changed_limit_fails_the_test_of_its_alert() {
    for plan in ["specification", "production"] {
        let folder = folder(plan, &[Format::Prometheus]);
        let folder = folder.path().join("prometheus");
        let rules = parsed(&fs::read_to_string(folder.join("rules.yml")).unwrap());
        let tests = parsed(&fs::read_to_string(folder.join("rules_test.yml")).unwrap());
        for (alert, expr) in alerts(&rules) {
            only_tests_of(&folder, &tests, &alert);
            let output = with_expression(&folder, &rules, &alert, &expr);
            assert!(output.status.success(), "{plan}: {alert}: {}", told(&output));
            let changes: [(&str, Change); 2] = [("raised", raised), ("lowered", lowered)];
            for (what, change) in changes {
                let changed = with_limits(&expr, change);
                assert_ne!(changed, expr, "{alert}");
                let output = with_expression(&folder, &rules, &alert, &changed);
                assert!(
                    !output.status.success(),
                    "{plan}: {alert} {what} to `{changed}` passes"
                );
            }
        }
    }
}

fn raised(limit: f64) -> f64 {
    if limit == 0.0 { 1e6 } else { limit * 2.0 }
}

/// A limit of one is about whole numbers, which half of it would not part otherwise.
fn lowered(limit: f64) -> f64 {
    if limit == 0.0 || limit == 1.0 {
        -1.0
    } else {
        limit / 2.0
    }
}

fn alerts(rules: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let groups = rules["groups"].as_array().unwrap();
    groups
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap())
        .filter_map(|rule| Some((text(&rule["alert"])?, text(&rule["expr"])?)))
        .collect()
}

/// Writes a test file with the tests of one alert; JSON is YAML.
fn only_tests_of(folder: &Path, tests: &Value, alert: &str) {
    let mut own = tests.clone();
    own["rule_files"] = json!(["changed.yml"]);
    own["tests"].as_array_mut().unwrap().retain(|test| {
        let name = test["name"].as_str().unwrap();
        name.split(' ').next() == Some(alert)
    });
    assert_eq!(own["tests"].as_array().unwrap().len(), 2, "{alert}");
    fs::write(folder.join("changed_test.yml"), own.to_string()).unwrap();
}

/// The alert's tests, run on rules in which it has this expression.
fn with_expression(folder: &Path, rules: &Value, alert: &str, expr: &str) -> Output {
    let mut rules = rules.clone();
    for group in rules["groups"].as_array_mut().unwrap() {
        for rule in group["rules"].as_array_mut().unwrap() {
            if rule["alert"] == alert {
                rule["expr"] = expr.into();
            }
        }
    }
    fs::write(folder.join("changed.yml"), rules.to_string()).unwrap();
    promtool(folder, &["test", "rules", "changed_test.yml"])
}

/// The expression with every number that something is compared with changed.
fn with_limits(expr: &str, change: fn(f64) -> f64) -> String {
    let mut result = String::new();
    let mut rest = expr;
    while let Some(position) = rest.find([' ']) {
        let (head, tail) = rest.split_at(position + 1);
        result.push_str(head);
        rest = tail;
        let compares = [" > ", " < ", " >= ", " <= ", " == ", " != "]
            .iter()
            .any(|comparison| result.ends_with(comparison));
        let end = rest.find(' ').unwrap_or(rest.len());
        if let (true, Ok(limit)) = (compares, rest[..end].parse::<f64>()) {
            result.push_str(&change(limit).to_string());
            rest = &rest[end..];
        }
    }
    result + rest
}
