//! A subnet: the part of a VPC's addresses that lies in one zone.

use aws_sdk_ec2::types::{AttributeBooleanValue, ResourceType};
use serde::{Deserialize, Serialize};

use super::super::Region;
use super::super::error::Call;
use super::super::tags::Tags;
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, Ref};

/// Addresses in one availability zone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Subnet {
    /// The VPC's id.
    pub vpc: Ref<String>,
    /// The zone, such as `us-east-1a`.
    pub zone: String,
    /// Its addresses, such as `10.0.16.0/20`.
    pub cidr: String,
    /// Whether what is launched here gets a public address as well.
    pub public_addresses: bool,
    /// Its tags; Kubernetes finds subnets for load balancers by them.
    pub tags: Tags,
}

/// What others may refer to.
#[derive(Serialize)]
pub struct Outputs {
    id: String,
}

impl Resource for Subnet {
    const KIND: &'static str = "subnet";
    const REPLACE_ON: &'static [&'static str] = &["vpc", "zone", "cidr"];
    const CONFIGURES: bool = true;
    const STABLE_OUTPUTS: &'static [&'static str] = &["id"];
    const FOUND_BY: FoundBy = super::FOUND_BY_TAG;
    // Deletion waits for the network interfaces of what has just gone.
    const DEADLINE: std::time::Duration = std::time::Duration::from_secs(20 * 60);
    type Cloud = Region;
    type Outputs = Outputs;

    async fn observe(cloud: &Region, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let answer = cloud.ec2().describe_subnets().subnet_ids(id).send().await;
        let found = answer.or_absent("ec2:DescribeSubnets")?;
        let Some(subnet) = found.and_then(|found| found.subnets.unwrap_or_default().pop()) else {
            return Ok(None);
        };
        let found = Self {
            vpc: Ref::Known(subnet.vpc_id().unwrap_or_default().into()),
            zone: subnet.availability_zone().unwrap_or_default().into(),
            cidr: subnet.cidr_block().unwrap_or_default().into(),
            public_addresses: subnet.map_public_ip_on_launch().unwrap_or_default(),
            tags: super::read_tags(subnet.tags()),
        };
        Ok(Some((found, Outputs { id: id.into() })))
    }

    async fn find(&self, cloud: &Region, token: &str) -> Result<Option<String>, ProviderError> {
        let request = cloud.ec2().describe_subnets().filters(super::by_token(token));
        let found = request.send().await.called("ec2:DescribeSubnets")?;
        let found = found.subnets.unwrap_or_default().into_iter();
        Ok(found.filter_map(|subnet| subnet.subnet_id).next())
    }

    async fn create(&self, cloud: &Region, token: &str) -> Result<String, ProviderError> {
        let request = cloud
            .ec2()
            .create_subnet()
            .vpc_id(super::text(&self.vpc))
            .availability_zone(&self.zone)
            .cidr_block(&self.cidr)
            .tag_specifications(super::tag_specification(ResourceType::Subnet, &self.tags, token));
        let answer = request.send().await.called("ec2:CreateSubnet")?;
        super::made(
            answer.subnet.and_then(|subnet| subnet.subnet_id),
            "ec2:CreateSubnet",
        )
    }

    async fn readiness(&self, cloud: &Region, id: &str) -> Result<Readiness, ProviderError> {
        Ok(Readiness::seen(Self::observe(cloud, id).await?.is_some()))
    }

    async fn configure(&self, cloud: &Region, id: &str) -> Result<(), ProviderError> {
        self.address_publicly(cloud, id).await
    }

    async fn update(&self, cloud: &Region, id: &str, changes: &[Change]) -> Result<(), ProviderError> {
        if super::retagged(changes) {
            super::retag(cloud, id, &self.tags).await?;
        }
        self.address_publicly(cloud, id).await
    }

    async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let answer = cloud.ec2().delete_subnet().subnet_id(id).send().await;
        answer.or_absent("ec2:DeleteSubnet").map(drop)
    }
}

impl Subnet {
    async fn address_publicly(&self, cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let value = AttributeBooleanValue::builder()
            .value(self.public_addresses)
            .build();
        let modify = cloud.ec2().modify_subnet_attribute().subnet_id(id);
        let request = modify.map_public_ip_on_launch(value);
        request.send().await.called("ec2:ModifySubnetAttribute").map(drop)
    }
}
