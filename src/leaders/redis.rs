//! Redis: the master as the Sentinels name it.

use std::collections::BTreeMap;

use redis::{RedisError, cmd};
use serde::Serialize;

use super::{LIMIT, sentinel};
use crate::endpoints;

/// Who is the master.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Redis {
    /// `HOST:PORT` of the master that most Sentinels name.
    pub master: String,
    /// `HOST:PORT` of its replicas that are not down.
    pub replicas: Vec<String>,
    /// How many Sentinels name that master.
    pub sentinels_that_agree: usize,
    /// How many there are.
    pub sentinels: usize,
}

impl Redis {
    pub(super) fn line(&self) -> String {
        let replicas = match self.replicas.is_empty() {
            true => "no replica".to_owned(),
            false => format!("replicas: {}", self.replicas.join(", ")),
        };
        format!(
            "redis: {} is the master, as {} of {} Sentinels say; {replicas}",
            self.master, self.sentinels_that_agree, self.sentinels
        )
    }
}

pub(super) async fn look(redis: &endpoints::Redis) -> Result<Redis, String> {
    let asked = redis
        .sentinels
        .iter()
        .map(|sentinel| ask(sentinel, &redis.master_name));
    let answers = futures::future::join_all(asked).await;
    let mut votes: BTreeMap<String, (usize, Vec<String>)> = BTreeMap::new();
    let mut last = "there is no Sentinel".to_owned();
    for answer in answers {
        match answer {
            Ok((master, replicas)) => {
                let vote = votes.entry(master).or_default();
                vote.0 += 1;
                vote.1 = replicas;
            }
            Err(why) => last = why.to_string(),
        }
    }
    let most = votes.into_iter().max_by_key(|(_, (count, _))| *count);
    let (master, (sentinels_that_agree, replicas)) = most.ok_or(last)?;
    Ok(Redis {
        master,
        replicas,
        sentinels_that_agree,
        sentinels: redis.sentinels.len(),
    })
}

/// Master and replicas as one Sentinel has them.
async fn ask(endpoint: &str, name: &str) -> Result<(String, Vec<String>), RedisError> {
    let mut connection = sentinel::connect(endpoint, None, LIMIT).await?;
    let master = sentinel::known_master(&mut connection, name).await?;
    let replicas: Vec<BTreeMap<String, String>> = cmd("SENTINEL")
        .arg("replicas")
        .arg(name)
        .query_async(&mut connection)
        .await?;
    let is_up = |replica: &&BTreeMap<String, String>| {
        let flags = replica.get("flags").map(String::as_str).unwrap_or_default();
        !flags
            .split(',')
            .any(|flag| flag.ends_with("_down") || flag == "disconnected")
    };
    let mut replicas: Vec<String> = replicas
        .iter()
        .filter(is_up)
        .filter_map(|replica| Some(format!("{}:{}", replica.get("ip")?, replica.get("port")?)))
        .collect();
    replicas.sort();
    Ok((master, replicas))
}
