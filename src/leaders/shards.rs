//! A shard under Patroni: whom its members hold for the primary, and how far the others are.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::LIMIT;
use crate::endpoints;

/// Who leads a shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shard {
    /// Its number.
    pub number: u16,
    /// The member that is the primary; null: none is.
    pub leader: Option<String>,
    /// All that Patroni knows of, by name.
    pub members: Vec<Member>,
}

/// One member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// `leader`, `replica`, or, for one that commits may wait for, `quorum_standby` or `sync_standby`.
    pub role: String,
    /// `running`, `streaming`, `stopped` and the like.
    pub state: String,
    /// `HOST:PORT` of its Postgres.
    pub endpoint: String,
    /// Its timeline, which each failover raises.
    pub timeline: Option<u64>,
    /// How far it is behind the leader, in bytes of the log.
    pub lag_bytes: Option<u64>,
}

impl Shard {
    pub(super) fn line(&self) -> String {
        let leader = self
            .members
            .iter()
            .find(|member| Some(&member.name) == self.leader.as_ref());
        let mut parts = vec![match leader {
            Some(leader) => {
                let timeline = leader.timeline.map(|timeline| format!(", timeline {timeline}"));
                format!(
                    "{} leads ({}{})",
                    leader.name,
                    leader.endpoint,
                    timeline.unwrap_or_default()
                )
            }
            None => "nobody leads".to_owned(),
        }];
        for member in self
            .members
            .iter()
            .filter(|member| Some(&member.name) != self.leader.as_ref())
        {
            let lag = member
                .lag_bytes
                .filter(|lag| *lag > 0)
                .map(|lag| format!(", {lag} bytes behind"));
            let role = member.role.replace('_', " ");
            parts.push(format!(
                "{} is a {role}, {}{}",
                member.name,
                member.state,
                lag.unwrap_or_default()
            ));
        }
        format!("shard {}: {}", self.number, parts.join("; "))
    }
}

/// Asks one member after the other.
pub(super) async fn look(shard: &endpoints::Shard) -> Result<Shard, String> {
    let (number, members) = (shard.number, shard.patroni.clone());
    tokio::task::spawn_blocking(move || {
        let mut last = String::new();
        for member in &members {
            match fetch(&format!("http://{member}/cluster"), LIMIT / 2) {
                Ok(cluster) => return Ok(read(number, &cluster)),
                Err(why) => last = why,
            }
        }
        Err(last)
    })
    .await
    .map_err(|why| why.to_string())?
}

fn fetch(url: &str, limit: Duration) -> Result<Value, String> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(limit))
        .proxy(None)
        .build()
        .into();
    let mut answer = agent.get(url).call().map_err(|why| format!("{url}: {why}"))?;
    let text = answer
        .body_mut()
        .read_to_string()
        .map_err(|why| format!("{url}: {why}"))?;
    serde_json::from_str(&text).map_err(|why| format!("{url}: {why}"))
}

/// Of what Patroni's `/cluster` says.
fn read(number: u16, cluster: &Value) -> Shard {
    let members = cluster.get("members").and_then(Value::as_array);
    let text = |member: &Value, key: &str| {
        let value = member.get(key).and_then(Value::as_str);
        value.unwrap_or("unknown").to_owned()
    };
    let mut members: Vec<Member> = members
        .into_iter()
        .flatten()
        .map(|member| Member {
            name: text(member, "name"),
            role: text(member, "role"),
            state: text(member, "state"),
            endpoint: format!(
                "{}:{}",
                text(member, "host"),
                member.get("port").and_then(Value::as_u64).unwrap_or(0)
            ),
            timeline: member.get("timeline").and_then(Value::as_u64),
            lag_bytes: member.get("lag").and_then(Value::as_u64),
        })
        .collect();
    members.sort_by(|one, other| one.name.cmp(&other.name));
    let leads = |member: &&Member| member.role == "leader" && member.state == "running";
    Shard {
        number,
        leader: members.iter().find(leads).map(|member| member.name.clone()),
        members,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What Patroni 4.1.5 answered between the end of a primary and the promotion of another.
    #[test]
    fn a_leader_whose_postgres_is_down_does_not_lead() {
        let member = |name: &str, role: &str, state: &str| json!({ "name": name, "role": role, "state": state, "host": "127.0.0.1", "port": 1, "lag": "unknown" });
        let cluster = json!({ "members": [
            member("shard-0-2", "quorum_standby", "streaming"),
            member("shard-0-1", "leader", "stopped"),
        ] });
        let shard = read(0, &cluster);
        assert_eq!(shard.leader, None);
        assert_eq!(shard.members[0].name, "shard-0-1");
        assert_eq!(shard.members[1].lag_bytes, None);
        let cluster = json!({ "members": [member("shard-0-1", "leader", "running")] });
        assert_eq!(read(0, &cluster).leader.as_deref(), Some("shard-0-1"));
    }
}
