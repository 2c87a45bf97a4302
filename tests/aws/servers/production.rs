//! The production plan: three shards, two regions.

use serde_json::json;

use vvbill::plan::PlanError;
use vvbill::topology;

use super::rig::{Rig, desired, everything, failures, spec};

/// The zone is the plan's own here: nobody else has made one in this AWS.
pub const OWN_ZONE: &str = "edge.create_zone=true";
/// What has to be lifted before it may go.
pub const UNPROTECTED: [&str; 3] = [
    OWN_ZONE,
    "aurora.deletion_protection=false",
    "load_balancer.deletion_protection=false",
];

/// Protects the whole of it: it applies, the second plan is empty, what is protected against deletion refuses
/// with the command that lifts it, and once that is lifted nothing is left but what destroy names.
#[tokio::test(flavor = "multi_thread")]
async fn it_applies_is_settled_and_goes() {
    let rig = Rig::start(json!({})).await;
    let all = desired("production.yaml", &[OWN_ZONE]);
    rig.apply(&all).await;
    rig.assert_settled(&all).await;
    let offered = topology::endpoints(&spec("production.yaml", &[OWN_ZONE]), &rig.state().await);
    assert_eq!(offered.api, ["https://api.billing.example.com"]);
    let hosts: Vec<&String> = offered.shards.iter().flat_map(|shard| &shard.hosts).collect();
    assert!(
        hosts.len() == 3 && hosts.iter().all(|host| host.contains(".proxy-")),
        "{hosts:?}"
    );

    let before = rig.fake.inventory().len();
    let refused = rig.try_plan(&[], &everything()).await;
    let Err(PlanError::Guarded(guarded)) = refused else {
        panic!("{refused:?}");
    };
    let hints: Vec<&str> = guarded.iter().map(|one| one.lifted_by).collect();
    assert_eq!(rig.fake.inventory().len(), before);
    for field in [
        "aurora.deletion_protection=false",
        "load_balancer.deletion_protection=false",
    ] {
        assert!(
            hints.iter().any(|hint| hint.contains(field)),
            "{field} in {hints:?}"
        );
    }

    let unprotected = desired("production.yaml", &UNPROTECTED);
    rig.apply(&unprotected).await;
    let outcome = rig.destroy().await;
    assert!(outcome.is_success(), "{}", failures(&outcome));
    let left = rig.unexplained();
    assert!(
        left.is_empty(),
        "left, and not named by destroy:\n{}",
        left.join("\n")
    );
    assert!(
        rig.left().iter().any(|line| line.contains("snapshot")),
        "{:?}",
        rig.left()
    );
    assert!(
        rig.left().iter().any(|line| line.contains("pending deletion")),
        "{:?}",
        rig.left()
    );
}

/// Protects staging, the cheap one, likewise.
#[tokio::test(flavor = "multi_thread")]
async fn staging_lives() {
    let rig = Rig::start(json!({})).await;
    rig.live(&desired("staging.yaml", &UNPROTECTED)).await;
}
