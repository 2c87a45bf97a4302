//! Stopping on the way: gently, at once, and because something failed.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rand::RngExt;
use serde_json::json;
use vvbill::apply::{self, Event};
use vvbill::plan::{Options, Verb};
use vvbill::provider::simulated::Faults;

use crate::rig::{Rig, address, desired, mutated, output, quick, random, random_platform, seed};

/// Protects: after the second interrupt, at any moment, the next run converges: no copy, no orphan.
#[tokio::test(flavor = "multi_thread")]
async fn stopped_at_once_at_random_moments_the_next_run_converges() {
    let seed = seed();
    let mut random = random(seed);
    let mut rig = Rig::new(seed);
    let mut platform = random_platform(&mut random, 18);
    for round in 0..15 {
        let stop_after = random.random_range(0..60);
        println!("round {round}: stopped after {stop_after} events");
        rig.world().set_faults(Faults {
            latency: Duration::from_micros(random.random_range(0..2000)),
            delay: Duration::from_millis(2),
            lost_answer: 0.1,
            ..Default::default()
        });
        let mut session = rig.session().await.unwrap();
        let plan = rig
            .plan_in(&mut session, &platform, &Options::default())
            .await
            .unwrap();
        let (seen, interrupt) = (AtomicUsize::new(0), rig.interrupt.clone());
        let observer = |_: &Event| {
            if seen.fetch_add(1, Ordering::Relaxed) == stop_after {
                interrupt.second();
            }
        };
        apply::apply(
            &mut session,
            &rig.providers,
            &plan,
            &quick(),
            &observer,
            &rig.interrupt,
        )
        .await
        .unwrap();
        session.close().await.unwrap();
        rig = rig.reopen(seed + round);
        if round % 3 == 2 {
            rig.converge(&platform, 3).await;
            rig.judge(&platform).await;
            platform = mutated(&mut random, &platform);
        }
    }
}

/// Protects: the first interrupt lets what runs come to its end, starts nothing new and says so.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_interrupt_finishes_what_runs_and_starts_nothing_new() {
    let rig = Rig::new(1);
    rig.world().set_faults(Faults {
        latency: Duration::from_millis(5),
        ..Default::default()
    });
    let platform: Vec<_> = (0..40)
        .map(|number| desired("node", &format!("n{number}"), json!({})))
        .collect();
    let mut session = rig.session().await.unwrap();
    let plan = rig
        .plan_in(&mut session, &platform, &Options::default())
        .await
        .unwrap();
    let (started, interrupt) = (AtomicUsize::new(0), rig.interrupt.clone());
    let observer = |event: &Event| {
        if matches!(event, Event::Started { .. }) && started.fetch_add(1, Ordering::Relaxed) == 4 {
            interrupt.first();
        }
    };
    let outcome = apply::apply(
        &mut session,
        &rig.providers,
        &plan,
        &quick(),
        &observer,
        &rig.interrupt,
    )
    .await
    .unwrap();
    session.close().await.unwrap();
    let started = started.load(Ordering::Relaxed);
    assert!(outcome.interrupted && !outcome.is_success());
    assert_eq!(
        outcome.succeeded.len(),
        started,
        "everything that was started came to its end"
    );
    assert!(started < 15, "{started} were started");
    assert_eq!(outcome.not_tried.len(), 40 - started);
    assert_eq!(rig.world().things().len(), started);
    assert!(rig.state().await.pending_operations.is_empty());
}

/// Protects: a failed resource stops what depends on it and nothing else, and each is told of.
#[tokio::test(flavor = "multi_thread")]
async fn a_failure_stops_its_dependents_and_nothing_else() {
    let rig = Rig::new(1);
    rig.world().set_faults(Faults {
        refused: BTreeSet::from(["bad".into()]),
        ..Default::default()
    });
    let platform = vec![
        desired("node", "bad", json!({})),
        desired("node", "good", json!({})),
        desired(
            "node",
            "child",
            json!({ "uses": { "bad": output(&address("node", "bad"), "endpoint") } }),
        ),
        desired(
            "node",
            "grandchild",
            json!({ "uses": { "child": output(&address("node", "child"), "id") } }),
        ),
        desired(
            "node",
            "other",
            json!({ "uses": { "good": output(&address("node", "good"), "endpoint") } }),
        ),
    ];
    let outcome = rig.apply(&platform, &Options::default()).await;
    assert_eq!(
        outcome.succeeded,
        [address("node", "good"), address("node", "other")]
    );
    assert_eq!(outcome.failed.len(), 1);
    assert_eq!(outcome.failed[0].origin.as_deref(), Some("test.bad"));
    assert!(outcome.failed[0].hint.is_some());
    let not_tried: Vec<_> = outcome.not_tried.iter().map(|one| one.address.name()).collect();
    assert_eq!(not_tried, ["child", "grandchild"]);
    assert!(
        outcome
            .not_tried
            .iter()
            .all(|one| one.because.contains("node/bad failed"))
    );
    rig.world().set_faults(Faults::default());
    rig.converge(&platform, 1).await;
    rig.judge(&platform).await;
}

/// Protects: waiting until something is ready holds no slot.
#[tokio::test(flavor = "multi_thread")]
async fn waiting_holds_no_slot() {
    let rig = Rig::new(1);
    rig.world().set_faults(Faults {
        delay: Duration::from_millis(300),
        ..Default::default()
    });
    let platform: Vec<_> = (0..20)
        .map(|number| desired("volume", &format!("v{number}"), json!({})))
        .collect();
    let mut session = rig.session().await.unwrap();
    let plan = rig
        .plan_in(&mut session, &platform, &Options::default())
        .await
        .unwrap();
    let options = apply::Options {
        parallelism: 1,
        ..quick()
    };
    let outcome = rig.apply_in(&mut session, &plan, &options).await.unwrap();
    session.close().await.unwrap();
    assert!(outcome.is_success());
    assert!(
        outcome.elapsed < Duration::from_secs(3),
        "20 waits of 0.3 s one by one take 6 s: {:?}",
        outcome.elapsed
    );
}

/// Protects: an update that turns out not to be needed is a keep, and changes nothing outside.
#[tokio::test(flavor = "multi_thread")]
async fn what_becomes_known_on_the_way_may_turn_an_update_into_a_keep() {
    let rig = Rig::new(1);
    let root = address("node", "root");
    let platform = |note: &str, size: u32| {
        vec![
            desired("node", "root", json!({ "note": note, "size": size })),
            desired(
                "node",
                "child",
                json!({ "uses": { "root": output(&root, "revision") } }),
            ),
        ]
    };
    rig.converge(&platform("a", 1), 1).await;
    let plan = rig.plan(&platform("b", 1), &Options::default()).await.unwrap();
    assert_eq!(
        plan.changes().map(|action| action.verb).collect::<Vec<_>>(),
        [Verb::Update, Verb::Update]
    );
    let outcome = rig.apply(&platform("b", 1), &Options::default()).await;
    assert_eq!(
        (outcome.done.update, outcome.done.keep),
        (1, 1),
        "the note changes no output"
    );
    let outcome = rig.apply(&platform("b", 2), &Options::default()).await;
    assert_eq!(
        (outcome.done.update, outcome.done.keep),
        (2, 0),
        "the size changes the revision"
    );
    rig.judge(&platform("b", 2)).await;
}
