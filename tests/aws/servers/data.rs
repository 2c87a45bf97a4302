//! The data stores: shards over two regions, their poolers, and the cache.

use std::collections::BTreeMap;

use serde_json::json;
use vvbill::plan::{Options, Plan, Verb};
use vvbill::resource::Desired;

use super::production::UNPROTECTED;
use super::rig::{Rig, desired, failures, only};

const KINDS: [&str; 12] = [
    "cache_parameter_group",
    "cache_replication_group",
    "cache_subnet_group",
    "db_cluster",
    "db_cluster_parameter_group",
    "db_instance",
    "db_master_secret",
    "db_proxy",
    "db_proxy_target",
    "db_subnet_group",
    "global_cluster",
    "secret",
];

fn data(plan: &str, set: &[&str]) -> Vec<Desired> {
    let set = [&UNPROTECTED[..], set].concat();
    only(&desired(plan, &set), &KINDS)
}

/// How many of each kind each verb is planned for.
fn verbs(plan: &Plan) -> BTreeMap<(String, String), usize> {
    let mut counted = BTreeMap::new();
    for action in plan.changes() {
        let key = (action.verb.to_string(), action.address.kind().to_owned());
        *counted.entry(key).or_default() += 1;
    }
    counted
}

fn count(plan: &Plan, verb: Verb, kind: &str) -> usize {
    let key = (verb.to_string(), kind.to_owned());
    verbs(plan).get(&key).copied().unwrap_or_default()
}

/// Protects: three shards over two regions, their proxies and the caches come, are settled and go, though
/// everything takes its time; what stays is named.
#[tokio::test(flavor = "multi_thread")]
async fn they_come_and_go() {
    let times = json!({ "creating": { "*": 1 }, "modifying": { "*": 1 }, "deleting": { "*": 1 } });
    let rig = Rig::start(times).await;
    rig.live(&data("production.yaml", &[])).await;
    let left = rig.left();
    let snapshots = left.iter().filter(|line| line.contains("-final-"));
    assert_eq!(snapshots.count(), 3, "{left:?}");
}

/// Protects: a static parameter's change plans a reboot of each member and no other change does; readers
/// restart before their writer; afterwards nothing is left to do.
#[tokio::test(flavor = "multi_thread")]
async fn static_parameters_bring_reboots() {
    let rig = Rig::start(json!({ "modifying": { "rds:instance": 1 } })).await;
    let before = data("staging.yaml", &[]);
    let plan = rig.plan(&before, &Options::default()).await;
    assert_eq!(count(&plan, Verb::Reboot, "db_instance"), 0, "{:?}", verbs(&plan));
    rig.apply(&before).await;
    rig.assert_settled(&before).await;

    for (set, reboots) in [
        (&["aurora.parameters.work_mem=\"4096\""][..], 0),
        (&["aurora.parameters.max_connections=\"600\""], 4),
        (&["aurora.parameters.autovacuum_max_workers=null"], 4),
    ] {
        let after = data("staging.yaml", set);
        let plan = rig.plan(&after, &Options::default()).await;
        assert_eq!(
            count(&plan, Verb::Reboot, "db_instance"),
            reboots,
            "{set:?}: {:?}",
            verbs(&plan)
        );
        assert_eq!(
            count(&plan, Verb::Update, "db_cluster_parameter_group"),
            1,
            "{set:?}"
        );
        rig.apply(&after).await;
        rig.assert_settled(&after).await;
    }
}

/// Protects: several changes of the cache in one plan are brought one after the other, each when the last one
/// is through, and none of them makes it anew.
#[tokio::test(flavor = "multi_thread")]
async fn the_cache_changes_in_place() {
    let rig = Rig::start(json!({ "modifying": { "elasticache:group": 1 } })).await;
    let one_region = ["aurora=null"];
    rig.apply(&data("staging.yaml", &one_region)).await;
    for set in [
        &[
            "cache.cluster_mode.shards=3",
            "cache.cluster_mode.replicas_per_shard=2",
            "cache.node_type=cache.r6g.large",
            "cache.description=another",
            "cache.snapshot_retention=2d",
            "cache.engine_version=\"7.1\"",
        ][..],
        &["cache.parameters.timeout=null"],
    ] {
        let after = data("staging.yaml", &[&one_region, set].concat());
        let plan = rig.plan(&after, &Options::default()).await;
        assert_eq!(
            count(&plan, Verb::Replace, "cache_replication_group"),
            0,
            "{set:?}"
        );
        if set.len() == 1 {
            // 7.1 can't be taken back to 7.0.
            let kept = data(
                "staging.yaml",
                &[&one_region, set, &["cache.engine_version=\"7.1\""]].concat(),
            );
            rig.apply(&kept).await;
            rig.assert_settled(&kept).await;
        } else {
            rig.apply(&after).await;
            rig.assert_settled(&after).await;
        }
    }
}

/// Protects: a new value of the token's source is brought as a rotation, and its version is known from then on.
#[tokio::test(flavor = "multi_thread")]
async fn the_caches_token_rotates() {
    let rig = Rig::start(json!({})).await;
    let token = |name: &str| {
        let file = rig.folder.path().join(name);
        std::fs::write(&file, format!("{name}-0123456789abcdef")).unwrap();
        format!("cache.auth_token=file:{}", file.display())
    };
    for name in ["first", "second"] {
        let all = data("staging.yaml", &["aurora=null", &token(name)]);
        rig.converge(&all, 1).await;
        rig.assert_settled(&all).await;
    }
}

/// Protects: which region writes is nobody's drift.
#[tokio::test(flavor = "multi_thread")]
async fn a_failover_between_regions_is_no_drift() {
    let rig = Rig::start(json!({})).await;
    let all = data("production.yaml", &["cache=null", "aurora.shards=1"]);
    rig.apply(&all).await;
    rig.fake.boto(
        &Rig::script("failover.py"),
        &["billing-cluster-primary-global", "eu-west-1"],
    );
    rig.assert_settled(&all).await;
    let outcome = rig.destroy().await;
    assert!(outcome.is_success(), "{}", failures(&outcome));
}

/// Protects: a platform that runs in one region gets a second without its data being made anew, and loses it
/// again likewise.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_region_comes_and_goes() {
    let rig = Rig::start(json!({ "modifying": { "rds:cluster": 1 } })).await;
    let set = [
        "cache=null",
        "edge=null",
        "load_balancer=null",
        "aurora.shards=1",
        "aurora.final_snapshot=false",
    ];
    let one = ["regions.secondary=null", "network.secondary_cidr=null"];
    let one = data("production.yaml", &[&set[..], &one].concat());
    let two = data("production.yaml", &set);
    rig.apply(&one).await;
    rig.assert_settled(&one).await;

    let plan = rig.plan(&two, &Options::default()).await;
    assert_eq!(count(&plan, Verb::Replace, "db_cluster"), 0, "{:?}", verbs(&plan));
    rig.apply(&two).await;
    rig.assert_settled(&two).await;

    let with_data = Options {
        destroy_data: true,
        ..Options::default()
    };
    let outcome = rig.run(&one, &with_data).await;
    assert!(outcome.is_success(), "{}", failures(&outcome));
    rig.assert_settled(&one).await;
}

/// Protects: a new minor version comes to the second region's reader before the writer.
#[tokio::test(flavor = "multi_thread")]
async fn a_minor_version_comes_to_readers_first() {
    let rig = Rig::start(json!({ "modifying": { "rds:cluster": 1 } })).await;
    let version = |version: &str| {
        let version = format!("aurora.engine_version=\"{version}\"");
        data("production.yaml", &["cache=null", "aurora.shards=1", &version])
    };
    rig.apply(&version("15.18")).await;
    let newer = version("15.19");
    rig.apply(&newer).await;
    rig.assert_settled(&newer).await;
}
