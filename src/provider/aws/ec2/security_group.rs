//! A security group. Its rules are resources of their own, so that groups may refer to one another.

use std::time::Duration;

use aws_sdk_ec2::types::{IpPermission, IpRange, ResourceType, SecurityGroupRule as Rule};
use serde::{Deserialize, Serialize};

use super::super::Region;
use super::super::error::Call;
use super::super::tags::{self, ADDRESS_TAG, Tags};
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, Ref};

const ANYWHERE: &str = "0.0.0.0/0";

/// A security group of a VPC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecurityGroup {
    /// Its name, unique in the VPC.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The VPC's id.
    pub vpc: Ref<String>,
    /// Keeps the rule that AWS puts into each new group: everything may leave to anywhere.
    pub default_egress: bool,
    /// Its tags.
    pub tags: Tags,
}

/// What others may refer to.
#[derive(Serialize)]
pub struct Outputs {
    id: String,
    name: String,
}

impl Resource for SecurityGroup {
    const KIND: &'static str = "security_group";
    const REPLACE_ON: &'static [&'static str] = &["name", "description", "vpc"];
    const CONFIGURES: bool = true;
    const STABLE_OUTPUTS: &'static [&'static str] = &["id", "name"];
    const FOUND_BY: FoundBy = super::FOUND_BY_TAG;
    // Deletion waits for the network interfaces that carry it.
    const DEADLINE: Duration = Duration::from_secs(20 * 60);
    type Cloud = Region;
    type Outputs = Outputs;

    async fn observe(cloud: &Region, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let answer = cloud.ec2().describe_security_groups().group_ids(id).send().await;
        let found = answer.or_absent("ec2:DescribeSecurityGroups")?;
        let Some(group) = found.and_then(|found| found.security_groups.unwrap_or_default().pop()) else {
            return Ok(None);
        };
        let name = group.group_name().unwrap_or_default().to_owned();
        let found = Self {
            name: name.clone(),
            description: group.description().unwrap_or_default().into(),
            vpc: Ref::Known(group.vpc_id().unwrap_or_default().into()),
            default_egress: open_egress(cloud, id).await?.iter().any(is_default),
            tags: super::read_tags(group.tags()),
        };
        Ok(Some((found, Outputs { id: id.into(), name })))
    }

    async fn find(&self, cloud: &Region, token: &str) -> Result<Option<String>, ProviderError> {
        let request = cloud.ec2().describe_security_groups();
        let answer = request.filters(super::by_token(token)).send().await;
        let found = answer.called("ec2:DescribeSecurityGroups")?.security_groups;
        let found = found.unwrap_or_default().into_iter();
        Ok(found.filter_map(|group| group.group_id).next())
    }

    async fn create(&self, cloud: &Region, token: &str) -> Result<String, ProviderError> {
        let tags = super::tag_specification(ResourceType::SecurityGroup, &self.tags, token);
        let request = cloud
            .ec2()
            .create_security_group()
            .group_name(&self.name)
            .description(&self.description)
            .vpc_id(super::text(&self.vpc))
            .tag_specifications(tags);
        match request.send().await.or_taken("ec2:CreateSecurityGroup")? {
            Some(answer) => super::made(answer.group_id, "ec2:CreateSecurityGroup"),
            None => self.claim(cloud).await,
        }
    }

    async fn readiness(&self, cloud: &Region, id: &str) -> Result<Readiness, ProviderError> {
        Ok(Readiness::seen(Self::observe(cloud, id).await?.is_some()))
    }

    async fn configure(&self, cloud: &Region, id: &str) -> Result<(), ProviderError> {
        self.leave(cloud, id).await
    }

    async fn update(&self, cloud: &Region, id: &str, changes: &[Change]) -> Result<(), ProviderError> {
        if super::retagged(changes) {
            super::retag(cloud, id, &self.tags).await?;
        }
        self.leave(cloud, id).await
    }

    async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let answer = cloud.ec2().delete_security_group().group_id(id).send().await;
        answer.or_absent("ec2:DeleteSecurityGroup").map(drop)
    }
}

impl SecurityGroup {
    /// The name is taken: ours, where an earlier try of this plan has made it.
    async fn claim(&self, cloud: &Region) -> Result<String, ProviderError> {
        let request = cloud.ec2().describe_security_groups();
        let request = request.filters(super::filter("group-name", &self.name));
        let request = request.filters(super::filter("vpc-id", super::text(&self.vpc)));
        let answer = request.send().await.called("ec2:DescribeSecurityGroups")?;
        let Some(group) = answer.security_groups.unwrap_or_default().pop() else {
            return Err(ProviderError::transient(format!(
                "a security group `{}` exists already, but can't be seen yet",
                self.name
            )));
        };
        let id = super::made(group.group_id.clone(), "ec2:DescribeSecurityGroups")?;
        if tags::same_owner(&super::read_tags(group.tags()), &self.tags) {
            return Ok(id);
        }
        let address = self.tags.get(ADDRESS_TAG).map_or("ADDRESS", String::as_str);
        let why = format!(
            "a security group `{}` exists already and is not this plan's",
            self.name
        );
        Err(ProviderError::refused(why).with_hint(format!("`vvbill import PLAN {address} {id}` takes it up")))
    }

    /// Brings AWS's own egress rule, or takes it away, even where it can't be seen yet.
    async fn leave(&self, cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let open = open_egress(cloud, id).await?;
        let default = open.iter().find(|rule| is_default(rule));
        let anywhere = IpRange::builder().cidr_ip(ANYWHERE).build();
        let all = IpPermission::builder()
            .ip_protocol("-1")
            .ip_ranges(anywhere)
            .build();
        let revoke = cloud.ec2().revoke_security_group_egress().group_id(id);
        let revoke = match (self.default_egress, default) {
            (true, Some(_)) => return Ok(()),
            (true, None) => {
                let request = cloud.ec2().authorize_security_group_egress().group_id(id);
                let answer = request.ip_permissions(all).send().await;
                return answer.or_taken("ec2:AuthorizeSecurityGroupEgress").map(drop);
            }
            (false, Some(rule)) => {
                revoke.set_security_group_rule_ids(rule.security_group_rule_id.clone().map(|id| vec![id]))
            }
            (false, None) if open.is_empty() => revoke.ip_permissions(all),
            (false, None) => return Ok(()),
        };
        revoke
            .send()
            .await
            .or_absent("ec2:RevokeSecurityGroupEgress")
            .map(drop)
    }
}

/// The rules that let everything out.
async fn open_egress(cloud: &Region, group: &str) -> Result<Vec<Rule>, ProviderError> {
    let request = cloud.ec2().describe_security_group_rules();
    let answer = request.filters(super::filter("group-id", group)).send().await;
    let rules = answer
        .called("ec2:DescribeSecurityGroupRules")?
        .security_group_rules;
    let open = |rule: &Rule| {
        let all = rule.ip_protocol() == Some("-1") && rule.cidr_ipv4() == Some(ANYWHERE);
        all && rule.is_egress() == Some(true)
    };
    Ok(rules.unwrap_or_default().into_iter().filter(open).collect())
}

/// Whether AWS has put it in: no resource of a plan stands for it.
fn is_default(rule: &Rule) -> bool {
    !super::read_tags(rule.tags()).contains_key(ADDRESS_TAG)
}
