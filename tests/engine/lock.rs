//! One at a time: held, taken over, lost, given up.

use std::fs;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use vvbill::apply::{self, ApplyError, Event, Session, SessionError};
use vvbill::plan::Options;
use vvbill::provider::simulated::Faults;
use vvbill::state::{LockError, LockOptions, StoreError};

use crate::crash::{child_command, is_child};
use crate::rig::{LEASE, Rig, desired, lock, quick};

/// Another process that holds the lock until it is ended.
struct Other(Child);

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn other(rig: &Rig, test: &str) -> Other {
    let mut command = child_command(Command::new(std::env::current_exe().unwrap()), test);
    let other = Other(command.env("VVBILL_TEST_CHILD", rig.path()).spawn().unwrap());
    let started = Instant::now();
    while !rig.file("state.lock").exists() {
        assert!(
            started.elapsed() < Duration::from_secs(10),
            "the other process takes no lock"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    other
}

fn hold() {
    let folder = std::env::var_os("VVBILL_TEST_CHILD").unwrap();
    let store = std::sync::Arc::new(vvbill::state::FileStore::new(folder));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let options = LockOptions {
            who: "somebody@elsewhere".into(),
            ..lock("apply")
        };
        let _session = Session::open(store, Some(options), &|_: &Event| {})
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_secs(30)).await;
    });
}

async fn try_now(rig: &Rig) -> Result<Session, SessionError> {
    let options = LockOptions {
        timeout: Duration::ZERO,
        ..lock("test")
    };
    Session::open(rig.store.clone(), Some(options), &|_: &Event| {}).await
}

fn lease_of(rig: &Rig) -> jiff::Timestamp {
    let holder = fs::read(rig.file("state.lock")).unwrap();
    vvbill::state::Holder::from_json(&holder).unwrap().lease_ends_at()
}

/// Protects: two at once: the second is told who, doing what, since when, and how to go on; when the first
/// is killed, its lock is taken over after its lease and not a moment before.
#[test]
fn the_lock_of_a_dead_process_is_taken_over_after_its_lease_and_never_before() {
    if is_child() {
        return hold();
    }
    let rig = Rig::new(1);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut process = other(
        &rig,
        "lock::the_lock_of_a_dead_process_is_taken_over_after_its_lease_and_never_before",
    );
    // Longer than a lease: its heartbeat keeps it.
    let until = Instant::now() + LEASE * 2;
    while Instant::now() < until {
        let error = runtime.block_on(try_now(&rig)).err().expect("held, and alive");
        let SessionError::Lock(LockError::Held(holder)) = &error else {
            panic!("{error}")
        };
        assert_eq!(
            (holder.who.as_str(), holder.operation.as_str()),
            ("somebody@elsewhere", "apply")
        );
        assert_eq!(holder.pid, i32::try_from(process.0.id()).unwrap());
        for part in [
            "somebody@elsewhere",
            "apply",
            &holder.id,
            &holder.since.strftime("%Y").to_string(),
        ] {
            assert!(error.to_string().contains(part), "{error} lacks {part}");
        }
        assert!(
            error
                .hint()
                .unwrap()
                .contains(&format!("vvbill unlock {}", holder.id))
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    process.0.kill().unwrap();
    process.0.wait().unwrap();
    let ends = lease_of(&rig);
    loop {
        let taken = runtime.block_on(try_now(&rig));
        let now = jiff::Timestamp::now();
        match taken {
            Ok(session) => {
                assert!(now >= ends, "taken at {now}, before the lease's end at {ends}");
                break runtime.block_on(session.close()).unwrap();
            }
            Err(error) => assert!(matches!(error, SessionError::Lock(LockError::Held(_))), "{error}"),
        }
        assert!(now.duration_since(ends).as_secs() < 5, "never taken over");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Protects: a holder that is stopped, and so renews nothing, is alive: its lock is not taken.
#[test]
fn the_lock_of_a_stopped_process_is_not_taken_over() {
    if is_child() {
        return hold();
    }
    let rig = Rig::new(1);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let process = other(&rig, "lock::the_lock_of_a_stopped_process_is_not_taken_over");
    let pid = Pid::from_raw(i32::try_from(process.0.id()).unwrap()).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    std::thread::sleep(LEASE * 2);
    assert!(jiff::Timestamp::now() > lease_of(&rig), "it renews nothing");
    let error = runtime.block_on(try_now(&rig)).err().expect("it is alive");
    assert!(matches!(error, SessionError::Lock(LockError::Held(_))), "{error}");
}

/// Protects: `unlock` removes the lock that it names and no other.
#[tokio::test(flavor = "multi_thread")]
async fn unlock_takes_the_id_of_the_lock() {
    let rig = Rig::new(1);
    let session = rig.session().await.unwrap();
    let holder = apply::lock_holder(&*rig.store).await.unwrap().unwrap();
    let wrong = apply::unlock(&*rig.store, "another").await;
    assert!(matches!(wrong, Err(LockError::NotThis { held: Some(_), .. })));
    assert_eq!(
        apply::unlock(&*rig.store, &holder.id).await.unwrap().id,
        holder.id
    );
    assert_eq!(apply::lock_holder(&*rig.store).await.unwrap(), None);
    assert!(matches!(
        apply::unlock(&*rig.store, &holder.id).await,
        Err(LockError::NotThis { held: None, .. })
    ));
    session.close().await.unwrap();
}

/// As if another machine had taken it over: this one's lease lapsed while it was not looking.
fn take_from(rig: &Rig) -> Value {
    let mut holder: Value = serde_json::from_slice(&fs::read(rig.file("state.lock")).unwrap()).unwrap();
    holder["id"] = json!("6d3f0d8e-0000-4000-8000-000000000000");
    holder["who"] = json!("somebody@another-machine");
    holder["host"] = json!("another-machine");
    fs::write(rig.file("state.lock"), serde_json::to_vec(&holder).unwrap()).unwrap();
    holder
}

/// Protects: a holder that lost its lock starts no verb and writes no state any more.
#[tokio::test(flavor = "multi_thread")]
async fn who_lost_the_lock_does_nothing_more() {
    let rig = Rig::new(1);
    rig.converge(&[desired("node", "a", json!({}))], 1).await;
    let platform = [
        desired("node", "a", json!({ "size": 2 })),
        desired("node", "b", json!({})),
    ];
    let mut session = rig.session().await.unwrap();
    let plan = rig
        .plan_in(&mut session, &platform, &Options::default())
        .await
        .unwrap();
    let state = fs::read(rig.file("state.json")).unwrap();
    let world = rig.world().things();
    let taken = take_from(&rig);
    let error = rig.apply_in(&mut session, &plan, &quick()).await.unwrap_err();
    let ApplyError::Store {
        error: StoreError::Fenced { now, .. },
        ..
    } = &error
    else {
        panic!("{error}")
    };
    assert!(now.contains("somebody@another-machine"), "{error}");
    assert!(error.hint().is_some());
    assert_eq!(rig.world().things(), world, "no verb was started");
    assert_eq!(
        fs::read(rig.file("state.json")).unwrap(),
        state,
        "no state was written"
    );
    session.close().await.unwrap();
    let standing: Value = serde_json::from_slice(&fs::read(rig.file("state.lock")).unwrap()).unwrap();
    assert_eq!(standing, taken, "the other's lock stands");
}

/// Protects: the lock of another machine, of which nothing can be seen, is taken over after its lease and
/// never before.
#[tokio::test(flavor = "multi_thread")]
async fn the_lock_of_another_machine_is_taken_over_after_its_lease() {
    let rig = Rig::new(1);
    let session = rig.session().await.unwrap();
    take_from(&rig);
    let ends = lease_of(&rig);
    let taken = loop {
        match try_now(&rig).await {
            Ok(session) => break session,
            Err(_) => tokio::time::sleep(Duration::from_millis(3)).await,
        }
    };
    assert!(jiff::Timestamp::now() >= ends);
    taken.close().await.unwrap();
    session.close().await.unwrap();
}

/// Protects: looking without a lock disturbs no run that is on: its journal stays its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_without_a_lock_leaves_a_running_apply_alone() {
    let rig = Rig::new(1);
    rig.world().set_faults(Faults {
        latency: Duration::from_millis(4),
        ..Default::default()
    });
    let platform: Vec<_> = (0..30)
        .map(|number| desired("node", &format!("n{number}"), json!({})))
        .collect();
    let mut session = rig.session().await.unwrap();
    let plan = rig
        .plan_in(&mut session, &platform, &Options::default())
        .await
        .unwrap();
    let one_by_one = apply::Options {
        parallelism: 1,
        ..quick()
    };
    let looking = async {
        let mut looks = 0;
        while looks < 8 {
            tokio::time::sleep(Duration::from_millis(10)).await;
            let mut glance = Session::open(rig.store.clone(), None, &|_: &Event| {})
                .await
                .unwrap();
            rig.plan_in(&mut glance, &platform, &Options::default())
                .await
                .unwrap();
            glance.close().await.unwrap();
            looks += 1;
        }
    };
    let (outcome, ()) = tokio::join!(rig.apply_in(&mut session, &plan, &one_by_one), looking);
    assert!(outcome.unwrap().is_success());
    session.close().await.unwrap();
    rig.judge(&platform).await;
}

/// Protects: an apply without a lock that finds the state changed under it writes nothing over it.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_lock_a_changed_state_is_not_overwritten() {
    let rig = Rig::new(1);
    rig.converge(&[desired("node", "a", json!({}))], 1).await;
    let platform = [desired("node", "a", json!({ "size": 2 }))];
    let mut careless = Session::open(rig.store.clone(), None, &|_: &Event| {})
        .await
        .unwrap();
    let plan = rig
        .plan_in(&mut careless, &platform, &Options::default())
        .await
        .unwrap();
    rig.converge(
        &[desired("node", "a", json!({})), desired("node", "b", json!({}))],
        1,
    )
    .await;
    let written = fs::read(rig.file("state.json")).unwrap();
    let error = rig.apply_in(&mut careless, &plan, &quick()).await.unwrap_err();
    assert!(
        matches!(
            error,
            ApplyError::Store {
                error: StoreError::Conflict { .. },
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(fs::read(rig.file("state.json")).unwrap(), written);
}
