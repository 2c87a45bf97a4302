//! Whom a drill strikes: asked of the system at the moment before it strikes.

use super::catalogue::{Drill, minority};
use super::faults::{Blow, Faults};
use super::{Trouble, kafka};
use crate::endpoints::Endpoints;
use crate::leaders::{self, Leaders, Seen};

/// What is struck, all at once, and why it is that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Victim {
    pub(super) blow: Blow,
    pub(super) why: String,
}

impl Victim {
    /// The address of the API that it strikes.
    pub(super) fn api(&self) -> Option<&str> {
        match &self.blow {
            Blow::Api { url } => Some(url),
            _ => None,
        }
    }

    pub(super) fn words(&self) -> String {
        match self.why.is_empty() {
            true => self.blow.words(),
            false => format!("{}, {}", self.blow.words(), self.why),
        }
    }
}

/// Finds them.
pub(super) async fn find(
    drill: Drill,
    endpoints: &Endpoints,
    faults: &dyn Faults,
) -> Result<Vec<Victim>, Trouble> {
    if let Some(blows) = faults.named(drill).await? {
        let victim = |blow: Blow| Victim {
            blow,
            why: String::new(),
        };
        return Ok(blows.into_iter().map(victim).collect());
    }
    let one = |blow: Blow, why: String| Ok(vec![Victim { blow, why }]);
    match drill {
        Drill::KafkaBroker => {
            let (node, endpoint, why) = broker(endpoints).await?;
            one(Blow::Broker { node, endpoint }, why)
        }
        Drill::RedisMaster => {
            let (endpoint, why) = master(&leaders::look(endpoints).await)?;
            one(Blow::Redis { endpoint }, why)
        }
        Drill::ShardPrimary => {
            let (shard, endpoint, why) = primary(&leaders::look(endpoints).await)?;
            one(Blow::Postgres { shard, endpoint }, why)
        }
        Drill::ShardNode => {
            let (shard, endpoint, why) = primary(&leaders::look(endpoints).await)?;
            one(Blow::Member { shard, endpoint }, why)
        }
        Drill::ServiceApi => {
            let url = endpoints.api.first().cloned();
            let url = url.ok_or_else(|| Trouble("the platform offers no API".into()))?;
            one(
                Blow::Api { url },
                "to which every second attempt goes first".into(),
            )
        }
        Drill::ServiceWorker => one(Blow::Worker { number: 1 }, String::new()),
        Drill::SentinelMinority => sentinels(endpoints),
        Drill::Zone => zone(endpoints, faults).await,
        Drill::Region => Err(Trouble("a region is struck as a whole".into())),
    }
}

/// The controller; it leads partitions, too.
async fn broker(endpoints: &Endpoints) -> Result<(i32, String, String), Trouble> {
    let (leaders, cluster) = tokio::join!(leaders::look(endpoints), kafka::cluster(endpoints));
    let cluster = cluster?;
    let node = match leaders.kafka {
        Some(Seen::Known(kafka)) => kafka.controller,
        _ => None,
    };
    let node = node.ok_or_else(|| Trouble("no Kafka node says who is the controller".into()))?;
    let endpoint = cluster.brokers.get(&node).cloned();
    let endpoint = endpoint.ok_or_else(|| {
        Trouble(format!(
            "Kafka's controller, node {node}, is no broker that is there"
        ))
    })?;
    let led = cluster.led.get(&node).copied().unwrap_or(0);
    Ok((
        node,
        endpoint,
        format!("the controller, which leads {led} partitions"),
    ))
}

pub(super) fn master(leaders: &Leaders) -> Result<(String, String), Trouble> {
    match &leaders.redis {
        Some(Seen::Known(redis)) => {
            let why = format!(
                "the master, as {} of {} Sentinels say",
                redis.sentinels_that_agree, redis.sentinels
            );
            Ok((redis.master.clone(), why))
        }
        Some(Seen::Unknown { error, .. }) => Err(Trouble::new("no Sentinel names the master", error)),
        None => Err(Trouble("the platform offers no Sentinel".into())),
    }
}

/// Of the first shard that has one.
fn primary(leaders: &Leaders) -> Result<(u16, String, String), Trouble> {
    let found = leaders.shards.iter().find_map(|seen| match seen {
        Seen::Known(shard) => {
            let leads = |member: &&leaders::Member| Some(&member.name) == shard.leader.as_ref();
            let member = shard.members.iter().find(leads)?;
            let why = format!("{}, the primary as Patroni says", member.name);
            Some((shard.number, member.endpoint.clone(), why))
        }
        Seen::Unknown { .. } => None,
    });
    found.ok_or_else(|| Trouble("Patroni names no shard's primary".into()))
}

fn sentinels(endpoints: &Endpoints) -> Result<Vec<Victim>, Trouble> {
    let redis = endpoints.redis.as_ref();
    let redis = redis.ok_or_else(|| Trouble("the platform offers no Sentinel".into()))?;
    let count = u32::try_from(redis.sentinels.len()).unwrap_or(u32::MAX);
    let victims = redis.sentinels.iter().take(minority(count) as usize);
    Ok(victims
        .map(|endpoint| Victim {
            blow: Blow::Sentinel {
                endpoint: endpoint.clone(),
            },
            why: format!("of {count}"),
        })
        .collect())
}

/// The zone with most of those that lead: the loss that has the most to be taken over.
async fn zone(endpoints: &Endpoints, faults: &dyn Faults) -> Result<Vec<Victim>, Trouble> {
    let (leaders, broker, zones) = tokio::join!(leaders::look(endpoints), broker(endpoints), faults.zones());
    let mut leading = vec![broker?.1, master(&leaders)?.0];
    for seen in &leaders.shards {
        if let Seen::Known(shard) = seen {
            let leads = |member: &&leaders::Member| Some(&member.name) == shard.leader.as_ref();
            leading.extend(
                shard
                    .members
                    .iter()
                    .find(leads)
                    .map(|member| member.endpoint.clone()),
            );
        }
    }
    let leads = |blow: &Blow| match blow {
        Blow::Broker { endpoint, .. } | Blow::Redis { endpoint } | Blow::Member { endpoint, .. } => {
            leading.contains(endpoint)
        }
        _ => false,
    };
    let zones = zones?;
    let (name, blows) = zones
        .into_iter()
        .max_by_key(|(name, blows)| {
            let led = blows.iter().filter(|blow| leads(blow)).count();
            (led, blows.len(), std::cmp::Reverse(name.clone()))
        })
        .ok_or_else(|| Trouble("the platform has no zones".into()))?;
    Ok(blows
        .into_iter()
        .map(|blow| Victim {
            why: match leads(&blow) {
                true => format!("in zone {name}, which leads"),
                false => format!("in zone {name}"),
            },
            blow,
        })
        .collect())
}
