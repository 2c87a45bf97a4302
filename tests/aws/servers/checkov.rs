//! A program made for Terraform's plan JSON reads ours.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use super::binary::{Site, plan, text};
use super::fake::{self, Fake};
use super::production::OWN_ZONE;

/// Protects: checkov's plan scan takes what `show --json` prints, and sees each resource that will be made.
#[test]
fn checkov_reads_a_saved_plan() {
    let fake = Fake::start(&json!({}));
    let site = Site::new(&fake);
    let file = plan("production.yaml").display().to_string();
    let saved = site.run(&["plan", &file, "--set", OWN_ZONE, "--out", "saved.plan"]);
    assert!(saved.status.success(), "{}", text(&saved.stderr));
    let shown = site.run(&["show", "saved.plan", "--json"]);
    let plan: Value = serde_json::from_slice(&shown.stdout).unwrap();
    let to_make = plan["resource_changes"].as_array().unwrap().len();
    std::fs::write(site.folder.path().join("plan.json"), &shown.stdout).unwrap();
    let output = Command::new(checkov())
        .args([
            "--file",
            "plan.json",
            "--framework",
            "terraform_plan",
            "--output",
            "json",
            "--soft-fail",
            "--quiet",
        ])
        .current_dir(site.folder.path())
        .env("HOME", site.folder.path())
        .output()
        .unwrap_or_else(|why| {
            panic!(
                "{} can't be started: {why}; run `cargo xtask setup`",
                checkov().display()
            )
        });
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|why| panic!("{why}: {}{}", text(&output.stdout), text(&output.stderr)));
    let summary = if report["summary"].is_object() {
        &report["summary"]
    } else {
        &report
    };
    assert_eq!(summary["parsing_errors"], 0, "{summary}");
    assert!(to_make > 100);
    assert!(
        summary["resource_count"].as_u64().unwrap_or_default() > 0,
        "{summary}"
    );
}

/// In the environment that `cargo xtask setup` makes.
fn checkov() -> PathBuf {
    fake::environment("checkov").join("bin/checkov")
}
