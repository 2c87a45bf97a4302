//! What a drill asks Kafka itself: where the brokers are, who leads, who is in the consumers' group.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

use super::Trouble;
use crate::endpoints::Endpoints;

const LIMIT: Duration = Duration::from_secs(5);

/// What the cluster says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cluster {
    /// Node → `host:port`, of those that are there.
    pub(super) brokers: BTreeMap<i32, String>,
    /// Node → how many partitions it leads.
    pub(super) led: BTreeMap<i32, usize>,
    /// Partitions of the events' topic.
    pub(super) partitions: Vec<i32>,
}

/// The consumers' group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Group {
    /// `Stable` when each knows what it reads.
    pub(super) state: String,
    /// How many are in it.
    pub(super) members: usize,
}

/// Brokers, leaders, partitions.
pub(super) async fn cluster(endpoints: &Endpoints) -> Result<Cluster, Trouble> {
    let topic = endpoints.events_topic.clone();
    ask(endpoints, move |client| {
        let metadata = client.fetch_metadata(None, LIMIT)?;
        let brokers = metadata.brokers().iter();
        let mut cluster = Cluster {
            brokers: brokers
                .map(|broker| (broker.id(), format!("{}:{}", broker.host(), broker.port())))
                .collect(),
            ..Cluster::default()
        };
        for found in metadata.topics() {
            for partition in found.partitions() {
                *cluster.led.entry(partition.leader()).or_default() += 1;
                if found.name() == topic {
                    cluster.partitions.push(partition.id());
                }
            }
        }
        Ok(cluster)
    })
    .await
}

/// The group called so.
pub(super) async fn group(endpoints: &Endpoints, name: &str) -> Result<Group, Trouble> {
    let name = name.to_owned();
    ask(endpoints, move |client| {
        let list = client.fetch_group_list(Some(&name), LIMIT)?;
        let found = list.groups().iter().find(|group| group.name() == name);
        Ok(found.map_or_else(Group::default, |group| Group {
            state: group.state().to_owned(),
            members: group.members().len(),
        }))
    })
    .await
}

async fn ask<T: Send + 'static>(
    endpoints: &Endpoints,
    question: impl FnOnce(&BaseConsumer) -> Result<T, rdkafka::error::KafkaError> + Send + 'static,
) -> Result<T, Trouble> {
    let servers = endpoints.kafka.join(",");
    let told = servers.clone();
    let asked = tokio::task::spawn_blocking(move || {
        let client: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &servers)
            .set("client.id", "vvbill-drill")
            .set("reconnect.backoff.max.ms", "500")
            .create()?;
        question(&client)
    });
    match asked.await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(why)) => Err(Trouble::new(format_args!("Kafka at {told}"), why)),
        Err(why) => Err(Trouble::new("the look at Kafka broke off", why)),
    }
}
