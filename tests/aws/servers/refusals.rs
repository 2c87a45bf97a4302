//! What can't be done is said before anything is made, with what to do.

use serde_json::{Value, json};

use super::binary::{Site, plan, text};
use super::fake::Fake;
use super::production::OWN_ZONE;
use super::rig::AWS_ALONE;

/// Runs `apply` on an AWS that is set up so; nothing may be there afterwards.
fn refused(config: &Value, settings: &[&str]) -> String {
    let fake = Fake::start(config);
    let site = Site::new(&fake);
    let file = plan("production.yaml").display().to_string();
    let mut arguments = vec![
        "apply",
        &file,
        "--auto-approve",
        "--set",
        OWN_ZONE,
        "--set",
        AWS_ALONE,
    ];
    settings.iter().for_each(|set| arguments.extend(["--set", set]));
    let output = site.run(&arguments);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let made = fake.inventory();
    assert!(made.is_empty(), "half-made: {made:?}");
    let folder = plan("").display().to_string();
    said.replace(&folder, "plans/").replace(&fake.url, "http://aws")
}

/// Protects the words for credentials that AWS doesn't know.
#[test]
fn wrong_credentials() {
    insta::assert_snapshot!(refused(&json!({ "credentials": "invalid" }), &[]));
}

/// Protects the words for a permission that is missing.
#[test]
fn a_missing_permission() {
    insta::assert_snapshot!(refused(&json!({ "deny": ["rds:CreateDBCluster"] }), &[]));
}

/// Protects the words for a quota that doesn't suffice.
#[test]
fn a_quota() {
    insta::assert_snapshot!(refused(&json!({ "quotas": { "ec2:L-0263D0A3": 2 } }), &[]));
}

/// Protects the words for nodes that the account may not have.
#[test]
fn a_quota_of_processors() {
    insta::assert_snapshot!(refused(&json!({ "quotas": { "ec2:L-1216C47A": 40 } }), &[]));
}

/// Protects the words for versions that AWS doesn't have.
#[test]
fn an_unknown_version() {
    let settings = ["aurora.engine_version=15.16"];
    insta::assert_snapshot!(refused(&json!({}), &settings));
}

/// Protects the words for a region without the instance type: c9g is in Virginia, and not yet in Ireland.
#[test]
fn an_instance_type_that_a_region_lacks() {
    let settings = ["eks.node_groups.app-nodes.instance_type=c9g.xlarge"];
    insta::assert_snapshot!(refused(&json!({}), &settings));
}

/// Protects: a plan can be made on a machine that could not apply it, and says so; an apply from there makes nothing.
#[test]
fn what_this_machine_lacks() {
    let fake = Fake::start(&json!({}));
    let site = Site::new(&fake);
    let file = plan("staging.yaml").display().to_string();
    let planned = site.run(&["plan", &file, "--set", OWN_ZONE, "--out", "saved.plan"]);
    let said = text(&planned.stderr);
    assert_eq!(planned.status.code(), Some(0), "{said}");
    assert!(said.contains("file `api-keys.jsonl` can't be read"), "{said}");
    // The registry that the service's image is pushed to comes with this apply.
    assert_eq!(said.matches("pods wait for their image").count(), 1, "{said}");
    assert!(said.contains("service push"), "{said}");
    for apply in [
        &["apply", &file, "--auto-approve", "--set", OWN_ZONE][..],
        &["apply", "saved.plan"],
    ] {
        let refused = site.run(apply);
        let said = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(said.contains("nothing was started"), "{said}");
        assert_eq!(said.matches("api-keys.jsonl` can't be read").count(), 1, "{said}");
    }
    assert!(fake.inventory().is_empty());
}

/// Protects the exit code by which a pipeline knows that it has to plan anew: names that the first apply took are
/// no reason for another one.
#[test]
fn a_saved_plan_that_was_done_already() {
    let fake = Fake::start(&json!({}));
    let site = Site::new(&fake);
    let file = plan("staging.yaml").display().to_string();
    let one = ["--target", "aws/us-east-1/secret/buffer-auth"];
    let settings = ["--set", OWN_ZONE, "--set", "cost.monthly_budget=null"];
    let planned = site.run(&[&["plan", &file, "--out", "saved.plan"][..], &one, &settings].concat());
    assert_eq!(planned.status.code(), Some(0), "{}", text(&planned.stderr));
    let done = site.run(&["apply", "saved.plan"]);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    assert!(!fake.inventory().is_empty());
    let again = site.run(&["apply", "saved.plan"]);
    let said = text(&again.stderr);
    assert_eq!(again.status.code(), Some(7), "{said}");
    assert!(said.contains("plan again"), "{said}");
}
