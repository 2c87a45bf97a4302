//! Whether a platform is whole: every part that its plan wants is there, and follows who leads.

use std::time::Duration;

use redis::RedisError;

use super::faults::Faults;
use super::kafka;
use super::probe::Http;
use crate::endpoints::Endpoints;
use crate::leaders::{self, Leaders, Seen, sentinel};
use crate::load::secret;
use crate::spec::{Spec, Target};

const LIMIT: Duration = Duration::from_secs(4);

/// What is missing, in words; empty where nothing is.
pub async fn missing(spec: &Spec, endpoints: &Endpoints, faults: &dyn Faults) -> Vec<String> {
    let (leaders, group, replicas, apis, target) = tokio::join!(
        leaders::look(endpoints),
        of_group(spec, endpoints),
        of_replicas(spec, endpoints),
        of_apis(endpoints),
        faults.missing(),
    );
    let led = of_leaders(spec, endpoints, &leaders);
    [led, group, replicas, apis, target].concat()
}

fn of_leaders(spec: &Spec, endpoints: &Endpoints, leaders: &Leaders) -> Vec<String> {
    let mut missing = Vec::new();
    match &leaders.kafka {
        Some(Seen::Known(kafka)) => missing.extend(of_kafka(spec, kafka)),
        Some(Seen::Unknown { what, error }) => missing.push(format!("{what} does not answer: {error}")),
        None if spec.kafka.is_some() && spec.target == Target::Local => {
            missing.push("Kafka is not there".into())
        }
        None => {}
    }
    match &leaders.redis {
        Some(Seen::Known(redis)) if redis.sentinels_that_agree < redis.sentinels => missing.push(format!(
            "{} of {} Sentinels name {} as the master",
            redis.sentinels_that_agree, redis.sentinels, redis.master
        )),
        Some(Seen::Unknown { what, error }) => missing.push(format!("{what} does not answer: {error}")),
        _ => {}
    }
    let wanted = spec.aurora.as_ref().map_or(0, |aurora| aurora.shards as usize);
    if endpoints.shards.len() < wanted {
        missing.push(format!("{} of {wanted} shards are there", endpoints.shards.len()));
    }
    let members = spec
        .aurora
        .as_ref()
        .map_or(0, |aurora| aurora.replicas_per_shard as usize)
        + 1;
    for seen in &leaders.shards {
        match seen {
            Seen::Known(shard) => missing.extend(of_shard(shard, members)),
            Seen::Unknown { what, error } => missing.push(format!("{what} does not answer: {error}")),
        }
    }
    missing
}

fn of_kafka(spec: &Spec, kafka: &leaders::Kafka) -> Vec<String> {
    let mut missing = Vec::new();
    let wanted = spec.kafka.as_ref().map_or(0, |kafka| kafka.brokers as usize);
    if kafka.partitions_led.len() < wanted {
        missing.push(format!(
            "{} of {wanted} Kafka brokers are there",
            kafka.partitions_led.len()
        ));
    }
    if kafka.controller.is_none() {
        missing.push("no Kafka node is the controller".into());
    }
    for (count, what) in [
        (kafka.partitions_without_leader, "have no leader"),
        (kafka.partitions_under_replicated, "are not in sync everywhere"),
    ] {
        if count > 0 {
            missing.push(format!("{count} partitions {what}"));
        }
    }
    missing
}

fn of_shard(shard: &leaders::Shard, wanted: usize) -> Vec<String> {
    let number = shard.number;
    let mut missing = Vec::new();
    if shard.leader.is_none() {
        missing.push(format!("shard {number} has no primary"));
    }
    if shard.members.len() < wanted {
        missing.push(format!(
            "{} of {wanted} members of shard {number} are there",
            shard.members.len()
        ));
    }
    let leads = |name: &String| Some(name) == shard.leader.as_ref();
    for member in shard.members.iter().filter(|member| !leads(&member.name)) {
        if member.state != "streaming" {
            missing.push(format!(
                "{} of shard {number} is {}, not streaming",
                member.name, member.state
            ));
        }
    }
    missing
}

/// Each worker is in the consumers' group, and each knows what it reads.
async fn of_group(spec: &Spec, endpoints: &Endpoints) -> Vec<String> {
    let Some(ingest) = spec.ingest.as_ref().filter(|_| !endpoints.kafka.is_empty()) else {
        return Vec::new();
    };
    let wanted = ingest.worker_replicas as usize;
    match kafka::group(endpoints, &ingest.consumer_group).await {
        Ok(group) if group.members == wanted && group.state == "Stable" => Vec::new(),
        Ok(group) => vec![format!(
            "{} of {wanted} workers are in the group {} ({})",
            group.members, ingest.consumer_group, group.state
        )],
        Err(why) => vec![why.to_string()],
    }
}

async fn of_replicas(spec: &Spec, endpoints: &Endpoints) -> Vec<String> {
    let (Some(buffer), Some(redis)) = (&spec.buffer, &endpoints.redis) else {
        return Vec::new();
    };
    let wanted = buffer.replicas as usize;
    let password = match redis.password.as_deref().map(secret::read).transpose() {
        Ok(password) => password,
        Err(why) => return vec![why.to_string()],
    };
    let mut last = "no Sentinel is there".to_owned();
    for endpoint in &redis.sentinels {
        let asked = async {
            let mut connection = sentinel::connect(endpoint, None, LIMIT).await?;
            let master = sentinel::known_master(&mut connection, &redis.master_name).await?;
            let mut connection = sentinel::connect(&master, password.as_deref(), LIMIT).await?;
            let replication = sentinel::info(&mut connection, "replication").await?;
            Ok::<_, RedisError>(sentinel::replicas_online(&replication).len())
        };
        match asked.await {
            Ok(online) if online >= wanted => return Vec::new(),
            Ok(online) => return vec![format!("{online} of {wanted} Redis replicas follow the master")],
            Err(why) => last = format!("Redis: {why}"),
        }
    }
    vec![last]
}

async fn of_apis(endpoints: &Endpoints) -> Vec<String> {
    let mut missing = Vec::new();
    for url in &endpoints.api {
        let asked = match Http::new(std::slice::from_ref(url), endpoints.api_key.as_deref()) {
            Ok(http) => http.usage(0, 1, LIMIT).await,
            Err(why) => Err(why.to_string()),
        };
        if let Err(why) = asked {
            missing.push(format!("{url} does not answer usage: {why}"));
        }
    }
    missing
}
