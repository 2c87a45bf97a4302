//! IAM: roles and policies. They belong to no region.

mod policy;
mod role;

pub use policy::IamPolicy;
pub use role::{IamRole, InlinePolicy};

use aws_sdk_iam::types::Tag;

use super::tags::{self, Tags};
use crate::provider::ProviderError;

fn sdk(tags: &Tags) -> Result<Vec<Tag>, ProviderError> {
    tags.iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect::<Result<_, _>>()
        .map_err(|why| ProviderError::refused(format!("a tag is incomplete: {why}")))
}

fn read_tags(tags: &[Tag]) -> Tags {
    tags::read(tags.iter().map(|tag| (Some(tag.key()), Some(tag.value()))))
}

/// A policy that names a role made a moment ago is refused until IAM has heard of it everywhere.
fn passing(error: ProviderError) -> ProviderError {
    match error.message.to_lowercase().contains("invalid principal") {
        true => ProviderError::transient(error.message),
        false => error,
    }
}
