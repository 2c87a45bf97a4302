//! What checkov, which others wrote, finds in the rendered objects.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use vvbill::render::Format;

use super::super::plans::folder;
use super::PLANS;

/// Protects: what a program that knows Kubernetes' pitfalls finds is either mended or stands here with a reason.
#[test]
fn checkov_finds_nothing_but_what_is_explained() {
    let list = include_str!("../checkov.yaml");
    let explained: Vec<Value> = serde_yaml::from_str(list).unwrap();
    let explained: BTreeSet<&str> = explained
        .iter()
        .inspect(|entry| assert!(entry["reason"].as_str().is_some_and(|reason| reason.len() > 20)))
        .map(|entry| entry["check"].as_str().unwrap())
        .collect();
    let mut seen = BTreeSet::new();
    for name in PLANS {
        for (check, resource) in failed_checks(name) {
            // A version that is left open is the specification's own, and a finding.
            let open = name == "specification" && ["CKV_K8S_14"].contains(&check.as_str());
            assert!(
                open || explained.contains(check.as_str()),
                "{name}: {check}: {resource}"
            );
            seen.insert(check);
        }
    }
    for check in explained {
        assert!(seen.contains(check), "{check} is explained, and doesn't fail");
    }
}

fn failed_checks(name: &str) -> Vec<(String, String)> {
    let rendered = folder(name, &[Format::Kubernetes]);
    let checkov = environment("checkov").join("bin/checkov");
    let output = Command::new(&checkov)
        .args([
            "--directory",
            "kubernetes",
            "--framework",
            "kubernetes",
            "--output",
            "json",
        ])
        .args(["--soft-fail", "--quiet", "--compact", "--skip-download"])
        .current_dir(rendered.path())
        .env("HOME", rendered.path())
        .output()
        .unwrap_or_else(|why| {
            let path = checkov.display();
            panic!("{path} can't be started: {why}; run `cargo xtask setup`")
        });
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|why| panic!("{why}: {}", String::from_utf8_lossy(&output.stderr)));
    let summary = &report["summary"];
    assert_eq!(summary["parsing_errors"], 0, "{name}: {summary}");
    assert!(summary["passed"].as_u64().unwrap() > 100, "{name}: {summary}");
    let failed = report["results"]["failed_checks"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    failed
        .iter()
        .map(|check| (text(&check["check_id"]), text(&check["resource"])))
        .collect()
}

/// As `cargo xtask setup` makes it.
fn environment(name: &str) -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.unwrap_or_else(|| PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache"));
    cache.join("vvbill").join(name)
}
