//! Makes the topics, with the settings that the rest relies on.

use crate::{
    config,
    log_identity::{LogIdentity, LogIdentityError},
};
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    error::{KafkaError, RDKafkaErrorCode},
};
use std::time::Duration;

/// A topic could not be made.
#[derive(Debug, thiserror::Error)]
pub enum TopicError {
    #[error("the topics can't be made: {0}")]
    Kafka(#[from] KafkaError),
    #[error("topic {topic} can't be made: {code}")]
    Refused { topic: String, code: RDKafkaErrorCode },
    #[error(transparent)]
    Identity(#[from] LogIdentityError),
    #[error("the brokers were not asked: {0}")]
    Unknown(String),
}

/// Makes the events topic and the dead-letter topic where they are missing; leaves what is there.
pub async fn create(settings: &config::Migrate) -> Result<(), TopicError> {
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", &settings.kafka.kafka_brokers)
        .set("client.id", "vvbill-ingest-migrate")
        .create()?;
    let in_sync = if settings.replication >= 3 { "2" } else { "1" };
    let topic = |name| {
        NewTopic::new(
            name,
            settings.partitions,
            TopicReplication::Fixed(settings.replication),
        )
        // Kafka's own time decides whether an event is too late; a producer's does not.
        .set("message.timestamp.type", "LogAppendTime")
        .set("min.insync.replicas", in_sync)
        .set("unclean.leader.election.enable", "false")
        .set("compression.type", "producer")
    };
    // Dead letters are for people: they stay until someone has looked.
    let dead = topic(&settings.kafka.dead_letter_topic).set("retention.ms", "-1");
    let topics = [topic(&settings.kafka.topic), dead];
    let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(30)));
    for result in admin.create_topics(&topics, &options).await? {
        match result {
            Ok(topic) => tracing::info!(topic, "made"),
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => return Err(TopicError::Refused { topic, code }),
        }
    }
    for topic in [&settings.kafka.topic, &settings.kafka.dead_letter_topic] {
        wait_until_known(&settings.kafka.kafka_brokers, topic).await?;
    }
    Ok(())
}

/// A broker may hear of a topic a moment after another has made it.
async fn wait_until_known(brokers: &str, topic: &str) -> Result<(), TopicError> {
    let (brokers, topic) = (brokers.to_owned(), topic.to_owned());
    let asked = tokio::task::spawn_blocking(move || LogIdentity::fetch(&brokers, &topic)).await;
    match asked {
        Ok(found) => Ok(found.map(|_| ())?),
        Err(panicked) => Err(TopicError::Unknown(panicked.to_string())),
    }
}
