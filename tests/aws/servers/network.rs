//! The network: what stands without a cluster, what changes in place, and what a cluster leaves behind.

use std::collections::BTreeSet;

use serde_json::json;
use vvbill::plan::{Mode, Options};
use vvbill::provider::aws::offerings;
use vvbill::resource::Desired;

use super::rig::{Rig, aws, desired, failures, only};

const WITH_ENDPOINTS: &str = "network.endpoints=[s3, ecr.api]";

const KINDS: [&str; 12] = [
    "cluster_network_leftovers",
    "cluster_volumes",
    "elastic_ip",
    "internet_gateway",
    "nat_gateway",
    "route_table",
    "security_group",
    "security_group_rule",
    "subnet",
    "vpc",
    "vpc_endpoint",
    "log_group",
];

/// What of the network needs nothing but the network: rules that name the cluster's group are left out.
fn network(set: &[&str]) -> Vec<Desired> {
    let all = desired("production.yaml", set);
    let stands = |one: &Desired| {
        let needs = one.dependencies();
        let mut kinds = needs
            .iter()
            .map(|address| address.kind())
            .chain([one.address.kind()]);
        kinds.all(|kind| KINDS.contains(&kind))
    };
    all.into_iter().filter(stands).collect()
}

/// Protects: the network of both regions comes, is settled and goes, with endpoints of both kinds, though
/// everything takes its time and is seen late.
#[tokio::test(flavor = "multi_thread")]
async fn it_comes_and_goes() {
    let rig = Rig::start(json!({ "creating": { "*": 2 }, "deleting": { "*": 2 } })).await;
    let all = network(&[WITH_ENDPOINTS]);
    let kinds: BTreeSet<&str> = all.iter().map(|one| one.address.kind()).collect();
    assert_eq!(kinds, BTreeSet::from(KINDS));
    rig.live(&all).await;
}

/// Protects: fewer gateways and endpoints are a change in place, after which no route leads nowhere.
#[tokio::test(flavor = "multi_thread")]
async fn ways_out_are_changed_in_place() {
    let rig = Rig::start(json!({})).await;
    for set in [
        &["network.nat=per-zone", WITH_ENDPOINTS][..],
        &["network.nat=single"],
        &["network.nat=none"],
        &["network.nat=single", WITH_ENDPOINTS],
    ] {
        let all = network(set);
        rig.apply(&all).await;
        rig.assert_settled(&all).await;
        let routes = rig.fake.boto(&Rig::script("routes.py"), &[]);
        assert!(!routes.contains("blackhole"), "{set:?}: {routes}");
    }
    let outcome = rig.destroy().await;
    assert!(outcome.is_success(), "{}", failures(&outcome));
    assert!(rig.unexplained().is_empty(), "{:?}", rig.unexplained());
}

/// Protects: load balancers, groups and interfaces that Kubernetes made go before the subnets do; its volumes
/// stay, and are named, until data is to go as well. What isn't the cluster's stays.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_cluster_leaves_behind_is_swept_and_its_volumes_are_kept() {
    let rig = Rig::start(json!({})).await;
    let all = desired("staging.yaml", &[]);
    let some = only(&all, &["cluster_network_leftovers", "cluster_volumes"]);
    rig.apply(&some).await;
    rig.assert_settled(&some).await;
    let state = rig.state().await;
    let id = |kind: &str| {
        let mut records = state.resources.values();
        records
            .find(|record| record.address.kind() == kind)
            .unwrap()
            .id
            .clone()
    };
    let leftovers = id("cluster_network_leftovers");
    let (cluster, vpc) = leftovers.split_once('/').unwrap();
    rig.fake.boto(&Rig::script("leftovers.py"), &[cluster, vpc]);

    let keep = Options {
        mode: Mode::Destroy,
        ..Options::default()
    };
    let plan = rig.plan(&[], &keep).await;
    let retained: Vec<&str> = plan.retained.iter().map(|one| one.address.kind()).collect();
    assert_eq!(retained, ["cluster_volumes", "vpc"]);
    let outcome = rig.run(&[], &keep).await;
    assert!(outcome.is_success(), "{}", failures(&outcome));
    let kinds = |what: &[serde_json::Value]| -> Vec<String> {
        what.iter().map(serde_json::Value::to_string).collect()
    };
    let left = kinds(&rig.fake.inventory());
    assert_eq!(
        left.iter().filter(|one| one.contains("vol-")).count(),
        3,
        "{left:#?}"
    );
    assert!(
        !left
            .iter()
            .any(|one| one.contains("eni-") || one.contains("loadbalancer")),
        "{left:#?}"
    );

    let outcome = rig.destroy().await;
    assert!(outcome.is_success(), "{}", failures(&outcome));
    let left = kinds(&rig.fake.inventory());
    assert_eq!(left.len(), 1, "only the volume of somebody else: {left:#?}");
}

/// Protects: what a region doesn't offer is told by type and zone.
#[tokio::test(flavor = "multi_thread")]
async fn offerings_are_told_by_zone() {
    let rig = Rig::start(json!({})).await;
    let aws = aws(&rig.fake.url).await;
    let region = aws.region("us-east-1").await;
    let zones = offerings::zones(&region.cloud).await.unwrap();
    assert!(zones.contains(&"us-east-1a".to_owned()), "{zones:?}");
    let types = BTreeSet::from(["m6i.xlarge".to_owned(), "m99.huge".to_owned()]);
    let zones = ["us-east-1a", "us-east-1b"].map(str::to_owned);
    let missing = offerings::instance_types_missing(&region.cloud, &types, &zones)
        .await
        .unwrap();
    assert_eq!(missing["m99.huge"], zones);
    assert!(!missing.contains_key("m6i.xlarge"), "{missing:?}");
}
