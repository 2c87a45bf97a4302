//! A VPC, with the two switches that DNS names inside it need.

use aws_sdk_ec2::types::{AttributeBooleanValue, ResourceType, VpcAttributeName};
use serde::{Deserialize, Serialize};

use super::super::Region;
use super::super::error::Call;
use super::super::tags::Tags;
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::Change;

/// A virtual private cloud.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Vpc {
    /// Its addresses, such as `10.0.0.0/16`.
    pub cidr: String,
    /// Instances get DNS names; interface endpoints need it.
    pub dns_hostnames: bool,
    /// The VPC has a resolver.
    pub dns_support: bool,
    /// Its tags.
    pub tags: Tags,
}

/// What others may refer to.
#[derive(Serialize)]
pub struct Outputs {
    id: String,
    cidr: String,
}

impl Resource for Vpc {
    const KIND: &'static str = "vpc";
    const REPLACE_ON: &'static [&'static str] = &["cidr"];
    const CONFIGURES: bool = true;
    const STABLE_OUTPUTS: &'static [&'static str] = &["id", "cidr"];
    const FOUND_BY: FoundBy = super::FOUND_BY_TAG;
    type Cloud = Region;
    type Outputs = Outputs;

    async fn observe(cloud: &Region, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let answer = cloud.ec2().describe_vpcs().vpc_ids(id).send().await;
        let found = answer.or_absent("ec2:DescribeVpcs")?;
        let Some(vpc) = found.and_then(|found| found.vpcs.unwrap_or_default().pop()) else {
            return Ok(None);
        };
        let attribute = |name| {
            cloud
                .ec2()
                .describe_vpc_attribute()
                .vpc_id(id)
                .attribute(name)
                .send()
        };
        let (hostnames, support) = futures::future::join(
            attribute(VpcAttributeName::EnableDnsHostnames),
            attribute(VpcAttributeName::EnableDnsSupport),
        )
        .await;
        let on =
            |value: Option<AttributeBooleanValue>| value.and_then(|value| value.value).unwrap_or_default();
        let cidr = vpc.cidr_block().unwrap_or_default().to_owned();
        let found = Self {
            cidr: cidr.clone(),
            dns_hostnames: on(hostnames.called("ec2:DescribeVpcAttribute")?.enable_dns_hostnames),
            dns_support: on(support.called("ec2:DescribeVpcAttribute")?.enable_dns_support),
            tags: super::read_tags(vpc.tags()),
        };
        Ok(Some((found, Outputs { id: id.into(), cidr })))
    }

    async fn find(&self, cloud: &Region, token: &str) -> Result<Option<String>, ProviderError> {
        let answer = cloud
            .ec2()
            .describe_vpcs()
            .filters(super::by_token(token))
            .send()
            .await;
        let found = answer.called("ec2:DescribeVpcs")?.vpcs.unwrap_or_default();
        Ok(found.into_iter().find_map(|vpc| vpc.vpc_id))
    }

    async fn create(&self, cloud: &Region, token: &str) -> Result<String, ProviderError> {
        let tags = super::tag_specification(ResourceType::Vpc, &self.tags, token);
        let request = cloud
            .ec2()
            .create_vpc()
            .cidr_block(&self.cidr)
            .tag_specifications(tags);
        let made = request.send().await.called("ec2:CreateVpc")?;
        made.vpc
            .and_then(|vpc| vpc.vpc_id)
            .ok_or_else(|| ProviderError::unknown("ec2:CreateVpc answered without an id"))
    }

    async fn readiness(&self, cloud: &Region, id: &str) -> Result<Readiness, ProviderError> {
        Ok(Readiness::seen(Self::observe(cloud, id).await?.is_some()))
    }

    async fn configure(&self, cloud: &Region, id: &str) -> Result<(), ProviderError> {
        self.attributes(cloud, id).await
    }

    async fn update(&self, cloud: &Region, id: &str, changes: &[Change]) -> Result<(), ProviderError> {
        if changes.iter().any(|change| change.path.starts_with("/tags")) {
            super::retag(cloud, id, &self.tags).await?;
        }
        self.attributes(cloud, id).await
    }

    async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let answer = cloud.ec2().delete_vpc().vpc_id(id).send().await;
        answer.or_absent("ec2:DeleteVpc").map(drop)
    }
}

impl Vpc {
    /// Support first: hostnames can't be on without it. One attribute a call, as the API wants it.
    async fn attributes(&self, cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let value = |on| AttributeBooleanValue::builder().value(on).build();
        let modify = || cloud.ec2().modify_vpc_attribute().vpc_id(id);
        let support = modify().enable_dns_support(value(self.dns_support));
        support.send().await.called("ec2:ModifyVpcAttribute")?;
        let hostnames = modify().enable_dns_hostnames(value(self.dns_hostnames));
        hostnames.send().await.called("ec2:ModifyVpcAttribute").map(drop)
    }
}
