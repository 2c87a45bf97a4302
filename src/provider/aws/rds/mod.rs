//! RDS: the shards, what they are set up with, and the proxies in front of them.

mod cluster;
mod cluster_change;
mod cluster_end;
mod cluster_parameter_group;
mod global_cluster;
mod instance;
mod instance_reboot;
mod master_secret;
mod parameters;
mod password;
mod proxy;
mod proxy_target;
mod subnet_group;
mod versions;

pub(super) use password::referred;

pub use cluster::DbCluster;
pub use cluster_parameter_group::DbClusterParameterGroup;
pub use global_cluster::GlobalCluster;
pub use instance::DbInstance;
pub use master_secret::{DbMasterSecret, Replica};
pub use proxy::DbProxy;
pub use proxy_target::DbProxyTarget;
pub use subnet_group::DbSubnetGroup;
pub use versions::{EngineVersion, ParameterProblem, engine_versions, orderable, parameter_problems};

use aws_sdk_rds::types::{DbCluster as Found, Tag};

use super::Region;
use super::error::Call;
use super::tags::{self, Tags};
use crate::provider::{Guard, ProviderError};
use crate::resource::{Change, Ref, Set};

/// Of clusters and of the global databases that join them.
const GUARD: Guard = Guard {
    property: "deletion_protection",
    lifted_by: "vvbill apply PLAN --set aurora.deletion_protection=false --target aurora",
};

fn sdk(tags: &Tags) -> Vec<Tag> {
    tags.iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect()
}

fn read_tags(tags: &[Tag]) -> Tags {
    tags::read(tags.iter().map(|tag| (tag.key(), tag.value())))
}

/// The tags of what its description doesn't tell them of; `None`: it is gone.
async fn tags_of(cloud: &Region, arn: &str) -> Result<Option<Tags>, ProviderError> {
    let request = cloud.rds().list_tags_for_resource().resource_name(arn);
    let answer = request.send().await.or_absent("rds:ListTagsForResource")?;
    Ok(answer.map(|answer| read_tags(answer.tag_list())))
}

/// Puts `tags` on what `arn` names; others stay.
async fn retag(cloud: &Region, arn: &str, tags: &Tags) -> Result<(), ProviderError> {
    let request = cloud.rds().add_tags_to_resource().resource_name(arn);
    let request = request.set_tags(Some(sdk(tags)));
    request.send().await.called("rds:AddTagsToResource").map(drop)
}

/// The cluster as RDS describes it.
async fn describe(cloud: &Region, id: &str) -> Result<Option<Found>, ProviderError> {
    let request = cloud.rds().describe_db_clusters().db_cluster_identifier(id);
    let answer = request.send().await.or_absent("rds:DescribeDBClusters")?;
    Ok(answer.and_then(|found| found.db_clusters.unwrap_or_default().pop()))
}

/// Whether one of `fields`, or something in it, is among the changes.
fn touched(changes: &[Change], fields: &[&str]) -> bool {
    changes.iter().any(|change| {
        let field = change.path.split('/').nth(1).unwrap_or_default();
        fields.contains(&field)
    })
}

/// The value of a reference, which verbs find resolved.
fn value(reference: &Ref<String>) -> Option<String> {
    reference.known().cloned()
}

fn values(references: &Set<Ref<String>>) -> Option<Vec<String>> {
    references.0.iter().map(value).collect()
}

fn optional(reference: Option<&Ref<String>>) -> Option<String> {
    reference.and_then(value)
}
