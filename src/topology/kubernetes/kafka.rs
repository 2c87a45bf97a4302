//! Kafka by Strimzi: node pool, cluster, topics.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Value, json};

use super::network::{Policy, from, from_monitoring, policy, service_host, to, to_https};
use super::pieces::{COMPONENT, Placement, block, object_name, quantity};
use super::{Error, Writer};
use crate::spec::{Cleanup, Compression, Kafka, Listener, ListenerProtocol, Tier, Topic};
use crate::topology::kafka_timeouts;

/// The cluster's name, in front of what Strimzi makes for it.
pub(super) const CLUSTER: &str = "billing";

/// Where a broker tells its metrics.
pub(super) const METRICS_PORT: u16 = 9_404;

/// Brokers among themselves and to their controllers; the operators' too.
const OWN_PORTS: [u16; 2] = [9_090, 9_091];

/// Where the second region's copy comes in, where no listener of the plan has that port.
const MIRROR_PORT: u16 = 9_194;

/// Memory of a broker's container, in heaps: the rest is where the kernel keeps the log's end.
const MEMORY_HEAPS: u64 = 2;

#[derive(Serialize)]
struct Values {
    comments: BTreeMap<&'static str, Vec<String>>,
    cluster: &'static str,
    brokers: u32,
    version: String,
    storage: Option<Storage>,
    cpu: &'static str,
    memory: String,
    heap_initial: String,
    heap_max: String,
    placement: Placement,
    listeners: String,
    settings: Vec<(&'static str, Value)>,
    jmx: bool,
    mirrored: bool,
    metered: [&'static str; 2],
    policies: Vec<Policy>,
}

#[derive(Serialize)]
struct Storage {
    size: String,
    class: String,
}

#[derive(Serialize)]
struct Topics {
    cluster: &'static str,
    topics: Vec<TopicValues>,
}

#[derive(Serialize)]
struct TopicValues {
    comments: Vec<String>,
    object: String,
    name: String,
    partitions: u32,
    replicas: u32,
    settings: BTreeMap<&'static str, String>,
}

impl Writer<'_> {
    pub(super) fn kafka(&mut self) -> Result<(), Error> {
        let Some(kafka) = self.spec.kafka.as_ref().filter(|_| self.place.runs(Tier::Kafka)) else {
            return Ok(());
        };
        let mirrored = self.place.primary && self.place.is_mirrored();
        let values = Values {
            comments: self.said_of_kafka(),
            cluster: CLUSTER,
            brokers: kafka.brokers,
            version: kafka.version.clone(),
            storage: kafka.storage.map(|size| Storage {
                size: quantity(size),
                class: kafka.storage_class.clone().unwrap_or_else(|| "gp3".into()),
            }),
            cpu: "1",
            memory: quantity(crate::spec::Bytes(kafka.heap.max.as_bytes() * MEMORY_HEAPS)),
            heap_initial: java_amount(kafka.heap.initial),
            heap_max: java_amount(kafka.heap.max),
            placement: self.placement(kafka.node_group.as_deref()),
            listeners: block(&self.listeners(kafka, mirrored)),
            settings: self.broker_settings(kafka),
            jmx: kafka.jmx_port.is_some() || kafka.jmx_options.is_some(),
            mirrored,
            metered: ["kafka", "kafka-exporter"],
            policies: self.kafka_policies(kafka, mirrored),
        };
        self.write("20-kafka.yaml", "kafka.yaml", ("kafka", "kafka"), &values)?;
        self.topics(kafka)
    }

    fn said_of_kafka(&self) -> BTreeMap<&'static str, Vec<String>> {
        self.said(&[
            ("mode", &["kafka", "mode"]),
            ("mode", &["kafka", "zookeeper"]),
            ("version", &["kafka", "version"]),
            ("version", &["kafka", "image"]),
            ("storage", &["kafka", "storage"]),
            ("storage", &["kafka", "storage_class"]),
            ("storage", &["kafka", "retention"]),
            ("jvm", &["kafka", "heap"]),
            ("jvm", &["kafka", "jmx_options"]),
            ("jmx", &["kafka", "jmx_port"]),
            ("placement", &["kafka", "node_group"]),
            ("placement", &["kafka", "brokers"]),
            ("listeners", &["kafka", "listeners"]),
            ("listeners", &["kafka", "inter_broker_listener"]),
            ("config", &["kafka", "default_replication_factor"]),
            ("config", &["kafka", "min_insync_replicas"]),
            ("config", &["kafka", "offsets_topic_replication_factor"]),
            ("config", &["kafka", "transaction_state_replication_factor"]),
            ("config", &["kafka", "transaction_state_min_isr"]),
            ("config", &["kafka", "unclean_leader_election"]),
            ("config", &["kafka", "segment"]),
            ("config", &["kafka", "partitions"]),
        ])
    }

    /// Where clients in the cluster start from; `None` where no Kafka runs here.
    pub(super) fn bootstrap(&self) -> Option<String> {
        let kafka = self
            .spec
            .kafka
            .as_ref()
            .filter(|_| self.place.runs(Tier::Kafka))?;
        Some(bootstrap(kafka))
    }

    fn listeners(&self, kafka: &Kafka, mirrored: bool) -> Vec<Value> {
        let clients = self.clients_of_kafka();
        let peers: Vec<Value> = clients
            .iter()
            .map(|component| json!({ "podSelector": { "matchLabels": { COMPONENT: component } } }))
            .collect();
        let mut all: Vec<Value> = kafka
            .listeners
            .iter()
            .map(|(name, listener)| listener_value(name, listener, &peers))
            .collect();
        if all.is_empty() {
            all.push(json!({
                "name": "plaintext", "port": 9_092, "type": "internal", "tls": false,
                "networkPolicyPeers": peers,
            }));
        }
        if mirrored {
            all.push(self.mirror_listener(kafka));
        }
        all
    }

    /// Every component that is a client of Kafka's.
    fn clients_of_kafka(&self) -> Vec<String> {
        let service = self.spec.ingest.is_some() && self.place.runs(Tier::Ingest);
        let service = ["ingest-api", "ingest-worker", "ingest-migrate"]
            .into_iter()
            .filter(|_| service)
            .map(str::to_owned);
        let mirror = (!self.place.primary).then(|| "mirror".to_owned());
        let workloads = self.spec.workloads.keys().filter(|_| self.place.runs(Tier::Api));
        service
            .chain(workloads.map(|name| object_name(name)))
            .chain(mirror)
            .collect()
    }

    /// What `server.properties` says, but for identity, listeners and folders, which are Strimzi's.
    fn broker_settings(&self, kafka: &Kafka) -> Vec<(&'static str, Value)> {
        let group_session_ms = self
            .spec
            .ingest
            .as_ref()
            .map_or(6_000, |ingest| ingest.session_timeout.as_millis());
        let mut settings = vec![
            (
                "default.replication.factor",
                json!(kafka.default_replication_factor),
            ),
            ("min.insync.replicas", json!(kafka.min_insync_replicas)),
            (
                "offsets.topic.replication.factor",
                json!(kafka.offsets_topic_replication_factor),
            ),
            (
                "transaction.state.log.replication.factor",
                json!(kafka.transaction_state_replication_factor),
            ),
            (
                "transaction.state.log.min.isr",
                json!(kafka.transaction_state_min_isr),
            ),
            (
                "unclean.leader.election.enable",
                json!(kafka.unclean_leader_election),
            ),
            ("log.retention.ms", json!(kafka.retention.as_millis())),
            ("log.segment.bytes", json!(kafka.segment.as_bytes())),
            ("compression.type", json!(compression(kafka.compression))),
            ("num.partitions", json!(kafka.partitions)),
            ("num.replica.fetchers", json!(kafka.replica_fetchers)),
            (
                "socket.send.buffer.bytes",
                json!(kafka.socket_send_buffer.as_bytes()),
            ),
            (
                "socket.receive.buffer.bytes",
                json!(kafka.socket_receive_buffer.as_bytes()),
            ),
            ("socket.request.max.bytes", json!(kafka.max_request.as_bytes())),
            ("auto.create.topics.enable", json!(false)),
            ("group.min.session.timeout.ms", json!(group_session_ms.min(6_000))),
        ];
        let timeouts = kafka_timeouts(self.spec).into_iter();
        settings.extend(timeouts.map(|(name, ms)| (name, json!(ms))));
        settings
    }

    /// Strimzi lets in its operator and, by each listener's peers, the clients; the rest is said here.
    fn kafka_policies(&self, kafka: &Kafka, mirrored: bool) -> Vec<Policy> {
        let mirror = self.mirror_policy_port(kafka).filter(|_| mirrored);
        let other = self.other_cidr();
        let mut into = vec![
            from(&["kafka", "kafka-entity-operator", "kafka-exporter"], &OWN_PORTS),
            from_monitoring(&[METRICS_PORT]),
        ];
        if let (Some(port), Some(cidr)) = (mirror, &other) {
            into.push(super::network::from_network(cidr, &[port]));
        }
        vec![
            policy("kafka", into, vec![to(&["kafka"], &OWN_PORTS), to_https()]),
            policy(
                "kafka-entity-operator",
                Vec::new(),
                vec![to(&["kafka"], &OWN_PORTS), to_https()],
            ),
            policy(
                "kafka-exporter",
                vec![from_monitoring(&[METRICS_PORT])],
                vec![to(&["kafka"], &OWN_PORTS)],
            ),
        ]
    }

    pub(super) fn mirror_policy_port(&self, kafka: &Kafka) -> Option<u16> {
        let taken = |port: &u16| kafka.listeners.values().any(|it| it.port.get() == *port);
        (MIRROR_PORT..MIRROR_PORT + 100).find(|port| !taken(port))
    }

    /// The plan's topics, and those that the service needs.
    fn topics(&mut self, kafka: &Kafka) -> Result<(), Error> {
        let mut names: BTreeSet<&str> = kafka.topics.keys().map(String::as_str).collect();
        let ingest = self.spec.ingest.as_ref();
        if let Some(ingest) = ingest {
            names.extend([ingest.topic.as_str(), ingest.dead_letter_topic.as_str()]);
        }
        if names.is_empty() {
            return Ok(());
        }
        let topic = |name: &&str| {
            let own = kafka.topics.get(*name).cloned().unwrap_or_default();
            TopicValues {
                comments: (self.comments)(&["kafka", "topics", *name]),
                object: object_name(name),
                name: (*name).to_owned(),
                partitions: own.partitions.unwrap_or(kafka.partitions),
                replicas: own.replication_factor.unwrap_or(kafka.default_replication_factor),
                settings: topic_settings(kafka, &own, ingest.is_some_and(|ingest| ingest.topic == **name)),
            }
        };
        let values = Topics {
            cluster: CLUSTER,
            topics: names.iter().map(topic).collect(),
        };
        self.write(
            "21-topics.yaml",
            "topics.yaml",
            ("kafka", "kafka.topics"),
            &values,
        )
    }
}

/// The listener that brokers' own clients use: the one that the plan calls so, or the first.
/// `host:port` that clients in the cluster start from.
pub(super) fn bootstrap(kafka: &Kafka) -> String {
    let port = client_port(kafka);
    format!("{}:{port}", service_host(&format!("{CLUSTER}-kafka-bootstrap")))
}

fn client_port(kafka: &Kafka) -> u16 {
    let named = kafka.inter_broker_listener.as_deref().unwrap_or("PLAINTEXT");
    let listener = kafka
        .listeners
        .get(named)
        .or_else(|| kafka.listeners.values().next());
    listener.map_or(9_092, |listener| listener.port.get())
}

fn listener_value(name: &str, listener: &Listener, peers: &[Value]) -> Value {
    let short: String = name
        .to_lowercase()
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(11)
        .collect();
    let tls = matches!(
        listener.protocol,
        ListenerProtocol::Ssl | ListenerProtocol::SaslSsl
    );
    let sasl = matches!(
        listener.protocol,
        ListenerProtocol::SaslPlaintext | ListenerProtocol::SaslSsl
    );
    let mut value = json!({
        "name": short,
        "port": listener.port.get(),
        "type": "internal",
        "tls": tls,
        "networkPolicyPeers": peers,
    });
    if sasl {
        value["authentication"] = json!({ "type": "scram-sha-512" });
    }
    if let Some(host) = &listener.advertised_host {
        value["configuration"] = json!({ "advertisedHostTemplate": host });
        // Strimzi's brokers share a port, each on an address of its own; only clients are told another.
        if listener.port_per_broker {
            let formula = format!("{} + {{nodeId}}", listener.port);
            value["configuration"]["advertisedPortTemplate"] = formula.into();
        }
    }
    value
}

fn topic_settings(kafka: &Kafka, own: &Topic, is_log: bool) -> BTreeMap<&'static str, String> {
    let cleanup = match own.cleanup {
        Cleanup::Delete => "delete",
        Cleanup::Compact => "compact",
    };
    let retention = own.retention.unwrap_or(kafka.retention);
    let min_insync = own.min_insync_replicas.unwrap_or(kafka.min_insync_replicas);
    let mut settings = BTreeMap::from([
        ("cleanup.policy", cleanup.to_owned()),
        ("min.insync.replicas", min_insync.to_string()),
        ("retention.ms", retention.as_millis().to_string()),
    ]);
    if is_log {
        // Whether an event is too late is judged by when Kafka got it.
        settings.insert("message.timestamp.type", "LogAppendTime".to_owned());
    }
    settings
}

pub(super) fn compression(compression: Compression) -> &'static str {
    match compression {
        Compression::Producer => "producer",
        Compression::Uncompressed => "uncompressed",
        Compression::Gzip => "gzip",
        Compression::Snappy => "snappy",
        Compression::Lz4 => "lz4",
        Compression::Zstd => "zstd",
    }
}

fn java_amount(bytes: crate::spec::Bytes) -> String {
    match bytes.as_mib() {
        mib if mib.is_multiple_of(1_024) && mib > 0 => format!("{}g", mib / 1_024),
        mib => format!("{mib}m"),
    }
}
