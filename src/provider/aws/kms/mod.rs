//! KMS: keys that data is encrypted with, and the names that they go by.

mod alias;
mod key;

pub use alias::KmsAlias;
pub use key::KmsKey;

use aws_sdk_kms::types::{KeyMetadata, KeyState};

use super::Region;
use super::error::Call;
use super::tags::{self, Tags};
use crate::provider::ProviderError;

/// By id, ARN or alias; one that is on its way out too.
async fn describe(cloud: &Region, key: &str) -> Result<Option<KeyMetadata>, ProviderError> {
    let answer = cloud.kms().describe_key().key_id(key).send().await;
    Ok(answer
        .or_absent("kms:DescribeKey")?
        .and_then(|found| found.key_metadata))
}

/// Whether it waits for its deletion, in which it can't be used.
fn leaving(key: &KeyMetadata) -> bool {
    matches!(
        key.key_state,
        Some(KeyState::PendingDeletion | KeyState::PendingReplicaDeletion)
    )
}

/// The key's tags, the token of its creation among them.
async fn all_tags(cloud: &Region, key: &str) -> Result<Vec<aws_sdk_kms::types::Tag>, ProviderError> {
    let answer = cloud.kms().list_resource_tags().key_id(key).send().await;
    let found = answer.or_absent("kms:ListResourceTags")?;
    Ok(found.and_then(|found| found.tags).unwrap_or_default())
}

async fn read_tags(cloud: &Region, key: &str) -> Result<Tags, ProviderError> {
    let found = all_tags(cloud, key).await?;
    Ok(tags::read(
        found
            .iter()
            .map(|tag| (Some(tag.tag_key()), Some(tag.tag_value()))),
    ))
}
