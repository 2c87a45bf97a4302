//! A tag on a VPC that stands for what has no form of its own: a sweeper, which is there from its creation
//! until it has swept.

use super::super::Region;
use super::super::error::Call;
use super::super::tags::Tags;
use crate::provider::ProviderError;

/// Of one cluster in one VPC. As an id: `CLUSTER/VPC`.
pub(super) struct Mark<'a> {
    /// What sweeps.
    sweeper: &'static str,
    pub(super) cluster: &'a str,
    pub(super) vpc: &'a str,
}

impl<'a> Mark<'a> {
    pub(super) const fn new(sweeper: &'static str, cluster: &'a str, vpc: &'a str) -> Self {
        Self {
            sweeper,
            cluster,
            vpc,
        }
    }

    pub(super) fn parse(sweeper: &'static str, id: &'a str) -> Result<Self, ProviderError> {
        let (cluster, vpc) = id.split_once('/').ok_or_else(|| {
            ProviderError::refused(format!("`{id}` names no cluster and VPC"))
                .with_hint("it takes the form `CLUSTER/vpc-0123456789abcdef0`")
        })?;
        Ok(Self::new(sweeper, cluster, vpc))
    }

    pub(super) fn id(&self) -> String {
        format!("{}/{}", self.cluster, self.vpc)
    }

    fn key(&self) -> String {
        format!("vvbill:{}/{}", self.sweeper, self.cluster)
    }

    pub(super) async fn set(&self, cloud: &Region) -> Result<(), ProviderError> {
        let tags = Tags::from([(self.key(), String::new())]);
        super::retag(cloud, self.vpc, &tags).await
    }

    /// False as well where the VPC is gone.
    pub(super) async fn is_set(&self, cloud: &Region) -> Result<bool, ProviderError> {
        let request = cloud.ec2().describe_vpcs().vpc_ids(self.vpc);
        let answer = request.send().await.or_absent("ec2:DescribeVpcs")?;
        let vpcs = answer.and_then(|answer| answer.vpcs).unwrap_or_default();
        let key = self.key();
        let carries = |tags: Tags| tags.contains_key(&key);
        Ok(vpcs.iter().any(|vpc| carries(super::read_tags(vpc.tags()))))
    }

    pub(super) async fn clear(&self, cloud: &Region) -> Result<(), ProviderError> {
        let tag = aws_sdk_ec2::types::Tag::builder().key(self.key()).build();
        let request = cloud.ec2().delete_tags().resources(self.vpc).tags(tag);
        request.send().await.or_absent("ec2:DeleteTags").map(drop)
    }
}
