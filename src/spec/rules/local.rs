//! VV920–939: plans that run as processes on one machine, and sections that don't fit the target.

use std::collections::{BTreeMap, BTreeSet};

use super::{Applies, Breaches, Context, Rule, Severity, key};
use crate::spec::{DatabaseEngine, KafkaMode, Spec, Target};

/// Ports that are given out from `local.port_base` on.
const GIVEN_OUT: u32 = 64;

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "VV920",
        severity: Severity::Error,
        title: "two processes share a port",
        applies: Applies::OnThisMachine,
        about: "On one machine every process needs a port of its own; the second one to start fails.",
        source: "vvbill",
        remedy: "Give each name in `local.ports` another port.",
        check: ports_clash,
    },
    Rule {
        code: "VV921",
        severity: Severity::Error,
        title: "a port is given to a process that the plan doesn't run",
        applies: Applies::OnThisMachine,
        about: "A port under a name that no process has changes nothing: the process meant gets another one.",
        source: "vvbill",
        remedy: "Use a name such as `kafka-1`, `redis-2`, `sentinel-1`, `shard-0`, `ingest-api-1`, `ingest-worker-1`, \
                 `prometheus`.",
        check: process_is_unknown,
    },
    Rule {
        code: "VV922",
        severity: Severity::Error,
        title: "a port lies among those that are given out",
        applies: Applies::OnThisMachine,
        about: "What has no port of its own gets one from `local.port_base` on, 64 are kept for it. A port that is named \
                there could be given out as well.",
        source: "vvbill",
        remedy: "Move `local.port_base` or the port.",
        check: port_is_given_out,
    },
    Rule {
        code: "VV923",
        severity: Severity::Error,
        title: "only root may listen on that port",
        applies: Applies::OnThisMachine,
        about: "Ports below 1024 are kept for root, and the servers run as an unprivileged user.",
        source: "capabilities(7), CAP_NET_BIND_SERVICE",
        remedy: "Take a port of 1024 or above.",
        check: port_is_privileged,
    },
    Rule {
        code: "VV924",
        severity: Severity::Error,
        title: "the local target runs Kafka in KRaft mode only",
        applies: Applies::OnThisMachine,
        about: "vvbill fetches Kafka 4 from Maven Central, which has no ZooKeeper.",
        source: "Apache Kafka 4.0, \"Notable changes\"",
        remedy: "Set `kafka.mode: kraft` and a `kafka.version` of 4.x.",
        check: kafka_is_old,
    },
    Rule {
        code: "VV925",
        severity: Severity::Error,
        title: "the database engine doesn't run on this target",
        applies: Applies::Everywhere,
        about: "Aurora exists on AWS only; plain PostgreSQL is what the local target runs.",
        source: "vvbill",
        remedy: "Set `aurora.engine` to `aurora-postgresql` on AWS, to `postgresql` locally.",
        check: engine_does_not_fit,
    },
    Rule {
        code: "VV926",
        severity: Severity::Error,
        title: "the service lacks what it stands on",
        applies: Applies::Everywhere,
        about: "The ingestion service takes events from Kafka through the buffer into the database: it needs all three.",
        source: "vvbill",
        remedy: "Describe the missing sections, or leave `ingest` out.",
        check: service_lacks_a_part,
    },
    Rule {
        code: "VV927",
        severity: Severity::Warning,
        title: "a section has no effect on this machine",
        applies: Applies::OnThisMachine,
        about: "Clusters, caches, load balancers and DNS exist on AWS only; on the local target they are checked and \
                priced by nobody.",
        source: "vvbill",
        remedy: "Leave it out, or set `target: aws`.",
        check: section_has_no_effect,
    },
];

/// The names of the plan's processes, as `local.ports` takes them.
fn processes(spec: &Spec) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut add = |name: &str, numbers: std::ops::Range<u32>| {
        names.extend(numbers.map(|number| format!("{name}-{number}")));
    };
    if let Some(kafka) = &spec.kafka {
        add("kafka", 1..kafka.brokers.saturating_add(1));
        add("kafka-controller", 1..kafka.brokers.saturating_add(1));
    }
    if let Some(buffer) = &spec.buffer {
        add("redis", 1..buffer.replicas.saturating_add(2));
        add(
            "sentinel",
            1..buffer
                .sentinel
                .as_ref()
                .map_or(1, |it| it.count.saturating_add(1)),
        );
    }
    if let Some(aurora) = &spec.aurora {
        add("shard", 0..aurora.shards);
    }
    if let Some(ingest) = &spec.ingest {
        add("ingest-api", 1..ingest.api_replicas.saturating_add(1));
        add("ingest-worker", 1..ingest.worker_replicas.saturating_add(1));
    }
    if spec.monitoring.is_some() {
        names.insert("prometheus".to_owned());
    }
    names
}

fn ports_clash(spec: &Spec, _: &Context, found: &mut Breaches) {
    let mut owners: BTreeMap<u16, &str> = BTreeMap::new();
    for (name, port) in &spec.local.ports {
        if let Some(owner) = owners.insert(port.get(), name) {
            let path = key("local.ports", name);
            let why = format!("{port} is {owner}'s as well");
            found.add(
                &[&path, &key("local.ports", owner)],
                why,
                format!("set {path} to another port"),
            );
        }
    }
}

fn process_is_unknown(spec: &Spec, _: &Context, found: &mut Breaches) {
    let known = processes(spec);
    for name in spec.local.ports.keys() {
        if !known.contains(name) {
            let path = key("local.ports", name);
            let nearest = known
                .iter()
                .min_by_key(|known| strsim::damerau_levenshtein(known, name));
            let fix = nearest.map_or(format!("take {path} out"), |nearest| {
                format!("take {path} out, or name it {nearest}")
            });
            found.add(&[&path], format!("the plan runs no process called {name}"), fix);
        }
    }
}

fn port_is_given_out(spec: &Spec, _: &Context, found: &mut Breaches) {
    let base = u32::from(spec.local.port_base.get());
    for (name, port) in &spec.local.ports {
        if (base..base + GIVEN_OUT).contains(&u32::from(port.get())) {
            let path = key("local.ports", name);
            let why = format!("{port} lies within {base} to {}", base + GIVEN_OUT - 1);
            let fix = format!("set {path}: {} or above", base + GIVEN_OUT);
            found.add(&[&path, "local.port_base"], why, fix);
        }
    }
}

fn port_is_privileged(spec: &Spec, _: &Context, found: &mut Breaches) {
    let base = ("local.port_base".to_owned(), spec.local.port_base);
    let ports = spec
        .local
        .ports
        .iter()
        .map(|(name, port)| (key("local.ports", name), *port));
    for (path, port) in ports.chain([base]) {
        if port.get() < 1_024 {
            let why = format!("{port} is below 1024");
            found.add(
                &[&path],
                why,
                format!("set {path}: {}", 20_000 + u32::from(port.get())),
            );
        }
    }
}

fn kafka_is_old(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(kafka) = &spec.kafka else { return };
    let major = kafka
        .version
        .split('.')
        .next()
        .and_then(|major| major.parse::<u32>().ok());
    if kafka.mode == KafkaMode::Zookeeper || major < Some(4) {
        let why = format!("{} is not Kafka 4 in KRaft mode", kafka.version);
        found.add(
            &["kafka.version", "kafka.mode"],
            why,
            "set kafka.version: 4.1.0 and kafka.mode: kraft",
        );
    }
}

fn engine_does_not_fit(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(aurora) = &spec.aurora else { return };
    let (wanted, name) = match spec.target {
        Target::Aws => (DatabaseEngine::AuroraPostgresql, "aurora-postgresql"),
        Target::Local => (DatabaseEngine::Postgresql, "postgresql"),
    };
    if aurora.engine != wanted {
        let why = format!("on this target the shards run {name}");
        found.add(
            &["aurora.engine", "target"],
            why,
            format!("set aurora.engine: {name}"),
        );
    }
}

fn service_lacks_a_part(spec: &Spec, _: &Context, found: &mut Breaches) {
    if spec.ingest.is_none() {
        return;
    }
    let parts = [
        (spec.kafka.is_none(), "kafka"),
        (spec.buffer.is_none(), "buffer"),
        (spec.aurora.is_none(), "aurora"),
    ];
    for (_, part) in parts.into_iter().filter(|part| part.0) {
        found.add(
            &[part, "ingest"],
            format!("ingest is described, {part} is not"),
            format!("describe {part}"),
        );
    }
}

fn section_has_no_effect(spec: &Spec, _: &Context, found: &mut Breaches) {
    let sections = [
        (spec.eks.is_some(), "eks"),
        (spec.cache.is_some(), "cache"),
        (spec.load_balancer.is_some(), "load_balancer"),
        (spec.edge.is_some(), "edge"),
        (!spec.workloads.is_empty(), "workloads"),
        (spec.network.is_some(), "network"),
    ];
    for (_, section) in sections.into_iter().filter(|section| section.0) {
        found.add(
            &[section, "target"],
            "the target is this machine",
            format!("leave {section} out"),
        );
    }
}
