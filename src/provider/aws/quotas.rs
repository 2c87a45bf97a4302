//! What the account may have at most, as Service Quotas tells it.
//!
//! Asked before anything is made. Not being told is no reason to stop: it is said, and the service itself
//! refuses what is too much.

use aws_sdk_servicequotas::types::ServiceQuota;

use super::Region;
use super::error::Call;
use crate::provider::ProviderError;

/// A quota, by the codes that Service Quotas lists it under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Such as `vpc`.
    pub service: &'static str,
    /// Such as `L-F678F1CE`.
    pub code: &'static str,
    /// What is counted.
    pub name: &'static str,
}

const fn quota(service: &'static str, code: &'static str, name: &'static str) -> Quota {
    Quota { service, code, name }
}

pub const VPCS: Quota = quota("vpc", "L-F678F1CE", "VPCs in a region");
pub const ELASTIC_IPS: Quota = quota("ec2", "L-0263D0A3", "Elastic IP addresses in a region");
pub const NAT_GATEWAYS: Quota = quota("vpc", "L-FE5A380F", "NAT gateways in an availability zone");
/// Of the families A, C, D, H, I, M, R, T and Z.
pub const STANDARD_VCPUS: Quota = quota("ec2", "L-1216C47A", "vCPUs of standard on-demand instances");
pub const EKS_CLUSTERS: Quota = quota("eks", "L-1194D53C", "EKS clusters in a region");
pub const DB_INSTANCES: Quota = quota("rds", "L-7B6409FD", "RDS instances in a region");
pub const DB_CLUSTERS: Quota = quota("rds", "L-952B80B8", "Aurora clusters in a region");
pub const APPLICATION_LOAD_BALANCERS: Quota = quota(
    "elasticloadbalancing",
    "L-53DA6B97",
    "application load balancers in a region",
);
pub const NETWORK_LOAD_BALANCERS: Quota = quota(
    "elasticloadbalancing",
    "L-69A177A2",
    "network load balancers in a region",
);
pub const CACHE_NODES: Quota = quota("elasticache", "L-DFE45DF3", "ElastiCache nodes in a region");

/// Each quota that this provider's kinds count against.
pub const ALL: &[Quota] = &[
    VPCS,
    ELASTIC_IPS,
    NAT_GATEWAYS,
    STANDARD_VCPUS,
    EKS_CLUSTERS,
    DB_INSTANCES,
    DB_CLUSTERS,
    APPLICATION_LOAD_BALANCERS,
    NETWORK_LOAD_BALANCERS,
    CACHE_NODES,
];

impl Quota {
    /// The account's own value in this region, or AWS's default where it has none; else "could not be asked"
    /// and why.
    pub async fn ask(&self, cloud: &Region) -> Result<f64, String> {
        match self.value(cloud).await {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err("could not be asked: Service Quotas knows no such quota here".into()),
            Err(error) => Err(format!("could not be asked: {error}")),
        }
    }

    async fn value(&self, cloud: &Region) -> Result<Option<f64>, ProviderError> {
        let quotas = cloud.servicequotas();
        let own = quotas
            .get_service_quota()
            .service_code(self.service)
            .quota_code(self.code);
        let own = own.send().await.or_absent("servicequotas:GetServiceQuota")?;
        let value = |quota: Option<ServiceQuota>| quota.and_then(|quota| quota.value);
        if let Some(own) = own.and_then(|found| value(found.quota)) {
            return Ok(Some(own));
        }
        let default = quotas.get_aws_default_service_quota().service_code(self.service);
        let default = default.quota_code(self.code).send().await;
        let default = default.or_absent("servicequotas:GetAWSDefaultServiceQuota")?;
        Ok(default.and_then(|found| value(found.quota)))
    }
}
