//! A secret's value stays where it was given.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::binary::{Site, plan, text};
use super::fake::Fake;
use super::production::OWN_ZONE;
use super::rig::AWS_ALONE;

const PASSWORD: &str = "Marked-Password-7c1f9e";
const TOKEN: &str = "Marked-Token-52b8d1-0a9e";

/// Protects: a marked value appears in no output, no file of ours, whether the run succeeds or fails.
#[test]
fn a_marked_value_appears_nowhere() {
    let fake = Fake::start(&json!({}));
    let site = Site::new(&fake);
    let file = plan("production.yaml").display().to_string();
    let settings = [
        "--set",
        OWN_ZONE,
        "--set",
        AWS_ALONE,
        "--set",
        "aurora.master_password=env:MARKED_PASSWORD",
        "--set",
        "aurora.pooler=null",
        "--set",
        "workloads.billing-api.env.MAX_CONNECTIONS=\"100\"",
        "--set",
        "cache.auth_token=env:MARKED_TOKEN",
    ];
    let log = ["--log", "trace"];
    let run = |arguments: &[&str]| {
        let all = [arguments, &settings, &log].concat();
        let output = site
            .command(&all)
            .env("MARKED_PASSWORD", PASSWORD)
            .env("MARKED_TOKEN", TOKEN)
            .output()
            .unwrap();
        let said = text(&output.stdout) + &text(&output.stderr);
        assert_clean(&said, &arguments.join(" "));
        (output.status.success(), said)
    };
    fake.configure(&json!({ "deny": ["rds:CreateDBCluster", "elasticache:CreateReplicationGroup"] }));
    let (failed, said) = run(&["apply", &file, "--auto-approve"]);
    assert!(!failed, "it was to be denied");
    assert!(said.contains("rds:CreateDBCluster"), "{said}");
    fake.configure(&json!({ "deny": [] }));
    let (done, said) = run(&["apply", &file, "--auto-approve", "--json"]);
    assert!(done, "{said}");
    run(&["plan", &file, "--json"]);
    run(&["plan", &file, "--out", "saved.plan"]);
    run(&["state", "pull", &file]);
    run(&["output", &file]);
    assert_folder_clean(site.folder.path());
}

fn assert_folder_clean(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => assert_folder_clean(&path),
            false => assert_clean(&text(&fs::read(&path).unwrap()), &path.display().to_string()),
        }
    }
}

fn assert_clean(said: &str, place: &str) {
    for secret in [PASSWORD, TOKEN] {
        let at = said.find(secret);
        let around = at.map(|at| &said[at.saturating_sub(120)..at]);
        assert!(at.is_none(), "{place} tells a secret, behind {around:?}");
    }
}
