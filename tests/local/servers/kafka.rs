//! Kafka: one broker's lifecycle, a topic that grows and keeps its records.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde_json::{Value, json};
use vvbill::provider::Provider;

use super::stage::any;
use super::stage::{Stage, Standing, free_port};

async fn broker(stage: &Stage, folder: &str, port: u16) -> Standing {
    let libraries = stage
        .stand(
            "kafka_distribution",
            json!({ "version": "4.3.1", "folder": folder }),
        )
        .await;
    let cluster = stage
        .stand("kafka_cluster", json!({ "name": "main", "folder": folder }))
        .await;
    let data = stage.data(folder, "kafka-1").await.output("path");
    let properties = json!({
        "name": "kafka-1", "folder": folder, "host": "127.0.0.1", "running": true, "configured": true,
        "node_id": 1, "port": port, "voters": { "1": free_port() }, "heap_mib": 256,
        "initial_heap_mib": 64, "jmx_port": null,
        "cluster_id": cluster.output("cluster_id"), "data": data, "libraries": libraries.output("libraries"),
        "settings": { "offsets.topic.replication.factor": "1", "log.retention.ms": "3600000" },
    });
    stage.stand("kafka_broker", properties).await
}

fn produce(port: u16, count: usize) {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", format!("127.0.0.1:{port}"))
        .set("acks", "all")
        .create()
        .unwrap();
    for index in 0..count {
        producer
            .send(BaseRecord::<str, str>::to("events").payload(&index.to_string()))
            .unwrap();
    }
    producer.flush(Duration::from_secs(20)).unwrap();
}

fn records(port: u16, partitions: i32) -> i64 {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", format!("127.0.0.1:{port}"))
        .create()
        .unwrap();
    (0..partitions)
        .map(|partition| {
            let (low, high) = consumer
                .fetch_watermarks("events", partition, Duration::from_secs(10))
                .unwrap();
            high - low
        })
        .sum()
}

/// A topic takes more partitions and other settings in place; its records outlive the broker's
/// restart, its deletion and the topic's own.
#[tokio::test(flavor = "multi_thread")]
async fn kafka_keeps_its_records_and_a_topic_grows() {
    let stage = Stage::new();
    let folder = stage.folder().await;
    let path = folder.output("path");
    let port = free_port();
    let broker = broker(&stage, &path, port).await;
    let cluster = stage
        .observe("kafka_cluster", &format!("{path}/kafka_cluster/main"))
        .await
        .unwrap();
    let topic = json!({
        "name": "events", "folder": path, "brokers": { "kafka-1": broker.output("endpoint") },
        "cluster_id": cluster.outputs["cluster_id"],
        "partitions": 2, "replication_factor": 1,
        "settings": { "message.timestamp.type": "LogAppendTime", "retention.ms": "3600000" },
    });
    let topic = stage.stand("kafka_topic", topic).await;
    produce(port, 100);
    let settings = json!({ "message.timestamp.type": "LogAppendTime", "retention.ms": "7200000" });
    let topic = stage
        .update(
            &topic,
            topic.with(json!({ "partitions": 3, "settings": settings })),
        )
        .await;
    let fewer = stage
        .provider
        .update(
            &any("kafka_topic"),
            topic.with(json!({ "partitions": 1 })),
            &topic.id,
            &[],
        )
        .await;
    assert!(fewer.unwrap_err().message.contains("can't take any away"));

    let before = broker.pid();
    let settings = json!({ "offsets.topic.replication.factor": "1", "log.retention.ms": "7200000" });
    let broker = stage
        .update(&broker, broker.with(json!({ "settings": settings })))
        .await;
    assert_ne!(broker.pid(), before, "not restarted");
    assert_eq!(records(port, 3), 100);

    stage.delete(&broker).await;
    assert!(stage.processes().is_empty());
    assert_eq!(
        stage.observe("kafka_topic", &topic.id).await.unwrap().properties["partitions"],
        Value::from(3)
    );
    let broker = stage.stand("kafka_broker", broker.properties).await;
    assert_eq!(records(port, 3), 100);

    stage.delete(&topic).await;
    let other = stage
        .create("kafka_topic", &topic.with(json!({ "replication_factor": 2 })))
        .await;
    assert!(other.unwrap_err().message.contains("1 replicas"));
    stage.stand("kafka_topic", topic.properties).await;
    assert_eq!(records(port, 3), 100, "deleting a topic took its records");
    stage.delete(&broker).await;
    stage.delete(&folder).await;
    assert!(!stage.root.join("platform").exists());
}
