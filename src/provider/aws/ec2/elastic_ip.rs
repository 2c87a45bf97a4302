//! A public address that stays.

use aws_sdk_ec2::types::{DomainType, ResourceType};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use serde::{Deserialize, Serialize};

use super::super::Region;
use super::super::error::Call;
use super::super::tags::Tags;
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::Change;

/// A public IPv4 address.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ElasticIp {
    /// Its tags.
    pub tags: Tags,
}

/// What others may refer to: the id of the allocation, and the address.
#[derive(Serialize)]
pub struct Outputs {
    id: String,
    public_ip: String,
}

impl Resource for ElasticIp {
    const KIND: &'static str = "elastic_ip";
    const REPLACE_ON: &'static [&'static str] = &[];
    const STABLE_OUTPUTS: &'static [&'static str] = &["id", "public_ip"];
    const FOUND_BY: FoundBy = super::FOUND_BY_TAG;
    const DEADLINE: std::time::Duration = std::time::Duration::from_secs(5 * 60);
    type Cloud = Region;
    type Outputs = Outputs;

    async fn observe(cloud: &Region, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let answer = cloud.ec2().describe_addresses().allocation_ids(id).send().await;
        let found = answer.or_absent("ec2:DescribeAddresses")?;
        let Some(address) = found.and_then(|found| found.addresses.unwrap_or_default().pop()) else {
            return Ok(None);
        };
        let outputs = Outputs {
            id: id.into(),
            public_ip: address.public_ip().unwrap_or_default().into(),
        };
        let tags = super::read_tags(address.tags());
        Ok(Some((Self { tags }, outputs)))
    }

    async fn find(&self, cloud: &Region, token: &str) -> Result<Option<String>, ProviderError> {
        let request = cloud.ec2().describe_addresses().filters(super::by_token(token));
        let found = request.send().await.called("ec2:DescribeAddresses")?;
        let found = found.addresses.unwrap_or_default().into_iter();
        Ok(found.filter_map(|address| address.allocation_id).next())
    }

    async fn create(&self, cloud: &Region, token: &str) -> Result<String, ProviderError> {
        let tags = super::tag_specification(ResourceType::ElasticIp, &self.tags, token);
        let request = cloud.ec2().allocate_address().domain(DomainType::Vpc);
        let answer = request.tag_specifications(tags).send().await;
        super::made(
            answer.called("ec2:AllocateAddress")?.allocation_id,
            "ec2:AllocateAddress",
        )
    }

    async fn readiness(&self, cloud: &Region, id: &str) -> Result<Readiness, ProviderError> {
        Ok(Readiness::seen(Self::observe(cloud, id).await?.is_some()))
    }

    async fn update(&self, cloud: &Region, id: &str, _: &[Change]) -> Result<(), ProviderError> {
        super::retag(cloud, id, &self.tags).await
    }

    async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let answer = cloud.ec2().release_address().allocation_id(id).send().await;
        let code = answer.as_ref().err().and_then(ProvideErrorMetadata::code);
        // A NAT gateway that has just gone holds on to its address for a moment.
        if code == Some("InvalidIPAddress.InUse") {
            return Err(ProviderError::transient(format!("{id} is still in use")));
        }
        answer.or_absent("ec2:ReleaseAddress").map(drop)
    }
}
