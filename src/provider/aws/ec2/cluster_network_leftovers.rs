//! What Kubernetes' controllers made in a VPC for a cluster, and nobody takes away once the cluster is gone:
//! load balancers, their target groups and security groups, and network interfaces of pods.
//!
//! Nothing is made here. The cluster depends on it, so that it is deleted after the cluster, and it depends
//! on the subnets, which AWS doesn't delete while something stands in them.

use std::time::Duration;

use aws_sdk_ec2::types::{
    Filter, NetworkInterface, NetworkInterfaceStatus, SecurityGroup, SecurityGroupRule,
};
use aws_sdk_elasticloadbalancingv2::types::{LoadBalancer, TagDescription, TargetGroup};
use serde::{Deserialize, Serialize};

use super::super::Region;
use super::super::error::Call;
use super::super::tags::{ADDRESS_TAG, Tags};
use super::mark::Mark;
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, Ref};

const SWEEPER: &str = "network-leftovers";

/// As many as one call of `DescribeTags` takes.
const AT_ONCE: usize = 20;

/// What a cluster's controllers have left in a VPC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClusterNetworkLeftovers {
    /// The cluster's name.
    pub cluster: String,
    /// The VPC's id.
    pub vpc: Ref<String>,
}

/// Nobody refers to it.
#[derive(Serialize)]
pub struct Outputs {}

impl Resource for ClusterNetworkLeftovers {
    const KIND: &'static str = "cluster_network_leftovers";
    const REPLACE_ON: &'static [&'static str] = &["cluster", "vpc"];
    const FOUND_BY: FoundBy = FoundBy::Composite;
    // A load balancer's own interfaces go some minutes after it.
    const DEADLINE: Duration = Duration::from_secs(30 * 60);
    type Cloud = Region;
    type Outputs = Outputs;

    async fn observe(cloud: &Region, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let mark = Mark::parse(SWEEPER, id)?;
        let found = Self {
            cluster: mark.cluster.into(),
            vpc: Ref::Known(mark.vpc.into()),
        };
        Ok(mark.is_set(cloud).await?.then_some((found, Outputs {})))
    }

    async fn find(&self, cloud: &Region, _token: &str) -> Result<Option<String>, ProviderError> {
        let mark = self.mark();
        Ok(mark.is_set(cloud).await?.then(|| mark.id()))
    }

    async fn create(&self, cloud: &Region, _token: &str) -> Result<String, ProviderError> {
        let mark = self.mark();
        mark.set(cloud).await?;
        Ok(mark.id())
    }

    async fn readiness(&self, cloud: &Region, id: &str) -> Result<Readiness, ProviderError> {
        Ok(Readiness::seen(Mark::parse(SWEEPER, id)?.is_set(cloud).await?))
    }

    /// Nothing of it can be changed.
    async fn update(&self, _: &Region, _: &str, _: &[Change]) -> Result<(), ProviderError> {
        Ok(())
    }

    /// One round of sweeping; what is still on its way out asks for another.
    async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let mark = Mark::parse(SWEEPER, id)?;
        let sweep = Sweep {
            cloud,
            cluster: mark.cluster,
            vpc: mark.vpc,
        };
        sweep.load_balancers().await?;
        sweep.target_groups().await?;
        sweep.interfaces().await?;
        sweep.security_groups().await?;
        mark.clear(cloud).await
    }
}

impl ClusterNetworkLeftovers {
    fn mark(&self) -> Mark<'_> {
        Mark::new(SWEEPER, &self.cluster, super::text(&self.vpc))
    }
}

struct Sweep<'a> {
    cloud: &'a Region,
    cluster: &'a str,
    vpc: &'a str,
}

impl Sweep<'_> {
    async fn load_balancers(&self) -> Result<(), ProviderError> {
        let elbv2 = self.cloud.elbv2();
        let pages = elbv2.describe_load_balancers().into_paginator().items().send();
        let all: Result<Vec<LoadBalancer>, _> = pages.collect().await;
        let all = all.called("elasticloadbalancing:DescribeLoadBalancers")?;
        let here = all.into_iter().filter(|one| one.vpc_id() == Some(self.vpc));
        let left = self
            .made_by_controllers(here.filter_map(|one| one.load_balancer_arn))
            .await?;
        for arn in &left {
            let answer = elbv2.delete_load_balancer().load_balancer_arn(arn).send().await;
            answer.or_absent("elasticloadbalancing:DeleteLoadBalancer")?;
        }
        self.wait_for(left.len(), "load balancers")
    }

    async fn target_groups(&self) -> Result<(), ProviderError> {
        let elbv2 = self.cloud.elbv2();
        let pages = elbv2.describe_target_groups().into_paginator().items().send();
        let all: Result<Vec<TargetGroup>, _> = pages.collect().await;
        let all = all.called("elasticloadbalancing:DescribeTargetGroups")?;
        let here = all.into_iter().filter(|one| one.vpc_id() == Some(self.vpc));
        for arn in self
            .made_by_controllers(here.filter_map(|one| one.target_group_arn))
            .await?
        {
            let answer = elbv2.delete_target_group().target_group_arn(arn).send().await;
            answer.or_absent("elasticloadbalancing:DeleteTargetGroup")?;
        }
        Ok(())
    }

    /// Those of the ARNs whose tags say that a controller of this cluster made them.
    async fn made_by_controllers(
        &self,
        arns: impl Iterator<Item = String>,
    ) -> Result<Vec<String>, ProviderError> {
        let arns: Vec<String> = arns.collect();
        let mut made = Vec::new();
        for some in arns.chunks(AT_ONCE) {
            let request = self
                .cloud
                .elbv2()
                .describe_tags()
                .set_resource_arns(Some(some.to_vec()));
            let answer = request
                .send()
                .await
                .or_absent("elasticloadbalancing:DescribeTags")?;
            let described = answer
                .and_then(|answer| answer.tag_descriptions)
                .unwrap_or_default();
            let ours = described
                .into_iter()
                .filter(|one| self.is_controllers(&tags_of(one)));
            made.extend(ours.filter_map(|one| one.resource_arn));
        }
        Ok(made)
    }

    /// Never what a plan of ours asks for, whatever other tags it carries.
    fn is_controllers(&self, tags: &Tags) -> bool {
        let says = |key: &str, value: &str| tags.get(key).is_some_and(|found| found == value);
        let named = says("elbv2.k8s.aws/cluster", self.cluster)
            || says(&format!("kubernetes.io/cluster/{}", self.cluster), "owned");
        named && !tags.contains_key(ADDRESS_TAG)
    }

    async fn interfaces(&self) -> Result<(), ProviderError> {
        let mut left = 0;
        for filter in [
            super::filter("tag:cluster.k8s.amazonaws.com/name", self.cluster),
            super::filter("tag-key", "node.k8s.amazonaws.com/instance_id"),
            super::filter("tag-key", "eks:eni:owner"),
        ] {
            for interface in self.interfaces_with(filter).await? {
                left += 1;
                if interface.status() == Some(&NetworkInterfaceStatus::Available) {
                    let request = self.cloud.ec2().delete_network_interface();
                    let request = request.set_network_interface_id(interface.network_interface_id);
                    request.send().await.or_absent("ec2:DeleteNetworkInterface")?;
                }
            }
        }
        self.wait_for(left, "network interfaces")
    }

    async fn interfaces_with(&self, filter: Filter) -> Result<Vec<NetworkInterface>, ProviderError> {
        let request = self.cloud.ec2().describe_network_interfaces();
        let request = request.filters(super::filter("vpc-id", self.vpc)).filters(filter);
        let found: Result<Vec<NetworkInterface>, _> = request.into_paginator().items().send().collect().await;
        found.called("ec2:DescribeNetworkInterfaces")
    }

    /// They may let one another's members in: no group goes while a rule of another one names it.
    async fn security_groups(&self) -> Result<(), ProviderError> {
        let request = self.cloud.ec2().describe_security_groups();
        let request = request.filters(super::filter("vpc-id", self.vpc));
        let all: Result<Vec<SecurityGroup>, _> = request.into_paginator().items().send().collect().await;
        let all = all.called("ec2:DescribeSecurityGroups")?;
        let groups: Vec<&str> = all
            .iter()
            .filter(|group| self.is_controllers(&super::read_tags(group.tags())))
            .filter_map(SecurityGroup::group_id)
            .collect();
        for group in &groups {
            self.forget_groups(group).await?;
        }
        for group in &groups {
            let answer = self
                .cloud
                .ec2()
                .delete_security_group()
                .group_id(*group)
                .send()
                .await;
            answer.or_absent("ec2:DeleteSecurityGroup")?;
        }
        Ok(())
    }

    /// Takes away the rules of `group` that name groups.
    async fn forget_groups(&self, group: &str) -> Result<(), ProviderError> {
        let ec2 = self.cloud.ec2();
        let request = ec2.describe_security_group_rules();
        let answer = request.filters(super::filter("group-id", group)).send().await;
        let rules = answer
            .called("ec2:DescribeSecurityGroupRules")?
            .security_group_rules;
        let (out, into): (Vec<SecurityGroupRule>, Vec<_>) = rules
            .unwrap_or_default()
            .into_iter()
            .filter(|rule| rule.referenced_group_info().is_some())
            .partition(|rule| rule.is_egress() == Some(true));
        let ids = |rules: Vec<SecurityGroupRule>| {
            let ids = rules.into_iter().filter_map(|rule| rule.security_group_rule_id);
            Some(ids.collect::<Vec<String>>()).filter(|ids| !ids.is_empty())
        };
        if let Some(ids) = ids(into) {
            let request = ec2.revoke_security_group_ingress().group_id(group);
            let answer = request.set_security_group_rule_ids(Some(ids)).send().await;
            answer.or_absent("ec2:RevokeSecurityGroupIngress")?;
        }
        if let Some(ids) = ids(out) {
            let request = ec2.revoke_security_group_egress().group_id(group);
            let answer = request.set_security_group_rule_ids(Some(ids)).send().await;
            answer.or_absent("ec2:RevokeSecurityGroupEgress")?;
        }
        Ok(())
    }

    fn wait_for(&self, left: usize, what: &str) -> Result<(), ProviderError> {
        match left {
            0 => Ok(()),
            _ => Err(ProviderError::transient(format!(
                "{left} {what} of the cluster {} are on their way out",
                self.cluster
            ))),
        }
    }
}

fn tags_of(described: &TagDescription) -> Tags {
    let tags = described.tags().iter();
    super::super::tags::read(tags.map(|tag| (tag.key(), tag.value())))
}
