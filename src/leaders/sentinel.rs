//! How Redis and its Sentinels are asked: a connection whose answers are waited for so long and no longer.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ErrorKind, InfoDict, RedisError, cmd};

/// Connects to a server or a Sentinel at `host:port`.
///
/// # Errors
/// Redis's own.
pub async fn connect(
    endpoint: &str,
    password: Option<&str>,
    limit: Duration,
) -> Result<MultiplexedConnection, RedisError> {
    let authority = password.map(|password| format!(":{}@", escaped(password)));
    let url = format!("redis://{}{endpoint}/", authority.unwrap_or_default());
    let configuration = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(limit))
        .set_response_timeout(Some(limit));
    Client::open(url)?
        .get_multiplexed_async_connection_with_config(&configuration)
        .await
}

/// The master's `host:port` as the Sentinel behind the connection names it; none: it knows no such master.
///
/// # Errors
/// Redis's own.
pub async fn master(
    connection: &mut MultiplexedConnection,
    name: &str,
) -> Result<Option<String>, RedisError> {
    let master: Option<(String, u16)> = cmd("SENTINEL")
        .arg("get-master-addr-by-name")
        .arg(name)
        .query_async(connection)
        .await?;
    Ok(master.map(|(host, port)| format!("{host}:{port}")))
}

/// The same, where there must be one.
///
/// # Errors
/// Redis's own, and that the Sentinel knows no such master.
pub async fn known_master(connection: &mut MultiplexedConnection, name: &str) -> Result<String, RedisError> {
    let master = master(connection, name).await?;
    let why = "the Sentinel knows no such master";
    master.ok_or_else(|| (ErrorKind::UnexpectedReturnType, why, name.to_owned()).into())
}

/// A section of what a server says of itself.
///
/// # Errors
/// Redis's own.
pub async fn info(connection: &mut MultiplexedConnection, section: &str) -> Result<InfoDict, RedisError> {
    cmd("INFO").arg(section).query_async(connection).await
}

/// `host:port` of the replicas that a master feeds and has up to date, of its section `replication`.
pub fn replicas_online(replication: &InfoDict) -> Vec<String> {
    let connected: usize = replication.get("connected_slaves").unwrap_or_default();
    let lines = (0..connected).filter_map(|number| replication.get::<String>(&format!("slave{number}")));
    lines.filter_map(|line| online(&line)).collect()
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
