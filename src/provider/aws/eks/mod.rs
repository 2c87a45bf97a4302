//! EKS: the cluster, its nodes and add-ons, and who may do what in it.

mod access_entry;
mod addon;
mod cluster;
mod node_group;
mod pod_identity_association;
mod reach;
mod updates;
pub mod versions;

pub use access_entry::{AccessEntry, AccessPolicy};
pub use addon::Addon;
pub use cluster::{Cluster, Endpoint};
pub use node_group::{NodeGroup, Scaling, Taint};
pub use pod_identity_association::PodIdentityAssociation;
pub use reach::{Reach, Token, reach, signed_token, token};
pub(super) use updates::Issued;
pub use versions::{ClusterVersion, Support, cluster_versions, judge};

use std::collections::HashMap;

use super::Region;
use super::error::Call;
use super::tags::{self, Tags};
use crate::provider::{ErrorClass, ProviderError};
use crate::resource::Ref;

/// The cluster and the rest of an id such as `cluster/name`. Only the first slash parts them: ARNs have more.
fn parts(id: &str) -> Result<(&str, &str), ProviderError> {
    id.split_once('/').ok_or_else(|| {
        ProviderError::refused(format!("`{id}` is not of the form CLUSTER/NAME"))
            .with_hint("put the cluster's name and a slash before it")
    })
}

/// What a reference has become by the time a verb is called.
fn known(reference: &Ref<String>) -> Result<&str, ProviderError> {
    match reference {
        Ref::Known(value) => Ok(value),
        Ref::Output { of, name } => Err(ProviderError::refused(format!("{of} has no output `{name}` yet"))),
    }
}

fn sdk(tags: &Tags) -> HashMap<String, String> {
    tags.clone().into_iter().collect()
}

fn read_tags(tags: Option<&HashMap<String, String>>) -> Tags {
    let pairs = tags.into_iter().flatten();
    tags::read(pairs.map(|(key, value)| (Some(key.as_str()), Some(value.as_str()))))
}

/// Puts `tags` on what has this ARN; others stay.
async fn retag(cloud: &Region, arn: Option<&str>, tags: &Tags) -> Result<(), ProviderError> {
    let request = cloud
        .eks()
        .tag_resource()
        .set_resource_arn(arn.map(str::to_owned));
    let answer = request.set_tags(Some(sdk(tags))).send().await;
    answer.called("eks:TagResource").map(drop)
}

/// What EKS says, under general codes, about something that was made or changed a moment ago.
const PASSING: &[&str] = &[
    "already at ",
    "already set to",
    "could not be assumed",
    "currently not in Active",
    "does not exist",
    "is not in ACTIVE",
    "must be ACTIVE",
    "No changes needed",
];

/// A call whose refusal may be about what isn't everywhere seen yet: a role, a subnet, an update's end.
fn perhaps_early<T>(result: Result<T, ProviderError>) -> Result<T, ProviderError> {
    result.map_err(
        |error| match PASSING.iter().any(|text| error.message.contains(text)) {
            true => ProviderError {
                class: ErrorClass::Transient,
                ..error
            },
            false => error,
        },
    )
}

/// The minor number of `1.35`.
fn minor(version: &str) -> Option<u32> {
    version.strip_prefix("1.")?.parse().ok()
}

/// One word of an issue: its code and what the service says about it.
fn issue(code: Option<&str>, message: Option<&str>) -> String {
    format!(
        "{}: {}",
        code.unwrap_or("no code"),
        message.unwrap_or("no reason given")
    )
}
