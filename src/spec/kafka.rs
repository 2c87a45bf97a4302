//! The log: Kafka brokers, their limits and their topics.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::units::{Bytes, Duration, Port};

/// A Kafka cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Kafka {
    /// Brokers; each also a controller in KRaft mode.
    #[schemars(range(min = 1, max = 100))]
    pub brokers: u32,
    /// Version of Apache Kafka, such as `4.1.0`; for a Confluent image, of that image.
    pub version: String,
    /// Container image without tag. Default `apache/kafka`.
    #[serde(default = "default_image")]
    pub image: String,
    /// Who elects the controller. Kafka 4 knows only `kraft`. Default `kraft`.
    #[serde(default)]
    pub mode: KafkaMode,
    /// ZooKeeper, where the mode asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zookeeper: Option<Zookeeper>,
    /// Ways to reach a broker, by name, such as `PLAINTEXT_HOST`. Empty: one inside, one on the host.
    #[serde(default)]
    #[schemars(extend("propertyNames" = super::units::key_names()))]
    pub listeners: BTreeMap<String, Listener>,
    /// The listener that brokers use among themselves. Unset: `PLAINTEXT`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inter_broker_listener: Option<String>,
    /// Copies of each partition of a topic that says nothing else; at most the brokers. Default 3.
    #[serde(default = "three")]
    #[schemars(range(min = 1, max = 100))]
    pub default_replication_factor: u32,
    /// Copies that must have a write before it is acknowledged. Default 2.
    #[serde(default = "two")]
    #[schemars(range(min = 1, max = 100))]
    pub min_insync_replicas: u32,
    /// Copies of the consumers' offsets. Default 3.
    #[serde(default = "three")]
    #[schemars(range(min = 1, max = 100))]
    pub offsets_topic_replication_factor: u32,
    /// Copies of the transactions' state. Default 3.
    #[serde(default = "three")]
    #[schemars(range(min = 1, max = 100))]
    pub transaction_state_replication_factor: u32,
    /// Copies of the transactions' state that must have a write. Default 2.
    #[serde(default = "two")]
    #[schemars(range(min = 1, max = 100))]
    pub transaction_state_min_isr: u32,
    /// Lets a broker that missed writes lead, which loses them. Default false.
    #[serde(default)]
    pub unclean_leader_election: bool,
    /// How long records are kept. Default 168h, as in Kafka.
    #[serde(default = "default_retention")]
    pub retention: Duration,
    /// Size of a log segment. Default 1GiB, as in Kafka.
    #[serde(default = "default_segment")]
    pub segment: Bytes,
    /// Compression on the brokers. Default `producer`, as in Kafka.
    #[serde(default)]
    pub compression: Compression,
    /// Partitions of a topic that says nothing else. Default 10.
    #[serde(default = "default_partitions")]
    #[schemars(range(min = 1, max = 10000))]
    pub partitions: u32,
    /// Threads that fetch from each leader. Default 1, as in Kafka.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 100))]
    pub replica_fetchers: u32,
    /// Socket's send buffer. Default 102400 B, as in Kafka.
    #[serde(default = "default_socket")]
    pub socket_send_buffer: Bytes,
    /// Socket's receive buffer. Default 102400 B, as in Kafka.
    #[serde(default = "default_socket")]
    pub socket_receive_buffer: Bytes,
    /// Largest request. Default 100MiB, as in Kafka.
    #[serde(default = "default_request")]
    pub max_request: Bytes,
    /// Port of the JVM's metrics. Unset: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jmx_port: Option<Port>,
    /// Further flags of the JVM for JMX (`KAFKA_JMX_OPTS`), such as those of an agent. Unset: what Kafka opens JMX with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jmx_options: Option<String>,
    /// Memory of the JVM.
    #[serde(default)]
    pub heap: Heap,
    /// Volume of each broker. Unset: the node's own root disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<Bytes>,
    /// Kubernetes StorageClass of the volumes. Unset: `gp3`, made with the EBS CSI driver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_class: Option<String>,
    /// Group of nodes that the brokers run on, one a node; its taints are tolerated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_group: Option<String>,
    /// Topics, by name; what one leaves out comes from above.
    #[serde(default)]
    #[schemars(extend("propertyNames" = super::units::key_names()))]
    pub topics: BTreeMap<String, Topic>,
}

fn default_image() -> String {
    "apache/kafka".to_owned()
}

const fn one() -> u32 {
    1
}

const fn two() -> u32 {
    2
}

const fn three() -> u32 {
    3
}

const fn default_retention() -> Duration {
    Duration::from_secs(168 * 3_600)
}

const fn default_segment() -> Bytes {
    Bytes::from_gib(1)
}

const fn default_partitions() -> u32 {
    10
}

const fn default_socket() -> Bytes {
    Bytes(102_400)
}

const fn default_request() -> Bytes {
    Bytes::from_mib(100)
}

/// Who keeps the cluster's metadata.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum KafkaMode {
    /// The brokers themselves.
    #[default]
    Kraft,
    /// ZooKeeper, which Kafka 4 dropped.
    Zookeeper,
}

/// A ZooKeeper for Kafka 3 and earlier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Zookeeper {
    /// Container image without tag.
    pub image: String,
    /// Version of the image.
    pub version: String,
    /// Port for Kafka.
    pub client_port: Port,
    /// ZooKeeper's unit of time, for heartbeats and timeouts.
    pub tick_time: Duration,
}

/// A way to reach a broker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// Default `PLAINTEXT`.
    #[serde(default)]
    pub protocol: ListenerProtocol,
    /// Port of the first broker.
    pub port: Port,
    /// Whether broker N listens on `port + N - 1`, as brokers on one host must. Default false.
    #[serde(default)]
    pub port_per_broker: bool,
    /// Host that clients are told. Unset: the broker's own name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advertised_host: Option<String>,
}

/// How a listener is secured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ListenerProtocol {
    /// Neither encrypted nor authenticated.
    #[default]
    Plaintext,
    /// TLS.
    Ssl,
    /// Authenticated by SASL, not encrypted.
    SaslPlaintext,
    /// Authenticated by SASL, over TLS.
    SaslSsl,
}

/// How records are compressed at rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// As the producer sent them.
    #[default]
    Producer,
    Uncompressed,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

/// Memory of a JVM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Heap {
    /// `-Xms`. Default 1GiB.
    pub initial: Bytes,
    /// `-Xmx`; not below `initial`. Default 1GiB.
    pub max: Bytes,
}

impl Default for Heap {
    fn default() -> Self {
        Self {
            initial: Bytes::from_gib(1),
            max: Bytes::from_gib(1),
        }
    }
}

/// A topic; what is unset comes from the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Topic {
    /// Partitions. Unset: the cluster's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10000))]
    pub partitions: Option<u32>,
    /// Copies of each partition. Unset: the cluster's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub replication_factor: Option<u32>,
    /// Copies that must have a write. Unset: the cluster's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub min_insync_replicas: Option<u32>,
    /// How long records are kept. Unset: the cluster's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention: Option<Duration>,
    /// What happens to old records. Default `delete`.
    pub cleanup: Cleanup,
}

/// What happens to old records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Cleanup {
    /// They go after `retention`.
    #[default]
    Delete,
    /// The last record of each key stays.
    Compact,
}
