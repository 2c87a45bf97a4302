//! An internet gateway, attached to its VPC.
//!
//! AWS makes it and attaches it in two calls. The VPC that it is made for stands in a tag of it as well,
//! so that one that is detached, by a crash between the two or by hand, is attached instead of replaced.

use aws_sdk_ec2::types::ResourceType;
use serde::{Deserialize, Serialize};

use super::super::Region;
use super::super::error::Call;
use super::super::tags::Tags;
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, Ref};

const VPC_TAG: &str = "vvbill:vpc";

/// The way between a VPC and the internet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InternetGateway {
    /// The VPC's id. Another VPC replaces it, so that it lets go of the old one before that is deleted.
    pub vpc: Ref<String>,
    /// Whether it is attached to that VPC.
    pub attached: bool,
    /// Its tags.
    pub tags: Tags,
}

/// What others may refer to.
#[derive(Serialize)]
pub struct Outputs {
    id: String,
}

impl Resource for InternetGateway {
    const KIND: &'static str = "internet_gateway";
    const REPLACE_ON: &'static [&'static str] = &["vpc"];
    const CONFIGURES: bool = true;
    const STABLE_OUTPUTS: &'static [&'static str] = &["id"];
    const FOUND_BY: FoundBy = super::FOUND_BY_TAG;
    // It can't be detached while public addresses are in use.
    const DEADLINE: std::time::Duration = std::time::Duration::from_secs(20 * 60);
    type Cloud = Region;
    type Outputs = Outputs;

    async fn observe(cloud: &Region, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let request = cloud.ec2().describe_internet_gateways().internet_gateway_ids(id);
        let found = request.send().await.or_absent("ec2:DescribeInternetGateways")?;
        let Some(gateway) = found.and_then(|found| found.internet_gateways.unwrap_or_default().pop()) else {
            return Ok(None);
        };
        let tags = super::read_tags(gateway.tags());
        let attached = gateway.attachments().iter().find_map(|attachment| {
            let there = attachment
                .state()
                .is_none_or(|state| state.as_str() != "detached");
            attachment.vpc_id().filter(|_| there)
        });
        let vpc = attached.or_else(|| tags.get(VPC_TAG).map(String::as_str));
        let found = Self {
            vpc: Ref::Known(vpc.unwrap_or_default().into()),
            attached: attached.is_some(),
            tags,
        };
        Ok(Some((found, Outputs { id: id.into() })))
    }

    async fn find(&self, cloud: &Region, token: &str) -> Result<Option<String>, ProviderError> {
        let request = cloud.ec2().describe_internet_gateways();
        let answer = request.filters(super::by_token(token)).send().await;
        let found = answer.called("ec2:DescribeInternetGateways")?.internet_gateways;
        let found = found.unwrap_or_default().into_iter();
        Ok(found.filter_map(|gateway| gateway.internet_gateway_id).next())
    }

    async fn create(&self, cloud: &Region, token: &str) -> Result<String, ProviderError> {
        let mut tags = self.tags.clone();
        tags.insert(VPC_TAG.into(), super::text(&self.vpc).into());
        let tags = super::tag_specification(ResourceType::InternetGateway, &tags, token);
        let request = cloud.ec2().create_internet_gateway().tag_specifications(tags);
        let answer = request.send().await.called("ec2:CreateInternetGateway")?;
        let id = answer
            .internet_gateway
            .and_then(|gateway| gateway.internet_gateway_id);
        super::made(id, "ec2:CreateInternetGateway")
    }

    async fn readiness(&self, cloud: &Region, id: &str) -> Result<Readiness, ProviderError> {
        Ok(Readiness::seen(Self::observe(cloud, id).await?.is_some()))
    }

    async fn configure(&self, cloud: &Region, id: &str) -> Result<(), ProviderError> {
        self.attach(cloud, id).await
    }

    async fn update(&self, cloud: &Region, id: &str, changes: &[Change]) -> Result<(), ProviderError> {
        if super::retagged(changes) {
            super::retag(cloud, id, &self.tags).await?;
        }
        self.attach(cloud, id).await
    }

    async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let Some((found, _)) = Self::observe(cloud, id).await? else {
            return Ok(());
        };
        if found.attached {
            let request = cloud.ec2().detach_internet_gateway().internet_gateway_id(id);
            let answer = request.vpc_id(super::text(&found.vpc)).send().await;
            answer.called("ec2:DetachInternetGateway")?;
        }
        let request = cloud.ec2().delete_internet_gateway().internet_gateway_id(id);
        request
            .send()
            .await
            .or_absent("ec2:DeleteInternetGateway")
            .map(drop)
    }
}

impl InternetGateway {
    async fn attach(&self, cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let found = Self::observe(cloud, id).await?;
        if !self.attached || found.is_some_and(|(found, _)| found.attached) {
            return Ok(());
        }
        let request = cloud.ec2().attach_internet_gateway().internet_gateway_id(id);
        let answer = request.vpc_id(super::text(&self.vpc)).send().await;
        let attached = answer.called("ec2:AttachInternetGateway");
        attached.map(drop).map_err(super::seen_late)
    }
}
