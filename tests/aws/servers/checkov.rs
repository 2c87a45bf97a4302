//! A program made for Terraform's plan JSON reads ours.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use super::binary::{Site, plan, text};
use super::fake::{self, Fake};
use super::production::OWN_ZONE;
use super::rig::{AWS_ALONE, Rig};

/// Protects: checkov's plan scan takes what `show --json` prints, sees each resource that will be made, and judges
/// them by policies over their properties.
#[test]
fn checkov_reads_a_saved_plan_and_judges_it() {
    let fake = Fake::start(&json!({}));
    let site = Site::new(&fake);
    let file = plan("production.yaml").display().to_string();
    let unguarded = "load_balancer.deletion_protection=false";
    let saved = site.run(&[
        "plan",
        &file,
        "--set",
        OWN_ZONE,
        "--set",
        AWS_ALONE,
        "--set",
        unguarded,
        "--out",
        "saved.plan",
    ]);
    assert!(saved.status.success(), "{}", text(&saved.stderr));
    let shown = site.run(&["show", "saved.plan", "--json"]);
    let plan: Value = serde_json::from_slice(&shown.stdout).unwrap();
    std::fs::write(site.folder.path().join("plan.json"), &shown.stdout).unwrap();
    let output = Command::new(checkov())
        .args([
            "--file",
            "plan.json",
            "--framework",
            "terraform_plan",
            "--output",
            "json",
        ])
        .args([
            "--soft-fail",
            "--quiet",
            "--compact",
            "--skip-download",
            "--external-checks-dir",
        ])
        .arg(Rig::script("checkov"))
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
    let summary = &report["summary"];
    assert_eq!(summary["parsing_errors"], 0, "{summary}");
    let to_make = plan["resource_changes"].as_array().unwrap().len();
    assert_eq!(summary["resource_count"], to_make, "{summary}");
    // Three shards in two regions are encrypted; a load balancer in each isn't guarded.
    assert_eq!(
        (&summary["passed"], &summary["failed"]),
        (&json!(6), &json!(2)),
        "{summary}"
    );
    for failed in report["results"]["failed_checks"].as_array().unwrap() {
        assert_eq!(failed["check_id"], "CKV2_VVBILL_2", "{failed}");
    }
}

/// In the environment that `cargo xtask setup` makes.
fn checkov() -> PathBuf {
    fake::environment("checkov").join("bin/checkov")
}
