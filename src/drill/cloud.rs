//! Faults on AWS, by the means that it has for them: a shard is failed over by RDS, pods are evicted, a broker is
//! rolled by Strimzi. What they do comes back by itself: there is nothing to heal.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt, ready};

use super::Trouble;
use super::catalogue::{Drill, minority};
use super::faults::{Blow, Faults};
use super::victims::master;
use crate::endpoints::Endpoints;
use crate::leaders;
use crate::provider::aws::Aws;
use crate::provider::kubernetes::{Cluster, Clusters, Pod};
use crate::state::State;

/// What of the state is needed: where things are, never how they are.
pub struct Cloud {
    aws: Arc<Aws>,
    clusters: Clusters,
    /// The cluster that the platform runs in, and the namespace.
    place: Option<(Cluster, String)>,
    /// Region and id of each shard's cluster, in the primary region.
    shards: Vec<(String, String)>,
    /// Region and id of the cache.
    cache: Option<(String, String)>,
    endpoints: Endpoints,
}

/// ElastiCache names the only node group of a group without cluster mode so.
const NODE_GROUP: &str = "0001";

impl Cloud {
    /// Of what the state holds in the region `primary`.
    pub fn new(
        state: &State,
        primary: &str,
        endpoints: Endpoints,
        aws: Arc<Aws>,
        clusters: Clusters,
    ) -> Self {
        let of_kind = |kind: &'static str| {
            state
                .resources
                .values()
                .filter(move |record| record.address.kind() == kind && record.address.region() == primary)
        };
        let named = |kind: &'static str| {
            of_kind(kind).map(|record| (record.address.region().to_owned(), record.id.clone()))
        };
        let place = of_kind("deployment").find_map(|record| {
            let cluster = serde_json::from_value(record.properties.get("cluster")?.clone()).ok()?;
            let namespace = record
                .properties
                .pointer("/object/metadata/namespace")?
                .as_str()?;
            Some((cluster, namespace.to_owned()))
        });
        Self {
            aws,
            clusters,
            place,
            shards: named("db_cluster").collect(),
            cache: named("cache_replication_group").next(),
            endpoints,
        }
    }

    fn place(&self) -> Result<&(Cluster, String), Trouble> {
        let place = self.place.as_ref();
        place.ok_or_else(|| Trouble("the state knows of no cluster that the platform runs in".into()))
    }

    async fn pods(&self, component: &str) -> Result<Vec<Pod>, Trouble> {
        let (cluster, namespace) = self.place()?;
        let labels = format!("vvbill/component={component}");
        let pods = self.clusters.pods(cluster, namespace, &labels).await;
        pods.map_err(|why| Trouble::new(format_args!("the pods of {component}"), why))
    }

    async fn some_pods(&self, component: &str, count: usize) -> Result<Vec<Blow>, Trouble> {
        let pods = self.pods(component).await?;
        if pods.is_empty() {
            return Err(Trouble(format!("no pod of {component} runs")));
        }
        let blow = |pod: Pod| Blow::Pod { name: pod.name };
        Ok(pods.into_iter().take(count.max(1)).map(blow).collect())
    }

    async fn of_drill(&self, drill: Drill) -> Result<Vec<Blow>, Trouble> {
        match drill {
            Drill::KafkaBroker => {
                let pods = self.pods("kafka").await?;
                let pod = pods.into_iter().next();
                let pod = pod.ok_or_else(|| Trouble("no pod of kafka runs".into()))?;
                Ok(vec![Blow::Roll { name: pod.name }])
            }
            Drill::RedisMaster => self.redis().await,
            Drill::ServiceApi => self.some_pods("ingest-api", 1).await,
            Drill::ServiceWorker => self.some_pods("ingest-worker", 1).await,
            Drill::SentinelMinority => {
                let count = self.pods("buffer-sentinel").await?.len();
                let count = minority(u32::try_from(count).unwrap_or(u32::MAX));
                self.some_pods("buffer-sentinel", count as usize).await
            }
            Drill::ShardPrimary | Drill::ShardNode => {
                let first = self.shards.first().cloned();
                let (region, id) = first.ok_or_else(|| Trouble("the state knows of no shard".into()))?;
                Ok(vec![Blow::Cluster { region, id }])
            }
            Drill::Region => Err(Trouble("AWS moves no region from here".into())),
            Drill::Zone => {
                let zones = self.in_zones().await?;
                let most = zones.into_iter().max_by_key(|(_, blows)| blows.len());
                Ok(most.map(|(_, blows)| blows).unwrap_or_default())
            }
        }
    }

    /// The buffer's master, and the cache's primary, each where there is one.
    async fn redis(&self) -> Result<Vec<Blow>, Trouble> {
        let cache = self.cache.iter().map(|_| Blow::Cache);
        let master = match &self.endpoints.redis {
            Some(_) => Some(self.master().await?),
            None => None,
        };
        let both: Vec<Blow> = master.into_iter().chain(cache).collect();
        match both.is_empty() {
            true => Err(Trouble("the state knows of no Redis".into())),
            false => Ok(both),
        }
    }

    /// The pod that the Sentinels call the master.
    async fn master(&self) -> Result<Blow, Trouble> {
        let (endpoint, _) = master(&leaders::look(&self.endpoints).await)?;
        let pods = self.pods("buffer").await?;
        pod_at(&pods, &endpoint).ok_or_else(|| {
            Trouble(format!(
                "the Sentinels call {endpoint} the master, which is no pod of buffer"
            ))
        })
    }

    /// Pods by the zone of their node, and each shard where its writer is.
    async fn in_zones(&self) -> Result<BTreeMap<String, Vec<Blow>>, Trouble> {
        let mut zones: BTreeMap<String, Vec<Blow>> = BTreeMap::new();
        for component in [
            "kafka",
            "buffer",
            "buffer-sentinel",
            "ingest-api",
            "ingest-worker",
        ] {
            for pod in self.pods(component).await? {
                if let Some(zone) = pod.zone {
                    zones.entry(zone).or_default().push(Blow::Pod { name: pod.name });
                }
            }
        }
        for (region, id) in &self.shards {
            let members = self.aws.members(region, id).await;
            let members = members.map_err(|why| Trouble::new(format_args!("the shard {id}"), why))?;
            if let Some(zone) = members.writer_zone {
                zones.entry(zone).or_default().push(Blow::Cluster {
                    region: region.clone(),
                    id: id.clone(),
                });
            }
        }
        Ok(zones)
    }

    async fn unwell(&self) -> Result<Vec<String>, Trouble> {
        let mut missing = Vec::new();
        for component in [
            "kafka",
            "buffer",
            "buffer-sentinel",
            "ingest-api",
            "ingest-worker",
        ] {
            let pods = self.pods(component).await?;
            let unready = pods.iter().filter(|pod| !pod.is_ready);
            missing.extend(unready.map(|pod| format!("the pod {} is not ready", pod.name)));
        }
        for (region, id) in &self.shards {
            let members = self.aws.members(region, id).await;
            let members = members.map_err(|why| Trouble::new(format_args!("the shard {id}"), why))?;
            if members.status != "available" {
                missing.push(format!("the shard {id} is {}, not available", members.status));
            }
            if members.writer.is_none() {
                missing.push(format!("the shard {id} has no writer"));
            }
        }
        Ok(missing)
    }
}

/// The pod at `host:port`, by its address or by its name in the cluster's DNS.
fn pod_at(pods: &[Pod], endpoint: &str) -> Option<Blow> {
    let host = endpoint.rsplit_once(':').map_or(endpoint, |(host, _)| host);
    let name = host.split('.').next();
    let is_there = |pod: &&Pod| pod.address.as_deref() == Some(host) || name == Some(&*pod.name);
    let pod = pods.iter().find(is_there)?;
    Some(Blow::Pod {
        name: pod.name.clone(),
    })
}

impl Faults for Cloud {
    fn missing(&self) -> BoxFuture<'_, Vec<String>> {
        async move {
            let found = self.unwell().await;
            found.unwrap_or_else(|why| vec![why.to_string()])
        }
        .boxed()
    }

    fn named(&self, drill: Drill) -> BoxFuture<'_, Result<Option<Vec<Blow>>, Trouble>> {
        async move { self.of_drill(drill).await.map(Some) }.boxed()
    }

    fn zones(&self) -> BoxFuture<'_, Result<BTreeMap<String, Vec<Blow>>, Trouble>> {
        self.in_zones().boxed()
    }

    fn strike<'a>(&'a self, blow: &'a Blow) -> BoxFuture<'a, Result<(), Trouble>> {
        async move {
            let struck = match blow {
                Blow::Cluster { region, id } => self.aws.fail_over(region, id).await,
                Blow::Pod { name } => {
                    let (cluster, namespace) = self.place()?;
                    self.clusters.evict(cluster, namespace, name).await
                }
                Blow::Roll { name } => {
                    let (cluster, namespace) = self.place()?;
                    self.clusters.roll(cluster, namespace, name).await
                }
                Blow::Cache => match &self.cache {
                    Some((region, id)) => self.aws.test_failover(region, id, NODE_GROUP).await,
                    None => return Err(Trouble("the state knows of no cache".into())),
                },
                other => return Err(Trouble(format!("{} is nothing of AWS", other.words()))),
            };
            struck.map_err(|why| Trouble::new(format_args!("{} could not be struck", blow.words()), why))
        }
        .boxed()
    }

    fn heal(&self) -> BoxFuture<'_, Result<(), Trouble>> {
        ready(Ok(())).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects: the pod that is struck is the one that the Sentinels mean, whether they know it by address or name.
    #[test]
    fn the_master_is_found_among_the_pods() {
        let pod = |number: u8| Pod {
            name: format!("buffer-{number}"),
            address: Some(format!("10.0.0.{number}")),
            zone: None,
            is_ready: true,
        };
        let pods = [pod(0), pod(1), pod(2)];
        let second = Some(Blow::Pod {
            name: "buffer-1".into(),
        });
        assert_eq!(pod_at(&pods, "10.0.0.1:6379"), second);
        assert_eq!(
            pod_at(&pods, "buffer-1.buffer.billing.svc.cluster.local:6379"),
            second
        );
        assert_eq!(pod_at(&pods, "10.0.0.11:6379"), None);
    }
}
