//! Brokers, their identity and data, and the topics.

use std::collections::{BTreeMap, BTreeSet};

use super::{Error, Group, Layout, address, kind, names, outputs_of};
use crate::provider::local::{KafkaBroker, KafkaCluster, KafkaDistribution, KafkaTopic};
use crate::resource::Ref;
use crate::spec::{Cleanup, Compression, Kafka, Topic};
use crate::topology::kafka_timeouts;

const CLUSTER: &str = "main";

impl Layout<'_> {
    pub(super) fn kafka(&mut self) -> Result<(), Error> {
        let Some(kafka) = &self.spec.kafka else {
            return Ok(());
        };
        let cluster = KafkaCluster {
            name: CLUSTER.into(),
            folder: self.folder(),
        };
        let cluster = self.add(kind::KAFKA_CLUSTER, CLUSTER, &cluster, "kafka", "kafka");
        self.protect(&cluster);
        let distribution = KafkaDistribution {
            version: kafka.version.clone(),
            folder: self.folder(),
        };
        self.add(
            kind::KAFKA_DISTRIBUTION,
            "kafka",
            &distribution,
            "kafka",
            "kafka.version",
        );
        let brokers = names("kafka", kafka.brokers, 1);
        for (index, name) in (0..).zip(&brokers) {
            self.broker(kafka, name, index)?;
        }
        let mut topics: BTreeSet<&str> = kafka.topics.keys().map(String::as_str).collect();
        if let Some(ingest) = &self.spec.ingest {
            topics.extend([ingest.topic.as_str(), ingest.dead_letter_topic.as_str()]);
        }
        for topic in topics {
            self.topic(kafka, topic, &brokers);
        }
        Ok(())
    }

    fn broker(&mut self, kafka: &Kafka, name: &str, index: u32) -> Result<(), Error> {
        let voters = (0..kafka.brokers)
            .map(|other| {
                let name = format!("kafka-controller-{}", other + 1);
                Ok((other + 1, self.port(&name, Group::Controllers, other)?))
            })
            .collect::<Result<BTreeMap<u32, u16>, Error>>()?;
        let jmx_name = format!("kafka-jmx-{}", index + 1);
        let jmx = |first: u16| first.saturating_add(u16::try_from(index).unwrap_or(u16::MAX));
        let named = self.spec.local.ports.get(&jmx_name).map(|port| port.get());
        let broker = KafkaBroker {
            common: self.common(name, &["java"]),
            node_id: index + 1,
            port: self.port(name, Group::Kafka, index)?,
            voters,
            cluster_id: Ref::output(&address(kind::KAFKA_CLUSTER, CLUSTER), "cluster_id"),
            data: self.data(name, "kafka", "kafka.brokers"),
            libraries: Ref::output(&address(kind::KAFKA_DISTRIBUTION, "kafka"), "libraries"),
            heap_mib: kafka.heap.max.as_mib(),
            initial_heap_mib: kafka.heap.initial.as_mib(),
            jmx_port: kafka
                .jmx_port
                .map(|first| named.unwrap_or_else(|| jmx(first.get()))),
            settings: self.broker_settings(kafka),
        };
        self.add(kind::KAFKA_BROKER, name, &broker, "kafka", "kafka.brokers");
        Ok(())
    }

    /// What `server.properties` says beyond identity and listeners.
    pub(super) fn broker_settings(&self, kafka: &Kafka) -> BTreeMap<String, String> {
        let group_session_ms = self
            .spec
            .ingest
            .as_ref()
            .map_or(6_000, |ingest| ingest.session_timeout.as_millis());
        let replicas = kafka.offsets_topic_replication_factor;
        let settings = [
            (
                "default.replication.factor",
                kafka.default_replication_factor.to_string(),
            ),
            ("min.insync.replicas", kafka.min_insync_replicas.to_string()),
            ("offsets.topic.replication.factor", replicas.to_string()),
            ("offsets.topic.num.partitions", "10".to_string()),
            (
                "share.coordinator.state.topic.replication.factor",
                replicas.to_string(),
            ),
            (
                "share.coordinator.state.topic.min.isr",
                kafka.min_insync_replicas.to_string(),
            ),
            (
                "transaction.state.log.replication.factor",
                kafka.transaction_state_replication_factor.to_string(),
            ),
            (
                "transaction.state.log.min.isr",
                kafka.transaction_state_min_isr.to_string(),
            ),
            (
                "unclean.leader.election.enable",
                kafka.unclean_leader_election.to_string(),
            ),
            ("log.retention.ms", kafka.retention.as_millis().to_string()),
            ("log.segment.bytes", kafka.segment.as_bytes().to_string()),
            ("compression.type", compression(kafka.compression).to_string()),
            ("num.partitions", kafka.partitions.to_string()),
            ("num.replica.fetchers", kafka.replica_fetchers.to_string()),
            (
                "socket.send.buffer.bytes",
                kafka.socket_send_buffer.as_bytes().to_string(),
            ),
            (
                "socket.receive.buffer.bytes",
                kafka.socket_receive_buffer.as_bytes().to_string(),
            ),
            (
                "socket.request.max.bytes",
                kafka.max_request.as_bytes().to_string(),
            ),
            ("auto.create.topics.enable", "false".to_string()),
            // The brokers share one machine: more threads only wake each other.
            ("num.network.threads", "1".to_string()),
            ("num.io.threads", "2".to_string()),
            ("group.initial.rebalance.delay.ms", "0".to_string()),
            (
                "group.min.session.timeout.ms",
                group_session_ms.min(6_000).to_string(),
            ),
            // Its default of 128 MiB is more than a small heap should spend on it.
            ("log.cleaner.dedupe.buffer.size", (16 << 20).to_string()),
        ];
        let timeouts = kafka_timeouts(self.spec).map(|(name, ms)| (name, ms.to_string()));
        settings
            .into_iter()
            .chain(timeouts)
            .map(|(name, value)| (name.to_string(), value))
            .collect()
    }

    fn topic(&mut self, kafka: &Kafka, name: &str, brokers: &[String]) {
        let own = kafka.topics.get(name).cloned().unwrap_or_default();
        let is_log = self
            .spec
            .ingest
            .as_ref()
            .is_some_and(|ingest| ingest.topic == name);
        let topic = KafkaTopic {
            name: name.into(),
            region: None,
            folder: self.folder(),
            brokers: outputs_of(kind::KAFKA_BROKER, brokers, "endpoint"),
            cluster_id: Ref::output(&address(kind::KAFKA_CLUSTER, CLUSTER), "cluster_id"),
            partitions: own.partitions.unwrap_or(kafka.partitions),
            replication_factor: own.replication_factor.unwrap_or(kafka.default_replication_factor),
            settings: topic_settings(kafka, &own, is_log),
        };
        let origin = match kafka.topics.contains_key(name) {
            true => format!("kafka.topics.{name}"),
            false => "ingest".to_string(),
        };
        self.add(kind::KAFKA_TOPIC, name, &topic, "kafka", &origin);
    }
}

pub(super) fn topic_settings(kafka: &Kafka, own: &Topic, is_log: bool) -> BTreeMap<String, String> {
    let cleanup = match own.cleanup {
        Cleanup::Delete => "delete",
        Cleanup::Compact => "compact",
    };
    let retention = own.retention.unwrap_or(kafka.retention);
    let min_insync = own.min_insync_replicas.unwrap_or(kafka.min_insync_replicas);
    let mut settings: BTreeMap<String, String> = BTreeMap::from([
        ("cleanup.policy".into(), cleanup.into()),
        ("min.insync.replicas".into(), min_insync.to_string()),
        ("retention.ms".into(), retention.as_millis().to_string()),
    ]);
    if is_log {
        // Whether an event is too late is judged by when Kafka got it.
        settings.insert("message.timestamp.type".into(), "LogAppendTime".into());
    }
    settings
}

fn compression(compression: Compression) -> &'static str {
    match compression {
        Compression::Producer => "producer",
        Compression::Uncompressed => "uncompressed",
        Compression::Gzip => "gzip",
        Compression::Snappy => "snappy",
        Compression::Lz4 => "lz4",
        Compression::Zstd => "zstd",
    }
}
