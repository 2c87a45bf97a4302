//! Redis and Sentinel: lifecycle, restart on a changed setting, failover, data that outlives the server.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use redis::{Commands, Connection};
use serde_json::{Value, json};

use super::stage::{Stage, Standing, free_port, kill};

pub(crate) async fn server(
    stage: &Stage,
    folder: &str,
    password: &str,
    ports: &[u16],
    index: usize,
    sentinels: &[u16],
) -> Standing {
    let name = format!("redis-{index}");
    let data = stage.data(folder, &name).await.output("path");
    stage
        .stand(
            "redis_server",
            properties(folder, password, ports, index, sentinels, &data),
        )
        .await
}

pub(crate) fn properties(
    folder: &str,
    password: &str,
    ports: &[u16],
    index: usize,
    sentinels: &[u16],
    data: &str,
) -> Value {
    json!({
        "name": format!("redis-{index}"),
        "folder": folder,
        "host": "127.0.0.1",
        "running": true,
        "configured": true,
        "port": ports[index],
        "data": data,
        "password_file": password,
        "first_master_port": if index == 0 { Value::Null } else { ports[0].into() },
        "group_ports": sorted(ports),
        "sentinel_ports": sorted(sentinels),
        "master_name": "buffer",
        "settings": { "appendonly": "yes", "maxmemory": "33554432", "maxmemory-policy": "noeviction" },
        "snapshots": [],
    })
}

fn sorted(ports: &[u16]) -> BTreeSet<u16> {
    ports.iter().copied().collect()
}

pub(crate) fn connect(port: u16, password_file: &str) -> Connection {
    let password = std::fs::read_to_string(password_file).unwrap();
    redis::Client::open(format!("redis://:{password}@127.0.0.1:{port}/"))
        .unwrap()
        .get_connection()
        .unwrap()
}

/// A changed setting restarts the server with it; a server that was deleted and comes back has its data.
#[tokio::test(flavor = "multi_thread")]
async fn redis_takes_a_new_setting_and_keeps_its_data() {
    let stage = Stage::new();
    let folder = stage.folder().await;
    let password = stage.secret(&folder.output("path"), "redis").await.output("path");
    let port = free_port();
    let redis = server(&stage, &folder.output("path"), &password, &[port], 0, &[]).await;
    connect(port, &password).set::<_, _, ()>("kept", 1).unwrap();

    let before = redis.pid();
    let settings = json!({ "appendonly": "yes", "maxmemory": "67108864", "maxmemory-policy": "noeviction" });
    let redis = stage
        .update(&redis, redis.with(json!({ "settings": settings })))
        .await;
    assert_ne!(redis.pid(), before, "not restarted");
    let answer: Vec<String> = redis::cmd("CONFIG")
        .arg("GET")
        .arg("maxmemory")
        .query(&mut connect(port, &password))
        .unwrap();
    assert_eq!(answer, ["maxmemory", "67108864"]);

    stage.delete(&redis).await;
    assert!(stage.processes().is_empty());
    let redis = stage.stand("redis_server", redis.properties).await;
    assert_eq!(connect(port, &password).get::<_, u32>("kept").unwrap(), 1);

    stage.delete(&redis).await;
    stage.delete(&folder).await;
    assert!(!stage.root.join("platform").exists());
}

/// Without the password nothing is answered, and neither state nor log holds it.
#[tokio::test(flavor = "multi_thread")]
async fn redis_wants_the_password_and_it_is_in_no_record() {
    let stage = Stage::new();
    let folder = stage.folder().await.output("path");
    let password_file = stage.secret(&folder, "redis").await.output("path");
    let port = free_port();
    let redis = server(&stage, &folder, &password_file, &[port], 0, &[]).await;
    let mut stranger = redis::Client::open(format!("redis://127.0.0.1:{port}/"))
        .unwrap()
        .get_connection()
        .unwrap();
    assert!(
        stranger
            .get::<_, Option<String>>("x")
            .unwrap_err()
            .to_string()
            .contains("NOAUTH")
    );

    let password = std::fs::read_to_string(&password_file).unwrap();
    let found = stage.observe("redis_server", &redis.id).await.unwrap();
    for text in [
        serde_json::to_string(&found).unwrap(),
        std::fs::read_to_string(format!("{}/resource.json", redis.id)).unwrap(),
        std::fs::read_to_string(format!("{folder}/logs/redis_server-redis-0.log")).unwrap(),
    ] {
        assert!(!text.contains(&password));
    }
}

/// Sentinel moves the master; the old one comes back as a replica, with nothing of its own imposed.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_master_comes_back_as_a_replica() {
    let stage = Stage::new();
    let folder = stage.folder().await.output("path");
    let password = stage.secret(&folder, "redis").await.output("path");
    let ports = [free_port(), free_port()];
    let sentinel_ports = [free_port(), free_port(), free_port()];
    let master = server(&stage, &folder, &password, &ports, 0, &sentinel_ports).await;
    server(&stage, &folder, &password, &ports, 1, &sentinel_ports).await;
    let sentinel = |index: usize, data: String| {
        json!({
            "name": format!("sentinel-{index}"), "folder": folder, "host": "127.0.0.1",
            "running": true, "configured": true, "port": sentinel_ports[index], "data": data,
            "password_file": password, "master_name": "buffer", "master_port": ports[0],
            "group_ports": sorted(&ports), "sentinels": 3, "quorum": 2,
            "down_after_ms": 500, "failover_timeout_ms": 5000, "parallel_syncs": 1,
        })
    };
    let mut started = Vec::new();
    for index in 0..3 {
        let data = stage
            .data(&folder, &format!("sentinel-{index}"))
            .await
            .output("path");
        let properties = sentinel(index, data);
        started.push((
            stage.create("redis_sentinel", &properties).await.unwrap(),
            properties,
        ));
    }
    for (id, properties) in &started {
        stage.ready("redis_sentinel", properties, id).await;
    }
    connect(ports[0], &password)
        .set::<_, _, ()>("written", "before")
        .unwrap();
    let copied: u32 = redis::cmd("WAIT")
        .arg(1)
        .arg(5000)
        .query(&mut connect(ports[0], &password))
        .unwrap();
    assert_eq!(copied, 1, "the replica has it");

    kill(master.pid());
    let found = stage.observe("redis_server", &master.id).await.unwrap();
    assert_eq!(found.properties["running"], false);
    let start = Instant::now();
    while connect(ports[1], &password)
        .set::<_, _, ()>("written", "after")
        .is_err()
    {
        assert!(start.elapsed() < Duration::from_secs(20), "no failover");
        std::thread::sleep(Duration::from_millis(50));
    }

    let master = stage.update(&master, master.properties.clone()).await;
    assert_eq!(
        connect(ports[0], &password).get::<_, String>("written").unwrap(),
        "after"
    );
    let error = connect(ports[0], &password)
        .set::<_, _, ()>("x", "y")
        .unwrap_err();
    assert!(
        error.to_string().to_uppercase().contains("READONLY") || error.to_string().contains("read-only"),
        "{error}"
    );
    assert_eq!(
        stage
            .observe("redis_server", &master.id)
            .await
            .unwrap()
            .properties["running"],
        true
    );
}
