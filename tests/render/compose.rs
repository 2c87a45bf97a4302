//! The format `compose`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use vvbill::render::Format;

use super::plans::{files, plan};
use super::yaml::parsed;

const PLANS: &[&str] = &["specification", "production", "staging", "local"];

fn platform(plan: &str) -> Value {
    let files = files(plan, &[Format::Compose]);
    let file = files.iter().find(|file| file.path == "compose/compose.yaml");
    parsed(&file.unwrap_or_else(|| panic!("{plan} has no compose.yaml")).text)
}

fn services(platform: &Value) -> &Map<String, Value> {
    platform["services"].as_object().unwrap()
}

fn texts(value: &Value) -> Vec<&str> {
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(Value::as_str).collect()
}

fn environment<'a>(service: &'a Value, name: &str) -> &'a Value {
    &service["environment"][name]
}

/// Protects: all containers can start on one machine.
#[test]
fn each_port_of_the_machine_is_taken_once() {
    for plan in PLANS {
        let platform = platform(plan);
        let mut taken = BTreeMap::new();
        for (name, service) in services(&platform) {
            for port in texts(&service["ports"]) {
                let parts: Vec<&str> = port.split(':').collect();
                assert_eq!(parts[0], "127.0.0.1", "{plan}: {name}: {port} is open to others");
                let before = taken.insert(parts[1].to_owned(), name);
                assert!(before.is_none(), "{plan}: {name} and {before:?} have {port}");
            }
        }
        assert!(taken.len() > 5, "{plan}: {taken:?}");
    }
}

/// Protects: Compose takes the file, and starts services in an order that can be met.
#[test]
fn what_a_service_names_is_there() {
    for plan in PLANS {
        let platform = platform(plan);
        assert!(platform.get("version").is_none(), "{plan}");
        let services = services(&platform);
        let declared = |kind: &str| -> BTreeSet<&str> {
            let all = platform[kind].as_object();
            all.map(|all| all.keys().map(String::as_str).collect())
                .unwrap_or_default()
        };
        let (volumes, secrets) = (declared("volumes"), declared("secrets"));
        let mut used = BTreeSet::new();
        for (name, service) in services {
            for (other, how) in service["depends_on"].as_object().into_iter().flatten() {
                let other = services
                    .get(other)
                    .unwrap_or_else(|| panic!("{plan}: {name} waits for {other}"));
                match how["condition"].as_str().unwrap() {
                    "service_healthy" => assert!(other["healthcheck"]["test"].is_array(), "{plan}: {name}"),
                    condition => {
                        assert_eq!(condition, "service_completed_successfully", "{plan}: {name}");
                        assert_eq!(other["restart"], "on-failure", "{plan}: {name}");
                    }
                }
            }
            for volume in texts(&service["volumes"]) {
                let from = volume.split(':').next().unwrap();
                if !from.starts_with('.') {
                    assert!(volumes.contains(from), "{plan}: {name}: {from}");
                    used.insert(from);
                }
            }
            for secret in texts(&service["secrets"]) {
                assert!(secrets.contains(secret), "{plan}: {name}: {secret}");
            }
        }
        assert_eq!(used, volumes, "{plan}");
    }
}

/// Protects: every file that is mounted is rendered beside it.
#[test]
fn mounted_files_are_rendered() {
    for plan in PLANS {
        let all: BTreeSet<String> = files(plan, Format::ALL)
            .into_iter()
            .map(|file| file.path)
            .collect();
        for (name, service) in services(&platform(plan)) {
            for volume in texts(&service["volumes"]) {
                let from = volume.split(':').next().unwrap();
                let path = match (from.strip_prefix("../"), from.strip_prefix("./")) {
                    (Some(path), _) => path.to_owned(),
                    (_, Some(path)) => format!("compose/{path}"),
                    _ => continue,
                };
                let there = all
                    .iter()
                    .any(|file| *file == path || file.starts_with(&format!("{path}/")));
                assert!(there, "{plan}: {name} mounts {from}");
            }
        }
    }
}

/// Protects: brokers reach one another and programs on the machine reach them.
#[test]
fn listeners_agree_with_ports() {
    for name in PLANS {
        let platform = platform(name);
        let brokers = plan(name).0.kafka.unwrap().brokers;
        let mut identities = BTreeSet::new();
        for number in 1..=brokers {
            let broker = &services(&platform)[&format!("kafka{number}")];
            let pairs = |variable: &str| -> BTreeMap<String, String> {
                let text = environment(broker, variable).as_str().unwrap();
                let pair = |item: &str| {
                    let (name, value) = item.split_once(':').unwrap();
                    (name.to_owned(), value.trim_start_matches('/').to_owned())
                };
                text.split(',').map(pair).collect()
            };
            let port = |address: &String| address.rsplit(':').next().unwrap().to_owned();
            let bound = pairs("KAFKA_LISTENERS");
            let protocols = pairs("KAFKA_LISTENER_SECURITY_PROTOCOL_MAP");
            assert_eq!(
                bound.keys().collect::<Vec<_>>(),
                protocols.keys().collect::<Vec<_>>(),
                "{name}"
            );
            let ports: BTreeSet<String> = bound.values().map(port).collect();
            assert_eq!(ports.len(), bound.len(), "{name}: {bound:?}");
            let published: Vec<&str> = texts(&broker["ports"]);
            for (listener, address) in pairs("KAFKA_ADVERTISED_LISTENERS") {
                assert_eq!(port(&bound[&listener]), port(&address), "{name}: {listener}");
                let published = published.contains(&format!("127.0.0.1:{0}:{0}", port(&address)).as_str());
                assert_eq!(address.starts_with("localhost:"), published, "{name}: {address}");
                assert!(
                    published || address.starts_with(&format!("kafka{number}:")),
                    "{name}: {address}"
                );
            }
            let inner = environment(broker, "KAFKA_INTER_BROKER_LISTENER_NAME")
                .as_str()
                .unwrap();
            assert!(bound.contains_key(inner), "{name}: {inner}");
            let id = match environment(broker, "KAFKA_NODE_ID") {
                Value::Null => environment(broker, "KAFKA_BROKER_ID"),
                id => {
                    let voters = environment(broker, "KAFKA_CONTROLLER_QUORUM_VOTERS")
                        .as_str()
                        .unwrap();
                    let own = format!("{number}@kafka{number}:{}", port(&bound["CONTROLLER"]));
                    assert!(voters.split(',').any(|voter| voter == own), "{name}: {voters}");
                    assert_eq!(environment(broker, "CLUSTER_ID").as_str().unwrap().len(), 22);
                    id
                }
            };
            assert!(identities.insert(id.to_string()), "{name}: two brokers are {id}");
        }
    }
}

/// Protects: the specification's own listing, figure by figure, on every broker.
#[test]
fn the_specification_has_the_figures_of_its_listing() {
    let platform = platform("specification");
    let services = services(&platform);
    let zookeeper = &services["zookeeper"];
    assert_eq!(zookeeper["image"], "confluentinc/cp-zookeeper:7.5.0");
    assert_eq!(environment(zookeeper, "ZOOKEEPER_CLIENT_PORT"), 2181);
    assert_eq!(environment(zookeeper, "ZOOKEEPER_TICK_TIME"), 2000);
    for number in 1..=3_u32 {
        let broker = &services[&format!("kafka{number}")];
        assert_eq!(broker["image"], "confluentinc/cp-kafka:7.5.0");
        let port = 9091 + number;
        assert_eq!(texts(&broker["ports"]), [format!("127.0.0.1:{port}:{port}")]);
        let advertised = format!(
            "PLAINTEXT://kafka{number}:{},PLAINTEXT_HOST://localhost:{port}",
            29_091 + number
        );
        for (variable, value) in [
            ("KAFKA_ZOOKEEPER_CONNECT", "zookeeper:2181"),
            ("KAFKA_ADVERTISED_LISTENERS", advertised.as_str()),
            (
                "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP",
                "PLAINTEXT:PLAINTEXT,PLAINTEXT_HOST:PLAINTEXT",
            ),
            ("KAFKA_INTER_BROKER_LISTENER_NAME", "PLAINTEXT"),
            ("KAFKA_COMPRESSION_TYPE", "lz4"),
            ("KAFKA_JMX_OPTS", "-Xms2G -Xmx4G"),
            ("KAFKA_HEAP_OPTS", "-Xms2G -Xmx4G"),
        ] {
            assert_eq!(environment(broker, variable), value, "{variable}");
        }
        for (variable, value) in [
            ("KAFKA_BROKER_ID", u64::from(number)),
            ("KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR", 3),
            ("KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR", 3),
            ("KAFKA_TRANSACTION_STATE_LOG_MIN_ISR", 2),
            ("KAFKA_DEFAULT_REPLICATION_FACTOR", 3),
            ("KAFKA_MIN_INSYNC_REPLICAS", 2),
            ("KAFKA_LOG_RETENTION_HOURS", 168),
            ("KAFKA_LOG_SEGMENT_BYTES", 1_073_741_824),
            ("KAFKA_NUM_PARTITIONS", 10),
            ("KAFKA_NUM_REPLICA_FETCHERS", 4),
            ("KAFKA_SOCKET_SEND_BUFFER_BYTES", 102_400),
            ("KAFKA_SOCKET_RECEIVE_BUFFER_BYTES", 102_400),
            ("KAFKA_SOCKET_REQUEST_MAX_BYTES", 104_857_600),
            ("JMX_PORT", 9_999),
        ] {
            assert_eq!(environment(broker, variable), value, "{variable}");
        }
    }
    for volume in [
        "zookeeper-data",
        "zookeeper-logs",
        "kafka1-data",
        "kafka2-data",
        "kafka3-data",
    ] {
        assert!(platform["volumes"].get(volume).is_some(), "{volume}");
    }
}

/// Protects: the service is told of every broker, Sentinel and shard, by variables that it has.
#[test]
fn the_service_knows_what_there_is() {
    let known = include_str!("../../bundled-service/src/config.rs");
    for name in PLANS {
        let platform = platform(name);
        let services = services(&platform);
        let spec = plan(name).0;
        for process in ["ingest-migration", "ingest-api", "ingest-worker"] {
            let service = &services[process];
            for variable in service["environment"].as_object().unwrap().keys() {
                assert!(
                    known.contains(&format!("\"{variable}\"")),
                    "{name}: {process}: {variable}"
                );
            }
            let shards = environment(service, "VVBILL_INGEST_SHARDS").as_str().unwrap();
            let hosts: Vec<&str> = shards
                .split(';')
                .map(|shard| shard.split([' ', '=']).nth(1).unwrap())
                .collect();
            assert_eq!(
                hosts.len(),
                spec.aurora.as_ref().unwrap().shards as usize,
                "{name}"
            );
            let brokers = environment(service, "VVBILL_INGEST_KAFKA_BROKERS")
                .as_str()
                .unwrap();
            let brokers: Vec<&str> = brokers
                .split(',')
                .map(|broker| broker.split(':').next().unwrap())
                .collect();
            let sentinels = environment(service, "VVBILL_INGEST_REDIS").as_str();
            let sentinels = sentinels.into_iter().flat_map(|all| all.split(','));
            let sentinels: Vec<&str> = sentinels.map(|one| one.split(':').next().unwrap()).collect();
            assert!(
                process == "ingest-migration" || sentinels.len() == 3,
                "{name}: {sentinels:?}"
            );
            for host in hosts.into_iter().chain(brokers).chain(sentinels) {
                assert!(services.contains_key(host), "{name}: {process}: {host}");
            }
        }
    }
}
