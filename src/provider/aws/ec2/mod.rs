//! EC2: the network, and what nodes are launched from.

mod cluster_network_leftovers;
mod cluster_volumes;
mod elastic_ip;
mod flow_log;
mod internet_gateway;
mod launch_template;
mod mark;
mod nat_gateway;
pub mod offerings;
mod route_table;
mod security_group;
mod security_group_rule;
mod subnet;
mod vpc;
mod vpc_endpoint;

pub use cluster_network_leftovers::ClusterNetworkLeftovers;
pub use cluster_volumes::ClusterVolumes;
pub use elastic_ip::ElasticIp;
pub use flow_log::FlowLog;
pub use internet_gateway::InternetGateway;
pub use launch_template::{LaunchTemplate, RootVolume};
pub use nat_gateway::NatGateway;
pub use route_table::{RouteTable, RouteTarget};
pub use security_group::SecurityGroup;
pub use security_group_rule::{Direction, Ports, SecurityGroupRule, Source};
pub use subnet::Subnet;
pub use vpc::Vpc;
pub use vpc_endpoint::{EndpointKind, VpcEndpoint};

use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification};

use super::Region;
use super::error::Call;
use super::tags::{self, TOKEN_TAG, Tags};
use crate::provider::{FoundBy, ProviderError};
use crate::resource::{Change, Ref};

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

/// Whether tags are among what differs.
fn retagged(changes: &[Change]) -> bool {
    changes.iter().any(|change| change.path.starts_with("/tags"))
}

/// What a reference stands for; verbs are called when every one is resolved.
fn text(reference: &Ref<String>) -> &str {
    reference.known().map_or("", String::as_str)
}

/// As many calls want them.
fn texts<'a>(references: impl IntoIterator<Item = &'a Ref<String>>) -> Option<Vec<String>> {
    let all: Vec<String> = references.into_iter().map(|one| text(one).to_owned()).collect();
    Some(all).filter(|all| !all.is_empty())
}

/// The id in the answer to a creation.
fn made(id: Option<String>, action: &'static str) -> Result<String, ProviderError> {
    id.ok_or_else(|| ProviderError::unknown(format!("{action} answered without an id")))
}

fn filter(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}

/// Whether the creation with `token` has put these tags on, for services whose search can't be trusted alone.
fn carries(tags: &[Tag], token: &str) -> bool {
    tags.iter()
        .any(|tag| tag.key() == Some(TOKEN_TAG) && tag.value() == Some(token))
}

/// "Attached already" says that what was looked at is older than what is: the next look sees it.
fn seen_late(error: ProviderError) -> ProviderError {
    match error.message.ends_with("(Resource.AlreadyAssociated)") {
        true => ProviderError::transient(error.message),
        false => error,
    }
}
