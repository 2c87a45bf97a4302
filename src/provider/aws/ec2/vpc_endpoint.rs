//! A VPC endpoint: an AWS service reached without leaving the VPC.

use std::time::Duration;

use aws_sdk_ec2::types::{ResourceType, VpcEndpoint as Found, VpcEndpointType};
use serde::{Deserialize, Serialize};

use super::super::Region;
use super::super::error::{Call, answered, says_absent};
use super::super::tags::Tags;
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, Ref, Set};

/// A way from a VPC into a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VpcEndpoint {
    /// The VPC's id.
    pub vpc: Ref<String>,
    /// The service's full name, such as `com.amazonaws.us-east-1.s3`.
    pub service: String,
    /// How it is reached.
    pub kind: EndpointKind,
    /// Ids of the route tables that lead there; `gateway` only.
    pub route_tables: Set<Ref<String>>,
    /// Ids of the subnets that it has an address in; `interface` only.
    pub subnets: Set<Ref<String>>,
    /// Ids of the security groups of those addresses; `interface` only.
    pub security_groups: Set<Ref<String>>,
    /// The service's usual name leads here; `interface` only.
    pub private_dns: bool,
    /// Its tags.
    pub tags: Tags,
}

/// How an endpoint is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EndpointKind {
    /// By a route, at no cost: S3 and DynamoDB.
    Gateway,
    /// By an address in each subnet.
    Interface,
}

/// What others may refer to.
#[derive(Serialize)]
pub struct Outputs {
    id: String,
}

impl Resource for VpcEndpoint {
    const KIND: &'static str = "vpc_endpoint";
    const REPLACE_ON: &'static [&'static str] = &["vpc", "service", "kind"];
    const STABLE_OUTPUTS: &'static [&'static str] = &["id"];
    const FOUND_BY: FoundBy = super::FOUND_BY_TAG;
    const DEADLINE: Duration = Duration::from_secs(15 * 60);
    type Cloud = Region;
    type Outputs = Outputs;

    async fn observe(cloud: &Region, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let found = look(cloud, id).await?;
        let found = found.filter(|endpoint| !matches!(&*state(endpoint), "deleted" | "failed" | "rejected"));
        Ok(found.map(|endpoint| (read(&endpoint), Outputs { id: id.into() })))
    }

    async fn find(&self, cloud: &Region, token: &str) -> Result<Option<String>, ProviderError> {
        let request = cloud.ec2().describe_vpc_endpoints();
        let answer = request.filters(super::by_token(token)).send().await;
        let found = answer.called("ec2:DescribeVpcEndpoints")?.vpc_endpoints;
        let mut found = found.unwrap_or_default().into_iter();
        let ours = found.find(|endpoint| super::carries(endpoint.tags(), token));
        Ok(ours.and_then(|endpoint| endpoint.vpc_endpoint_id))
    }

    async fn create(&self, cloud: &Region, token: &str) -> Result<String, ProviderError> {
        let tags = super::tag_specification(ResourceType::VpcEndpoint, &self.tags, token);
        let request = cloud
            .ec2()
            .create_vpc_endpoint()
            .client_token(token)
            .vpc_id(super::text(&self.vpc))
            .service_name(&self.service)
            .tag_specifications(tags);
        let request = match self.kind {
            EndpointKind::Gateway => request
                .vpc_endpoint_type(VpcEndpointType::Gateway)
                .set_route_table_ids(super::texts(&self.route_tables.0)),
            EndpointKind::Interface => request
                .vpc_endpoint_type(VpcEndpointType::Interface)
                .set_subnet_ids(super::texts(&self.subnets.0))
                .set_security_group_ids(super::texts(&self.security_groups.0))
                .private_dns_enabled(self.private_dns),
        };
        let answer = request.send().await.called("ec2:CreateVpcEndpoint")?;
        let id = answer.vpc_endpoint.and_then(|endpoint| endpoint.vpc_endpoint_id);
        super::made(id, "ec2:CreateVpcEndpoint")
    }

    async fn readiness(&self, cloud: &Region, id: &str) -> Result<Readiness, ProviderError> {
        let Some(endpoint) = look(cloud, id).await? else {
            return Ok(Readiness::seen(false));
        };
        let why = endpoint.last_error().and_then(|error| error.message());
        let why = why.or(endpoint.failure_reason()).unwrap_or("no reason given");
        Ok(match &*state(&endpoint) {
            "available" => Readiness::Ready,
            failed @ ("failed" | "rejected" | "expired") => {
                Readiness::Failed(format!("{id} {failed}: {why}"))
            }
            state => Readiness::Pending(state.into()),
        })
    }

    async fn update(&self, cloud: &Region, id: &str, changes: &[Change]) -> Result<(), ProviderError> {
        if super::retagged(changes) {
            super::retag(cloud, id, &self.tags).await?;
        }
        let found = look(cloud, id).await?;
        let Some(found) = found.map(|endpoint| read(&endpoint)) else {
            return Err(ProviderError::transient(format!("{id} can't be seen")));
        };
        let request = cloud.ec2().modify_vpc_endpoint().vpc_endpoint_id(id);
        let request = match self.kind {
            EndpointKind::Gateway => request
                .set_add_route_table_ids(missing(&self.route_tables, &found.route_tables))
                .set_remove_route_table_ids(missing(&found.route_tables, &self.route_tables)),
            EndpointKind::Interface => request
                .set_add_subnet_ids(missing(&self.subnets, &found.subnets))
                .set_remove_subnet_ids(missing(&found.subnets, &self.subnets))
                .set_add_security_group_ids(missing(&self.security_groups, &found.security_groups))
                .set_remove_security_group_ids(missing(&found.security_groups, &self.security_groups))
                .set_private_dns_enabled(Some(self.private_dns).filter(|on| *on != found.private_dns)),
        };
        if changes.iter().all(|change| change.path.starts_with("/tags")) {
            return Ok(());
        }
        request.send().await.called("ec2:ModifyVpcEndpoint").map(drop)
    }

    async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let answer = cloud
            .ec2()
            .delete_vpc_endpoints()
            .vpc_endpoint_ids(id)
            .send()
            .await;
        let Some(answer) = answer.or_absent("ec2:DeleteVpcEndpoints")? else {
            return Ok(());
        };
        // The call succeeds whatever becomes of each.
        let refused = answer.unsuccessful().iter().find_map(|item| item.error());
        match refused {
            Some(error) if !error.code().is_some_and(says_absent) => {
                let (code, why) = (
                    error.code().unwrap_or_default(),
                    error.message().unwrap_or_default(),
                );
                Err(answered("ec2:DeleteVpcEndpoints", 400, code, why))
            }
            _ => Ok(()),
        }
    }
}

async fn look(cloud: &Region, id: &str) -> Result<Option<Found>, ProviderError> {
    let answer = cloud
        .ec2()
        .describe_vpc_endpoints()
        .vpc_endpoint_ids(id)
        .send()
        .await;
    let found = answer.or_absent("ec2:DescribeVpcEndpoints")?;
    Ok(found.and_then(|found| found.vpc_endpoints.unwrap_or_default().pop()))
}

/// In small letters: AWS's own documents don't agree on their case.
fn state(endpoint: &Found) -> String {
    endpoint
        .state()
        .map_or("not seen yet".into(), |state| state.as_str().to_lowercase())
}

fn read(endpoint: &Found) -> VpcEndpoint {
    let known = |ids: &[String]| ids.iter().cloned().map(Ref::Known).collect();
    let groups = endpoint.groups().iter().filter_map(|group| group.group_id());
    let kind = match endpoint.vpc_endpoint_type() {
        Some(VpcEndpointType::Interface) => EndpointKind::Interface,
        _ => EndpointKind::Gateway,
    };
    VpcEndpoint {
        vpc: Ref::Known(endpoint.vpc_id().unwrap_or_default().into()),
        service: endpoint.service_name().unwrap_or_default().into(),
        kind,
        route_tables: known(endpoint.route_table_ids()),
        subnets: known(endpoint.subnet_ids()),
        security_groups: groups.map(|id| Ref::Known(id.into())).collect(),
        // A route needs no name.
        private_dns: kind == EndpointKind::Interface && endpoint.private_dns_enabled().unwrap_or_default(),
        tags: super::read_tags(endpoint.tags()),
    }
}

/// What of `all` isn't in `there`.
fn missing(all: &Set<Ref<String>>, there: &Set<Ref<String>>) -> Option<Vec<String>> {
    super::texts(all.0.iter().filter(|one| !there.0.contains(one)))
}
