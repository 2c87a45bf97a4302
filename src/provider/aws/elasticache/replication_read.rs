//! What a replication group is, read from it, from one of its nodes and from its tags.

use aws_sdk_elasticache::types::{
    AutomaticFailoverStatus, CacheCluster, Endpoint, MultiAzStatus, NodeGroup, ReplicationGroup as Found,
};
use serde::Serializer;

use super::super::Region;
use super::super::error::Call;
use super::super::tags::Tags;
use super::replication_group::{AUTH_SECRET_TAG, AUTH_VERSION_TAG, CacheReplicationGroup, Outputs};
use crate::provider::{ProviderError, Readiness};
use crate::resource::Ref;

pub(super) async fn describe(cloud: &Region, id: &str) -> Result<Option<Found>, ProviderError> {
    let request = cloud.elasticache().describe_replication_groups();
    let answer = request.replication_group_id(id).send().await;
    let found = answer.or_absent("elasticache:DescribeReplicationGroups")?;
    Ok(found.and_then(|found| found.replication_groups.unwrap_or_default().pop()))
}

pub(super) async fn observe(
    cloud: &Region,
    id: &str,
) -> Result<Option<(CacheReplicationGroup, Outputs)>, ProviderError> {
    let Some(group) = describe(cloud, id).await? else {
        return Ok(None);
    };
    let arn = group.arn().unwrap_or_default();
    let Some(tags) = super::tags_of(cloud, arn).await? else {
        return Ok(None);
    };
    let node = node(cloud, &group).await?;
    let outputs = outputs(id, &group, node.as_ref());
    Ok(Some((read(id, group, node, tags, outputs.port), outputs)))
}

/// One of its nodes; none while the first is being made.
async fn node(cloud: &Region, group: &Found) -> Result<Option<CacheCluster>, ProviderError> {
    let Some(member) = group.member_clusters().first() else {
        return Ok(None);
    };
    let request = cloud.elasticache().describe_cache_clusters();
    let request = request.cache_cluster_id(member).show_cache_node_info(true);
    let answer = request
        .send()
        .await
        .or_absent("elasticache:DescribeCacheClusters")?;
    Ok(answer.and_then(|found| found.cache_clusters.unwrap_or_default().pop()))
}

fn read(
    id: &str,
    group: Found,
    node: Option<CacheCluster>,
    mut tags: Tags,
    port: i32,
) -> CacheReplicationGroup {
    let mut held = |key: &str| tags.remove(key).map(Ref::Known);
    let failover = group.automatic_failover();
    let zones = group.multi_az();
    let transit = match (
        group.transit_encryption_enabled(),
        group.transit_encryption_mode(),
    ) {
        (Some(true), Some(mode)) => mode.as_str(),
        (Some(true), None) => "required",
        _ => "off",
    };
    let on_node = |of: fn(&CacheCluster) -> Option<&str>| node.as_ref().and_then(of).map(str::to_owned);
    let groups = node.iter().flat_map(|node| node.security_groups());
    CacheReplicationGroup {
        id: id.into(),
        description: group.description().unwrap_or_default().to_owned(),
        engine: group
            .engine()
            .or(node.as_ref().and_then(|node| node.engine()))
            .unwrap_or("redis")
            .into(),
        engine_version: canonical(&on_node(CacheCluster::engine_version).unwrap_or_default()),
        node_type: group.cache_node_type().unwrap_or_default().to_owned(),
        cluster_mode: group.cluster_enabled().unwrap_or_default(),
        shards: i32::try_from(group.node_groups().len()).unwrap_or(i32::MAX),
        replicas: replicas(&group),
        automatic_failover: matches!(
            failover,
            Some(AutomaticFailoverStatus::Enabled | AutomaticFailoverStatus::Enabling)
        ),
        multi_az: zones == Some(&MultiAzStatus::Enabled),
        port,
        at_rest_encryption: group.at_rest_encryption_enabled().unwrap_or_default(),
        kms_key: group.kms_key_id().map(|key| Ref::Known(key.to_owned())),
        transit_encryption: transit.to_owned(),
        auth_secret: held(AUTH_SECRET_TAG),
        auth_version: held(AUTH_VERSION_TAG),
        durability: group.durability().map(|it| it.as_str().to_owned()),
        snapshot_retention_days: group.snapshot_retention_limit().unwrap_or_default(),
        snapshot_window: group.snapshot_window().map(str::to_owned),
        maintenance_window: on_node(CacheCluster::preferred_maintenance_window),
        subnet_group: Ref::Known(on_node(CacheCluster::cache_subnet_group_name).unwrap_or_default()),
        security_groups: groups
            .filter_map(|group| group.security_group_id.clone().map(Ref::Known))
            .collect(),
        parameter_group: Ref::Known(on_node(parameter_group).unwrap_or_default()),
        tags,
    }
}

fn parameter_group(node: &CacheCluster) -> Option<&str> {
    node.cache_parameter_group()?.cache_parameter_group_name()
}

/// Of the shard that has fewest: a change of the count brings all of them to it.
fn replicas(group: &Found) -> i32 {
    let counts = group
        .node_groups()
        .iter()
        .map(|shard| shard.node_group_members().len());
    let fewest = counts.min().unwrap_or_else(|| group.member_clusters().len());
    i32::try_from(fewest.saturating_sub(1)).unwrap_or(i32::MAX)
}

fn outputs(id: &str, group: &Found, node: Option<&CacheCluster>) -> Outputs {
    let first = group.node_groups().first();
    let endpoint = group
        .configuration_endpoint()
        .or(first.and_then(NodeGroup::primary_endpoint));
    let reader = first.and_then(NodeGroup::reader_endpoint).or(endpoint);
    let address = |endpoint: Option<&Endpoint>| {
        endpoint
            .and_then(Endpoint::address)
            .unwrap_or_default()
            .to_owned()
    };
    let of_node = || node?.cache_nodes().first()?.endpoint()?.port();
    Outputs {
        id: id.into(),
        endpoint: address(endpoint),
        reader_endpoint: address(reader),
        port: endpoint
            .and_then(Endpoint::port)
            .or_else(of_node)
            .unwrap_or_default(),
    }
}

/// `7.0.7` is what AWS runs where `7.0` is asked for; before version 6 all three parts are named.
pub(super) fn canonical(version: &str) -> String {
    let parts: Vec<&str> = version.split('.').collect();
    match parts.first().and_then(|major| major.parse::<u32>().ok()) {
        Some(major) if major >= 6 => parts.into_iter().take(2).collect::<Vec<_>>().join("."),
        _ => version.to_owned(),
    }
}

pub(super) fn version<S: Serializer>(version: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&canonical(version))
}

pub(super) fn readiness(group: &Found) -> Readiness {
    let status = group.status().unwrap_or("no status");
    match status {
        "available" if is_pending(group) => Readiness::Pending("a change is pending".into()),
        "available" => Readiness::Ready,
        "create-failed" => Readiness::Failed("the replication group is `create-failed`".into()),
        _ => {
            let shards = group.node_groups();
            let there = shards
                .iter()
                .filter(|shard| shard.status() == Some("available"))
                .count();
            Readiness::Pending(match shards.len() {
                0 | 1 => status.to_owned(),
                all => format!("{status}, {there} of {all} shards"),
            })
        }
    }
}

/// Something has been asked for that isn't there yet.
pub(super) fn is_pending(group: &Found) -> bool {
    group.pending_modified_values().is_some_and(|pending| {
        pending.resharding().is_some()
            || pending.automatic_failover_status().is_some()
            || pending.transit_encryption_enabled().is_some()
            || pending.transit_encryption_mode().is_some()
            || pending.cluster_mode().is_some()
    })
}

pub(super) async fn leftover(cloud: &Region, id: &str) -> Result<Option<String>, ProviderError> {
    let request = cloud.elasticache().describe_snapshots();
    let request = request.replication_group_id(id).snapshot_source("manual");
    let answer = request.send().await.or_absent("elasticache:DescribeSnapshots")?;
    let snapshots = answer.and_then(|found| found.snapshots).unwrap_or_default();
    let names: Vec<String> = snapshots.into_iter().filter_map(|it| it.snapshot_name).collect();
    Ok(match names.as_slice() {
        [] => None,
        [one] => Some(format!("the snapshot {one}")),
        several => Some(format!("the snapshots {}", several.join(", "))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_that_aws_chooses_is_no_difference() {
        let check = |found: &str, expect: &str| assert_eq!(canonical(found), expect);
        check("7.0.7", "7.0");
        check("7.0", "7.0");
        check("6.2.6", "6.2");
        check("5.0.6", "5.0.6");
        check("9.1.0", "9.1");
    }
}
