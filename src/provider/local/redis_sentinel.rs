//! `redis_sentinel`: one of the Sentinels that watch a Redis master and move it when it fails.
//!
//! Sentinel keeps its identity and what it knows of the others in its own configuration file, which
//! therefore lies with its data.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use redis::{RedisError, cmd};
use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Machine;
use super::launch::{Launch, Stop};
use super::platform::known;
use super::redis_server::{LIMIT, connect};
use super::server::{Common, File, Server, Site, optional_secret};
use super::template::render;
use crate::provider::{ProviderError, Readiness};
use crate::resource::Ref;

/// One Sentinel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RedisSentinel {
    /// Name, folder and whether it runs.
    #[serde(flatten)]
    pub common: Common,
    /// Where it listens.
    pub port: u16,
    /// The folder of its data.
    pub data: Ref<PathBuf>,
    /// The secret that the watched servers want; null: none.
    pub password_file: Option<Ref<PathBuf>>,
    /// What the group's master is called.
    pub master_name: String,
    /// The port of the first master.
    pub master_port: Ref<u16>,
    /// The ports of all servers of the group.
    pub group_ports: BTreeSet<u16>,
    /// How many Sentinels there are in all.
    pub sentinels: u32,
    /// How many must agree that the master is down.
    pub quorum: u32,
    /// The master is taken for down after it was silent for this long.
    pub down_after_ms: u64,
    /// How long one attempt of a failover may take.
    pub failover_timeout_ms: u64,
    /// How many replicas follow a new master at the same time.
    pub parallel_syncs: u32,
}

/// Where it is reached.
#[derive(Debug, Serialize)]
pub(super) struct Outputs {
    /// `HOST:PORT`.
    pub endpoint: String,
}

impl RedisSentinel {
    fn path(&self) -> Result<PathBuf, ProviderError> {
        Ok(known(&self.data, "data")?.join("sentinel.conf"))
    }
}

impl Server for RedisSentinel {
    const KIND: &'static str = "redis_sentinel";
    const REPLACE_ON: &'static [&'static str] = &["name", "folder", "host", "port"];
    const STABLE_OUTPUTS: &'static [&'static str] = &["endpoint"];
    const STOP: Stop = Stop {
        signal: Signal::TERM,
        limit: Duration::from_secs(10),
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
        let content = render(
            "sentinel.conf",
            &json!({
                "home": known(&self.data, "data")?,
                "host": self.common.host,
                "port": self.port,
                "master_name": self.master_name,
                "master_port": known(&self.master_port, "master_port")?,
                "quorum": self.quorum,
                "password": optional_secret(self.password_file.as_ref())?,
                "down_after_ms": self.down_after_ms,
                "failover_timeout_ms": self.failover_timeout_ms,
                "parallel_syncs": self.parallel_syncs,
            }),
        )?;
        let mut file = File::new(self.path()?, content);
        file.rewritten_by_server = true;
        Ok(vec![file])
    }

    /// Keeps what Sentinel wrote down: who it is, who the master is now, and whom it knows.
    async fn merge(&self, existing: Option<&str>, fresh: &str) -> String {
        let learnt = existing
            .map(|existing| learnt(existing, &self.master_name))
            .unwrap_or_default();
        let Some(master) = learnt.master.filter(|port| self.group_ports.contains(port)) else {
            return fresh.into();
        };
        let monitor = format!("sentinel monitor {} ", self.master_name);
        let kept = fresh.lines().map(|line| match line.starts_with(&monitor) {
            true => format!("{monitor}{} {master} {}", self.common.host, self.quorum),
            false => line.to_string(),
        });
        let all: Vec<String> = kept.chain(learnt.lines).collect();
        all.join("\n") + "\n"
    }

    fn launch(&self, _machine: &Machine, _site: &Site) -> Result<Launch, ProviderError> {
        Ok(Launch {
            program: self.common.program("redis-sentinel")?,
            arguments: vec![self.path()?.into()],
            environment: Vec::new(),
        })
    }

    async fn health(&self, _site: &Site) -> Result<Readiness, ProviderError> {
        Ok(match self.look().await {
            Ok(readiness) => readiness,
            Err(why) => Readiness::Pending(format!("does not answer yet: {why}")),
        })
    }

    fn outputs(&self, _site: &Site) -> Outputs {
        Outputs {
            endpoint: self.common.endpoint(self.port),
        }
    }

    fn restarts_one_by_one(&self) -> Option<String> {
        Some(self.master_name.clone())
    }
}

impl RedisSentinel {
    /// Ready when it knows the master, and every replica and Sentinel of the group.
    async fn look(&self) -> Result<Readiness, RedisError> {
        let mut connection = connect(self.common.host, self.port, None, LIMIT).await?;
        let master: BTreeMap<String, String> = cmd("SENTINEL")
            .arg("master")
            .arg(&self.master_name)
            .query_async(&mut connection)
            .await?;
        let number = |key: &str| {
            master
                .get(key)
                .and_then(|text| text.parse::<u64>().ok())
                .unwrap_or(0)
        };
        let flags = master.get("flags").map(String::as_str).unwrap_or_default();
        if flags != "master" {
            return Ok(Readiness::Pending(format!("the master is {flags}")));
        }
        let replicas = self.group_ports.len().saturating_sub(1) as u64;
        if number("num-slaves") < replicas {
            let known = number("num-slaves");
            return Ok(Readiness::Pending(format!(
                "knows {known} of {replicas} replicas"
            )));
        }
        let others = u64::from(self.sentinels.saturating_sub(1));
        if number("num-other-sentinels") < others {
            let known = number("num-other-sentinels");
            return Ok(Readiness::Pending(format!(
                "knows {known} of {others} other Sentinels"
            )));
        }
        let quorum: Result<String, RedisError> = cmd("SENTINEL")
            .arg("ckquorum")
            .arg(&self.master_name)
            .query_async(&mut connection)
            .await;
        Ok(match quorum {
            Ok(_) => Readiness::Ready,
            Err(why) => Readiness::Pending(why.to_string()),
        })
    }
}

#[derive(Debug, Default)]
struct Learnt {
    master: Option<u16>,
    lines: Vec<String>,
}

fn learnt(configuration: &str, master_name: &str) -> Learnt {
    const KEPT: &[&str] = &[
        "myid",
        "config-epoch",
        "leader-epoch",
        "current-epoch",
        "known-replica",
        "known-sentinel",
    ];
    let mut learnt = Learnt::default();
    for line in configuration.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["sentinel", "monitor", name, _, port, _] if *name == master_name => {
                learnt.master = port.parse().ok()
            }
            ["sentinel", what, ..] if KEPT.contains(what) => learnt.lines.push(line.into()),
            _ => {}
        }
    }
    learnt
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sentinel_wrote_down_is_kept() {
        let found = learnt(
            "port 1\nsentinel monitor buffer 127.0.0.1 6380 2\nsentinel myid abc\nsentinel known-replica buffer 127.0.0.1 6381\nuser default on nopass\n",
            "buffer",
        );
        assert_eq!(found.master, Some(6380));
        assert_eq!(
            found.lines,
            [
                "sentinel myid abc",
                "sentinel known-replica buffer 127.0.0.1 6381"
            ]
        );
    }
}
