//! Asks Redis and its Sentinels themselves.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, InfoDict, RedisError, cmd};

use super::step::Trouble;
use crate::endpoints::Redis;
use crate::load::secret;

const LIMIT: Duration = Duration::from_secs(5);

/// What one Sentinel says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Opinion {
    /// `host:port` of the master; none: it knows no such master.
    pub(super) master: Option<String>,
    /// Enough Sentinels are there to move the master.
    pub(super) has_quorum: bool,
}

/// What one server says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) endpoint: String,
    /// `master` or `slave`.
    pub(super) role: String,
    /// `host:port` of replicas that it feeds.
    pub(super) replicas: Vec<String>,
    /// Keys that it dropped for want of memory.
    pub(super) evicted: u64,
    /// The settings that were asked for.
    pub(super) settings: BTreeMap<String, String>,
}

/// What a Sentinel answers; an error where it doesn't.
pub(super) async fn opinion(endpoint: &str, master_name: &str) -> Result<Opinion, Trouble> {
    let failed = |why: RedisError| Trouble::new(format_args!("Sentinel at {endpoint}"), why);
    let mut connection = connect(endpoint, None).await.map_err(failed)?;
    let master: Option<(String, u16)> = cmd("SENTINEL")
        .arg("get-master-addr-by-name")
        .arg(master_name)
        .query_async(&mut connection)
        .await
        .map_err(failed)?;
    let quorum: Result<String, RedisError> = cmd("SENTINEL")
        .arg("ckquorum")
        .arg(master_name)
        .query_async(&mut connection)
        .await;
    Ok(Opinion {
        master: master.map(|(host, port)| format!("{host}:{port}")),
        has_quorum: quorum.is_ok(),
    })
}

/// The master that the first Sentinel to answer names, and its replicas.
pub(super) async fn servers(redis: &Redis, settings: &[&str]) -> Result<Vec<Server>, Trouble> {
    let mut last = Trouble("the platform has no Sentinel".into());
    for sentinel in &redis.sentinels {
        match opinion(sentinel, &redis.master_name).await {
            Ok(Opinion {
                master: Some(master), ..
            }) => {
                let master = server(&master, redis, settings).await?;
                let mut all = vec![master];
                for replica in all[0].replicas.clone() {
                    all.push(server(&replica, redis, settings).await?);
                }
                return Ok(all);
            }
            Ok(_) => last = Trouble(format!("{sentinel} knows no master {}", redis.master_name)),
            Err(why) => last = why,
        }
    }
    Err(last)
}

/// Asks a server.
pub(super) async fn server(endpoint: &str, redis: &Redis, settings: &[&str]) -> Result<Server, Trouble> {
    let password = redis.password.as_deref().map(secret::read).transpose()?;
    let failed = |why: RedisError| Trouble::new(format_args!("Redis at {endpoint}"), why);
    let mut connection = connect(endpoint, password.as_deref()).await.map_err(failed)?;
    let replication = info(&mut connection, "replication").await.map_err(failed)?;
    let stats = info(&mut connection, "stats").await.map_err(failed)?;
    let mut found = Server {
        endpoint: endpoint.to_owned(),
        role: replication.get("role").unwrap_or_default(),
        evicted: stats.get("evicted_keys").unwrap_or_default(),
        ..Server::default()
    };
    let connected: usize = replication.get("connected_slaves").unwrap_or_default();
    for number in 0..connected {
        let line: String = replication.get(&format!("slave{number}")).unwrap_or_default();
        found.replicas.extend(online(&line));
    }
    for setting in settings {
        let answer: BTreeMap<String, String> = cmd("CONFIG")
            .arg("GET")
            .arg(*setting)
            .query_async(&mut connection)
            .await
            .map_err(failed)?;
        found.settings.extend(answer);
    }
    Ok(found)
}

async fn info(connection: &mut MultiplexedConnection, section: &str) -> Result<InfoDict, RedisError> {
    cmd("INFO").arg(section).query_async(connection).await
}

/// `ip=127.0.0.1,port=19380,state=online,…` as `host:port`; none where it isn't online.
fn online(line: &str) -> Option<String> {
    let fields: BTreeMap<&str, &str> = line
        .split(',')
        .filter_map(|field| field.split_once('='))
        .collect();
    let is_online = fields.get("state") == Some(&"online");
    is_online.then(|| Some(format!("{}:{}", fields.get("ip")?, fields.get("port")?)))?
}

async fn connect(endpoint: &str, password: Option<&str>) -> Result<MultiplexedConnection, RedisError> {
    let authority = password.map(|password| format!(":{}@", escaped(password)));
    let url = format!("redis://{}{endpoint}/", authority.unwrap_or_default());
    let configuration = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(LIMIT))
        .set_response_timeout(Some(LIMIT));
    Client::open(url)?
        .get_multiplexed_async_connection_with_config(&configuration)
        .await
}

/// As a URL carries it.
fn escaped(password: &str) -> String {
    password.bytes().fold(String::new(), |mut text, byte| {
        match byte.is_ascii_alphanumeric() {
            true => text.push(char::from(byte)),
            false => write!(text, "%{byte:02X}").expect("writing to a String cannot fail"),
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_replica_that_is_online_counts() {
        let line = "ip=127.0.0.1,port=19380,state=online,offset=14,lag=0";
        assert_eq!(online(line), Some("127.0.0.1:19380".into()));
        assert_eq!(online(&line.replace("online", "wait_bgsave")), None);
    }

    #[test]
    fn a_password_does_not_end_the_authority() {
        assert_eq!(escaped("a@b/c"), "a%40b%2Fc");
    }
}
