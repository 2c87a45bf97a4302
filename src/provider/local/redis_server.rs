//! `redis_server`: a Redis process, master or replica.
//!
//! Its configuration file lies with its data, because Sentinel has Redis rewrite it when roles
//! change: a server that comes back takes the role that it was given last, not the plan's first one.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use redis::aio::{MultiplexedConnection, MultiplexedConnection as Connection};
use redis::{AsyncConnectionConfig, Client, InfoDict, RedisError, cmd};
use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Machine;
use super::launch::{Launch, Stop};
use super::platform::known;
use super::server::{Common, File, Server, Site, optional_secret};
use super::template::{Line, lines, render};
use crate::provider::{ProviderError, Readiness};
use crate::resource::Ref;

/// One Redis server of a group of master and replicas.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RedisServer {
    /// Name, folder and whether it runs.
    #[serde(flatten)]
    pub common: Common,
    /// Where it listens.
    pub port: u16,
    /// The folder of its data.
    pub data: Ref<PathBuf>,
    /// The secret that clients and replicas show; null: none is asked for.
    pub password_file: Option<Ref<PathBuf>>,
    /// The port of the server that it copies at first; null: it is the first master.
    pub first_master_port: Option<u16>,
    /// The ports of the whole group, its own among them.
    pub group_ports: BTreeSet<u16>,
    /// The ports of the Sentinels that may have changed the roles since.
    pub sentinel_ports: BTreeSet<u16>,
    /// What they call the group's master.
    pub master_name: String,
    /// What `redis.conf` says beyond the above.
    pub settings: BTreeMap<String, String>,
    /// Snapshots: after so many seconds with at least so many changes.
    pub snapshots: Vec<(u64, u64)>,
}

/// Where it is reached.
#[derive(Debug, Serialize)]
pub(super) struct Outputs {
    /// `HOST:PORT`.
    pub endpoint: String,
    /// The port alone.
    pub port: u16,
}

impl RedisServer {
    fn path(&self) -> Result<PathBuf, ProviderError> {
        Ok(known(&self.data, "data")?.join("redis.conf"))
    }

    /// The port of the present master, once the other servers and all Sentinels agree on it: one
    /// that comes back in the middle of a failover would be taken for a candidate of the next.
    async fn present_master(&self) -> Option<u16> {
        let start = Instant::now();
        loop {
            let master = self.other_master().await;
            let votes = self.votes().await;
            let mut distinct = votes.iter().copied().collect::<BTreeSet<u16>>().into_iter();
            let agreed = match (distinct.next(), distinct.next()) {
                (None, _) => true,
                (Some(vote), None) => master.map_or(vote == self.port, |master| master == vote),
                _ => false,
            };
            if agreed || start.elapsed() > Duration::from_secs(10) {
                return master.or(votes.first().copied());
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// The one other server of the group that says it is the master.
    async fn other_master(&self) -> Option<u16> {
        let password = optional_secret(self.password_file.as_ref()).ok()?;
        let mut masters = Vec::new();
        for port in self.group_ports.iter().filter(|port| **port != self.port) {
            if let Ok(Role::Master) = role(self.common.host, *port, password.as_deref()).await {
                masters.push(*port);
            }
        }
        match masters[..] {
            [master] => Some(master),
            _ => None,
        }
    }

    /// The master's port as each Sentinel that answers has it.
    async fn votes(&self) -> Vec<u16> {
        let mut votes = Vec::new();
        for port in &self.sentinel_ports {
            let Ok(mut sentinel) = connect(self.common.host, *port, None, Duration::from_secs(1)).await
            else {
                continue;
            };
            let answer: Result<Option<(String, u16)>, RedisError> = cmd("SENTINEL")
                .arg("get-master-addr-by-name")
                .arg(&self.master_name)
                .query_async(&mut sentinel)
                .await;
            votes.extend(
                answer
                    .ok()
                    .flatten()
                    .map(|(_, port)| port)
                    .filter(|port| self.group_ports.contains(port)),
            );
        }
        votes
    }
}

impl Server for RedisServer {
    const KIND: &'static str = "redis_server";
    const REPLACE_ON: &'static [&'static str] = &["name", "folder", "host", "port"];
    const STABLE_OUTPUTS: &'static [&'static str] = &["endpoint", "port"];
    /// It writes what it holds to the disk before it ends.
    const STOP: Stop = Stop {
        signal: Signal::TERM,
        limit: Duration::from_secs(20),
    };
    type Outputs = Outputs;

    fn common(&self) -> &Common {
        &self.common
    }

    fn common_mut(&mut self) -> &mut Common {
        &mut self.common
    }

    fn ports(&self) -> Vec<u16> {
        vec![self.port]
    }

    fn files(&self, _site: &Site) -> Result<Vec<File>, ProviderError> {
        let mut settings = lines(&self.settings);
        let snapshot = |(seconds, changes): &(u64, u64)| Line {
            name: "save".into(),
            value: format!("{seconds} {changes}"),
        };
        match self.snapshots.is_empty() {
            true => settings.push(Line {
                name: "save".into(),
                value: "\"\"".into(),
            }),
            false => settings.extend(self.snapshots.iter().map(snapshot)),
        }
        let content = render(
            "redis.conf",
            &json!({
                "host": self.common.host,
                "port": self.port,
                "data": known(&self.data, "data")?,
                "settings": settings,
                "password": optional_secret(self.password_file.as_ref())?,
                "replica_of_port": self.first_master_port,
            }),
        )?;
        let mut file = File::new(self.path()?, content);
        file.rewritten_by_server = true;
        Ok(vec![file])
    }

    async fn merge(&self, existing: Option<&str>, fresh: &str) -> String {
        let before = existing.map(master_of);
        let master = match (self.present_master().await, before) {
            (Some(port), _) => Some(port).filter(|port| *port != self.port),
            (None, Some(None)) => None,
            (None, Some(Some(port))) if self.group_ports.contains(&port) => Some(port),
            _ => return fresh.into(),
        };
        let kept = fresh.lines().filter(|line| !line.starts_with("replicaof "));
        let role = master.map(|port| format!("replicaof {} {port}", self.common.host));
        let all: Vec<String> = kept.map(str::to_string).chain(role).collect();
        all.join("\n") + "\n"
    }

    fn launch(&self, _machine: &Machine, _site: &Site) -> Result<Launch, ProviderError> {
        Ok(Launch {
            program: self.common.program("redis-server")?,
            arguments: vec![self.path()?.into()],
            environment: Vec::new(),
        })
    }

    async fn health(&self, _site: &Site) -> Result<Readiness, ProviderError> {
        let password = optional_secret(self.password_file.as_ref())?;
        Ok(
            match role(self.common.host, self.port, password.as_deref()).await {
                Ok(Role::Master | Role::Replica { linked: true, .. }) => Readiness::Ready,
                Ok(Role::Replica { master_port, .. }) => Readiness::Pending(format!(
                    "replica without a link to its master at port {master_port}"
                )),
                Err(why) => Readiness::Pending(format!("does not answer yet: {why}")),
            },
        )
    }

    fn outputs(&self, _site: &Site) -> Outputs {
        Outputs {
            endpoint: self.common.endpoint(self.port),
            port: self.port,
        }
    }

    fn restarts_one_by_one(&self) -> Option<String> {
        Some(self.master_name.clone())
    }
}

/// How long an answer may take: a machine that starts a platform is a busy one.
pub(super) const LIMIT: Duration = Duration::from_secs(5);

/// The port that a configuration names as the master's.
fn master_of(configuration: &str) -> Option<u16> {
    let line = configuration
        .lines()
        .find_map(|line| line.strip_prefix("replicaof "))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// What a Redis server is at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It takes writes.
    Master,
    /// Of whom, and whether it is connected.
    Replica { master_port: u16, linked: bool },
}

/// Asks the server at `port` for its role.
pub(super) async fn role(host: IpAddr, port: u16, password: Option<&str>) -> Result<Role, RedisError> {
    let mut connection: MultiplexedConnection = connect(host, port, password, LIMIT).await?;
    let info: InfoDict = cmd("INFO")
        .arg("replication")
        .query_async(&mut connection)
        .await?;
    let text = |key: &str| info.get::<String>(key).unwrap_or_default();
    Ok(match text("role").as_str() {
        "master" => Role::Master,
        _ => Role::Replica {
            master_port: text("master_port").parse().unwrap_or(0),
            linked: text("master_link_status") == "up" && text("master_sync_in_progress") == "0",
        },
    })
}

/// A connection to Redis or Sentinel at `port`.
pub(super) async fn connect(
    host: IpAddr,
    port: u16,
    password: Option<&str>,
    limit: Duration,
) -> Result<Connection, RedisError> {
    let authority = password
        .map(|password| format!(":{password}@"))
        .unwrap_or_default();
    let client = Client::open(format!("redis://{authority}{}/", SocketAddr::new(host, port)))?;
    let configuration = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(limit))
        .set_response_timeout(Some(limit));
    client
        .get_multiplexed_async_connection_with_config(&configuration)
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_role_that_redis_wrote_down_is_read_back() {
        assert_eq!(master_of("port 1\nreplicaof 127.0.0.1 6380\n"), Some(6380));
        assert_eq!(master_of("port 1\n# replicaof 127.0.0.1 6380\n"), None);
    }
}
