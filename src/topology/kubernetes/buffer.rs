//! The write-behind buffer: Redis and its Sentinels, a StatefulSet each.
//!
//! Redis and Sentinel rewrite their configuration, so each starts with a script that puts it together from the
//! plan's part, the password and what the others know by now.

use std::collections::BTreeMap;

use serde::Serialize;

use super::network::{Policy, from, pod_host, policy, service_host, to};
use super::pieces::{Placement, USER, object_name, quantity};
use super::{Error, Writer};
use crate::spec::{Buffer, Bytes, Sentinel, Tier};
use crate::topology::buffer_configuration;

/// The two sets, which their services and components are named after.
const REDIS: &str = "buffer";
const SENTINEL: &str = "buffer-sentinel";

/// Where Sentinels take the master's name from when they start.
const MASTER: &str = "@MASTER@";

/// What a fork for a snapshot may need besides the data, as a part of it.
const FORK_PARTS: u64 = 4;

/// A volume takes the log of writes twice while it is rewritten.
const VOLUME_TIMES: u64 = 2;

#[derive(Serialize)]
struct Values {
    comments: BTreeMap<&'static str, Vec<String>>,
    image: String,
    user: u32,
    servers: u32,
    port: u16,
    redis_conf: String,
    redis_start: String,
    memory: String,
    storage: String,
    /// The Secret with the password of master and replicas.
    auth: Option<String>,
    placement: Placement,
    sentinel: Option<SentinelValues>,
    policies: Vec<Policy>,
}

#[derive(Serialize)]
struct SentinelValues {
    count: u32,
    port: u16,
    sentinel_conf: String,
    sentinel_start: String,
    /// The Secret with the password that Sentinels show.
    auth: Option<String>,
}

/// What the scripts are filled with.
#[derive(Serialize)]
struct Scripts {
    service: String,
    servers: String,
    first: String,
    port: u16,
    sentinels: String,
    sentinel_service: String,
    sentinel_port: u16,
    master_name: String,
}

impl Writer<'_> {
    pub(super) fn buffer(&mut self) -> Result<(), Error> {
        let Some(buffer) = self
            .spec
            .buffer
            .as_ref()
            .filter(|_| self.place.runs(Tier::Buffer))
        else {
            return Ok(());
        };
        let scripts = scripts(buffer);
        let configuration = buffer_configuration(buffer, MASTER);
        let auth = buffer.auth.as_ref().map(|_| "buffer-auth".to_owned());
        let sentinel = match (&buffer.sentinel, configuration.sentinel) {
            (Some(plan), Some(text)) => Some(SentinelValues {
                count: plan.count,
                port: plan.port.get(),
                sentinel_conf: text,
                sentinel_start: self.filled("sentinel-start.sh", &scripts)?,
                auth: plan
                    .auth
                    .as_ref()
                    .map(|_| "sentinel-auth".to_owned())
                    .or(auth.clone()),
            }),
            _ => None,
        };
        let volume = buffer
            .storage
            .unwrap_or(Bytes(buffer.maxmemory.as_bytes() * VOLUME_TIMES));
        let memory = buffer.maxmemory.as_bytes() / FORK_PARTS * (FORK_PARTS + 1);
        let values = Values {
            comments: self.said_of_buffer(),
            image: format!("redis:{}-alpine", buffer.version),
            user: USER,
            servers: buffer.replicas + 1,
            port: buffer.port.get(),
            redis_conf: configuration.redis,
            redis_start: self.filled("redis-start.sh", &scripts)?,
            memory: quantity(Bytes::from_mib(memory.div_ceil(1 << 20))),
            storage: quantity(volume),
            auth,
            placement: self.placement(buffer.node_group.as_deref()),
            sentinel,
            policies: self.buffer_policies(buffer),
        };
        self.write("30-buffer.yaml", "buffer.yaml", ("buffer", "buffer"), &values)
    }

    fn said_of_buffer(&self) -> BTreeMap<&'static str, Vec<String>> {
        self.said(&[
            ("redis", &["buffer", "version"]),
            ("redis", &["buffer", "maxmemory_policy"]),
            ("redis", &["buffer", "appendonly"]),
            ("redis", &["buffer", "appendfsync"]),
            ("redis", &["buffer", "save"]),
            ("auth", &["buffer", "auth"]),
            ("auth", &["buffer", "sentinel", "auth"]),
            ("sentinel", &["buffer", "sentinel", "count"]),
            ("sentinel", &["buffer", "sentinel", "quorum"]),
            ("sentinel", &["buffer", "sentinel", "down_after"]),
            ("sentinel", &["buffer", "sentinel", "failover_timeout"]),
            ("placement", &["buffer", "node_group"]),
            ("memory", &["buffer", "maxmemory"]),
        ])
    }

    fn buffer_policies(&self, buffer: &Buffer) -> Vec<Policy> {
        let port = buffer.port.get();
        let clients = self.clients_of_buffer();
        let mut servers_of: Vec<&str> = clients.iter().map(String::as_str).collect();
        let sentinels_of = servers_of.clone();
        servers_of.push(REDIS);
        let Some(sentinel) = &buffer.sentinel else {
            let only = policy(
                REDIS,
                vec![from(&servers_of, &[port])],
                vec![to(&[REDIS], &[port])],
            );
            return vec![only];
        };
        let sentinel_port = sentinel.port.get();
        servers_of.push(SENTINEL);
        let out = || vec![to(&[REDIS], &[port]), to(&[SENTINEL], &[sentinel_port])];
        let mut asking = sentinels_of;
        asking.extend([REDIS, SENTINEL]);
        vec![
            policy(REDIS, vec![from(&servers_of, &[port])], out()),
            policy(SENTINEL, vec![from(&asking, &[sentinel_port])], out()),
        ]
    }

    fn clients_of_buffer(&self) -> Vec<String> {
        let service = self.spec.ingest.is_some() && self.place.runs(Tier::Ingest);
        let service = ["ingest-api", "ingest-worker"].into_iter().filter(|_| service);
        let workloads = self.spec.workloads.keys().filter(|_| self.place.runs(Tier::Api));
        service
            .map(str::to_owned)
            .chain(workloads.map(|name| object_name(name)))
            .collect()
    }
}

fn scripts(buffer: &Buffer) -> Scripts {
    let sentinel = buffer.sentinel.as_ref();
    let hosts = |set: &str, count: u32| -> String {
        let hosts: Vec<String> = (0..count).map(|number| pod_host(set, number, set)).collect();
        hosts.join(" ")
    };
    Scripts {
        service: service_host(REDIS),
        servers: hosts(REDIS, buffer.replicas + 1),
        first: pod_host(REDIS, 0, REDIS),
        port: buffer.port.get(),
        sentinels: hosts(SENTINEL, sentinel.map_or(0, |sentinel| sentinel.count)),
        sentinel_service: service_host(SENTINEL),
        sentinel_port: sentinel.map_or(0, |sentinel| sentinel.port.get()),
        master_name: sentinel.map_or_else(String::new, |sentinel| sentinel.master_name.clone()),
    }
}

/// `host:port` of each Sentinel, as clients are told.
pub(super) fn sentinel_addresses(sentinel: &Sentinel) -> String {
    let address = |number| format!("{}:{}", pod_host(SENTINEL, number, SENTINEL), sentinel.port);
    let all: Vec<String> = (0..sentinel.count).map(address).collect();
    all.join(",")
}

/// `host:port` of the first server, for clients that no Sentinel tells.
pub(super) fn first_server(buffer: &Buffer) -> String {
    format!("{}:{}", pod_host(REDIS, 0, REDIS), buffer.port)
}
