//! VV305–319: Kafka's modes, memory, listeners and partitions.

use std::collections::BTreeMap;

use super::facts::machine;
use super::{Applies, Breaches, Context, Rule, Severity, gib, key};
use crate::spec::{Kafka, KafkaMode, Spec};

const BROKER_SETTINGS: &str = "Apache Kafka documentation, \"Broker Configs\"";

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "VV305",
        severity: Severity::Error,
        title: "Kafka 4 knows no ZooKeeper",
        applies: Applies::Everywhere,
        about: "Kafka 4.0 took ZooKeeper out; brokers of it start in KRaft mode only. Confluent's images count \
                differently: 7.x is Kafka 3.x, 8.x is Kafka 4.x.",
        source: "Apache Kafka 4.0, \"Notable changes\"",
        remedy: "Set `kafka.mode: kraft`.",
        check: zookeeper_is_gone,
    },
    Rule {
        code: "VV306",
        severity: Severity::Warning,
        title: "ZooKeeper has no future",
        applies: Applies::Everywhere,
        about: "Kafka 3.5 deprecated ZooKeeper and 4.0 took it out. A new cluster that starts with it has to be \
                migrated to KRaft before its next major version.",
        source: "Apache Kafka documentation, \"ZooKeeper to KRaft Migration\"",
        remedy: "Set `kafka.mode: kraft` and a version of 4.x.",
        check: zookeeper_is_deprecated,
    },
    Rule {
        code: "VV307",
        severity: Severity::Error,
        title: "ZooKeeper mode and no ZooKeeper, or the other way round",
        applies: Applies::Everywhere,
        about: "Brokers in ZooKeeper mode don't start without one; in KRaft mode a ZooKeeper runs for nothing.",
        source: BROKER_SETTINGS,
        remedy: "Keep `kafka.zookeeper` just when `kafka.mode` is `zookeeper`.",
        check: mode_and_zookeeper_disagree,
    },
    Rule {
        code: "VV308",
        severity: Severity::Error,
        title: "heap flags are among the JMX options",
        applies: Applies::Everywhere,
        about: "`KAFKA_JMX_OPTS` takes the place of the flags that open JMX: with `-Xms` and `-Xmx` there, JMX stays \
                closed, and `KAFKA_HEAP_OPTS`, which comes later on the command line, still decides the heap.",
        source: "Apache Kafka, bin/kafka-run-class.sh",
        remedy: "Set `kafka.heap`, and leave `kafka.jmx_options` to JMX.",
        check: heap_is_among_jmx_options,
    },
    Rule {
        code: "VV309",
        severity: Severity::Error,
        title: "the heap starts larger than it may become",
        applies: Applies::Everywhere,
        about: "A JVM whose `-Xms` is above its `-Xmx` doesn't start.",
        source: "Java, \"The java Command\"",
        remedy: "Keep `initial` ≤ `max`; equal is best.",
        check: heap_is_inverted,
    },
    Rule {
        code: "VV310",
        severity: Severity::Warning,
        title: "the heap leaves Kafka no page cache",
        applies: Applies::OnAws,
        about: "Kafka serves readers from the kernel's page cache. A heap of more than half the node's memory sends \
                them to the disk.",
        source: "Apache Kafka documentation, \"Hardware and OS\"",
        remedy: "Keep the heap at half the node's memory or less; 6 GiB are enough for most.",
        check: heap_leaves_no_cache,
    },
    Rule {
        code: "VV311",
        severity: Severity::Error,
        title: "two listeners share a port, or brokers use one that isn't there",
        applies: Applies::Everywhere,
        about: "A broker binds each listener to a port of its own, and talks to the others over the one that \
                `inter_broker_listener` names. Otherwise it doesn't start.",
        source: BROKER_SETTINGS,
        remedy: "Give each listener a port, and name one of them.",
        check: listeners_are_inconsistent,
    },
    Rule {
        code: "VV312",
        severity: Severity::Warning,
        title: "an even number of brokers votes",
        applies: Applies::Everywhere,
        about: "In KRaft mode the brokers elect the controller by majority. Four bear the loss of one, as three do; \
                two bear none.",
        source: "Apache Kafka documentation, \"KRaft\"",
        remedy: "Take an odd number of brokers.",
        check: voters_are_even,
    },
    Rule {
        code: "VV313",
        severity: Severity::Warning,
        title: "there are more workers than partitions",
        applies: Applies::Everywhere,
        about: "A partition is read by one worker of the group at a time. Workers beyond the partitions stand idle.",
        source: "Apache Kafka documentation, \"Consumer Configs\"",
        remedy: "Raise the topic's partitions, or lower `ingest.worker_replicas`.",
        check: workers_outnumber_partitions,
    },
    Rule {
        code: "VV314",
        severity: Severity::Error,
        title: "an event may be larger than a request",
        applies: Applies::Everywhere,
        about: "Kafka refuses a request above `max_request`: what the service accepts over HTTP must fit into one.",
        source: BROKER_SETTINGS,
        remedy: "Raise `kafka.max_request` above `ingest.max_event`.",
        check: event_exceeds_request,
    },
];

/// The version of Apache Kafka; Confluent's 7.5 is Kafka 3.5.
fn apache_major(kafka: &Kafka) -> Option<u32> {
    let major: u32 = kafka.version.split('.').next()?.parse().ok()?;
    Some(if kafka.image.contains("confluentinc/") {
        major.saturating_sub(4)
    } else {
        major
    })
}

fn zookeeper_is_gone(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(kafka) = &spec.kafka else { return };
    if kafka.mode == KafkaMode::Zookeeper && apache_major(kafka).is_some_and(|major| major >= 4) {
        found.add(
            &["kafka.mode", "kafka.version"],
            format!(
                "{} {} is Kafka 4 or later, which starts in KRaft mode only",
                kafka.image, kafka.version
            ),
            "set kafka.mode: kraft, and leave kafka.zookeeper out",
        );
    }
}

fn zookeeper_is_deprecated(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(kafka) = &spec.kafka else { return };
    if kafka.mode == KafkaMode::Zookeeper && apache_major(kafka).is_some_and(|major| major < 4) {
        found.add(
            &["kafka.mode", "kafka.version"],
            format!(
                "{} {} still knows ZooKeeper, its next major version doesn't",
                kafka.image, kafka.version
            ),
            "set kafka.mode: kraft, kafka.image: apache/kafka and kafka.version: \"4.1.0\"",
        );
    }
}

fn mode_and_zookeeper_disagree(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(kafka) = &spec.kafka else { return };
    match (kafka.mode, &kafka.zookeeper) {
        (KafkaMode::Zookeeper, None) => found.add(
            &["kafka.zookeeper", "kafka.mode"],
            "the mode asks for a ZooKeeper, and none is described",
            "set kafka.mode: kraft",
        ),
        (KafkaMode::Kraft, Some(_)) => found.add(
            &["kafka.zookeeper", "kafka.mode"],
            "a ZooKeeper is described that no broker would talk to",
            "leave kafka.zookeeper out",
        ),
        _ => {}
    }
}

fn heap_is_among_jmx_options(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(options) = spec.kafka.as_ref().and_then(|kafka| kafka.jmx_options.as_ref()) else {
        return;
    };
    let heap: Vec<&str> = options
        .split_whitespace()
        .filter(|flag| flag.starts_with("-Xm") || flag.contains("HeapSize"))
        .collect();
    if !heap.is_empty() {
        found.add(
            &["kafka.jmx_options", "kafka.heap"],
            format!(
                "{} have nothing to do with JMX, and keep JMX closed",
                heap.join(" and ")
            ),
            "leave kafka.jmx_options out, and set kafka.heap",
        );
    }
}

fn heap_is_inverted(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(kafka) = &spec.kafka else { return };
    if kafka.heap.initial > kafka.heap.max {
        found.add(
            &["kafka.heap.initial", "kafka.heap.max"],
            format!("-Xms {} is above -Xmx {}", kafka.heap.initial, kafka.heap.max),
            format!("set kafka.heap.initial: {}", kafka.heap.max),
        );
    }
}

fn heap_leaves_no_cache(spec: &Spec, _: &Context, found: &mut Breaches) {
    let (Some(cluster), Some(kafka)) = (&spec.eks, &spec.kafka) else {
        return;
    };
    let group = kafka
        .node_group
        .as_ref()
        .and_then(|name| cluster.node_groups.get(name));
    let Some(node) = group.and_then(|group| machine::ec2(&group.instance_type)) else {
        return;
    };
    if kafka.heap.max.as_mib() * 2 > node.memory_mib {
        let why = format!("the heap may take {} of {}", kafka.heap.max, gib(node.memory_mib));
        found.add(
            &["kafka.heap.max"],
            why,
            format!("set kafka.heap.max: {}MiB or less", node.memory_mib / 2),
        );
    }
}

fn listeners_are_inconsistent(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(kafka) = &spec.kafka else { return };
    let mut ports: BTreeMap<u16, &str> = BTreeMap::new();
    for (name, listener) in &kafka.listeners {
        if let Some(other) = ports.insert(listener.port.get(), name) {
            let path = format!("{}.port", key("kafka.listeners", name));
            let why = format!("{other} listens on {} as well", listener.port);
            found.add(
                &[&path, &format!("{}.port", key("kafka.listeners", other))],
                why,
                format!("set {path} to another"),
            );
        }
    }
    let inter = kafka.inter_broker_listener.as_deref().unwrap_or("PLAINTEXT");
    if !kafka.listeners.is_empty() && !kafka.listeners.contains_key(inter) {
        let known: Vec<&str> = kafka.listeners.keys().map(String::as_str).collect();
        let why = format!(
            "brokers would talk over `{inter}`; the listeners are {}",
            known.join(", ")
        );
        let fix = format!("set kafka.inter_broker_listener: {}", known[0]);
        found.add(&["kafka.inter_broker_listener", "kafka.listeners"], why, fix);
    }
}

fn voters_are_even(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(kafka) = &spec.kafka else { return };
    if kafka.mode == KafkaMode::Kraft && kafka.brokers.is_multiple_of(2) {
        let why = format!(
            "{} voters bear the loss of {}",
            kafka.brokers,
            kafka.brokers.saturating_sub(1) / 2
        );
        found.add(
            &["kafka.brokers"],
            why,
            format!("set kafka.brokers: {}", kafka.brokers + 1),
        );
    }
}

fn workers_outnumber_partitions(spec: &Spec, _: &Context, found: &mut Breaches) {
    let (Some(kafka), Some(ingest)) = (&spec.kafka, &spec.ingest) else {
        return;
    };
    let topic = kafka.topics.get(&ingest.topic).and_then(|topic| topic.partitions);
    let partitions = topic.unwrap_or(kafka.partitions);
    if ingest.worker_replicas > partitions {
        let path = match topic {
            Some(_) => format!("{}.partitions", key("kafka.topics", &ingest.topic)),
            None => "kafka.partitions".to_owned(),
        };
        let why = format!("{} workers share {partitions} partitions", ingest.worker_replicas);
        found.add(
            &["ingest.worker_replicas", &path],
            why,
            format!("set {path}: {}", ingest.worker_replicas),
        );
    }
}

fn event_exceeds_request(spec: &Spec, _: &Context, found: &mut Breaches) {
    let (Some(kafka), Some(ingest)) = (&spec.kafka, &spec.ingest) else {
        return;
    };
    if ingest.max_event >= kafka.max_request {
        let why = format!(
            "an event may have {}, a request {}",
            ingest.max_event, kafka.max_request
        );
        found.add(
            &["ingest.max_event", "kafka.max_request"],
            why,
            "set ingest.max_event below kafka.max_request",
        );
    }
}
