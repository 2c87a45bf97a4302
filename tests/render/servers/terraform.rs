//! Terraform formats the module as it is, and checkov finds nothing in it that isn't known.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use serde_json::Value;
use vvbill::render::Format;

use crate::plans::folder;
use crate::terraform::PLANS;

/// Checks of checkov's that the rendered files fail on purpose, for one reason.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    checks: Vec<String>,
    reason: String,
}

/// Protects: whoever runs `terraform fmt` on the module gets no change.
#[test]
fn terraform_has_nothing_to_format() {
    for name in PLANS {
        let folder = folder(name, &[Format::Terraform]);
        let output = Command::new(terraform())
            .args(["fmt", "-check", "-diff", "-recursive"])
            .arg(folder.path())
            .env("CHECKPOINT_DISABLE", "1")
            .output()
            .unwrap_or_else(|why| panic!("terraform can't be started: {why}; run `cargo xtask setup`"));
        assert!(
            output.status.success(),
            "{name}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

/// Protects: what checkov knows of AWS. Each check that fails is in `checkov.yaml` with the reason, and each of
/// Terraform's that is there still fails.
#[test]
fn checkov_fails_only_what_is_known() {
    let folder = folder("production", &[Format::Terraform]);
    let failed = failed(folder.path());
    let known = known();
    let known: BTreeSet<&str> = known
        .iter()
        .flat_map(|known| &known.checks)
        .map(String::as_str)
        .collect();
    let unknown: Vec<_> = failed
        .iter()
        .filter(|(check, _)| !known.contains(check.as_str()))
        .collect();
    assert!(unknown.is_empty(), "{unknown:#?}");
    let passed: Vec<_> = known
        .iter()
        .filter(|check| check.contains("_AWS_") && !failed.contains_key(**check))
        .collect();
    assert!(passed.is_empty(), "take them out of checkov.yaml: {passed:?}");
}

fn known() -> Vec<Known> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/render/checkov.yaml");
    let known: Vec<Known> = serde_yaml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!(known.iter().all(|known| !known.reason.is_empty()));
    known
}

/// Each check that fails, with the blocks.
fn failed(folder: &Path) -> BTreeMap<String, Vec<String>> {
    let output = Command::new(checkov())
        .args(["--framework", "terraform", "--output", "json"])
        .args([
            "--soft-fail",
            "--quiet",
            "--compact",
            "--skip-download",
            "--directory",
        ])
        .arg(folder)
        .env("HOME", folder)
        .output()
        .unwrap_or_else(|why| panic!("checkov can't be started: {why}; run `cargo xtask setup`"));
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|why| panic!("{why}: {}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(report["summary"]["parsing_errors"], 0);
    assert!(
        report["summary"]["passed"].as_u64().unwrap() > 100,
        "{}",
        report["summary"]
    );
    let mut failed: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for check in report["results"]["failed_checks"].as_array().unwrap() {
        let text = |name: &str| check[name].as_str().unwrap().to_owned();
        failed.entry(text("check_id")).or_default().push(text("resource"));
    }
    failed
}

/// On PATH, else where `cargo xtask setup` puts it.
fn terraform() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join("terraform"));
    let cached = cache().join("terraform/terraform");
    on_path
        .chain([cached.clone()])
        .find(|file| file.is_file())
        .unwrap_or(cached)
}

/// In the environment that `cargo xtask setup` makes.
fn checkov() -> PathBuf {
    cache().join("checkov/bin/checkov")
}

fn cache() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache"),
        PathBuf::from,
    );
    cache.join("vvbill")
}
