//! `redis/`: redis.conf and sentinel.conf of the write-behind buffer.
//!
//! One file serves the master and its replicas, the other each Sentinel. The password is in neither: both include a
//! file that whoever starts the server writes.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use super::{Error, File, Input, field};
use crate::spec::{Buffer, Bytes, SecretReference, Sentinel, Target};
use crate::templates::{Templates, sources};
use crate::topology;

static TEMPLATES: Templates = Templates::new(sources!["redis/redis.conf", "redis/sentinel.conf"]);

/// What the first master is called where it has a name: in the specification, on Kubernetes, in Compose.
pub(super) const MASTER: &str = "redis-master";

/// What the templates are filled with.
#[derive(Debug, Serialize)]
struct Values {
    header: String,
    comments: Vec<String>,
    master: String,
    master_name: String,
    /// Where the password comes from.
    secret: Option<String>,
    secret_comments: Vec<String>,
    settings: Vec<Setting>,
}

#[derive(Debug, Serialize)]
struct Setting {
    name: &'static str,
    value: String,
    comments: Vec<String>,
}

pub(super) fn files(input: &Input<'_>) -> Result<Vec<File>, Error> {
    let Some(buffer) = &input.spec.buffer else {
        return Ok(Vec::new());
    };
    files_at(input, buffer, &Place::new(input, buffer)?)
}

/// The same for containers, whatever the plan's target: servers have names, and ports of their own.
pub(super) fn files_with_names(input: &Input<'_>) -> Result<Vec<File>, Error> {
    match &input.spec.buffer {
        Some(buffer) => files_at(input, buffer, &Place::named(buffer)),
        None => Ok(Vec::new()),
    }
}

fn files_at(input: &Input<'_>, buffer: &Buffer, place: &Place) -> Result<Vec<File>, Error> {
    let sentinel = buffer
        .sentinel
        .as_ref()
        .map(|it| sentinel_values(input, buffer, it, place));
    let mut redis = redis_values(input, buffer, place);
    // What is about several fields, or about the section as a whole, stands above them all.
    let beside: BTreeSet<&String> = [Some(&redis), sentinel.as_ref()]
        .into_iter()
        .flatten()
        .flat_map(Values::placed)
        .collect();
    let all = input.comments(&field("buffer"));
    redis.comments = all.iter().filter(|it| !beside.contains(it)).cloned().collect();
    let mut files = vec![File {
        path: "redis.conf".into(),
        text: TEMPLATES.fill("redis/redis.conf", &redis)?,
    }];
    if let Some(values) = sentinel {
        files.push(File {
            path: "sentinel.conf".into(),
            text: TEMPLATES.fill("redis/sentinel.conf", &values)?,
        });
    }
    Ok(files)
}

impl Values {
    /// Comments that stand beside a value.
    fn placed(&self) -> impl Iterator<Item = &String> {
        let settings = self.settings.iter().flat_map(|setting| &setting.comments);
        self.secret_comments.iter().chain(settings)
    }
}

/// Where the servers are reached.
#[derive(Debug)]
struct Place {
    /// The only address that is listened on; any where it is `None`.
    bind: Option<String>,
    master: String,
    port: u64,
    sentinel_port: u64,
}

impl Place {
    fn named(buffer: &Buffer) -> Self {
        let sentinel = buffer.sentinel.as_ref();
        Self {
            bind: None,
            master: MASTER.into(),
            port: buffer.port.get().into(),
            sentinel_port: sentinel.map_or(0, |it| it.port.get().into()),
        }
    }

    fn new(input: &Input<'_>, buffer: &Buffer) -> Result<Self, Error> {
        let named = Self::named(buffer);
        if input.spec.target != Target::Local {
            return Ok(named);
        }
        let desired = topology::desired(input.spec)?;
        let port = |kind: &str| {
            let first = desired.iter().find(|it| it.address.kind() == kind);
            first.and_then(|it| it.properties.get("port").and_then(Value::as_u64))
        };
        let bind = input.spec.local.bind.get().to_string();
        Ok(Self {
            master: bind.clone(),
            bind: Some(bind),
            port: port("redis_server").unwrap_or(named.port),
            sentinel_port: port("redis_sentinel").unwrap_or(named.sentinel_port),
        })
    }
}

fn redis_values(input: &Input<'_>, buffer: &Buffer, place: &Place) -> Values {
    Values {
        header: input.header(),
        comments: Vec::new(),
        master: format!("{} {}", place.master, place.port),
        master_name: String::new(),
        secret: buffer.auth.as_ref().map(|auth| named("buffer.auth", auth)),
        secret_comments: match buffer.auth {
            Some(_) => input.comments(&field("buffer.auth")),
            None => Vec::new(),
        },
        settings: redis_settings(input, buffer, place),
    }
}

fn redis_settings(input: &Input<'_>, buffer: &Buffer, place: &Place) -> Vec<Setting> {
    let at = |name, value: String, key: &str| Setting {
        name,
        value,
        comments: input.comments(&field("buffer").key(key)),
    };
    let plain = |name, value: &str| Setting {
        name,
        value: value.to_owned(),
        comments: Vec::new(),
    };
    let open = plain("bind", place.bind.as_deref().unwrap_or("* -::*"));
    let mut settings = vec![open];
    if buffer.auth.is_none() && place.bind.is_none() {
        // Without it Redis answers nobody but its own machine.
        settings.push(at("protected-mode", "no".into(), "auth"));
    }
    settings.extend([
        at("port", place.port.to_string(), "port"),
        at("maxmemory", size(buffer.maxmemory), "maxmemory"),
        at(
            "maxmemory-policy",
            buffer.maxmemory_policy.name().into(),
            "maxmemory_policy",
        ),
    ]);
    let first = settings.len();
    settings.extend(buffer.save.iter().map(|point| {
        let value = format!("{} {}", point.after.as_secs(), point.changes);
        plain("save", &value)
    }));
    if buffer.save.is_empty() {
        settings.push(plain("save", "\"\""));
    }
    settings[first].comments = input.comments(&field("buffer.save"));
    let yes_or_no = if buffer.appendonly { "yes" } else { "no" };
    settings.extend([
        at("appendonly", yes_or_no.into(), "appendonly"),
        at("appendfsync", buffer.appendfsync.name().into(), "appendfsync"),
        at(
            "tcp-keepalive",
            buffer.tcp_keepalive.as_secs().to_string(),
            "tcp_keepalive",
        ),
        at("tcp-backlog", buffer.tcp_backlog.to_string(), "tcp_backlog"),
        at("databases", buffer.databases.to_string(), "databases"),
        at("timeout", buffer.timeout.as_secs().to_string(), "timeout"),
        at("hz", buffer.hz.to_string(), "hz"),
        at(
            "slowlog-log-slower-than",
            buffer.slowlog_slower_than.as_micros().to_string(),
            "slowlog_slower_than",
        ),
        at(
            "slowlog-max-len",
            buffer.slowlog_max_len.to_string(),
            "slowlog_max_len",
        ),
    ]);
    settings
}

fn sentinel_values(input: &Input<'_>, buffer: &Buffer, sentinel: &Sentinel, place: &Place) -> Values {
    let name = &sentinel.master_name;
    let at = |name, value: String, key: &str| Setting {
        name,
        value,
        comments: input.comments(&field("buffer.sentinel").key(key)),
    };
    let plain = |name, value: String| Setting {
        name,
        value,
        comments: Vec::new(),
    };
    let names = if place.bind.is_some() { "no" } else { "yes" };
    let bind = place.bind.clone().unwrap_or_else(|| "* -::*".into());
    let mut monitor = at(
        "sentinel monitor",
        format!("{name} {} {} {}", place.master, place.port, sentinel.quorum),
        "quorum",
    );
    monitor
        .comments
        .extend(input.comments(&field("buffer.sentinel.count")));
    let settings = vec![
        plain("bind", bind),
        at("port", place.sentinel_port.to_string(), "port"),
        // Pods and containers keep their names, and get new addresses.
        plain("sentinel resolve-hostnames", names.into()),
        plain("sentinel announce-hostnames", names.into()),
        monitor,
        at(
            "sentinel down-after-milliseconds",
            format!("{name} {}", sentinel.down_after.as_millis()),
            "down_after",
        ),
        at(
            "sentinel parallel-syncs",
            format!("{name} {}", sentinel.parallel_syncs),
            "parallel_syncs",
        ),
        at(
            "sentinel failover-timeout",
            format!("{name} {}", sentinel.failover_timeout.as_millis()),
            "failover_timeout",
        ),
    ];
    let own = sentinel.auth.as_ref();
    let secret = own.map(|auth| named("buffer.sentinel.auth", auth));
    let shared = buffer.auth.as_ref();
    let secret = secret.or_else(|| shared.map(|auth| named("buffer.auth", auth)));
    Values {
        header: input.header(),
        comments: Vec::new(),
        master: format!("{} {}", place.master, place.port),
        master_name: name.clone(),
        secret,
        secret_comments: input.comments(&field("buffer.sentinel.auth")),
        settings,
    }
}

/// Where a secret comes from, in the plan's words; one that stands in the plan itself is not repeated.
fn named(field: &str, secret: &SecretReference) -> String {
    match secret {
        SecretReference::Literal(_) => format!("`{field}` of the plan"),
        secret => format!("`{field}` of the plan, `{secret}`"),
    }
}

/// As Redis writes it, whose `gb` is 1,024³ bytes.
fn size(bytes: Bytes) -> String {
    let bytes = bytes.as_bytes();
    [("gb", 1_u64 << 30), ("mb", 1 << 20), ("kb", 1 << 10)]
        .into_iter()
        .find(|(_, size)| bytes != 0 && bytes.is_multiple_of(*size))
        .map_or_else(
            || bytes.to_string(),
            |(unit, size)| format!("{}{unit}", bytes / size),
        )
}
