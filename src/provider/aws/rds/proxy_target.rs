//! What a proxy shares out: the connections of one cluster, and how many of them.

use std::time::Duration;

use aws_sdk_rds::types::{ConnectionPoolConfiguration, DbProxyTarget as Found, TargetState, TargetType};
use serde::{Deserialize, Serialize};

use super::super::Region;
use super::super::error::Call;
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, Ref};

/// Every proxy has this one group, and no other.
const GROUP: &str = "default";

/// A cluster behind a proxy. Its id is `proxy/cluster`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DbProxyTarget {
    /// Name of the proxy.
    pub proxy: Ref<String>,
    /// Name of the cluster.
    pub cluster: Ref<String>,
    /// Most of the server's `max_connections` that it opens.
    pub max_connections_percent: i32,
    /// Most of them that it keeps open while nobody needs them.
    pub max_idle_connections_percent: i32,
    /// Seconds that a client waits for one.
    pub borrow_timeout: i32,
}

/// What others may refer to.
#[derive(Serialize)]
pub struct Outputs {
    id: String,
}

impl Resource for DbProxyTarget {
    const KIND: &'static str = "db_proxy_target";
    const REPLACE_ON: &'static [&'static str] = &["proxy", "cluster"];
    const CONFIGURES: bool = true;
    const STABLE_OUTPUTS: &'static [&'static str] = &["id"];
    const FOUND_BY: FoundBy = FoundBy::Composite;
    const DEADLINE: Duration = Duration::from_secs(20 * 60);
    type Cloud = Region;
    type Outputs = Outputs;

    async fn observe(cloud: &Region, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let (proxy, cluster) = parts(id)?;
        if !targets(cloud, proxy)
            .await?
            .iter()
            .any(|target| tracks(target, cluster))
        {
            return Ok(None);
        }
        let request = cloud.rds().describe_db_proxy_target_groups();
        let request = request.db_proxy_name(proxy).target_group_name(GROUP);
        let answer = request
            .send()
            .await
            .or_absent("rds:DescribeDBProxyTargetGroups")?;
        let groups = answer.and_then(|found| found.target_groups).unwrap_or_default();
        let Some(pool) = groups
            .into_iter()
            .next()
            .and_then(|group| group.connection_pool_config)
        else {
            return Ok(None);
        };
        let found = Self {
            proxy: Ref::Known(proxy.into()),
            cluster: Ref::Known(cluster.into()),
            max_connections_percent: pool.max_connections_percent.unwrap_or_default(),
            max_idle_connections_percent: pool.max_idle_connections_percent.unwrap_or_default(),
            borrow_timeout: pool.connection_borrow_timeout.unwrap_or_default(),
        };
        Ok(Some((found, Outputs { id: id.into() })))
    }

    async fn find(&self, cloud: &Region, _token: &str) -> Result<Option<String>, ProviderError> {
        let id = self.id();
        Ok(Self::observe(cloud, &id).await?.map(|_| id))
    }

    async fn create(&self, cloud: &Region, _token: &str) -> Result<String, ProviderError> {
        let request = cloud.rds().register_db_proxy_targets();
        let request = request
            .set_db_proxy_name(super::value(&self.proxy))
            .target_group_name(GROUP)
            .set_db_cluster_identifiers(super::value(&self.cluster).map(|cluster| vec![cluster]));
        request.send().await.or_taken("rds:RegisterDBProxyTargets")?;
        Ok(self.id())
    }

    async fn readiness(&self, cloud: &Region, id: &str) -> Result<Readiness, ProviderError> {
        let (proxy, cluster) = parts(id)?;
        let targets = targets(cloud, proxy).await?;
        if !targets.iter().any(|target| tracks(target, cluster)) {
            return Ok(Readiness::seen(false));
        }
        Ok(health(&targets))
    }

    async fn configure(&self, cloud: &Region, id: &str) -> Result<(), ProviderError> {
        self.pool(cloud, id).await
    }

    async fn update(&self, cloud: &Region, id: &str, _changes: &[Change]) -> Result<(), ProviderError> {
        self.pool(cloud, id).await
    }

    async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let (proxy, cluster) = parts(id)?;
        let request = cloud.rds().deregister_db_proxy_targets();
        let request = request
            .db_proxy_name(proxy)
            .target_group_name(GROUP)
            .db_cluster_identifiers(cluster);
        request
            .send()
            .await
            .or_absent("rds:DeregisterDBProxyTargets")
            .map(drop)
    }
}

impl DbProxyTarget {
    fn id(&self) -> String {
        let part = |reference| super::value(reference).unwrap_or_default();
        format!("{}/{}", part(&self.proxy), part(&self.cluster))
    }

    async fn pool(&self, cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let (proxy, _) = parts(id)?;
        let pool = ConnectionPoolConfiguration::builder()
            .max_connections_percent(self.max_connections_percent)
            .max_idle_connections_percent(self.max_idle_connections_percent)
            .connection_borrow_timeout(self.borrow_timeout)
            .build();
        let request = cloud.rds().modify_db_proxy_target_group();
        let request = request
            .db_proxy_name(proxy)
            .target_group_name(GROUP)
            .connection_pool_config(pool);
        request
            .send()
            .await
            .called("rds:ModifyDBProxyTargetGroup")
            .map(drop)
    }
}

fn parts(id: &str) -> Result<(&str, &str), ProviderError> {
    id.split_once('/').ok_or_else(|| {
        ProviderError::refused(format!("`{id}` is no proxy target")).with_hint("write it as PROXY/CLUSTER")
    })
}

async fn targets(cloud: &Region, proxy: &str) -> Result<Vec<Found>, ProviderError> {
    let request = cloud.rds().describe_db_proxy_targets();
    let request = request.db_proxy_name(proxy).target_group_name(GROUP);
    let answer = request.send().await.or_absent("rds:DescribeDBProxyTargets")?;
    Ok(answer.and_then(|found| found.targets).unwrap_or_default())
}

fn tracks(target: &Found, cluster: &str) -> bool {
    target.r#type() == Some(&TargetType::TrackedCluster) && target.rds_resource_id() == Some(cluster)
}

/// Ready when one of its instances takes connections; RDS tells no health of the cluster itself.
fn health(targets: &[Found]) -> Readiness {
    let told: Vec<_> = targets
        .iter()
        .filter_map(|target| target.target_health())
        .collect();
    let available = |state: Option<&TargetState>| matches!(state, None | Some(TargetState::Available));
    match told.first() {
        None => Readiness::Ready,
        Some(_) if told.iter().any(|health| available(health.state())) => Readiness::Ready,
        Some(health) => {
            let state = health.state().map_or("no state", TargetState::as_str);
            let why = health
                .description()
                .or(health.reason().map(|reason| reason.as_str()));
            Readiness::Pending(match why {
                Some(why) => format!("{state}: {why}"),
                None => state.to_owned(),
            })
        }
    }
}
