//! Kafka: its metadata says who leads each partition, its quorum who is the controller.
//!
//! In KRaft mode the metadata name any broker as the controller, so the quorum is asked itself.

use std::collections::BTreeMap;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use serde::Serialize;

use super::{LIMIT, quorum};

/// Who leads in Kafka.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Kafka {
    /// The node that leads the quorum of controllers; null: nobody, or it could not be found out.
    pub controller: Option<i32>,
    /// How many partitions each node leads.
    pub partitions_led: BTreeMap<i32, usize>,
    /// How many partitions nobody leads.
    pub partitions_without_leader: usize,
    /// How many have replicas that lag.
    pub partitions_under_replicated: usize,
}

impl Kafka {
    pub(super) fn line(&self) -> String {
        let controller = match self.controller {
            Some(node) => format!("node {node} is the controller"),
            None => "no controller".to_owned(),
        };
        let led = self.partitions_led.iter();
        let led: Vec<String> = led
            .map(|(node, count)| format!("{count} by node {node}"))
            .collect();
        let mut line = format!("kafka: {controller}; partitions led: {}", led.join(", "));
        for (count, what) in [
            (self.partitions_without_leader, "without a leader"),
            (self.partitions_under_replicated, "not in sync everywhere"),
        ] {
            if count > 0 {
                line += &format!("; {count} {what}");
            }
        }
        line
    }
}

pub(super) async fn look(brokers: Vec<String>) -> Result<Kafka, String> {
    let asked = brokers.clone();
    let mut found = tokio::task::spawn_blocking(move || ask(&asked))
        .await
        .map_err(|why| why.to_string())??;
    for broker in &brokers {
        let quorum = quorum::describe(broker, LIMIT / 2).await;
        found.controller = quorum.ok().and_then(|quorum| quorum.controller());
        if found.controller.is_some() {
            break;
        }
    }
    Ok(found)
}

fn ask(brokers: &[String]) -> Result<Kafka, String> {
    let client: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers.join(","))
        .set("socket.timeout.ms", LIMIT.as_millis().to_string())
        .create()
        .map_err(|why| why.to_string())?;
    let metadata = client
        .fetch_metadata(None, LIMIT)
        .map_err(|why| why.to_string())?;
    let mut found = Kafka {
        controller: None,
        partitions_led: metadata.brokers().iter().map(|broker| (broker.id(), 0)).collect(),
        partitions_without_leader: 0,
        partitions_under_replicated: 0,
    };
    for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
        match partition.leader() {
            node if node >= 0 => *found.partitions_led.entry(node).or_default() += 1,
            _ => found.partitions_without_leader += 1,
        }
        if partition.isr().len() < partition.replicas().len() {
            found.partitions_under_replicated += 1;
        }
    }
    Ok(found)
}
