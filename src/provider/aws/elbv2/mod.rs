//! Elastic Load Balancing: load balancers, where they listen, and what they send to.

mod listener;
mod listener_rule;
mod load_balancer;
mod target_group;

pub use listener::{Listener, ListenerAction};
pub use listener_rule::ListenerRule;
pub use load_balancer::{LoadBalancer, LoadBalancerKind};
pub use target_group::{TargetGroup, TargetHealthCheck, TargetStickiness};

use aws_sdk_elasticloadbalancingv2::types::{Action, ActionTypeEnum, Tag};

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

/// `None`: there is no such thing.
async fn tags_of(cloud: &Region, arn: &str) -> Result<Option<Tags>, ProviderError> {
    let answer = cloud.elbv2().describe_tags().resource_arns(arn).send().await;
    let found = answer.or_absent("elasticloadbalancing:DescribeTags")?;
    Ok(found.map(|found| {
        let tags = found
            .tag_descriptions()
            .iter()
            .flat_map(|described| described.tags());
        tags::read(tags.map(|tag| (tag.key(), tag.value())))
    }))
}

/// Puts `tags` on `arn`; others stay.
async fn retag(cloud: &Region, arn: &str, tags: &Tags) -> Result<(), ProviderError> {
    let request = cloud
        .elbv2()
        .add_tags()
        .resource_arns(arn)
        .set_tags(Some(sdk(tags)));
    request
        .send()
        .await
        .called("elasticloadbalancing:AddTags")
        .map(drop)
}

/// Whether the top-level property `field` is among what differs.
fn touches(changes: &[Change], field: &str) -> bool {
    changes
        .iter()
        .any(|change| change.path.split('/').nth(1) == Some(field))
}

/// Whether anything else than `fields` is among what differs.
fn touches_more_than(changes: &[Change], fields: &[&str]) -> bool {
    changes.iter().any(|change| {
        let field = change.path.split('/').nth(1).unwrap_or_default();
        !fields.contains(&field)
    })
}

/// The value of a reference, which the engine has resolved before it calls a verb.
fn known(reference: &Ref<String>) -> String {
    reference.known().cloned().unwrap_or_default()
}

fn all_known(references: &Set<Ref<String>>) -> Vec<String> {
    references.0.iter().map(known).collect()
}

fn set_of(values: &[String]) -> Set<Ref<String>> {
    values.iter().cloned().map(Ref::Known).collect()
}

/// Sends everything to one target group.
fn forward_to(target_group: &Ref<String>) -> Action {
    Action::builder()
        .r#type(ActionTypeEnum::Forward)
        .target_group_arn(known(target_group))
        .build()
}

/// The target group of an action, which AWS names in one of two places.
fn target_of(action: &Action) -> Option<&str> {
    let listed = || {
        let groups = action.forward_config()?.target_groups();
        groups.first()?.target_group_arn()
    };
    action.target_group_arn().or_else(listed)
}
