//! Failovers by AWS's own means: what the calls do to a shard, and what they say of the cache.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

use serde_json::json;
use vvbill::drill::{Blow, Cloud, Drill, Faults};
use vvbill::endpoints::Endpoints;
use vvbill::provider::Connection;
use vvbill::provider::kubernetes::Clusters;
use vvbill::topology;

use super::production::UNPROTECTED;
use super::rig::{Rig, aws, desired, only, spec};

/// Another member of the shard writes after it; who wrote reads. Asked for a shard that there isn't, it says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_shard_fails_over_to_a_reader() {
    let rig = Rig::start(json!({})).await;
    let all = desired("production.yaml", &UNPROTECTED);
    rig.apply(&only(&all, &["db_instance"])).await;
    let state = rig.session().await;
    let record = state
        .state()
        .resources
        .values()
        .find(|record| (record.address.kind(), record.address.region()) == ("db_cluster", "us-east-1"));
    let (region, id) = {
        let record = record.unwrap();
        (record.address.region().to_owned(), record.id.clone())
    };
    state.close().await.unwrap();
    let cloud = aws(&rig.fake.url).await;
    let before = cloud.members(&region, &id).await.unwrap();
    assert!(
        !before.readers.is_empty() && before.writer_zone.is_some(),
        "{before:?}"
    );
    cloud.fail_over(&region, &id).await.unwrap();
    let after = cloud.members(&region, &id).await.unwrap();
    let writer = after.writer.clone().unwrap();
    assert!(before.readers.contains(&writer), "{before:?}, then {after:?}");
    assert!(
        after.readers.contains(before.writer.as_ref().unwrap()),
        "{after:?}"
    );
    let absent = cloud.fail_over(&region, "no-such-shard").await.unwrap_err();
    assert!(absent.message.contains("FailoverDBCluster"), "{absent}");
}

/// The drill of a shard is that failover, of the shard that the state names; without a cluster there are no pods to
/// strike, and the cache is what is left of Redis.
#[tokio::test(flavor = "multi_thread")]
async fn a_drill_strikes_what_the_state_names() {
    let rig = Rig::start(json!({})).await;
    let all = desired("production.yaml", &UNPROTECTED);
    rig.apply(&only(&all, &["db_instance", "cache_replication_group"]))
        .await;
    let state = rig.state().await;
    let connection = Connection {
        endpoint_url: Some(rig.fake.url.clone()),
        ..Connection::default()
    };
    let aws = Arc::new(aws(&rig.fake.url).await);
    let clusters = Clusters::new(connection, Arc::clone(&aws));
    let cloud = Cloud::new(
        &state,
        "us-east-1",
        Endpoints::default(),
        Arc::clone(&aws),
        clusters,
    );
    let blows = cloud.named(Drill::ShardPrimary).await.unwrap().unwrap();
    let [Blow::Cluster { region, id }] = &*blows else {
        panic!("{blows:?}");
    };
    let before = aws.members(region, id).await.unwrap();
    cloud.strike(&blows[0]).await.unwrap();
    let after = aws.members(region, id).await.unwrap();
    assert!(
        before.readers.contains(after.writer.as_ref().unwrap()),
        "{before:?}, then {after:?}"
    );
    assert_eq!(
        cloud.named(Drill::RedisMaster).await.unwrap().unwrap(),
        [Blow::Cache]
    );
    // The rows are read back with the password that RDS keeps.
    let offered = topology::endpoints(&spec("production.yaml", &UNPROTECTED), &state);
    let references: Vec<&str> = offered
        .secrets()
        .filter(|it| it.starts_with("secretsmanager:"))
        .collect();
    assert!(!references.is_empty());
    for reference in references {
        let password = aws.secret("us-east-1", reference).await.unwrap();
        assert!(!password.is_empty() && !password.contains('{'), "{reference}");
    }
    let refused = cloud.named(Drill::ServiceApi).await.unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("no cluster that the platform runs in"),
        "{refused}"
    );
}

/// moto has no TestFailover: the request itself is judged.
#[tokio::test(flavor = "multi_thread")]
async fn the_cache_is_asked_to_fail_over_one_node_group() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let heard = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut text = Vec::new();
        let mut buffer = [0; 4096];
        while !String::from_utf8_lossy(&text).contains("NodeGroupId=0001") {
            let read = stream.read(&mut buffer).unwrap();
            assert!(read > 0, "{}", String::from_utf8_lossy(&text));
            text.extend_from_slice(&buffer[..read]);
        }
        let body = "<TestFailoverResponse><TestFailoverResult/></TestFailoverResponse>";
        write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        String::from_utf8(text).unwrap()
    });
    aws(&url)
        .await
        .test_failover("us-east-1", "billing-cache", "0001")
        .await
        .unwrap();
    let heard = heard.join().unwrap();
    for part in [
        "Action=TestFailover",
        "ReplicationGroupId=billing-cache",
        "NodeGroupId=0001",
    ] {
        assert!(heard.contains(part), "{heard}");
    }
}
