//! VV920–939: plans that run as processes on one machine, and sections that don't fit the target.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::{Applies, Breaches, Context, Rule, Severity, key};
use crate::spec::{DatabaseEngine, Duration, KafkaMode, SecondaryMode, Spec, Target, Tier};

/// Ports that each kind of process has behind `local.port_base`.
const PLACES: u32 = 8;
/// Prometheus is the eighth kind, etcd's two kinds follow.
const PROMETHEUS: u32 = 7;
const ETCD: u32 = 8;
/// Where the places of the shards' members and of their Patroni begin, and how many there are of each.
const MEMBERS: u32 = 80;
const MEMBER_PLACES: u32 = 32;
/// A shard's share of them.
const MEMBERS_A_SHARD: u32 = 4;
/// The least that Patroni takes.
const LEADER_TTL: Duration = Duration::from_secs(20);
/// Members of etcd.
const ETCD_MEMBERS: u32 = 3;

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
        remedy: "Use a name such as `kafka-1`, `kafka-controller-1`, `kafka-jmx-1`, `redis-2`, `sentinel-1`, `shard-0`, \
                 `ingest-api-1`, `ingest-worker-1`, `prometheus`; where shards have replicas `shard-0-1`, `patroni-0-1`, \
                 `etcd-1`, `etcd-peer-1`; in the second region `kafka-1-NAME`, `shard-0-NAME`.",
        check: process_is_unknown,
    },
    Rule {
        code: "VV922",
        severity: Severity::Error,
        title: "there is no port left for a process",
        applies: Applies::OnThisMachine,
        about: "What `local.ports` doesn't name gets one of the 64 ports from `local.port_base` on: eight for each kind \
                of process, so that one more of a kind moves no other's port. A ninth of a kind has to be named. Shards with \
                replicas take 80 more, in which eight shards of four members have their places; a second region has the same \
                places once more, from the 160th port on.",
        source: "vvbill",
        remedy: "Name its port in `local.ports`.",
        check: places_are_used_up,
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
    Rule {
        code: "VV928",
        severity: Severity::Error,
        title: "a shard's next primary isn't chosen that fast",
        applies: Applies::OnThisMachine,
        about: "When the node of a primary is gone, nobody else may lead before its lease has run out, and Patroni takes \
                no lease under 20 seconds. Kafka and the buffer carry what comes in meanwhile: a recovery time is \
                therefore stated per tier.",
        source: "Patroni, \"Dynamic Configuration Settings\", ttl",
        remedy: "State `recovery_time` for each tier; 20 s or more for the database.",
        check: members_are_too_slow,
    },
    Rule {
        code: "VV929",
        severity: Severity::Error,
        title: "the second region can't take over on this machine",
        applies: Applies::OnThisMachine,
        about: "On one machine the second region is a second set of processes that takes over the whole platform: a \
                copy of the log, of each shard, a buffer and the service. It waits until the first is away, and a copy \
                follows one server: a shard that changes its primary by itself is none that it could follow.",
        source: "vvbill",
        remedy: "Set `mode: active-passive` and `runs: [kafka, buffer, database, ingest]`, and \
                 `aurora.replicas_per_shard: 0`.",
        check: second_region_is_incomplete,
    },
];

/// Where the ports of the second region begin.
const SECOND_REGION: u32 = 160;

/// A process of the plan, and the port that it listens on.
struct Process {
    name: String,
    /// Its place among the 64 ports; `None` for one that counts from elsewhere.
    place: Option<u32>,
    /// The port when `local.ports` doesn't name it; `None` where it has none left.
    given: Option<u32>,
}

impl Process {
    /// The port, and the field that decides it.
    fn port(&self, spec: &Spec) -> Option<(u32, String)> {
        match spec.local.ports.get(&self.name) {
            Some(port) => Some((u32::from(port.get()), key("local.ports", &self.name))),
            None => Some((self.given?, "local.port_base".to_owned())),
        }
    }
}

/// Every process of the plan: eight places for each kind, in the order in which `local.port_base` gives them.
fn processes(spec: &Spec) -> Vec<Process> {
    let brokers = spec.kafka.as_ref().map_or(0, |it| it.brokers);
    let buffer = spec.buffer.as_ref();
    let sentinels = buffer
        .and_then(|it| it.sentinel.as_ref())
        .map_or(0, |it| it.count);
    let ingest = spec.ingest.as_ref();
    let (shards, replicas) = spec
        .aurora
        .as_ref()
        .map_or((0, 0), |it| (it.shards, it.replicas_per_shard));
    let kinds = [
        ("kafka", brokers, 1),
        ("kafka-controller", brokers, 1),
        ("redis", buffer.map_or(0, |it| it.replicas.saturating_add(1)), 1),
        ("sentinel", sentinels, 1),
        ("shard", if replicas == 0 { shards } else { 0 }, 0),
        ("ingest-api", ingest.map_or(0, |it| it.api_replicas), 1),
        ("ingest-worker", ingest.map_or(0, |it| it.worker_replicas), 1),
    ];
    let base = u32::from(spec.local.port_base.get());
    let mut processes = Vec::new();
    let mut add = |name: String, places: Range<u32>, index: u32| {
        let place = places.start.saturating_add(index);
        let given = Some(base.saturating_add(place));
        let given = given.filter(|port| place < places.end && *port <= u32::from(u16::MAX));
        processes.push(Process {
            name,
            place: Some(place),
            given,
        });
    };
    let places = |kind: u32| kind * PLACES..(kind + 1) * PLACES;
    for (kind, (name, count, first)) in (0..).zip(kinds) {
        (0..count).for_each(|index| add(format!("{name}-{}", first + index), places(kind), index));
    }
    if spec.monitoring.is_some() {
        add("prometheus".to_owned(), places(PROMETHEUS), 0);
    }
    if replicas > 0 {
        for (kind, name) in [(ETCD, "etcd"), (ETCD + 1, "etcd-peer")] {
            (0..ETCD_MEMBERS).for_each(|index| add(format!("{name}-{}", index + 1), places(kind), index));
        }
        for (shard, member) in (0..shards).flat_map(|shard| (0..=replicas).map(move |member| (shard, member)))
        {
            let index = match member < MEMBERS_A_SHARD {
                true => shard * MEMBERS_A_SHARD + member,
                false => MEMBER_PLACES,
            };
            let (first, second) = (MEMBERS, MEMBERS + MEMBER_PLACES);
            add(format!("shard-{shard}-{}", member + 1), first..second, index);
            add(
                format!("patroni-{shard}-{}", member + 1),
                second..second + MEMBER_PLACES,
                index,
            );
        }
    }
    if let Some(second) = spec.regions.as_ref().and_then(|it| it.secondary.as_ref()) {
        let one = |there: bool| u32::from(there);
        let sentinel = buffer.is_some_and(|it| it.sentinel.is_some());
        let kinds = [
            ("kafka", one(brokers > 0), 1),
            ("kafka-controller", one(brokers > 0), 1),
            ("redis", one(buffer.is_some()), 1),
            ("sentinel", one(sentinel), 1),
            ("shard", shards, 0),
            ("ingest-api", one(ingest.is_some()), 1),
            ("ingest-worker", one(ingest.is_some()), 1),
        ];
        let places = |kind: u32| SECOND_REGION + kind * PLACES..SECOND_REGION + (kind + 1) * PLACES;
        for (kind, (name, count, first)) in (0..).zip(kinds) {
            let name = |index: u32| format!("{name}-{}-{}", first + index, second.name);
            (0..count).for_each(|index| add(name(index), places(kind), index));
        }
    }
    if let Some(first) = spec.kafka.as_ref().and_then(|it| it.jmx_port) {
        processes.extend((0..brokers).map(|index| Process {
            name: format!("kafka-jmx-{}", index + 1),
            place: None,
            given: Some(u32::from(first.get()) + index),
        }));
    }
    processes
}

fn ports_clash(spec: &Spec, _: &Context, found: &mut Breaches) {
    let mut owners: BTreeMap<u32, (String, String)> = BTreeMap::new();
    for process in processes(spec) {
        let Some((port, path)) = process.port(spec) else {
            continue;
        };
        if let Some((owner, owner_path)) = owners.insert(port, (process.name.clone(), path.clone())) {
            let why = format!("{port} is {owner}'s as well as {}'s", process.name);
            let named = key("local.ports", &process.name);
            let paths = if path == "local.port_base" {
                [&*owner_path, &*path]
            } else {
                [&*path, &*owner_path]
            };
            found.add(&paths, why, format!("set {named} to another port"));
        }
    }
}

fn process_is_unknown(spec: &Spec, _: &Context, found: &mut Breaches) {
    let known: BTreeSet<String> = processes(spec).into_iter().map(|process| process.name).collect();
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

fn places_are_used_up(spec: &Spec, _: &Context, found: &mut Breaches) {
    for process in processes(spec) {
        if process.port(spec).is_none() && process.place.is_some() {
            let path = key("local.ports", &process.name);
            let why = format!(
                "eight of its kind fit behind {}, and it is none of them",
                spec.local.port_base
            );
            found.add(
                &[&path, "local.port_base"],
                why,
                format!("set {path} to a port of its own"),
            );
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

fn members_are_too_slow(spec: &Spec, _: &Context, found: &mut Breaches) {
    if spec.aurora.as_ref().is_none_or(|it| it.replicas_per_shard == 0) {
        return;
    }
    let promised = &spec.success_metrics.recovery_time;
    let (time, path) = match (promised.database, promised.overall) {
        (Some(time), _) => (time, "success_metrics.recovery_time.database"),
        (None, Some(time)) => (time, "success_metrics.recovery_time.overall"),
        (None, None) => return,
    };
    if time < LEADER_TTL {
        let why = format!("{time} are promised for the database; the lease of its primary is {LEADER_TTL}");
        let fix = "state it per tier: success_metrics.recovery_time: {overall: null, ingest: 5s, buffer: 5s, database: 30s}";
        found.add(&[path], why, fix);
    }
}

fn second_region_is_incomplete(spec: &Spec, _: &Context, found: &mut Breaches) {
    const PARTS: [Tier; 4] = [Tier::Kafka, Tier::Buffer, Tier::Database, Tier::Ingest];
    let Some(second) = spec.regions.as_ref().and_then(|it| it.secondary.as_ref()) else {
        return;
    };
    if spec.aurora.as_ref().is_some_and(|it| it.replicas_per_shard > 0) {
        let why = "a copy of a shard follows one server, not whichever is the primary";
        found.add(
            &["aurora.replicas_per_shard", "regions.secondary"],
            why,
            "set aurora.replicas_per_shard: 0, or leave the second region out",
        );
    }
    if PARTS.iter().any(|part| !second.runs.contains(part)) {
        found.add(
            &["regions.secondary.runs"],
            "a part that it lacks can't be taken over",
            "set regions.secondary.runs: [kafka, buffer, database, ingest]",
        );
    }
    if second.mode == SecondaryMode::ActiveActive {
        found.add(
            &["regions.secondary.mode"],
            "it takes reads only after a failover",
            "set regions.secondary.mode: active-passive",
        );
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    for (name, path) in [
        (
            spec.regions.as_ref().map_or("", |it| &it.primary),
            "regions.primary",
        ),
        (&*second.name, "regions.secondary.name"),
    ] {
        if name.is_empty() || !name.chars().all(is_plain) {
            found.add(
                &[path],
                format!("`{name}` is a part of names of files and topics: letters, digits and dashes only"),
                format!("set {path} to a name such as north"),
            );
        }
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
