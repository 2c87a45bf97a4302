//! The way in: load balancers, certificates, DNS, CloudFront.

use serde_json::json;
use vvbill::plan::Options;
use vvbill::resource::Desired;

use super::production::UNPROTECTED;
use super::rig::{Rig, desired, failures, only};

const KINDS: [&str; 10] = [
    "certificate",
    "certificate_validation",
    "distribution",
    "dns_record",
    "health_check",
    "hosted_zone",
    "listener",
    "listener_rule",
    "load_balancer",
    "target_group",
];

fn way_in(plan: &str, set: &[&str]) -> Vec<Desired> {
    let set: Vec<&str> = UNPROTECTED.iter().chain(set).copied().collect();
    only(&desired(plan, &set), &KINDS)
}

fn properties<'a>(all: &'a [Desired], address: &str) -> &'a serde_json::Value {
    let found = all.iter().find(|desired| desired.address.as_str() == address);
    &found
        .unwrap_or_else(|| panic!("{address} is not laid out"))
        .properties
}

/// Protects: both plans' way in is made, settled and unmade, with distributions that have to be disabled first.
#[tokio::test(flavor = "multi_thread")]
async fn the_way_in_comes_and_goes() {
    for plan in ["production.yaml", "staging.yaml"] {
        let rig = Rig::start(json!({})).await;
        rig.live(&way_in(plan, &[])).await;
    }
}

/// Protects: a network load balancer, its TCP and TLS listeners, and the other policies of records.
#[tokio::test(flavor = "multi_thread")]
async fn the_network_variant_comes_and_goes() {
    let rig = Rig::start(json!({})).await;
    let all = way_in(
        "production.yaml",
        &[
            "load_balancer.type=network",
            "load_balancer.listeners={https: null, http: null, tls: {port: 443, protocol: TLS, certificate: managed, target_group: billing-api-tg}}",
            "load_balancer.target_groups.billing-api-tg.protocol=TCP",
            "edge.records.api.policy=latency",
            "edge.cloudfront.origin_failover=false",
        ],
    );
    let listener = properties(&all, "aws/us-east-1/listener/ingest");
    assert_eq!(listener["protocol"], "TLS");
    rig.live(&all).await;
}

/// Protects: a record whose policy changes makes room for its successor in one run.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_changes_its_policy() {
    let rig = Rig::start(json!({})).await;
    let before = way_in("production.yaml", &[]);
    rig.apply(&before).await;
    for policy in ["latency", "simple", "failover"] {
        let after = way_in("production.yaml", &[&format!("edge.records.api.policy={policy}")]);
        rig.apply(&after).await;
        rig.assert_settled(&after).await;
    }
}

/// Protects: a target group in use is replaced before it goes, and what holds on to it follows.
#[tokio::test(flavor = "multi_thread")]
async fn a_target_group_in_use_is_replaced() {
    let rig = Rig::start(json!({})).await;
    rig.apply(&way_in("production.yaml", &[])).await;
    let after = way_in("production.yaml", &["ingest.port=8001"]);
    rig.apply(&after).await;
    rig.assert_settled(&after).await;
}

/// Protects: somebody else's zone is used, never changed, and stays; without one, the plan says what to do.
#[tokio::test(flavor = "multi_thread")]
async fn a_zone_that_was_found_stays() {
    let rig = Rig::start(json!({})).await;
    let all: Vec<Desired> = way_in("production.yaml", &["edge.create_zone=false"]);
    let zone: Vec<Desired> = only(&all, &["hosted_zone"]);
    let outcome = rig.run(&zone, &Options::default()).await;
    let hint = outcome.failed[0].hint.as_deref().unwrap_or_default();
    assert!(hint.contains("edge.create_zone: true"), "{hint}");

    let id = rig.fake.boto(&Rig::script("zone.py"), &["billing.example.com"]);
    rig.apply(&all).await;
    rig.assert_settled(&all).await;
    let outcome = rig.destroy().await;
    assert!(outcome.is_success(), "{}", failures(&outcome));
    let there: Vec<String> = rig.fake.inventory().iter().map(ToString::to_string).collect();
    assert!(
        there.iter().any(|thing| thing.contains(id.trim())),
        "{}",
        there.join("\n")
    );
    let left = rig.unexplained();
    assert!(left.is_empty(), "left behind: {left:?}");
}

/// Protects: a record that answers something else is nobody's to overwrite.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_somebody_else_is_not_taken() {
    let rig = Rig::start(json!({})).await;
    rig.fake.boto(
        &Rig::script("zone.py"),
        &["billing.example.com", "usage.billing.example.com", "192.0.2.7"],
    );
    let all = way_in("production.yaml", &["edge.create_zone=false"]);
    let outcome = rig.run(&all, &Options::default()).await;
    let why = failures(&outcome);
    assert!(why.contains("exists already and answers something else"), "{why}");
}

/// Protects: one validation record for all regions; CloudFront answers for the names that lead to it.
#[test]
fn certificates_share_a_record_and_records_to_cloudfront_are_aliases() {
    let all = way_in("production.yaml", &[]);
    let records: Vec<&str> = all
        .iter()
        .filter(|desired| desired.properties["type"] == "CNAME")
        .map(|desired| desired.address.as_str())
        .collect();
    assert_eq!(records, ["aws/global/dns_record/validation"]);
    for region in ["us-east-1", "eu-west-1"] {
        let address = format!("aws/{region}/certificate_validation/main");
        let validation = all
            .iter()
            .find(|desired| desired.address.as_str() == address)
            .unwrap();
        let needs = validation.dependencies();
        assert!(needs.iter().any(|need| need.name() == "validation"), "{needs:?}");
    }
    let distribution = properties(&all, "aws/global/distribution/main");
    assert_eq!(distribution["aliases"], json!(["usage.billing.example.com"]));
    assert_eq!(distribution["failover"], json!(["us-east-1", "eu-west-1"]));
    assert_eq!(distribution["behaviours"][0]["path"], "/v1/accounts/*");
    let secondary = properties(&all, "aws/global/dns_record/api-secondary");
    assert_eq!(secondary["failover"], "SECONDARY");
}
