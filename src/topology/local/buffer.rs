//! The write-behind buffer: a Redis master, replicas, Sentinels.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::{Error, Group, Layout, address, kind, names};
use crate::provider::local::{RedisSentinel, RedisServer};
use crate::resource::{Address, Ref};
use crate::spec::{Buffer, Sentinel};

const SECTION: &str = "buffer";

impl Layout<'_> {
    pub(super) fn buffer(&mut self) -> Result<(), Error> {
        let Some(buffer) = &self.spec.buffer else {
            return Ok(());
        };
        let password = buffer
            .auth
            .as_ref()
            .map(|auth| self.secret("buffer", auth, SECTION, "buffer.auth"))
            .transpose()?
            .map(|secret| Ref::output(&secret, "path"));
        let servers = names("redis", buffer.replicas + 1, 1);
        let ports = self.ports(&servers, Group::Redis)?;
        let sentinels = buffer.sentinel.as_ref().map_or(0, |sentinel| sentinel.count);
        let sentinels = names("sentinel", sentinels, 1);
        let sentinel_ports = self.ports(&sentinels, Group::Sentinels)?;
        for (name, port) in servers.iter().zip(&ports) {
            let server = RedisServer {
                common: self.common(name, &["redis-server"]),
                port: *port,
                data: self.data(name, SECTION, "buffer"),
                password_file: password.clone(),
                first_master_port: Some(ports[0]).filter(|first| first != port),
                group_ports: ports.iter().copied().collect(),
                sentinel_ports: sentinel_ports.iter().copied().collect(),
                master_name: buffer
                    .sentinel
                    .as_ref()
                    .map_or("mymaster", |sentinel| &sentinel.master_name)
                    .into(),
                settings: settings(buffer),
                snapshots: snapshots(buffer),
            };
            let added = self.add(kind::REDIS_SERVER, name, &server, SECTION, "buffer");
            let master = address(kind::REDIS_SERVER, &servers[0]);
            self.depend(
                &added,
                Some(master).filter(|_| server.first_master_port.is_some()),
            );
        }
        if let Some(sentinel) = &buffer.sentinel {
            let password = match &sentinel.auth {
                Some(auth) => {
                    let secret = self.secret("sentinel", auth, SECTION, "buffer.sentinel.auth")?;
                    Some(Ref::output(&secret, "path"))
                }
                None => password,
            };
            let group = ports.iter().copied().collect();
            let watched: Vec<Address> = servers
                .iter()
                .map(|name| address(kind::REDIS_SERVER, name))
                .collect();
            for (name, port) in sentinels.iter().zip(sentinel_ports) {
                self.sentinel(sentinel, name, port, &group, password.clone(), &watched);
            }
        }
        Ok(())
    }

    fn sentinel(
        &mut self,
        sentinel: &Sentinel,
        name: &str,
        port: u16,
        group_ports: &BTreeSet<u16>,
        password_file: Option<Ref<PathBuf>>,
        watched: &[Address],
    ) {
        let origin = "buffer.sentinel";
        let resource = RedisSentinel {
            common: self.common(name, &["redis-sentinel"]),
            port,
            data: self.data(name, SECTION, origin),
            password_file,
            master_name: sentinel.master_name.clone(),
            master_port: Ref::output(&watched[0], "port"),
            group_ports: group_ports.clone(),
            sentinels: sentinel.count,
            quorum: sentinel.quorum,
            down_after_ms: sentinel.down_after.as_millis(),
            failover_timeout_ms: sentinel.failover_timeout.as_millis(),
            parallel_syncs: sentinel.parallel_syncs,
        };
        let address = self.add(kind::REDIS_SENTINEL, name, &resource, SECTION, origin);
        self.depend(&address, watched.iter().cloned());
    }

    fn ports(&self, names: &[String], group: Group) -> Result<Vec<u16>, Error> {
        (0..)
            .zip(names)
            .map(|(index, name)| self.port(name, group, index))
            .collect()
    }
}

pub(super) fn snapshots(buffer: &Buffer) -> Vec<(u64, u64)> {
    let points = buffer.save.iter();
    points
        .map(|point| (point.after.as_secs(), u64::from(point.changes)))
        .collect()
}

pub(super) fn settings(buffer: &Buffer) -> BTreeMap<String, String> {
    let settings = [
        ("maxmemory", buffer.maxmemory.as_bytes().to_string()),
        ("maxmemory-policy", buffer.maxmemory_policy.name().to_string()),
        (
            "appendonly",
            if buffer.appendonly { "yes" } else { "no" }.to_string(),
        ),
        ("appendfsync", buffer.appendfsync.name().to_string()),
        ("hz", buffer.hz.to_string()),
        (
            "slowlog-log-slower-than",
            buffer.slowlog_slower_than.as_micros().to_string(),
        ),
        ("slowlog-max-len", buffer.slowlog_max_len.to_string()),
        ("tcp-keepalive", buffer.tcp_keepalive.as_secs().to_string()),
        ("tcp-backlog", buffer.tcp_backlog.to_string()),
        ("databases", buffer.databases.to_string()),
        ("timeout", buffer.timeout.as_secs().to_string()),
    ];
    settings
        .into_iter()
        .map(|(name, value)| (name.to_string(), value))
        .collect()
}
