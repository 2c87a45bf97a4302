//! Route 53: the zone, its records, and the checks that decide between them.

mod health_check;
mod hosted_zone;
mod record;

pub use health_check::HealthCheck;
pub use hosted_zone::HostedZone;
pub use record::{DnsAlias, DnsRecord};

use aws_sdk_route53::error::BuildError;
use aws_sdk_route53::types::{Tag, TagResourceType};

use super::Region;
use super::error::Call;
use super::tags::{self, Tags};
use crate::provider::ProviderError;

/// `None`: there is no such thing.
async fn tags_of(cloud: &Region, kind: TagResourceType, id: &str) -> Result<Option<Tags>, ProviderError> {
    let request = cloud
        .route53()
        .list_tags_for_resource()
        .resource_type(kind)
        .resource_id(id);
    let answer = request.send().await.or_absent("route53:ListTagsForResource")?;
    let set = answer.and_then(|answer| answer.resource_tag_set);
    Ok(set.map(|set| tags::read(set.tags().iter().map(|tag| (tag.key(), tag.value())))))
}

/// Puts `tags` on it; others stay.
async fn retag(cloud: &Region, kind: TagResourceType, id: &str, tags: &Tags) -> Result<(), ProviderError> {
    let tags = tags
        .iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build());
    let request = cloud
        .route53()
        .change_tags_for_resource()
        .resource_type(kind)
        .resource_id(id)
        .set_add_tags(Some(tags.collect()));
    let answer = request.send().await;
    answer.called("route53:ChangeTagsForResource").map(drop)
}

/// DNS names as they are compared: lower case, without the dot at the end, `*` written as such.
fn bare(name: &str) -> String {
    name.trim_end_matches('.').to_lowercase().replace("\\052", "*")
}

fn incomplete(why: BuildError) -> ProviderError {
    ProviderError::refused(format!("what Route 53 should be told is incomplete: {why}"))
}
