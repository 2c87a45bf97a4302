//! EC2: the network, and what nodes are launched from.

mod launch_template;
mod vpc;

pub use launch_template::{LaunchTemplate, RootVolume};
pub use vpc::Vpc;

use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification};

use super::Region;
use super::error::Call;
use super::tags::{self, TOKEN_TAG, Tags};
use crate::provider::{FoundBy, ProviderError};

/// EC2 finds a new resource by its tags within moments; this is what its guide on eventual consistency
/// leaves room for.
const FOUND_BY_TAG: FoundBy = FoundBy::Tag {
    settles_after_ms: 3_000,
};

/// The tags of a creation, its token among them.
fn tag_specification(kind: ResourceType, tags: &Tags, token: &str) -> TagSpecification {
    TagSpecification::builder()
        .resource_type(kind)
        .set_tags(Some(sdk(&tags::with_token(tags, token))))
        .build()
}

fn sdk(tags: &Tags) -> Vec<Tag> {
    tags.iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect()
}

fn read_tags(tags: &[Tag]) -> Tags {
    tags::read(tags.iter().map(|tag| (tag.key(), tag.value())))
}

/// What the creation with `token` has made.
fn by_token(token: &str) -> Filter {
    Filter::builder()
        .name(format!("tag:{TOKEN_TAG}"))
        .values(token)
        .build()
}

/// Puts `tags` on `id`; others stay.
async fn retag(cloud: &Region, id: &str, tags: &Tags) -> Result<(), ProviderError> {
    let request = cloud.ec2().create_tags().resources(id).set_tags(Some(sdk(tags)));
    request.send().await.called("ec2:CreateTags").map(drop)
}
