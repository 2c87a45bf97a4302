//! The network: what stands without a cluster, what changes in place, and what a cluster leaves behind.

use std::collections::BTreeSet;

use serde_json::json;
use vvbill::plan::{Mode, Options, Verb};
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

/// Protects: nodes that have no other way to AWS's services come after every endpoint and the rule that lets them
/// in there; with a gateway they wait for none.
#[test]
fn without_a_gateway_nodes_wait_for_endpoints() {
    let waits = |nat: &str| {
        let all = desired("production.yaml", &[nat, WITH_ENDPOINTS]);
        let nodes = all
            .into_iter()
            .filter(|one| one.address.kind() == "eks_node_group");
        let needs = nodes.flat_map(|nodes| nodes.depends_on);
        let of_endpoints =
            |name: &str| name.contains("/vpc_endpoint/") || name.ends_with("/endpoints-from-network");
        let needs = needs
            .map(|address| address.to_string())
            .filter(|name| of_endpoints(name));
        needs.collect::<BTreeSet<String>>()
    };
    let expected = ["eu-west-1", "us-east-1"].into_iter().flat_map(|region| {
        let names = [
            "security_group_rule/endpoints-from-network",
            "vpc_endpoint/ecr.api",
            "vpc_endpoint/s3",
        ];
        names.map(|name| format!("aws/{region}/{name}"))
    });
    assert_eq!(waits("network.nat=none"), expected.collect());
    assert_eq!(waits("network.nat=per-zone"), BTreeSet::new());
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

/// Protects: a gateway that is detached, by a crash between its two calls or by hand, is attached, not replaced.
#[tokio::test(flavor = "multi_thread")]
async fn a_detached_gateway_is_attached_again() {
    let rig = Rig::start(json!({})).await;
    let some = only(&desired("staging.yaml", &[]), &["internet_gateway"]);
    rig.apply(&some).await;
    let state = rig.state().await;
    let mut records = state.resources.values();
    let gateway = records
        .find(|record| record.address.kind() == "internet_gateway")
        .unwrap();
    rig.fake.boto(&Rig::script("detach.py"), &[&gateway.id]);
    let plan = rig.plan(&some, &Options::default()).await;
    let changes: Vec<(Verb, &str)> = plan
        .changes()
        .map(|action| (action.verb, action.changes[0].path.as_str()))
        .collect();
    assert_eq!(changes, [(Verb::Update, "/attached")]);
    rig.apply(&some).await;
    rig.assert_settled(&some).await;
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
