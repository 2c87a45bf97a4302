//! One rule of a security group, found by its own tags.

use aws_sdk_ec2::types::{IpPermission, IpRange, ResourceType, SecurityGroupRule as Found, UserIdGroupPair};
use serde::{Deserialize, Serialize};

use super::super::Region;
use super::super::error::Call;
use super::super::tags::{self, Tags};
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, Ref};

/// What may come in, or go out, on some ports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecurityGroupRule {
    /// The id of the group that it belongs to.
    pub group: Ref<String>,
    /// Which way.
    pub direction: Direction,
    /// `tcp`, `udp`, or `-1` for every protocol.
    pub protocol: String,
    /// The ports; without them all.
    pub ports: Option<Ports>,
    /// The other end: where it comes from, or goes to.
    pub source: Source,
    /// Its tags.
    pub tags: Tags,
}

/// Which way a rule lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// To the group's members.
    Ingress,
    /// From the group's members.
    Egress,
}

/// A range of ports, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ports {
    /// The first.
    pub from: i32,
    /// The last.
    pub to: i32,
}

/// The other end of a rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// An address block.
    Cidr(String),
    /// The id of a security group: its members.
    Group(Ref<String>),
}

/// What others may refer to.
#[derive(Serialize)]
pub struct Outputs {
    id: String,
}

impl Resource for SecurityGroupRule {
    const KIND: &'static str = "security_group_rule";
    const REPLACE_ON: &'static [&'static str] = &["group", "direction", "protocol", "ports", "source"];
    const STABLE_OUTPUTS: &'static [&'static str] = &["id"];
    const FOUND_BY: FoundBy = super::FOUND_BY_TAG;
    type Cloud = Region;
    type Outputs = Outputs;

    async fn observe(cloud: &Region, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let found = look(cloud, id).await?;
        Ok(found.map(|rule| (read(&rule), Outputs { id: id.into() })))
    }

    async fn find(&self, cloud: &Region, token: &str) -> Result<Option<String>, ProviderError> {
        let request = cloud.ec2().describe_security_group_rules();
        let answer = request.filters(super::by_token(token)).send().await;
        let found = answer
            .called("ec2:DescribeSecurityGroupRules")?
            .security_group_rules;
        let found = found.unwrap_or_default().into_iter();
        Ok(found.filter_map(|rule| rule.security_group_rule_id).next())
    }

    async fn create(&self, cloud: &Region, token: &str) -> Result<String, ProviderError> {
        let (ec2, group) = (cloud.ec2(), super::text(&self.group));
        let tags = super::tag_specification(ResourceType::SecurityGroupRule, &self.tags, token);
        let made = match self.direction {
            Direction::Ingress => {
                let request = ec2.authorize_security_group_ingress().group_id(group);
                let request = request.ip_permissions(self.permission()).tag_specifications(tags);
                let answer = request.send().await;
                let answer = answer.or_taken("ec2:AuthorizeSecurityGroupIngress")?;
                answer.map(|answer| answer.security_group_rules)
            }
            Direction::Egress => {
                let request = ec2.authorize_security_group_egress().group_id(group);
                let request = request.ip_permissions(self.permission()).tag_specifications(tags);
                let answer = request.send().await;
                let answer = answer.or_taken("ec2:AuthorizeSecurityGroupEgress")?;
                answer.map(|answer| answer.security_group_rules)
            }
        };
        match made {
            Some(rules) => {
                let rule = rules.unwrap_or_default().pop();
                let id = rule.and_then(|rule| rule.security_group_rule_id);
                super::made(id, "ec2:AuthorizeSecurityGroupIngress")
            }
            None => self.claim(cloud).await,
        }
    }

    async fn readiness(&self, cloud: &Region, id: &str) -> Result<Readiness, ProviderError> {
        Ok(Readiness::seen(look(cloud, id).await?.is_some()))
    }

    async fn update(&self, cloud: &Region, id: &str, _: &[Change]) -> Result<(), ProviderError> {
        super::retag(cloud, id, &self.tags).await
    }

    async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let Some(rule) = look(cloud, id).await? else {
            return Ok(());
        };
        let (ec2, group) = (cloud.ec2(), rule.group_id().unwrap_or_default());
        match read(&rule).direction {
            Direction::Ingress => {
                let request = ec2.revoke_security_group_ingress().group_id(group);
                let answer = request.security_group_rule_ids(id).send().await;
                answer.or_absent("ec2:RevokeSecurityGroupIngress").map(drop)
            }
            Direction::Egress => {
                let request = ec2.revoke_security_group_egress().group_id(group);
                let answer = request.security_group_rule_ids(id).send().await;
                answer.or_absent("ec2:RevokeSecurityGroupEgress").map(drop)
            }
        }
    }
}

async fn look(cloud: &Region, id: &str) -> Result<Option<Found>, ProviderError> {
    let request = cloud.ec2().describe_security_group_rules();
    let answer = request.security_group_rule_ids(id).send().await;
    let found = answer.or_absent("ec2:DescribeSecurityGroupRules")?;
    Ok(found.and_then(|found| found.security_group_rules.unwrap_or_default().pop()))
}

/// AWS has -1 for both ports where there is none.
fn read(rule: &Found) -> SecurityGroupRule {
    let referred = rule.referenced_group_info().and_then(|group| group.group_id());
    let block = rule.cidr_ipv4().or(rule.cidr_ipv6()).or(rule.prefix_list_id());
    let ports = (rule.from_port(), rule.to_port());
    SecurityGroupRule {
        group: Ref::Known(rule.group_id().unwrap_or_default().into()),
        direction: match rule.is_egress() {
            Some(true) => Direction::Egress,
            _ => Direction::Ingress,
        },
        protocol: rule.ip_protocol().unwrap_or("-1").into(),
        ports: match ports {
            (Some(from), Some(to)) if (from, to) != (-1, -1) => Some(Ports { from, to }),
            _ => None,
        },
        source: match referred {
            Some(group) => Source::Group(Ref::Known(group.into())),
            None => Source::Cidr(block.unwrap_or_default().into()),
        },
        tags: super::read_tags(rule.tags()),
    }
}

impl SecurityGroupRule {
    fn permission(&self) -> IpPermission {
        let permission = IpPermission::builder()
            .ip_protocol(&self.protocol)
            .set_from_port(self.ports.map(|ports| ports.from))
            .set_to_port(self.ports.map(|ports| ports.to));
        match &self.source {
            Source::Cidr(block) => permission.ip_ranges(IpRange::builder().cidr_ip(block).build()),
            Source::Group(group) => {
                let pair = UserIdGroupPair::builder().group_id(super::text(group));
                permission.user_id_group_pairs(pair.build())
            }
        }
        .build()
    }

    /// The group has such a rule: ours, where an earlier try of this plan has made it.
    async fn claim(&self, cloud: &Region) -> Result<String, ProviderError> {
        let request = cloud.ec2().describe_security_group_rules();
        let group = super::filter("group-id", super::text(&self.group));
        let answer = request.filters(group).send().await;
        let rules = answer
            .called("ec2:DescribeSecurityGroupRules")?
            .security_group_rules;
        let same = |found: &SecurityGroupRule| {
            let (one, other) = (&found.direction, &self.direction);
            one == other
                && found.protocol == self.protocol
                && found.ports == self.ports
                && found.source == self.source
        };
        let there = rules
            .unwrap_or_default()
            .into_iter()
            .find(|rule| same(&read(rule)));
        let Some(rule) = there else {
            return Err(ProviderError::transient(
                "the rule exists already, but can't be seen yet",
            ));
        };
        let ours = tags::same_owner(&super::read_tags(rule.tags()), &self.tags);
        let id = super::made(rule.security_group_rule_id, "ec2:DescribeSecurityGroupRules")?;
        if ours {
            return Ok(id);
        }
        let address = self.tags.get(tags::ADDRESS_TAG).map_or("ADDRESS", String::as_str);
        let why = format!("the group has such a rule already, {id}, which is not this plan's");
        Err(ProviderError::refused(why).with_hint(format!("`vvbill import PLAN {address} {id}` takes it up")))
    }
}
