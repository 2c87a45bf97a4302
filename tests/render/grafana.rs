//! The format `grafana`.

use std::collections::BTreeSet;

use serde_json::Value;
use vvbill::render::Format;

use super::plans::files;
use super::yaml::parsed;

/// What is measured by others than the ingestion service: redis_exporter's documentation.
const OF_EXPORTERS: &[&str] = &["redis_memory_used_bytes"];
const SERVICE: &str = include_str!("../../bundled-service/src/metrics.rs");
const PLANS: &[&str] = &["specification", "production", "staging", "local"];

fn dashboards(plan: &str) -> Vec<(String, Value)> {
    files(plan, &[Format::Grafana])
        .into_iter()
        .map(|file| {
            let board = serde_json::from_str(&file.text).unwrap_or_else(|why| panic!("{}: {why}", file.path));
            (file.path, board)
        })
        .collect()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a Vec<Value> {
    value[key]
        .as_array()
        .unwrap_or_else(|| panic!("no {key} in {value}"))
}

/// Protects: Grafana shows each panel where it belongs; overlapping or repeated ones are lost on import.
#[test]
fn panels_have_ids_and_places_of_their_own() {
    for plan in PLANS {
        let dashboards = dashboards(plan);
        let uids: BTreeSet<&str> = dashboards
            .iter()
            .map(|(_, board)| board["uid"].as_str().unwrap())
            .collect();
        assert_eq!(uids.len(), dashboards.len(), "{plan}");
        assert!(dashboards.len() >= 4, "{plan}");
        for (path, board) in &dashboards {
            assert!(board["schemaVersion"].as_u64().unwrap() >= 36, "{path}");
            assert!(!board["title"].as_str().unwrap().is_empty(), "{path}");
            let (mut ids, mut cells) = (BTreeSet::new(), BTreeSet::new());
            for panel in list(board, "panels") {
                assert!(ids.insert(panel["id"].as_u64().unwrap()), "{path}: {panel}");
                let place = |key: &str| panel["gridPos"][key].as_u64().unwrap();
                assert!(place("x") + place("w") <= 24, "{path}: {panel}");
                for x in place("x")..place("x") + place("w") {
                    for y in place("y")..place("y") + place("h") {
                        assert!(cells.insert((x, y)), "{path}: two panels at {x}, {y}: {panel}");
                    }
                }
            }
        }
    }
}

/// Protects: a dashboard works in any Grafana, because it asks which Prometheus to read.
#[test]
fn the_source_of_data_is_a_variable() {
    for (path, board) in dashboards("production") {
        let variable = &board["templating"]["list"][0];
        assert_eq!(variable["type"], "datasource", "{path}");
        assert_eq!(variable["query"], "prometheus", "{path}");
        let wanted = format!("${{{}}}", variable["name"].as_str().unwrap());
        let readers = list(&board, "panels")
            .iter()
            .filter(|panel| panel["type"] != "row")
            .flat_map(|panel| list(panel, "targets").iter().chain([panel]))
            .chain(list(&board["annotations"], "list"));
        for reader in readers {
            assert_eq!(reader["datasource"]["uid"], wanted.as_str(), "{path}: {reader}");
        }
    }
}

/// Protects: no panel, mark, rule or alert looks at a metric that nobody has.
#[test]
fn every_metric_exists() {
    for plan in PLANS {
        let rules = files(plan, &[Format::Prometheus])
            .into_iter()
            .find(|file| file.path == "prometheus/rules.yml")
            .unwrap();
        let rules = parsed(&rules.text);
        let rules: Vec<&Value> = list(&rules, "groups")
            .iter()
            .flat_map(|group| list(group, "rules"))
            .collect();
        let recorded: BTreeSet<&str> = rules.iter().filter_map(|rule| rule["record"].as_str()).collect();
        let mut read = BTreeSet::new();
        for (path, board) in dashboards(plan) {
            for expr in expressions(&board) {
                for metric in metrics(expr) {
                    let known = recorded.contains(metric) || exists(metric);
                    assert!(known, "{plan}: {path}: {metric} in {expr}");
                    read.insert(metric.to_owned());
                }
            }
        }
        for rule in &rules {
            let expr = rule["expr"].as_str().unwrap();
            for metric in metrics(expr) {
                assert!(
                    recorded.contains(metric) || exists(metric) || metric == "up",
                    "{plan}: {metric} in {rule}"
                );
            }
        }
        for wanted in [
            "event_processing_duration_seconds_bucket",
            "events_processed_total",
            "kafka_consumer_lag",
            "redis_cache_hit_ratio",
        ] {
            assert!(read.contains(wanted), "{plan}: no panel reads {wanted}");
        }
    }
}

fn expressions(board: &Value) -> Vec<&str> {
    let panels = list(board, "panels")
        .iter()
        .filter(|panel| panel["type"] != "row");
    panels
        .flat_map(|panel| list(panel, "targets"))
        .chain(list(&board["annotations"], "list"))
        .map(|query| query["expr"].as_str().unwrap())
        .collect()
}

/// Whether the service registers it, as itself or as a part of a histogram.
fn exists(metric: &str) -> bool {
    let registered = |name: &str| SERVICE.contains(&format!("\"{name}\""));
    let part = ["_bucket", "_count", "_sum"]
        .iter()
        .find_map(|part| metric.strip_suffix(part));
    registered(metric)
        || part.is_some_and(registered)
        || SERVICE.contains(&format!("# TYPE {metric} "))
        || OF_EXPORTERS.contains(&metric)
}

/// The metrics of an expression: names that are no function, keyword or label.
fn metrics(expr: &str) -> Vec<&str> {
    const KEYWORDS: &[&str] = &[
        "and", "or", "unless", "on", "by", "without", "offset", "bool", "sum", "min", "max", "avg", "count",
    ];
    let mut found = Vec::new();
    let (mut braces, mut start, mut list_of_labels) = (0_u32, None, false);
    for (position, c) in expr.char_indices().chain([(expr.len(), ' ')]) {
        if c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '.') {
            start = start.or(Some(position));
            continue;
        }
        if let Some(start) = start.take() {
            let word = &expr[start..position];
            let is_number = word.starts_with(|c: char| c.is_ascii_digit());
            let calls = expr[position..].trim_start().starts_with('(');
            if matches!(word, "by" | "on" | "without") {
                list_of_labels = true;
            } else if braces == 0 && !is_number && !list_of_labels && !calls && !KEYWORDS.contains(&word) {
                found.push(word);
            }
        }
        match c {
            '{' | '[' => braces += 1,
            '}' | ']' => braces -= 1,
            ')' if list_of_labels => list_of_labels = false,
            _ => {}
        }
    }
    found
}

#[test]
fn metrics_are_told_from_labels_and_functions() {
    let expr = "sum by (le, shard) (rate(a_bucket{stage=\"x\"}[5m])) / on (b) c offset 10m > 0.5 and d:e * 2";
    assert_eq!(metrics(expr), ["a_bucket", "c", "d:e"]);
}
