//! `kafka_topic`: a topic with its partitions, replicas and settings.
//!
//! Deleting it takes it out of vvbill's hands; its records stay in the brokers' data folders, and
//! creating it again finds them.

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;
use serde::{Deserialize, Serialize};

use super::Machine;
use super::marker::marked;
use super::platform::Platform;
use super::record;
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, Ref};

const LIMIT: Duration = Duration::from_secs(10);

/// A topic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KafkaTopic {
    /// Its name in the cluster.
    pub name: String,
    /// The region whose cluster it lies in, where that is the second one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The platform's folder.
    pub folder: Ref<PathBuf>,
    /// `host:port` of each broker, by the broker's name.
    pub brokers: BTreeMap<String, Ref<String>>,
    /// The cluster that it lies in.
    pub cluster_id: Ref<String>,
    /// Their number can only grow.
    pub partitions: u32,
    /// Copies of each partition.
    pub replication_factor: u32,
    /// Settings of the topic; those that are not named stay as the brokers have them.
    pub settings: BTreeMap<String, String>,
}

/// What others refer to.
#[derive(Debug, Serialize)]
pub struct Outputs {
    /// The topic's name.
    pub name: String,
}

impl KafkaTopic {
    fn home(&self, platform: &Platform) -> PathBuf {
        match &self.region {
            Some(region) => platform.home(Self::KIND, &format!("{}-{region}", self.name)),
            None => platform.home(Self::KIND, &self.name),
        }
    }

    fn bootstrap(&self) -> String {
        let brokers: Vec<&str> = self
            .brokers
            .values()
            .filter_map(|broker| Some(broker.known()?.as_str()))
            .collect();
        brokers.join(",")
    }

    fn admin(&self) -> Result<AdminClient<DefaultClientContext>, ProviderError> {
        ClientConfig::new()
            .set("bootstrap.servers", self.bootstrap())
            .set("socket.timeout.ms", "10000")
            .create()
            .map_err(|why| self.failed("be asked about", &why))
    }

    fn failed(&self, verb: &str, why: &KafkaError) -> ProviderError {
        ProviderError::transient(format!("topic {} can't {verb}: {why}", self.name))
    }

    fn answer(&self, verb: &str, code: RDKafkaErrorCode) -> ProviderError {
        let message = format!("Kafka refuses to {verb} topic {}: {code}", self.name);
        match code {
            RDKafkaErrorCode::InvalidReplicationFactor | RDKafkaErrorCode::RequestTimedOut => {
                ProviderError::transient(message)
            }
            _ => ProviderError::refused(message),
        }
    }

    /// The topic as each broker that answers knows it; `None`: that one knows of no such topic. Word of a
    /// new topic reaches one broker earlier than another.
    async fn shapes(&self) -> Result<Vec<Option<Shape>>, ProviderError> {
        let topic = self.clone();
        tokio::task::spawn_blocking(move || {
            let brokers = topic.brokers.values().filter_map(Ref::known);
            let answers: Vec<_> = brokers.map(|broker| topic.ask(broker)).collect();
            match answers.iter().any(Result::is_ok) {
                true => Ok(answers.into_iter().flatten().collect()),
                false => answers.into_iter().collect(),
            }
        })
        .await
        .map_err(|why| ProviderError::transient(format!("the look at the topic broke off: {why}")))?
        .map_err(|why| self.failed("be asked about", &why))
    }

    fn ask(&self, broker: &str) -> Result<Option<Shape>, KafkaError> {
        // librdkafka would try until the end of its time; nobody listens at a dead broker's port.
        if TcpStream::connect(broker).is_err() {
            return Err(KafkaError::MetadataFetch(
                RDKafkaErrorCode::BrokerTransportFailure,
            ));
        }
        let client: BaseConsumer = ClientConfig::new().set("bootstrap.servers", broker).create()?;
        let metadata = client.fetch_metadata(Some(&self.name), Duration::from_secs(5))?;
        let topic = metadata.topics().iter().find(|topic| topic.name() == self.name);
        Ok(topic.and_then(|topic| {
            let partitions = topic.partitions();
            Some(Shape {
                partitions: u32::try_from(partitions.len()).ok()?,
                replicas: u32::try_from(partitions.first()?.replicas().len()).ok()?,
                leaderless: partitions
                    .iter()
                    .filter(|partition| partition.leader() < 0)
                    .count(),
            })
        }))
    }

    /// The topic as the best informed broker knows it.
    async fn shape(&self) -> Result<Option<Shape>, ProviderError> {
        Ok(self
            .shapes()
            .await?
            .into_iter()
            .flatten()
            .max_by_key(|shape| shape.partitions))
    }

    /// The brokers' values of the settings that the plan names.
    async fn live_settings(&self) -> Result<BTreeMap<String, String>, ProviderError> {
        let topic = ResourceSpecifier::Topic(&self.name);
        let answers = self
            .admin()?
            .describe_configs([&topic], &AdminOptions::new().request_timeout(Some(LIMIT)))
            .await
            .map_err(|why| self.failed("be asked about", &why))?;
        let mut found = BTreeMap::new();
        for answer in answers {
            let answer = answer.map_err(|code| self.answer("describe", code))?;
            let wanted = answer
                .entries
                .into_iter()
                .filter(|entry| self.settings.contains_key(&entry.name));
            found.extend(wanted.filter_map(|entry| Some((entry.name, entry.value?))));
        }
        Ok(found)
    }

    async fn alter_settings(&self) -> Result<(), ProviderError> {
        let mut change = AlterConfig::new(ResourceSpecifier::Topic(&self.name));
        for (name, value) in &self.settings {
            change = change.set(name, value);
        }
        let answers = self
            .admin()?
            .alter_configs([&change], &AdminOptions::new().request_timeout(Some(LIMIT)))
            .await
            .map_err(|why| self.failed("be changed", &why))?;
        answers.into_iter().try_for_each(|answer| {
            answer
                .map(|_| ())
                .map_err(|(_, code)| self.answer("change", code))
        })
    }

    /// Brings a topic that is there to what is asked for.
    async fn take_over(&self) -> Result<(), ProviderError> {
        let replicas = self
            .shape()
            .await?
            .map_or(self.replication_factor, |shape| shape.replicas);
        if replicas != self.replication_factor {
            return Err(ProviderError::refused(format!(
                "topic {} is there with {replicas} replicas of each partition, not {}",
                self.name, self.replication_factor
            ))
            .with_hint("write the number that it has into the plan, or reassign its partitions with Kafka's own tools"));
        }
        self.grow().await?;
        self.alter_settings().await
    }

    async fn grow(&self) -> Result<(), ProviderError> {
        let Some(Shape { partitions, .. }) = self.shape().await? else {
            return Ok(());
        };
        if self.partitions < partitions {
            return Err(ProviderError::refused(format!(
                "topic {} has {partitions} partitions, and Kafka can't take any away",
                self.name
            )));
        }
        if self.partitions == partitions {
            return Ok(());
        }
        let wanted = NewPartitions::new(&self.name, self.partitions as usize);
        let answers = self
            .admin()?
            .create_partitions([&wanted], &AdminOptions::new().operation_timeout(Some(LIMIT)))
            .await
            .map_err(|why| self.failed("be grown", &why))?;
        answers
            .into_iter()
            .try_for_each(|answer| answer.map(|_| ()).map_err(|(_, code)| self.answer("grow", code)))
    }
}

/// A topic as one broker knows it.
#[derive(Clone, Copy, Debug)]
struct Shape {
    partitions: u32,
    replicas: u32,
    leaderless: usize,
}

/// Whether any broker of the platform that `home` lies in runs.
fn brokers_run(home: &Path) -> bool {
    let platform = home.parent().and_then(Path::parent);
    platform.is_some_and(|platform| !marked(&platform.join("kafka_broker")).is_empty())
}

impl Resource for KafkaTopic {
    const KIND: &'static str = "kafka_topic";
    const REPLACE_ON: &'static [&'static str] =
        &["name", "region", "folder", "cluster_id", "replication_factor"];
    const STABLE_OUTPUTS: &'static [&'static str] = &["name"];
    const FOUND_BY: FoundBy = FoundBy::Composite;
    type Cloud = Machine;
    type Outputs = Outputs;

    /// With no broker running, the topic lies in their data as it was last seen.
    async fn observe(_machine: &Machine, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let home = Path::new(id);
        let Some(mut found) = record::read::<Self>(home)? else {
            return Ok(None);
        };
        if brokers_run(home) {
            match found.shape().await {
                Ok(None) => return Ok(None),
                Ok(Some(shape)) => {
                    found.settings = found.live_settings().await?;
                    found.partitions = shape.partitions;
                    found.replication_factor = shape.replicas;
                }
                Err(why) => tracing::warn!(topic = found.name, %why, "as last seen: no broker answers"),
            }
        }
        let name = found.name.clone();
        Ok(Some((found, Outputs { name })))
    }

    async fn find(&self, _machine: &Machine, _token: &str) -> Result<Option<String>, ProviderError> {
        let Ok(platform) = Platform::of(&self.folder) else {
            return Ok(None);
        };
        let home = self.home(&platform);
        Ok(record::exists(&home).then(|| home.display().to_string()))
    }

    async fn create(&self, _machine: &Machine, _token: &str) -> Result<String, ProviderError> {
        let platform = Platform::of(&self.folder)?;
        let home = self.home(&platform);
        let replication = TopicReplication::Fixed(i32::try_from(self.replication_factor).unwrap_or(i32::MAX));
        let partitions = i32::try_from(self.partitions).unwrap_or(i32::MAX);
        let mut topic = NewTopic::new(&self.name, partitions, replication);
        for (name, value) in &self.settings {
            topic = topic.set(name, value);
        }
        let answers = self
            .admin()?
            .create_topics([&topic], &AdminOptions::new().operation_timeout(Some(LIMIT)))
            .await
            .map_err(|why| self.failed("be made", &why))?;
        for answer in answers {
            match answer {
                Ok(_) => {}
                Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => self.take_over().await?,
                Err((_, code)) => return Err(self.answer("make", code)),
            }
        }
        record::write(&platform, &home, self)?;
        Ok(home.display().to_string())
    }

    async fn readiness(&self, _machine: &Machine, _id: &str) -> Result<Readiness, ProviderError> {
        let shapes = self.shapes().await?;
        let all = shapes.len();
        let whole = |shape: &Option<Shape>| {
            shape.is_some_and(|shape| shape.partitions >= self.partitions && shape.leaderless == 0)
        };
        Ok(match shapes.into_iter().filter(whole).count() {
            ready if ready == all => Readiness::Ready,
            ready => Readiness::Pending(format!("{ready} of {all} brokers know all of it")),
        })
    }

    async fn update(&self, _machine: &Machine, id: &str, _changes: &[Change]) -> Result<(), ProviderError> {
        self.grow().await?;
        self.alter_settings().await?;
        record::write(&Platform::of(&self.folder)?, Path::new(id), self)
    }

    /// Its records are part of the brokers' data and go with that, never with this.
    async fn delete(_machine: &Machine, id: &str) -> Result<(), ProviderError> {
        record::remove(Path::new(id))
    }
}
