//! The lock on S3: raced for, taken over, stolen; and that who lost it changes nothing any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rand::RngExt;
use serde_json::{Value, json};
use vvbill::apply::{self, ApplyError, Event, Session, SessionError};
use vvbill::plan::Options;
use vvbill::provider::{Providers, simulated};
use vvbill::resource::Desired;
use vvbill::state::store::{Expect, Object};
use vvbill::state::{Holder, LockError, LockOptions, Store, StoreError};

use super::{blind, rig, store, store_with, take_lock, url};
use crate::proxy::{Faults, Proxy};
use crate::rig::{LEASE, Rig, desired, lock, quick, random, random_platform, seed};

/// Another runner: its own store, the same state and the same world.
async fn beside(rig: &Rig, proxy: &Proxy, url: &str) -> Rig {
    let mut other = Rig::new(1);
    other.provider = rig.provider.clone();
    other.providers = Providers::new(vec![other.provider.clone()]);
    other.store = store(proxy, url).await;
    other
}

/// A lock whose heartbeat tells nothing for as long as the test runs.
async fn sleepy_session(rig: &Rig) -> Session {
    let options = LockOptions {
        lease: Duration::from_secs(120),
        ..lock("test")
    };
    Session::open(rig.store.clone(), Some(options), &|_: &Event| {})
        .await
        .unwrap()
}

async fn steal(from: &Rig) {
    let holder = apply::lock_holder(&*from.store).await.unwrap().unwrap();
    apply::unlock(&*from.store, &holder.id).await.unwrap();
}

#[track_caller]
fn assert_fenced(result: Result<(), StoreError>) {
    assert!(matches!(result, Err(StoreError::Fenced { .. })), "{result:?}");
}

fn nodes(count: usize, size: u32) -> Vec<Desired> {
    (0..count)
        .map(|number| desired("node", &format!("n{number}"), json!({ "size": size })))
        .collect()
}

/// Protects: runners at once: one at a time is in, each in the end, and all together make everything once.
#[tokio::test(flavor = "multi_thread")]
async fn runners_race_for_the_lock() {
    let seed = seed();
    let (proxy, url) = (Arc::new(Proxy::new(seed)), url());
    let first = rig(&proxy, &url, seed).await;
    let platform = random_platform(&mut random(seed), 6);
    proxy.set_faults(Faults::all(0.02));
    let inside = Arc::new(AtomicUsize::new(0));
    let mut runners = Vec::new();
    for _ in 0..4 {
        let runner = beside(&first, &proxy, &url).await;
        let (platform, inside) = (platform.clone(), inside.clone());
        runners.push(async move {
            let mut session = runner.session().await.unwrap();
            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two are in");
            let plan = runner
                .plan_in(&mut session, &platform, &Options::default())
                .await
                .unwrap();
            let outcome = runner.apply_in(&mut session, &plan, &quick()).await.unwrap();
            assert!(outcome.is_success(), "{:?}", outcome.failed);
            inside.fetch_sub(1, Ordering::SeqCst);
            session.close().await.unwrap();
        });
    }
    futures::future::join_all(runners).await;
    proxy.set_faults(Faults::default());
    first.judge(&platform).await;
}

/// Protects: a lock stolen in the middle of an apply: the first run ends with a lost lock and writes no state;
/// the second takes in what the first has done, and goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_lock_stolen_half_way() {
    let seed = seed();
    let mut random = random(seed);
    for round in 0..4 {
        let (proxy, url) = (Proxy::new(seed), url());
        let mut first = rig(&proxy, &url, seed).await;
        first.converge(&nodes(2, 1), 1).await;
        first.world().set_faults(simulated::Faults {
            latency: Duration::from_millis(40),
            ..Default::default()
        });
        let platform = nodes(25, 2);
        // By its heartbeat in the even rounds, by S3's refusal alone in the odd ones.
        let mut session = if round % 2 == 0 {
            first.session().await.unwrap()
        } else {
            first.store = store_with(&proxy, &url, blind()).await;
            sleepy_session(&first).await
        };
        let plan = first
            .plan_in(&mut session, &platform, &Options::default())
            .await
            .unwrap();
        let second = beside(&first, &proxy, &url).await;
        let pause = Duration::from_millis(random.random_range(30..250));
        let thief = async {
            tokio::time::sleep(pause).await;
            steal(&second).await;
            second.session().await.unwrap()
        };
        let slowly = apply::Options {
            parallelism: 1,
            ..quick()
        };
        let (result, taken) = tokio::join!(first.apply_in(&mut session, &plan, &slowly), thief);
        let state = second.store.read(&Object::State).await.unwrap();
        match result {
            Err(ApplyError::Store {
                error: StoreError::Fenced { .. },
                ..
            }) => {}
            other => panic!("seed {seed}, after {pause:?}: {other:?}"),
        }
        session.close().await.unwrap();
        let after = second.store.read(&Object::State).await.unwrap();
        assert_eq!(state, after, "the first wrote no state");
        let holder = apply::lock_holder(&*second.store).await.unwrap();
        assert!(holder.is_some(), "the other's lock stands");
        taken.close().await.unwrap();
        second.converge(&platform, 3).await;
        second.judge(&platform).await;
    }
}

/// Protects: a lock that is removed, without anybody who takes it: its holder stops all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_is_removed_stops_its_holder() {
    let (proxy, url) = (Proxy::new(1), url());
    let rig = rig(&proxy, &url, 1).await;
    rig.converge(&nodes(1, 1), 1).await;
    let mut session = rig.session().await.unwrap();
    let plan = rig
        .plan_in(&mut session, &nodes(3, 2), &Options::default())
        .await
        .unwrap();
    let world = rig.world().things();
    steal(&rig).await;
    tokio::time::sleep(LEASE).await;
    let error = rig.apply_in(&mut session, &plan, &quick()).await.unwrap_err();
    assert!(
        matches!(
            &error,
            ApplyError::Store {
                error: StoreError::Fenced { .. },
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(rig.world().things(), world, "no verb was started");
    session.close().await.unwrap();
}

/// Protects: who was away while another has done a whole run begins nothing, although that run has left neither
/// lock nor journal behind.
#[tokio::test(flavor = "multi_thread")]
async fn who_slept_through_a_whole_run_begins_nothing() {
    let (proxy, url) = (Proxy::new(1), url());
    let mut first = rig(&proxy, &url, 1).await;
    first.store = store_with(&proxy, &url, blind()).await;
    first.converge(&nodes(1, 1), 1).await;
    let mut session = sleepy_session(&first).await;
    let plan = first
        .plan_in(&mut session, &nodes(4, 2), &Options::default())
        .await
        .unwrap();
    let second = beside(&first, &proxy, &url).await;
    steal(&second).await;
    let platform = nodes(4, 3);
    second.converge(&platform, 1).await;
    let (state, world) = (
        second.store.read(&Object::State).await.unwrap(),
        first.world().things(),
    );
    let error = first.apply_in(&mut session, &plan, &quick()).await.unwrap_err();
    assert!(
        matches!(
            &error,
            ApplyError::Store {
                error: StoreError::Fenced { .. },
                ..
            }
        ),
        "{error}"
    );
    session.close().await.unwrap();
    assert_eq!(first.world().things(), world, "no verb was started");
    assert_eq!(second.store.read(&Object::State).await.unwrap(), state);
    second.judge(&platform).await;
}

/// Protects: a change of the state by hand that comes late doesn't get between the begin and the end of
/// another's run, whose journal would then be of another state.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_edit_does_not_get_into_a_run() {
    let (proxy, url) = (Proxy::new(1), url());
    let first = rig(&proxy, &url, 1).await;
    first.converge(&nodes(2, 1), 1).await;
    let mut late = sleepy_session(&first).await;
    let second = beside(&first, &proxy, &url).await;
    steal(&second).await;
    second.world().set_faults(simulated::Faults {
        latency: Duration::from_millis(30),
        ..Default::default()
    });
    let mut session = second.session().await.unwrap();
    let platform = nodes(8, 2);
    let plan = second
        .plan_in(&mut session, &platform, &Options::default())
        .await
        .unwrap();
    let edit = async {
        while second.store.read_journal().await.unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        late.edit::<(), SessionError>("rm", |state| {
            state.resources.clear();
            Ok(())
        })
        .await
    };
    let options = quick();
    let (outcome, edited) = tokio::join!(second.apply_in(&mut session, &plan, &options), edit);
    assert!(outcome.unwrap().is_success());
    let edited = edited.unwrap_err();
    assert!(
        matches!(&edited, SessionError::Store(StoreError::Fenced { .. })),
        "{edited}"
    );
    session.close().await.unwrap();
    late.close().await.unwrap();
    second.judge(&platform).await;
}

/// Protects: the journal alone refuses who held it before: while it is another's, after its end, and for good.
#[tokio::test(flavor = "multi_thread")]
async fn the_journal_of_another_takes_no_entry() {
    let (proxy, url) = (Proxy::new(1), url());
    let first = store_with(&proxy, &url, blind()).await;
    let second = store_with(&proxy, &url, blind()).await;
    let (one, two) = (Some("one".to_owned()), Some("two".to_owned()));
    take_lock(&first, "one").await;
    first.take_over(&one).await.unwrap();
    first.append(b"1\n".to_vec(), &one).await.unwrap();
    take_lock(&second, "two").await;
    second.take_over(&two).await.unwrap();
    assert_eq!(
        second.read_journal().await.unwrap(),
        b"1\n",
        "what was there is kept"
    );
    assert_fenced(first.append(b"2\n".to_vec(), &one).await);
    second.append(b"3\n".to_vec(), &two).await.unwrap();
    assert_fenced(first.archive_journal(&one).await);
    second.archive_journal(&two).await.unwrap();
    assert_fenced(first.append(b"4\n".to_vec(), &one).await);
    assert_eq!(second.read_journal().await.unwrap(), b"");
    let ended = second.read(&Object::PreviousJournal).await.unwrap().unwrap();
    assert_eq!(ended.bytes, b"1\n3\n");
    // Who has opened an empty journal is shut out just as well.
    take_lock(&first, "one").await;
    first.take_over(&one).await.unwrap();
    take_lock(&second, "two").await;
    second.take_over(&two).await.unwrap();
    assert_fenced(first.append(b"5\n".to_vec(), &one).await);
    second.append(b"6\n".to_vec(), &two).await.unwrap();
    assert_eq!(first.read_journal().await.unwrap(), b"6\n");
}

/// Protects: a runner that dies in the middle, on a machine of which nothing can be seen: the next one waits
/// for its lease, takes in its journal and goes on; nothing twice, nothing left behind.
#[tokio::test(flavor = "multi_thread")]
async fn a_runner_dies_and_another_goes_on() {
    let seed = seed();
    let mut random = random(seed);
    for round in 0..4 {
        println!("round {round}");
        let (proxy, url) = (Proxy::new(seed + round), url());
        let first = rig(&proxy, &url, seed + round).await;
        let platform = random_platform(&mut random, 10);
        first.world().set_faults(simulated::Faults {
            latency: Duration::from_millis(8),
            ..Default::default()
        });
        proxy.set_faults(Faults::all(0.02));
        let second = beside(&first, &proxy, &url).await;
        let pause = Duration::from_millis(random.random_range(20..300));
        let run = async {
            let mut session = first.session().await.unwrap();
            let plan = first
                .plan_in(&mut session, &platform, &Options::default())
                .await
                .unwrap();
            let outcome = first.apply_in(&mut session, &plan, &quick()).await;
            session.close().await.unwrap();
            outcome.unwrap();
        };
        let finished = tokio::time::timeout(pause, run).await.is_ok();
        let ends = move_lock_away(&*second.store).await;
        let waited = Instant::now();
        let session = second.session().await.unwrap();
        if let Some(ends) = ends {
            assert!(jiff::Timestamp::now() >= ends, "taken before the lease's end");
        }
        assert!(waited.elapsed() < LEASE * 10);
        session.close().await.unwrap();
        second.converge(&platform, 10).await;
        proxy.set_faults(Faults::default());
        second.judge(&platform).await;
        println!("killed after {pause:?}, finished: {finished}");
    }
}

/// As if it had been taken on another machine, of whose processes nothing can be seen. Answers with its end.
async fn move_lock_away(store: &dyn Store) -> Option<jiff::Timestamp> {
    loop {
        let blob = match store.read(&Object::Lock).await {
            Ok(found) => found?,
            Err(error) if error.to_string().contains("no such bucket") => return None,
            Err(error) => panic!("{error}"),
        };
        let mut holder: Value = serde_json::from_slice(&blob.bytes).unwrap();
        holder["host"] = json!("runner-1");
        let bytes = serde_json::to_vec(&holder).unwrap();
        let ends = Holder::from_json(&bytes).unwrap().lease_ends_at();
        match store
            .write(&Object::Lock, bytes, Expect::Version(blob.version), &None)
            .await
        {
            Ok(_) => return Some(ends),
            // A last heartbeat was still on its way.
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// Protects: a heartbeat whose answers are lost keeps the lock, and who asks for it is told who holds it.
#[tokio::test(flavor = "multi_thread")]
async fn a_heartbeat_outlives_bad_answers() {
    let seed = seed();
    let (proxy, url) = (Proxy::new(seed), url());
    let first = rig(&proxy, &url, seed).await;
    let session = first.session().await.unwrap();
    proxy.set_faults(Faults::all(0.05));
    let second = beside(&first, &proxy, &url).await;
    let mut renewed = std::collections::BTreeSet::new();
    let until = Instant::now() + LEASE * 4;
    while Instant::now() < until {
        let options = LockOptions {
            timeout: Duration::ZERO,
            ..lock("test")
        };
        let refused = Session::open(second.store.clone(), Some(options), &|_: &Event| {}).await;
        match refused.err() {
            Some(SessionError::Lock(LockError::Held(holder))) => renewed.insert(holder.renewed_at),
            other => panic!("seed {seed}: {other:?}"),
        };
    }
    assert!(renewed.len() > 3, "renewed {} times", renewed.len());
    proxy.set_faults(Faults::default());
    session.close().await.unwrap();
    assert_eq!(
        apply::lock_holder(&*second.store).await.unwrap(),
        None,
        "given up"
    );
}

/// Protects: a journal that ends in the middle of a line, put there by a person from a copy, is taken in up to
/// that line.
#[tokio::test(flavor = "multi_thread")]
async fn a_torn_journal_is_taken_in() {
    let (proxy, url) = (Proxy::new(1), url());
    let first = rig(&proxy, &url, 1).await;
    first.world().set_faults(simulated::Faults {
        latency: Duration::from_millis(20),
        ..Default::default()
    });
    let platform = nodes(30, 1);
    let run = async {
        let mut session = first.session().await.unwrap();
        let plan = first
            .plan_in(&mut session, &platform, &Options::default())
            .await
            .unwrap();
        first.apply_in(&mut session, &plan, &quick()).await.unwrap();
    };
    let second = beside(&first, &proxy, &url).await;
    let lines = async {
        // The bucket isn't there from the beginning.
        while second.store.read_journal().await.unwrap_or_default().len() < 4000 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::select! {
        () = run => panic!("it was to be cut off"),
        () = lines => {}
    }
    let text = second.store.read_journal().await.unwrap();
    move_lock_away(&*second.store).await;
    let (bucket, key) = url.strip_prefix("s3://").unwrap().split_once('/').unwrap();
    super::sdk()
        .await
        .put_object()
        .bucket(bucket)
        .key(format!("{key}.journal"))
        .body([text.as_slice(), b"0123"].concat().into())
        .send()
        .await
        .unwrap();
    second.converge(&platform, 2).await;
    second.judge(&platform).await;
}
