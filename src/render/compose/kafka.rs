//! The brokers, and their ZooKeeper where the plan's Kafka still has one.

use std::collections::BTreeMap;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{Setting, setting};
use crate::render::{Input, field};
use crate::spec::{Bytes, Compression, Kafka, KafkaMode, Listener, ListenerProtocol};

/// For one inside of the network, and one for programs on the machine, where the plan says nothing.
const INSIDE: (&str, u16) = ("PLAINTEXT", 29_092);
const HOST: (&str, u16) = ("PLAINTEXT_HOST", 9_092);
const CONTROLLER: &str = "CONTROLLER";
const CONTROLLER_PORT: u16 = 19_090;

#[derive(Debug, Serialize)]
pub(super) struct Zookeeper {
    image: String,
    port: u16,
    settings: Vec<Setting>,
}

#[derive(Debug, Serialize)]
pub(super) struct Broker {
    pub(super) name: String,
    image: String,
    comments: Vec<String>,
    /// Published on the machine.
    ports: Vec<u16>,
    settings: Vec<Setting>,
    /// The image's program that asks a broker what it can.
    tool: &'static str,
    /// Of the listener among brokers.
    port: u16,
}

pub(super) fn zookeeper(input: &Input<'_>) -> Option<Zookeeper> {
    let kafka = input.spec.kafka.as_ref()?;
    let zookeeper = kafka
        .zookeeper
        .as_ref()
        .filter(|_| kafka.mode == KafkaMode::Zookeeper)?;
    let at = |name: &str, value: String, key| Setting {
        comments: input.comments(&field("kafka.zookeeper").key(key)),
        ..setting(name, value)
    };
    Some(Zookeeper {
        image: format!("{}:{}", zookeeper.image, zookeeper.version),
        port: zookeeper.client_port.get(),
        settings: vec![
            at(
                "ZOOKEEPER_CLIENT_PORT",
                zookeeper.client_port.to_string(),
                "client_port",
            ),
            at(
                "ZOOKEEPER_TICK_TIME",
                zookeeper.tick_time.as_millis().to_string(),
                "tick_time",
            ),
        ],
    })
}

pub(super) fn brokers(input: &Input<'_>) -> Vec<Broker> {
    let Some(kafka) = &input.spec.kafka else {
        return Vec::new();
    };
    (1..=kafka.brokers)
        .map(|number| broker(input, kafka, number))
        .collect()
}

/// What clients in the network are told: `kafka1:29092,kafka2:29093`.
pub(super) fn bootstrap(kafka: &Kafka) -> String {
    let one = |number| {
        let listeners = Listeners::new(kafka, number);
        format!("{}:{}", name(number), listeners.inter_broker_port())
    };
    (1..=kafka.brokers).map(one).collect::<Vec<_>>().join(",")
}

pub(super) fn name(number: u32) -> String {
    format!("kafka{number}")
}

fn broker(input: &Input<'_>, kafka: &Kafka, number: u32) -> Broker {
    let listeners = Listeners::new(kafka, number);
    let mut settings = identity(kafka, number, &listeners);
    settings.extend(limits(kafka).into_iter().map(|(key, name, value)| Setting {
        // Every broker has the same, and the first says what there is to say.
        comments: match number {
            1 => input.comments(&field("kafka").key(key)),
            _ => Vec::new(),
        },
        ..setting(name, value)
    }));
    let comments = match number {
        1 => ["image", "version", "mode", "listeners"]
            .into_iter()
            .flat_map(|key| input.comments(&field("kafka").key(key)))
            .collect(),
        _ => Vec::new(),
    };
    Broker {
        name: name(number),
        image: format!("{}:{}", kafka.image, kafka.version),
        comments,
        ports: listeners.published(),
        settings,
        tool: match kafka.image.starts_with("confluentinc/") {
            true => "kafka-broker-api-versions",
            false => "/opt/kafka/bin/kafka-broker-api-versions.sh",
        },
        port: listeners.inter_broker_port(),
    }
}

/// A broker's ways in, by name.
#[derive(Debug)]
struct Listeners {
    all: BTreeMap<String, Way>,
    inter_broker: String,
    controller_port: Option<u16>,
}

#[derive(Debug)]
struct Way {
    port: u16,
    /// As clients are told.
    host: String,
    on_machine: bool,
}

impl Listeners {
    fn new(kafka: &Kafka, number: u32) -> Self {
        let shift = u16::try_from(number - 1).unwrap_or(u16::MAX);
        let way = |listener: &Listener| {
            let on_machine = listener.advertised_host.is_some();
            // Brokers share the machine's ports, whatever they do on machines of their own.
            let apart = listener.port_per_broker || on_machine;
            Way {
                port: listener.port.get().saturating_add(if apart { shift } else { 0 }),
                host: listener.advertised_host.clone().unwrap_or_else(|| name(number)),
                on_machine,
            }
        };
        let mut all: BTreeMap<String, Way> = kafka
            .listeners
            .iter()
            .map(|(name, listener)| (name.clone(), way(listener)))
            .collect();
        if all.values().all(|way| way.on_machine) {
            let (listener, port) = INSIDE;
            let host = name(number);
            let inside = Way {
                port: port.saturating_add(shift),
                host,
                on_machine: false,
            };
            all.insert(listener.into(), inside);
        }
        if !all.values().any(|way| way.on_machine) {
            let (listener, port) = HOST;
            let outside = Way {
                port: port.saturating_add(shift),
                host: "localhost".into(),
                on_machine: true,
            };
            all.insert(listener.into(), outside);
        }
        let inside = all.iter().find(|(_, way)| !way.on_machine);
        let first = inside.map_or(INSIDE.0, |(name, _)| name).to_owned();
        let chosen = kafka.inter_broker_listener.clone();
        let taken = |port: &u16| all.values().any(|way| way.port == *port);
        let controller_port = (CONTROLLER_PORT..)
            .find(|port| !taken(port))
            .filter(|_| kafka.mode == KafkaMode::Kraft);
        Self {
            inter_broker: chosen.filter(|name| all.contains_key(name)).unwrap_or(first),
            all,
            controller_port,
        }
    }

    fn inter_broker_port(&self) -> u16 {
        self.all.get(&self.inter_broker).map_or(INSIDE.1, |way| way.port)
    }

    fn published(&self) -> Vec<u16> {
        let published = self.all.values().filter(|way| way.on_machine);
        published.map(|way| way.port).collect()
    }

    fn joined(&self, one: impl Fn(&str, &Way) -> String) -> Vec<String> {
        self.all.iter().map(|(name, way)| one(name, way)).collect()
    }
}

/// Who the broker is and where it is reached. A developer's machine has neither certificates nor accounts, so every
/// listener is plain there.
fn identity(kafka: &Kafka, number: u32, listeners: &Listeners) -> Vec<Setting> {
    let mut bound = listeners.joined(|name, way| format!("{name}://0.0.0.0:{}", way.port));
    let mut protocols = listeners.joined(|name, _| format!("{name}:PLAINTEXT"));
    let advertised = listeners.joined(|name, way| format!("{name}://{}:{}", way.host, way.port));
    let mut settings = Vec::new();
    if let Some(port) = listeners.controller_port {
        bound.push(format!("{CONTROLLER}://0.0.0.0:{port}"));
        protocols.push(format!("{CONTROLLER}:PLAINTEXT"));
        let voters: Vec<String> = (1..=kafka.brokers)
            .map(|number| {
                let port = Listeners::new(kafka, number).controller_port.unwrap_or(port);
                format!("{number}@{}:{port}", name(number))
            })
            .collect();
        settings.extend([
            setting("CLUSTER_ID", cluster_id(kafka)),
            setting("KAFKA_NODE_ID", number.to_string()),
            setting("KAFKA_PROCESS_ROLES", "broker,controller"),
            setting("KAFKA_CONTROLLER_QUORUM_VOTERS", voters.join(",")),
            setting("KAFKA_CONTROLLER_LISTENER_NAMES", CONTROLLER),
        ]);
    } else {
        let port = kafka.zookeeper.as_ref().map_or(2_181, |it| it.client_port.get());
        settings.extend([
            setting("KAFKA_BROKER_ID", number.to_string()),
            setting("KAFKA_ZOOKEEPER_CONNECT", format!("zookeeper:{port}")),
        ]);
    }
    let secured = kafka
        .listeners
        .iter()
        .filter(|(_, listener)| listener.protocol != ListenerProtocol::Plaintext);
    let comments = secured
        .map(|(name, _)| format!("{name} is secured in the plan; here it is plain."))
        .collect();
    settings.extend([
        setting("KAFKA_LISTENERS", bound.join(",")),
        setting("KAFKA_ADVERTISED_LISTENERS", advertised.join(",")),
        Setting {
            comments,
            ..setting("KAFKA_LISTENER_SECURITY_PROTOCOL_MAP", protocols.join(","))
        },
        setting("KAFKA_INTER_BROKER_LISTENER_NAME", &listeners.inter_broker),
        setting("KAFKA_LOG_DIRS", "/var/lib/kafka/data"),
        // The service's migration makes the topics, with the settings that it relies on.
        setting("KAFKA_AUTO_CREATE_TOPICS_ENABLE", "false"),
    ]);
    settings
}

/// The plan's key, the variable, and its value.
type Limit = (&'static str, &'static str, String);

fn limits(kafka: &Kafka) -> Vec<Limit> {
    let mut limits: Vec<Limit> = copies(kafka).into();
    limits.extend(storage(kafka));
    limits.extend(threads_and_sockets(kafka));
    limits.extend(jvm(kafka));
    limits
}

fn copies(kafka: &Kafka) -> [Limit; 6] {
    [
        (
            "offsets_topic_replication_factor",
            "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR",
            kafka.offsets_topic_replication_factor.to_string(),
        ),
        (
            "transaction_state_replication_factor",
            "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR",
            kafka.transaction_state_replication_factor.to_string(),
        ),
        (
            "transaction_state_min_isr",
            "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR",
            kafka.transaction_state_min_isr.to_string(),
        ),
        (
            "default_replication_factor",
            "KAFKA_DEFAULT_REPLICATION_FACTOR",
            kafka.default_replication_factor.to_string(),
        ),
        (
            "min_insync_replicas",
            "KAFKA_MIN_INSYNC_REPLICAS",
            kafka.min_insync_replicas.to_string(),
        ),
        (
            "unclean_leader_election",
            "KAFKA_UNCLEAN_LEADER_ELECTION_ENABLE",
            kafka.unclean_leader_election.to_string(),
        ),
    ]
}

fn storage(kafka: &Kafka) -> [Limit; 4] {
    let retention_ms = kafka.retention.as_millis();
    let (retention, time) = match retention_ms % 3_600_000 {
        0 => ("KAFKA_LOG_RETENTION_HOURS", retention_ms / 3_600_000),
        _ => ("KAFKA_LOG_RETENTION_MS", retention_ms),
    };
    [
        ("retention", retention, time.to_string()),
        (
            "segment",
            "KAFKA_LOG_SEGMENT_BYTES",
            kafka.segment.as_bytes().to_string(),
        ),
        (
            "compression",
            "KAFKA_COMPRESSION_TYPE",
            compression(kafka.compression).into(),
        ),
        ("partitions", "KAFKA_NUM_PARTITIONS", kafka.partitions.to_string()),
    ]
}

fn threads_and_sockets(kafka: &Kafka) -> [Limit; 4] {
    let bytes = |bytes: Bytes| bytes.as_bytes().to_string();
    [
        (
            "replica_fetchers",
            "KAFKA_NUM_REPLICA_FETCHERS",
            kafka.replica_fetchers.to_string(),
        ),
        (
            "socket_send_buffer",
            "KAFKA_SOCKET_SEND_BUFFER_BYTES",
            bytes(kafka.socket_send_buffer),
        ),
        (
            "socket_receive_buffer",
            "KAFKA_SOCKET_RECEIVE_BUFFER_BYTES",
            bytes(kafka.socket_receive_buffer),
        ),
        (
            "max_request",
            "KAFKA_SOCKET_REQUEST_MAX_BYTES",
            bytes(kafka.max_request),
        ),
    ]
}

fn jvm(kafka: &Kafka) -> Vec<Limit> {
    let (initial, max) = (kafka.heap.initial.as_mib(), kafka.heap.max.as_mib());
    let heap = format!("-Xms{} -Xmx{}", megabytes(initial), megabytes(max));
    let mut limits = vec![("heap", "KAFKA_HEAP_OPTS", heap)];
    let port = kafka.jmx_port.map(|port| port.to_string());
    limits.extend(port.map(|port| ("jmx_port", "JMX_PORT", port)));
    let options = kafka.jmx_options.clone();
    limits.extend(options.map(|options| ("jmx_options", "KAFKA_JMX_OPTS", options)));
    limits
}

/// As the JVM writes it.
fn megabytes(mib: u64) -> String {
    match mib % 1_024 {
        0 => format!("{}G", mib / 1_024),
        _ => format!("{mib}m"),
    }
}

const fn compression(compression: Compression) -> &'static str {
    match compression {
        Compression::Producer => "producer",
        Compression::Uncompressed => "uncompressed",
        Compression::Gzip => "gzip",
        Compression::Snappy => "snappy",
        Compression::Lz4 => "lz4",
        Compression::Zstd => "zstd",
    }
}

/// Kafka's ids are 16 bytes in base64url, 22 characters. Hexadecimal digits are such characters, and the closing `A`
/// leaves no bit over.
fn cluster_id(kafka: &Kafka) -> String {
    let digest = Sha256::digest(format!("{}:{}:{}", kafka.image, kafka.version, kafka.brokers));
    let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}A", &digits[..21])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heaps_are_written_as_in_the_specification() {
        assert_eq!(megabytes(4_096), "4G");
        assert_eq!(megabytes(350), "350m");
    }
}
