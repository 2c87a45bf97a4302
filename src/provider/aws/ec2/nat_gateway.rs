//! A NAT gateway: how what has no public address reaches the internet.

use std::time::Duration;

use aws_sdk_ec2::types::{NatGateway as Found, NatGatewayState, ResourceType};
use serde::{Deserialize, Serialize};

use super::super::Region;
use super::super::error::Call;
use super::super::tags::Tags;
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, Ref};

/// A NAT gateway with one public address.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NatGateway {
    /// The id of the public subnet that it stands in.
    pub subnet: Ref<String>,
    /// The id of its address's allocation.
    pub elastic_ip: Ref<String>,
    /// Its tags.
    pub tags: Tags,
}

/// What others may refer to.
#[derive(Serialize)]
pub struct Outputs {
    id: String,
    public_ip: String,
}

impl Resource for NatGateway {
    const KIND: &'static str = "nat_gateway";
    const REPLACE_ON: &'static [&'static str] = &["subnet", "elastic_ip"];
    const STABLE_OUTPUTS: &'static [&'static str] = &["id", "public_ip"];
    const FOUND_BY: FoundBy = super::FOUND_BY_TAG;
    const DEADLINE: Duration = Duration::from_secs(15 * 60);
    type Cloud = Region;
    type Outputs = Outputs;

    /// AWS shows one that has failed or is deleted for about an hour, and then takes it away itself.
    async fn observe(cloud: &Region, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let Some(gateway) = look(cloud, id).await? else {
            return Ok(None);
        };
        if matches!(
            gateway.state(),
            Some(NatGatewayState::Deleted | NatGatewayState::Failed)
        ) {
            return Ok(None);
        }
        let address = gateway.nat_gateway_addresses().first();
        let allocation = address.and_then(|address| address.allocation_id());
        let public_ip = address.and_then(|address| address.public_ip());
        let found = Self {
            subnet: Ref::Known(gateway.subnet_id().unwrap_or_default().into()),
            elastic_ip: Ref::Known(allocation.unwrap_or_default().into()),
            tags: super::read_tags(gateway.tags()),
        };
        let outputs = Outputs {
            id: id.into(),
            public_ip: public_ip.unwrap_or_default().into(),
        };
        Ok(Some((found, outputs)))
    }

    async fn find(&self, cloud: &Region, token: &str) -> Result<Option<String>, ProviderError> {
        let request = cloud.ec2().describe_nat_gateways().filter(super::by_token(token));
        let answer = request.send().await.called("ec2:DescribeNatGateways")?;
        let mut found = answer.nat_gateways.unwrap_or_default().into_iter();
        let ours = found.find(|gateway| super::carries(gateway.tags(), token));
        Ok(ours.and_then(|gateway| gateway.nat_gateway_id))
    }

    async fn create(&self, cloud: &Region, token: &str) -> Result<String, ProviderError> {
        let tags = super::tag_specification(ResourceType::Natgateway, &self.tags, token);
        let request = cloud
            .ec2()
            .create_nat_gateway()
            .client_token(token)
            .subnet_id(super::text(&self.subnet))
            .allocation_id(super::text(&self.elastic_ip))
            .tag_specifications(tags);
        let answer = request.send().await.called("ec2:CreateNatGateway")?;
        let id = answer.nat_gateway.and_then(|gateway| gateway.nat_gateway_id);
        super::made(id, "ec2:CreateNatGateway")
    }

    async fn readiness(&self, cloud: &Region, id: &str) -> Result<Readiness, ProviderError> {
        let Some(gateway) = look(cloud, id).await? else {
            return Ok(Readiness::seen(false));
        };
        Ok(match gateway.state() {
            Some(NatGatewayState::Available) => Readiness::Ready,
            Some(NatGatewayState::Failed) => Readiness::Failed(format!(
                "{id} failed: {}",
                gateway.failure_message().unwrap_or("no reason given")
            )),
            state => Readiness::Pending(state.map_or("not seen yet", NatGatewayState::as_str).into()),
        })
    }

    async fn update(&self, cloud: &Region, id: &str, _: &[Change]) -> Result<(), ProviderError> {
        super::retag(cloud, id, &self.tags).await
    }

    async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let answer = cloud.ec2().delete_nat_gateway().nat_gateway_id(id).send().await;
        answer.or_absent("ec2:DeleteNatGateway").map(drop)
    }
}

async fn look(cloud: &Region, id: &str) -> Result<Option<Found>, ProviderError> {
    let answer = cloud
        .ec2()
        .describe_nat_gateways()
        .nat_gateway_ids(id)
        .send()
        .await;
    let found = answer.or_absent("ec2:DescribeNatGateways")?;
    Ok(found.and_then(|found| found.nat_gateways.unwrap_or_default().pop()))
}
