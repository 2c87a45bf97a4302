//! checkov finds nothing in what is rendered but what `checkov.yaml` gives a reason for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use serde::Deserialize;
use serde_json::Value;
use vvbill::render::Format;

use crate::plans::folder;

/// Checks that the rendered files fail on purpose, for one reason.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    checks: Vec<String>,
    reason: String,
}

/// Protects: what a program that knows the pitfalls of AWS and Kubernetes finds is mended, or stands in
/// `checkov.yaml` with its reason; and what is mended doesn't stay there.
#[test]
fn checkov_fails_only_what_is_known() {
    let known: Vec<Known> = serde_yaml::from_str(include_str!("../checkov.yaml")).unwrap();
    assert!(known.iter().all(|known| known.reason.len() > 20) && known.len() < 10);
    let known: BTreeSet<&str> = known
        .iter()
        .flat_map(|known| &known.checks)
        .map(String::as_str)
        .collect();
    let mut failed = failed("production", Format::Terraform);
    failed.extend(self::failed("production", Format::Kubernetes));
    let unknown: Vec<_> = failed
        .iter()
        .filter(|(check, _)| !known.contains(check.as_str()))
        .collect();
    assert!(unknown.is_empty(), "{unknown:#?}");
    let passed: Vec<_> = known
        .iter()
        .filter(|check| !failed.contains_key(**check))
        .collect();
    assert!(passed.is_empty(), "take them out of checkov.yaml: {passed:?}");
}

/// Each check that fails, with what fails it.
fn failed(name: &str, format: Format) -> BTreeMap<String, Vec<String>> {
    let rendered = folder(name, &[format]);
    let output = Command::new(checkov())
        .args(["--framework", format.folder(), "--directory", format.folder()])
        .args([
            "--output",
            "json",
            "--soft-fail",
            "--quiet",
            "--compact",
            "--skip-download",
        ])
        .current_dir(rendered.path())
        .env("HOME", rendered.path())
        .output()
        .unwrap_or_else(|why| panic!("checkov can't be started: {why}; run `cargo xtask setup`"));
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|why| panic!("{why}: {}", String::from_utf8_lossy(&output.stderr)));
    let summary = &report["summary"];
    assert_eq!(summary["parsing_errors"], 0, "{summary}");
    assert!(summary["passed"].as_u64().unwrap() > 100, "{summary}");
    let mut failed: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for check in report["results"]["failed_checks"].as_array().unwrap() {
        let text = |name: &str| check[name].as_str().unwrap().to_owned();
        failed.entry(text("check_id")).or_default().push(text("resource"));
    }
    failed
}

/// In the environment that `cargo xtask setup` makes.
fn checkov() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache"),
        PathBuf::from,
    );
    cache.join("vvbill/checkov/bin/checkov")
}
