//! Random platforms come to stand, change and go, with and without a service that fails.

use std::time::Duration;

use rand::RngExt;
use vvbill::plan::{Mode, Options};
use vvbill::provider::simulated::Faults;

use crate::rig::{Rig, mutated, random, random_platform, seed};

/// Protects: applying twice gives an empty second plan, whatever the graph and whatever changes.
#[tokio::test(flavor = "multi_thread")]
async fn random_platforms_converge_and_a_second_plan_is_empty() {
    let seed = seed();
    for round in 0..12 {
        println!("round {round}");
        let mut random = random(seed + round);
        let rig = Rig::new(seed);
        let count = random.random_range(1..25);
        let mut platform = random_platform(&mut random, count);
        for _ in 0..3 {
            let outcome = rig.apply(&platform, &Options::default()).await;
            assert!(outcome.is_success(), "{:?}", outcome.failed);
            rig.judge(&platform).await;
            let before = rig.state().await;
            assert!(rig.apply(&platform, &Options::default()).await.is_success());
            assert_eq!(
                rig.state().await,
                before,
                "an empty plan leaves the state as it is, its serial too"
            );
            platform = mutated(&mut random, &platform);
        }
        let options = Options {
            mode: Mode::Destroy,
            ..Default::default()
        };
        assert!(rig.apply(&[], &options).await.is_success());
        rig.judge(&[]).await;
    }
}

/// Protects: 30 % of calls failing, half of those without saying whether they were done, lead to no
/// second copy and no orphan.
#[tokio::test(flavor = "multi_thread")]
async fn a_third_of_all_calls_failing_still_converges() {
    let seed = seed();
    for round in 0..6 {
        println!("round {round}");
        let mut random = random(seed + round);
        let rig = Rig::new(seed + round);
        let faults = Faults {
            transient: 0.1,
            throttled: 0.05,
            lost_call: 0.08,
            lost_answer: 0.07,
            delay: Duration::from_millis(random.random_range(0..8)),
            ..Default::default()
        };
        let mut platform = random_platform(&mut random, 15);
        for _ in 0..2 {
            rig.world().set_faults(faults.clone());
            rig.converge(&platform, 20).await;
            rig.judge(&platform).await;
            platform = mutated(&mut random, &platform);
        }
    }
}

/// Protects: what somebody else changed or removed is drift, and the next apply mends it.
#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_else_changed_is_drift_and_is_mended() {
    let seed = seed();
    let mut random = random(seed);
    let rig = Rig::new(seed);
    let platform = random_platform(&mut random, 12);
    rig.converge(&platform, 1).await;
    let ids: Vec<String> = rig.world().things().into_keys().collect();
    rig.world().meddle(&ids[3], "size", 77.into()).unwrap();
    rig.world().meddle(&ids[7], "", serde_json::Value::Null).unwrap();
    let plan = rig.plan(&platform, &Options::default()).await.unwrap();
    assert_eq!(plan.drift.len(), 2, "{:?}", plan.drift);
    assert_eq!(plan.drift.iter().filter(|drift| drift.gone).count(), 1);
    rig.converge(&platform, 1).await;
    rig.judge(&platform).await;

    // What was removed is there again under another id, and so may be what leads to it.
    let id = rig.world().things().into_keys().nth(3).unwrap();
    rig.world().meddle(&id, "size", 78.into()).unwrap();
    let refresh = Options {
        mode: Mode::RefreshOnly,
        ..Default::default()
    };
    assert!(!rig.plan(&platform, &refresh).await.unwrap().is_empty());
    rig.apply(&platform, &refresh).await;
    assert!(
        rig.plan(&platform, &refresh).await.unwrap().is_empty(),
        "the state has taken the world's word"
    );
    assert!(
        !rig.plan(&platform, &Options::default()).await.unwrap().is_empty(),
        "the plan still wants its own"
    );
}
