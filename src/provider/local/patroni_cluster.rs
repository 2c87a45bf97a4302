//! `patroni_cluster`: what all members of a shard go by, as one key in etcd: how they fail over, and the
//! settings of their Postgres.
//!
//! It is there before the first member, so that the first one starts with it. It stays in etcd's data when
//! this resource goes: who was in step with the primary must outlive any plan.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Machine;
use super::etcd;
use super::http;
use super::platform::Platform;
use super::record;
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, Ref};

/// A shard as Patroni sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PatroniCluster {
    /// The shard's name: Patroni's scope.
    pub name: String,
    /// The platform's folder.
    pub folder: Ref<PathBuf>,
    /// The address of the members.
    pub host: IpAddr,
    /// etcd's members, by name.
    pub etcd: BTreeMap<String, Ref<String>>,
    /// The port of each member's REST API, by name.
    pub rest_ports: BTreeMap<String, u16>,
    /// How long a leader that is not heard of stays the leader; Patroni takes no less than 20 s.
    pub leader_ttl_seconds: u64,
    /// How often each member looks.
    pub loop_wait_seconds: u64,
    /// How long etcd may be away before the leader steps down.
    pub retry_timeout_seconds: u64,
    /// A commit waits for one of the replicas, and only one that has all that was committed may lead. When no
    /// replica is left the primary goes on alone, and then no other may lead.
    pub synchronous: bool,
    /// What `postgresql.conf` of every member says.
    pub parameters: BTreeMap<String, String>,
}

/// What members refer to.
#[derive(Debug, Serialize)]
pub struct Outputs {
    /// Patroni's scope.
    pub scope: String,
}

/// Where Patroni keeps what belongs to `scope`.
pub(super) fn key(scope: &str, what: &str) -> String {
    format!("/service/{scope}/{what}")
}

impl PatroniCluster {
    /// As Patroni writes it.
    fn configuration(&self) -> Value {
        json!({
            "ttl": self.leader_ttl_seconds,
            "loop_wait": self.loop_wait_seconds,
            "retry_timeout": self.retry_timeout_seconds,
            "synchronous_mode": if self.synchronous { json!("quorum") } else { json!(false) },
            // A primary that crashed is not waited for: another takes over at once.
            "primary_start_timeout": 0,
            // A primary that does not end within this long is killed, or nobody could take over.
            "primary_stop_timeout": 10,
            // With etcd away the leader stays one as long as every member agrees.
            "failsafe_mode": true,
            "postgresql": { "use_pg_rewind": true, "use_slots": true, "parameters": self.parameters },
        })
    }

    /// This one with what `text`, Patroni's configuration, says in place of its own.
    fn found(mut self, text: &str) -> Self {
        let found: Value = serde_json::from_str(text).unwrap_or_default();
        let number = |key: &str| found.get(key).and_then(Value::as_u64).unwrap_or(0);
        self.leader_ttl_seconds = number("ttl");
        self.loop_wait_seconds = number("loop_wait");
        self.retry_timeout_seconds = number("retry_timeout");
        self.synchronous = found.get("synchronous_mode") == Some(&json!("quorum"));
        self.parameters = found
            .pointer("/postgresql/parameters")
            .and_then(|parameters| serde_json::from_value(parameters.clone()).ok())
            .unwrap_or_default();
        self
    }

    async fn publish(&self) -> Result<(), ProviderError> {
        let text = self.configuration().to_string();
        etcd::write(&self.etcd, &key(&self.name, "config"), &text).await
    }

    fn url(&self, port: u16, path: &str) -> String {
        format!("http://{}/{path}", SocketAddr::new(self.host, port))
    }

    /// What the member behind `port` says of itself; `None` where it does not answer.
    async fn member(&self, port: u16) -> Result<Option<Value>, ProviderError> {
        let answer = http::get(self.url(port, "patroni")).await?;
        Ok(answer.ok().and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Restarts Postgres where a parameter waits for that: replicas first, the leader last, each when the one
    /// before it is back.
    async fn restart_where_pending(&self) -> Result<(), ProviderError> {
        // Every member has looked by then.
        tokio::time::sleep(Duration::from_secs(2 * self.loop_wait_seconds + 1)).await;
        for role in ["replica", "primary"] {
            for port in self.rest_ports.values() {
                let Some(member) = self.member(*port).await? else {
                    continue;
                };
                if member.get("pending_restart").is_none() || member.get("role") != Some(&json!(role)) {
                    continue;
                }
                let asked = http::post(self.url(*port, "restart"), "{}".into()).await?;
                asked.map_err(|why| {
                    ProviderError::transient(format!("a member of {} is not restarted: it {why}", self.name))
                })?;
                self.until_running(*port).await?;
            }
        }
        Ok(())
    }

    async fn until_running(&self, port: u16) -> Result<(), ProviderError> {
        let start = Instant::now();
        loop {
            let is_back =
                |member: Value| member.get("pending_restart").is_none() && standing(&member).is_ok();
            if self.member(port).await?.is_some_and(is_back) {
                return Ok(());
            }
            if start.elapsed() > Duration::from_secs(60) {
                return Err(ProviderError::transient(format!(
                    "a member of {} is not back after its restart",
                    self.name
                )));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// Whether a member, as its REST API describes it, leads or follows; else what it lacks.
pub(super) fn standing(member: &Value) -> Result<(), String> {
    let text = |key: &str| member.get(key).and_then(Value::as_str).unwrap_or_default();
    if member.get("cluster_unlocked") == Some(&json!(true)) {
        return Err("the shard has no leader yet".into());
    }
    match (text("role"), text("state"), text("replication_state")) {
        ("primary", "running", _) | ("replica", _, "streaming") => Ok(()),
        ("replica", state, _) => Err(format!(
            "is a replica that is {state} and does not follow its leader yet"
        )),
        (_, state, _) => Err(format!("its Postgres is {state}")),
    }
}

impl Resource for PatroniCluster {
    const KIND: &'static str = "patroni_cluster";
    const REPLACE_ON: &'static [&'static str] = &["name", "folder"];
    const STABLE_OUTPUTS: &'static [&'static str] = &["scope"];
    const FOUND_BY: FoundBy = FoundBy::Composite;
    type Cloud = Machine;
    type Outputs = Outputs;

    /// With etcd down, it is as it was last seen.
    async fn observe(_machine: &Machine, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let Some(recorded) = record::read::<Self>(Path::new(id))? else {
            return Ok(None);
        };
        let scope = recorded.name.clone();
        let found = match etcd::read(&recorded.etcd, &key(&scope, "config")).await {
            Ok(None) => return Ok(None),
            Ok(Some(text)) => recorded.found(&text),
            Err(why) => {
                tracing::warn!(scope, %why, "as last seen");
                recorded
            }
        };
        Ok(Some((found, Outputs { scope })))
    }

    async fn find(&self, _machine: &Machine, _token: &str) -> Result<Option<String>, ProviderError> {
        let Ok(platform) = Platform::of(&self.folder) else {
            return Ok(None);
        };
        let home = platform.home(Self::KIND, &self.name);
        Ok(record::exists(&home).then(|| home.display().to_string()))
    }

    async fn create(&self, _machine: &Machine, _token: &str) -> Result<String, ProviderError> {
        let platform = Platform::of(&self.folder)?;
        let home = platform.home(Self::KIND, &self.name);
        self.publish().await?;
        record::write(&platform, &home, self)?;
        Ok(home.display().to_string())
    }

    async fn readiness(&self, _machine: &Machine, _id: &str) -> Result<Readiness, ProviderError> {
        Ok(match etcd::read(&self.etcd, &key(&self.name, "config")).await {
            Ok(Some(_)) => Readiness::Ready,
            Ok(None) => Readiness::Pending("etcd does not have it yet".into()),
            Err(why) => Readiness::Pending(why.message),
        })
    }

    async fn update(&self, _machine: &Machine, id: &str, _changes: &[Change]) -> Result<(), ProviderError> {
        self.publish().await?;
        record::write(&Platform::of(&self.folder)?, Path::new(id), self)?;
        self.restart_where_pending().await
    }

    async fn delete(_machine: &Machine, id: &str) -> Result<(), ProviderError> {
        record::remove(Path::new(id))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn what_is_published_is_read_back_and_what_was_changed_is_seen() {
        let wanted = PatroniCluster {
            name: "shard-0".into(),
            folder: Ref::Known("/platform".into()),
            host: Ipv4Addr::LOCALHOST.into(),
            etcd: BTreeMap::new(),
            rest_ports: BTreeMap::from([("shard-0-1".into(), 1)]),
            leader_ttl_seconds: 20,
            loop_wait_seconds: 1,
            retry_timeout_seconds: 9,
            synchronous: true,
            parameters: BTreeMap::from([("max_connections".into(), "100".into())]),
        };
        let text = wanted.configuration().to_string();
        assert_eq!(wanted.clone().found(&text), wanted);
        let changed = wanted.clone().found(&text.replace("\"quorum\"", "false"));
        assert!(!changed.synchronous);
        assert!(wanted.clone().found("{}").parameters.is_empty());
    }

    #[test]
    fn a_member_stands_when_it_leads_or_follows() {
        let member = |role: &str, state: &str, replication: &str| {
            standing(&json!({ "role": role, "state": state, "replication_state": replication }))
        };
        assert!(member("primary", "running", "").is_ok());
        assert!(member("replica", "running", "streaming").is_ok());
        assert!(member("replica", "running", "").is_err());
        assert!(member("primary", "starting", "").is_err());
        let unlocked = json!({ "role": "primary", "state": "running", "cluster_unlocked": true });
        assert!(standing(&unlocked).is_err());
    }
}
