//! What a drill asks Redis and its Sentinels themselves.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, InfoDict, RedisError, cmd};

/// Connects; every answer is waited for so long.
pub(super) async fn connect(
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

/// The master as this Sentinel names it.
pub(super) async fn master(sentinel: &str, name: &str, limit: Duration) -> Result<String, RedisError> {
    let mut connection = connect(sentinel, None, limit).await?;
    let (host, port): (String, u16) = cmd("SENTINEL")
        .arg("get-master-addr-by-name")
        .arg(name)
        .query_async(&mut connection)
        .await?;
    Ok(format!("{host}:{port}"))
}

/// How many replicas the master at `endpoint` feeds and has them up to date.
pub(super) async fn replicas_online(
    endpoint: &str,
    password: Option<&str>,
    limit: Duration,
) -> Result<usize, RedisError> {
    let mut connection = connect(endpoint, password, limit).await?;
    let found: InfoDict = cmd("INFO")
        .arg("replication")
        .query_async(&mut connection)
        .await?;
    let connected: usize = found.get("connected_slaves").unwrap_or_default();
    let lines = (0..connected).filter_map(|number| found.get::<String>(&format!("slave{number}")));
    Ok(lines.filter(|line| is_online(line)).count())
}

/// Of `ip=127.0.0.1,port=19380,state=online,…`.
fn is_online(line: &str) -> bool {
    let fields: BTreeMap<&str, &str> = line
        .split(',')
        .filter_map(|field| field.split_once('='))
        .collect();
    fields.get("state") == Some(&"online")
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
        assert!(is_online("ip=127.0.0.1,port=19380,state=online,offset=14,lag=0"));
        assert!(!is_online("ip=127.0.0.1,port=19380,state=wait_bgsave,offset=0"));
    }
}
