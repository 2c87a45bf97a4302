//! Redis with its Sentinels, and the shards.

use serde::Serialize;

use super::{Setting, setting};
use crate::render::{Input, field, redis::MASTER};
use crate::spec::{Aurora, Target};

/// The image has its own port.
const SHARD_PORT: u16 = 5_432;

#[derive(Debug, Default, Serialize)]
pub(super) struct Redis {
    image: String,
    pub(super) servers: Vec<Server>,
    pub(super) sentinels: Vec<String>,
    /// Whether master and replicas have one.
    pub(super) password: bool,
    /// Whether Sentinels show one.
    pub(super) sentinel_password: bool,
    master: &'static str,
    /// The service that is the first master.
    first: String,
    master_name: String,
    port: u16,
    pub(super) sentinel_port: u16,
    /// Of redis.conf and sentinel.conf.
    folder: &'static str,
    /// Asks whether it answers.
    check: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Server {
    pub(super) name: String,
    /// What others know it by.
    host: String,
    replica: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct Shard {
    pub(super) name: String,
    image: String,
    comments: Vec<String>,
    settings: Vec<Setting>,
    user: String,
    database: String,
    port: u16,
}

pub(super) fn redis(input: &Input<'_>) -> Redis {
    let Some(buffer) = &input.spec.buffer else {
        return Redis::default();
    };
    let name = |number: u32| format!("redis-{number}");
    let sentinel = buffer.sentinel.as_ref();
    let port = buffer.port.get();
    let ping = format!("redis-cli -p {port} ping | grep -q PONG");
    Redis {
        image: format!("redis:{}", buffer.version),
        servers: (1..=buffer.replicas + 1)
            .map(|number| Server {
                name: name(number),
                host: if number == 1 {
                    MASTER.to_owned()
                } else {
                    name(number)
                },
                replica: number > 1,
            })
            .collect(),
        sentinels: (1..=sentinel.map_or(0, |it| it.count))
            .map(|number| format!("sentinel-{number}"))
            .collect(),
        password: buffer.auth.is_some(),
        sentinel_password: sentinel.is_some_and(|it| it.auth.is_some() || buffer.auth.is_some()),
        master: MASTER,
        first: name(1),
        master_name: sentinel.map_or_else(String::new, |it| it.master_name.clone()),
        port,
        sentinel_port: sentinel.map_or(0, |it| it.port.get()),
        folder: match input.spec.target {
            Target::Local => ".",
            Target::Aws => "../redis",
        },
        check: match buffer.auth {
            Some(_) => format!("REDISCLI_AUTH=\"$$(cat /run/secrets/redis_password)\" {ping}"),
            None => ping,
        },
    }
}

pub(super) fn shards(input: &Input<'_>) -> Vec<Shard> {
    let Some(aurora) = &input.spec.aurora else {
        return Vec::new();
    };
    (0..aurora.shards)
        .map(|number| shard(input, aurora, number))
        .collect()
}

/// What the service connects to, without the password.
pub(super) fn shard_name(number: u32) -> String {
    format!("shard-{number}")
}

fn shard(input: &Input<'_>, aurora: &Aurora, number: u32) -> Shard {
    let major = aurora.engine_version.split('.').next().unwrap_or_default();
    let (own, aurora_only): (Vec<_>, Vec<_>) = aurora
        .parameters
        .iter()
        .partition(|(name, value)| is_plain(name, value));
    let comment = |(name, value): &(&String, &String)| {
        format!("{name} = {value} is Aurora's; PostgreSQL's default stands here.")
    };
    Shard {
        name: shard_name(number),
        image: format!("postgres:{major}"),
        comments: match number {
            0 => aurora_only.iter().map(comment).collect(),
            _ => Vec::new(),
        },
        settings: own
            .into_iter()
            .map(|(name, value)| Setting {
                value: format!("{name}={value}"),
                comments: match number {
                    0 => input.comments(&field("aurora.parameters").key(name)),
                    _ => Vec::new(),
                },
                ..setting(name, "")
            })
            .collect(),
        user: aurora.master_username.clone(),
        database: aurora.database_name.clone(),
        port: SHARD_PORT.saturating_add(u16::try_from(number).unwrap_or(u16::MAX)),
    }
}

/// Whether PostgreSQL knows the parameter, and reads its value as Aurora does.
fn is_plain(name: &str, value: &str) -> bool {
    let aurora_only = ["rds.", "aurora", "apg_"]
        .iter()
        .any(|start| name.starts_with(start));
    !aurora_only && !value.contains('{')
}
