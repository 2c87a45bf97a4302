//! Processes: never two, never one without an owner, whatever happens to vvbill.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use vvbill::provider::Provider;

use super::redis::{properties, server};
use super::stage::any;
use super::stage::{Stage, free_port, kill, marked};

/// An error names who holds a port, and nothing was started.
#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_names_its_holder() {
    let stage = Stage::new();
    let folder = stage.folder().await.output("path");
    let password = stage.secret(&folder, "redis").await.output("path");
    let data = stage.data(&folder, "redis-0").await.output("path");
    let port = free_port();
    let _holder = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    let error = stage
        .create(
            "redis_server",
            &properties(&folder, &password, &[port], 0, &[], &data),
        )
        .await
        .unwrap_err();
    let expected = format!("port {port} is taken by pid {} (", std::process::id());
    assert!(error.message.contains(&expected), "{error}");
    assert!(error.hint.is_some());
    assert!(stage.processes().is_empty());
}

/// Asked twice, also at the same time, there is one process.
#[tokio::test(flavor = "multi_thread")]
async fn creating_twice_makes_one_process() {
    let stage = Stage::new();
    let folder = stage.folder().await.output("path");
    let password = stage.secret(&folder, "redis").await.output("path");
    let data = stage.data(&folder, "redis-0").await.output("path");
    let wanted = properties(&folder, &password, &[free_port()], 0, &[], &data);
    let ids = futures::future::join_all((0..8).map(|_| stage.create("redis_server", &wanted))).await;
    let ids: Vec<String> = ids.into_iter().map(Result::unwrap).collect();
    assert!(ids.iter().all(|id| *id == ids[0]));
    assert_eq!(stage.processes().len(), 1);
}

/// A server that died is seen as not running, is started again by an update, and says why if it
/// can't run.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_server_is_drift_and_is_started_again() {
    let stage = Stage::new();
    let folder = stage.folder().await.output("path");
    let password = stage.secret(&folder, "redis").await.output("path");
    let redis = server(&stage, &folder, &password, &[free_port()], 0, &[]).await;
    kill(redis.pid());
    while !stage.processes().is_empty() {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(
        stage.observe("redis_server", &redis.id).await.unwrap().properties["running"],
        false
    );
    stage.update(&redis, redis.properties.clone()).await;
    assert_eq!(stage.processes().len(), 1);

    let broken = redis.with(json!({ "settings": { "no-such-setting": "yes" } }));
    stage
        .provider
        .update(&any("redis_server"), broken.clone(), &redis.id, &[])
        .await
        .ok();
    let mut last = vvbill::provider::Readiness::Ready;
    for _ in 0..100 {
        last = stage
            .provider
            .readiness(&any("redis_server"), broken.clone(), &redis.id)
            .await
            .unwrap();
        if matches!(last, vvbill::provider::Readiness::Failed(_)) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let vvbill::provider::Readiness::Failed(why) = last else {
        panic!("{last:?}")
    };
    assert!(why.contains("no-such-setting"), "{why}");
}

/// What is recorded may be wrong: another process with that number is not taken for the server, and
/// the server is found by its marker.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_is_found_without_its_record() {
    let stage = Stage::new();
    let folder = stage.folder().await.output("path");
    let password = stage.secret(&folder, "redis").await.output("path");
    let redis = server(&stage, &folder, &password, &[free_port()], 0, &[]).await;
    let record = Path::new(&redis.id).join("process.json");
    let mut other: Value = serde_json::from_slice(&std::fs::read(&record).unwrap()).unwrap();
    other["pid"] = std::process::id().into();
    for content in [None, Some(other.to_string()), Some("not a record".into())] {
        match content {
            Some(content) => std::fs::write(&record, content).unwrap(),
            None => std::fs::remove_file(&record).unwrap(),
        }
        let found = stage.observe("redis_server", &redis.id).await.unwrap();
        assert_eq!(
            (&found.properties["running"], &found.properties["configured"]),
            (&true.into(), &true.into())
        );
        stage.create("redis_server", &redis.properties).await.unwrap();
        assert_eq!(stage.processes().len(), 1);
    }
    stage.delete(&redis).await;
    assert!(stage.processes().is_empty());
}

const CHILD: &str = "VVBILL_TEST_CREATE";

/// vvbill is killed at ten seeded moments of a creation; what it left is found again, nothing is
/// doubled, and the next run ends with one process that is ready.
#[tokio::test(flavor = "multi_thread")]
async fn killed_while_it_creates() {
    if let Ok(order) = std::env::var(CHILD) {
        let order: Value = serde_json::from_str(&order).unwrap();
        let stage = Stage::at(Path::new(order["root"].as_str().unwrap()));
        let _ = stage.create("redis_server", &order["properties"]).await;
        // Until it is killed: what was started must not depend on how its starter ends.
        std::thread::sleep(Duration::from_secs(30));
        return;
    }
    let seed: u64 =
        std::env::var("VVBILL_SEED").map_or_else(|_| rand::rng().random(), |seed| seed.parse().unwrap());
    eprintln!("seed {seed} (again with VVBILL_SEED={seed})");
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let stage = Stage::new();
    let folder = stage.folder().await.output("path");
    let password = stage.secret(&folder, "redis").await.output("path");
    for round in 0..10 {
        let name = format!("round-{round}");
        let data = stage.data(&folder, &name).await.output("path");
        let mut wanted = properties(&folder, &password, &[free_port()], 0, &[], &data);
        wanted["name"] = name.into();
        let order = json!({ "root": stage.root, "properties": wanted });
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "servers::processes::killed_while_it_creates"])
            .env(CHILD, order.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(random.random_range(1..120)));
        child.kill().unwrap();
        child.wait().unwrap();

        let home = Path::new(&folder)
            .join("redis_server")
            .join(wanted["name"].as_str().unwrap());
        let left = marked(&home);
        let found = stage
            .provider
            .find(&any("redis_server"), wanted.clone(), "token")
            .await
            .unwrap();
        assert!(
            left.is_empty() || found.is_some(),
            "round {round}: {left:?} runs and is not found"
        );
        let redis = stage.stand("redis_server", wanted).await;
        let now = marked(&home);
        assert_eq!(now.len(), 1, "round {round}: {now:?} after {left:?}");
        assert!(
            left.is_empty() || left == now,
            "round {round}: {now:?} in place of {left:?}"
        );
        stage.delete(&redis).await;
        assert!(marked(&home).is_empty());
    }
}
