//! The ingestion service: its migration, its API, its workers.

use serde::Serialize;

use super::{Setting, kafka, setting, stores};
use crate::render::Input;
use crate::spec::{Duration, Ingest, Spec};
use crate::topology;

pub(super) const API: &str = "ingest-api";
pub(super) const WORKER: &str = "ingest-worker";
const MIGRATION: &str = "ingest-migration";
/// What Docker waits beyond the time that the service itself takes to stop.
const GRACE_MS: u64 = 5_000;

#[derive(Debug, Serialize)]
pub(super) struct Process {
    name: &'static str,
    image: String,
    command: [&'static str; 1],
    settings: Vec<Setting>,
    /// Files below /run/secrets.
    secrets: Vec<&'static str>,
    depends_on: Vec<Dependency>,
    /// Published on the machine.
    port: Option<u16>,
    replicas: u32,
    /// Whether it ends when it is done.
    once: bool,
    stop: String,
}

#[derive(Clone, Debug, Serialize)]
struct Dependency {
    name: String,
    condition: &'static str,
}

/// The service needs a log, a buffer and shards; without one of them it is left out.
pub(super) fn processes(input: &Input<'_>) -> Vec<Process> {
    let spec = input.spec;
    let (Some(ingest), true) = (&spec.ingest, is_whole(spec)) else {
        return Vec::new();
    };
    let redis = stores::redis(input);
    let migrated = Dependency {
        name: MIGRATION.into(),
        condition: "service_completed_successfully",
    };
    let buffer = match redis.sentinels.is_empty() {
        true => redis.servers.iter().take(1).map(|it| it.name.clone()).collect(),
        false => redis.sentinels.clone(),
    };
    let after: Vec<Dependency> = [migrated]
        .into_iter()
        .chain(buffer.into_iter().map(healthy))
        .collect();
    let password = redis.password.then_some("redis_password");
    let mut api = running(spec, ingest, &redis, "api", ingest.port.get());
    api.push(setting("VVBILL_INGEST_API_KEYS", "/run/secrets/api_keys"));
    let api = Process {
        settings: api,
        secrets: password.into_iter().chain(["api_keys"]).collect(),
        depends_on: after.clone(),
        port: Some(ingest.port.get()),
        ..Process::new(API, "run", ingest)
    };
    let worker = Process {
        settings: running(spec, ingest, &redis, "worker", ingest.metrics_port.get()),
        secrets: password.into_iter().collect(),
        depends_on: after,
        replicas: ingest.worker_replicas,
        ..Process::new(WORKER, "run", ingest)
    };
    vec![migration(spec, ingest), api, worker]
}

impl Process {
    /// One that publishes nothing and waits for nobody.
    fn new(name: &'static str, command: &'static str, ingest: &Ingest) -> Self {
        let grace = Duration::from_millis(ingest.stop_timeout.as_millis() + GRACE_MS);
        Self {
            name,
            image: format!("vvbill-ingest:{}", env!("CARGO_PKG_VERSION")),
            command: [command],
            settings: Vec::new(),
            secrets: Vec::new(),
            depends_on: Vec::new(),
            port: None,
            replicas: 1,
            once: false,
            stop: grace.to_string(),
        }
    }
}

fn healthy(name: String) -> Dependency {
    Dependency {
        name,
        condition: "service_healthy",
    }
}

fn migration(spec: &Spec, ingest: &Ingest) -> Process {
    let brokers = spec.kafka.as_ref().map_or(0, |kafka| kafka.brokers);
    let shards = spec.aurora.as_ref().map_or(0, |aurora| aurora.shards);
    let before = (1..=brokers)
        .map(kafka::name)
        .chain((0..shards).map(stores::shard_name));
    Process {
        settings: [log(spec, ingest), ledger(spec), topics(spec)].concat(),
        depends_on: before.map(healthy).collect(),
        once: true,
        ..Process::new(MIGRATION, "migrate", ingest)
    }
}

/// What both roles are told.
fn running(spec: &Spec, ingest: &Ingest, redis: &stores::Redis, role: &str, port: u16) -> Vec<Setting> {
    let mut settings = vec![
        setting("VVBILL_INGEST_ROLES", role),
        setting("VVBILL_INGEST_LISTEN", format!("0.0.0.0:{port}")),
    ];
    settings.extend([log(spec, ingest), ledger(spec), readable(spec, redis)].concat());
    settings.extend(
        topology::service_settings(ingest)
            .into_iter()
            .map(|(name, value)| setting(name, value)),
    );
    settings
}

fn is_whole(spec: &Spec) -> bool {
    spec.kafka.is_some() && spec.buffer.is_some() && spec.aurora.is_some()
}

fn log(spec: &Spec, ingest: &Ingest) -> Vec<Setting> {
    let brokers = spec.kafka.as_ref().map(kafka::bootstrap).unwrap_or_default();
    vec![
        setting("VVBILL_INGEST_KAFKA_BROKERS", brokers),
        setting("VVBILL_INGEST_TOPIC", &ingest.topic),
        setting("VVBILL_INGEST_DEAD_LETTER_TOPIC", &ingest.dead_letter_topic),
        setting("VVBILL_INGEST_GROUP", &ingest.consumer_group),
    ]
}

/// Each shard's connection string, with the password by name.
fn ledger(spec: &Spec) -> Vec<Setting> {
    let Some(aurora) = &spec.aurora else {
        return Vec::new();
    };
    let connection = |number| {
        format!(
            "host={} dbname={} user={} password='${{POSTGRES_PASSWORD:?the password of the shards}}'",
            stores::shard_name(number),
            aurora.database_name,
            aurora.master_username
        )
    };
    let connections: Vec<String> = (0..aurora.shards).map(connection).collect();
    vec![Setting {
        name: "VVBILL_INGEST_SHARDS".into(),
        // The variable is Compose's to fill in.
        value: serde_json::Value::from(connections.join(";")).to_string(),
        comments: Vec::new(),
    }]
}

fn topics(spec: &Spec) -> Vec<Setting> {
    let Some(kafka) = &spec.kafka else {
        return Vec::new();
    };
    let topic = spec.ingest.as_ref().and_then(|it| kafka.topics.get(&it.topic));
    let partitions = topic.and_then(|topic| topic.partitions);
    let copies = topic.and_then(|topic| topic.replication_factor);
    vec![
        setting("VVBILL_INGEST_CREATE_TOPICS", "true"),
        setting(
            "VVBILL_INGEST_PARTITIONS",
            partitions.unwrap_or(kafka.partitions).to_string(),
        ),
        setting(
            "VVBILL_INGEST_REPLICATION",
            copies.unwrap_or(kafka.default_replication_factor).to_string(),
        ),
    ]
}

fn readable(spec: &Spec, redis: &stores::Redis) -> Vec<Setting> {
    let Some(buffer) = &spec.buffer else {
        return Vec::new();
    };
    let mut settings = match &buffer.sentinel {
        Some(sentinel) => {
            let addresses: Vec<String> = redis
                .sentinels
                .iter()
                .map(|name| format!("{name}:{}", redis.sentinel_port))
                .collect();
            vec![
                setting("VVBILL_INGEST_REDIS_MODE", "sentinel"),
                setting("VVBILL_INGEST_REDIS", addresses.join(",")),
                setting("VVBILL_INGEST_REDIS_MASTER_NAME", &sentinel.master_name),
            ]
        }
        None => {
            let first = redis.servers.first().map_or("redis-1", |server| &server.name);
            let address = format!("{first}:{}", buffer.port.get());
            vec![
                setting("VVBILL_INGEST_REDIS_MODE", "primary-endpoint"),
                setting("VVBILL_INGEST_REDIS", address),
            ]
        }
    };
    if redis.password {
        settings.push(setting(
            "VVBILL_INGEST_REDIS_PASSWORD",
            "file:/run/secrets/redis_password",
        ));
    }
    settings
}
