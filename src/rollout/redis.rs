//! Asks Redis and its Sentinels themselves.

use std::collections::BTreeMap;
use std::time::Duration;

use redis::{RedisError, cmd};

use super::step::Trouble;
use crate::endpoints::Redis;
use crate::leaders::sentinel;
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
    let mut connection = sentinel::connect(endpoint, None, LIMIT).await.map_err(failed)?;
    let master = sentinel::master(&mut connection, master_name);
    let master = master.await.map_err(failed)?;
    let quorum: Result<String, RedisError> = cmd("SENTINEL")
        .arg("ckquorum")
        .arg(master_name)
        .query_async(&mut connection)
        .await;
    Ok(Opinion {
        master,
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
    let connection = sentinel::connect(endpoint, password.as_deref(), LIMIT);
    let mut connection = connection.await.map_err(failed)?;
    let replication = sentinel::info(&mut connection, "replication");
    let replication = replication.await.map_err(failed)?;
    let stats = sentinel::info(&mut connection, "stats").await.map_err(failed)?;
    let mut found = Server {
        endpoint: endpoint.to_owned(),
        role: replication.get("role").unwrap_or_default(),
        replicas: sentinel::replicas_online(&replication),
        evicted: stats.get("evicted_keys").unwrap_or_default(),
        ..Server::default()
    };
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
