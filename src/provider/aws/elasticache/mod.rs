//! ElastiCache: the cache and what it is set up with.

mod parameter_group;
mod replication_change;
mod replication_group;
mod replication_read;
mod subnet_group;
mod versions;

pub use parameter_group::CacheParameterGroup;
pub use replication_group::CacheReplicationGroup;
pub use subnet_group::CacheSubnetGroup;
pub use versions::cache_engine_versions;

use aws_sdk_elasticache::types::Tag;

use super::Region;
use super::error::Call;
use super::tags::{self, Tags};
use crate::provider::ProviderError;
use crate::resource::{Change, Ref, Set};

fn sdk(tags: &Tags) -> Vec<Tag> {
    tags.iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect()
}

/// `None`: it is gone.
async fn tags_of(cloud: &Region, arn: &str) -> Result<Option<Tags>, ProviderError> {
    let request = cloud.elasticache().list_tags_for_resource().resource_name(arn);
    let answer = request
        .send()
        .await
        .or_absent("elasticache:ListTagsForResource")?;
    Ok(answer.map(|found| tags::read(found.tag_list().iter().map(|tag| (tag.key(), tag.value())))))
}

/// Puts `tags` on what `arn` names; others stay.
async fn retag(cloud: &Region, arn: &str, tags: &Tags) -> Result<(), ProviderError> {
    let request = cloud.elasticache().add_tags_to_resource().resource_name(arn);
    let answer = request.set_tags(Some(sdk(tags))).send().await;
    answer.called("elasticache:AddTagsToResource").map(drop)
}

/// Whether one of `fields`, or something in it, is among the changes.
fn touched(changes: &[Change], fields: &[&str]) -> bool {
    changes.iter().any(|change| {
        let field = change.path.split('/').nth(1).unwrap_or_default();
        fields.contains(&field)
    })
}

/// The value of a reference, which verbs find resolved.
fn optional(reference: Option<&Ref<String>>) -> Option<String> {
    reference.and_then(Ref::known).cloned()
}

fn values(references: &Set<Ref<String>>) -> Option<Vec<String>> {
    references
        .0
        .iter()
        .map(|reference| reference.known().cloned())
        .collect()
}
