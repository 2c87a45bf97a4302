//! Saved plans: bound to the state and the world that they were made for.

use serde_json::json;
use vvbill::apply::{self, ApplyError};
use vvbill::plan::{Options, Plan, PlanError, Stale};

use crate::rig::{Rig, desired, quick};

async fn apply_saved(rig: &Rig, text: &[u8]) -> Result<usize, ApplyError> {
    let plan = Plan::from_json(text).unwrap();
    let mut session = rig.session().await.unwrap();
    let options = apply::Options {
        verify: true,
        ..quick()
    };
    let result = rig.apply_in(&mut session, &plan, &options).await;
    session.close().await.unwrap();
    result.map(|outcome| outcome.succeeded.len())
}

/// Protects: a saved plan is applied once, to the state and the world that it was made for, or refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_saved_plan_is_refused_when_state_or_world_have_moved_on() {
    let rig = Rig::new(1);
    let platform = vec![desired("node", "a", json!({})), desired("volume", "b", json!({}))];
    let saved = rig.plan(&platform, &Options::default()).await.unwrap().to_json();
    assert_eq!(
        apply_saved(&rig, &saved).await.unwrap(),
        2,
        "a plan for an empty state is applied"
    );
    assert!(matches!(
        apply_saved(&rig, &saved).await,
        Err(ApplyError::Stale(Stale::Lineage { .. }))
    ));

    let wanted = vec![desired("node", "a", json!({ "size": 5 })), platform[1].clone()];
    let saved = rig.plan(&wanted, &Options::default()).await.unwrap().to_json();
    rig.world().meddle("node:a", "size", 3.into()).unwrap();
    match apply_saved(&rig, &saved).await {
        Err(ApplyError::Stale(Stale::Observations(changed))) => {
            assert_eq!(changed, [platform[0].address.clone()]);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(
        rig.world().things()["node:a"].properties["size"],
        3,
        "a refused plan does nothing"
    );
    let saved = rig.plan(&wanted, &Options::default()).await.unwrap().to_json();
    assert_eq!(apply_saved(&rig, &saved).await.unwrap(), 1);
    assert!(matches!(
        apply_saved(&rig, &saved).await,
        Err(ApplyError::Stale(Stale::Serial { .. }))
    ));
}

/// Protects: what isn't a saved plan, or is of another version, is told apart from one that is.
#[test]
fn what_is_no_saved_plan_is_refused() {
    for text in [&b""[..], b"{", b"metadata: {}", b"{\"format_version\": 1}"] {
        assert!(
            matches!(Plan::from_json(text), Err(PlanError::NotAPlan { .. })),
            "{text:?}"
        );
    }
    assert_eq!(
        Plan::from_json(b"{\"format_version\": 9}"),
        Err(PlanError::UnknownFormat { found: 9 })
    );
}
