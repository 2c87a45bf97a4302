//! A route table, with its routes and the subnets that follow it.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{ResourceType, Route, RouteOrigin, RouteTable as Found, RouteTableAssociation};
use serde::{Deserialize, Serialize};

use super::super::Region;
use super::super::error::Call;
use super::super::tags::Tags;
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, Ref, Set};

/// A route table. Routes to destinations that it doesn't name are somebody else's: those of VPC endpoints and
/// of peerings made by hand stay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RouteTable {
    /// The VPC's id.
    pub vpc: Ref<String>,
    /// Where to send what goes to an address block such as `0.0.0.0/0`; null: nowhere.
    pub routes: BTreeMap<String, Option<RouteTarget>>,
    /// Ids of the subnets that follow it.
    pub associations: Set<Ref<String>>,
    /// Its tags.
    pub tags: Tags,
}

/// Where a route leads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteTarget {
    /// The id of an internet gateway.
    Gateway(Ref<String>),
    /// The id of a NAT gateway.
    NatGateway(Ref<String>),
    /// The id of something that no plan asks for; found, never wanted.
    Other(String),
}

/// What others may refer to.
#[derive(Serialize)]
pub struct Outputs {
    id: String,
}

impl Resource for RouteTable {
    const KIND: &'static str = "route_table";
    const REPLACE_ON: &'static [&'static str] = &["vpc"];
    const CONFIGURES: bool = true;
    const STABLE_OUTPUTS: &'static [&'static str] = &["id"];
    const FOUND_BY: FoundBy = super::FOUND_BY_TAG;
    const DEADLINE: std::time::Duration = std::time::Duration::from_secs(5 * 60);
    type Cloud = Region;
    type Outputs = Outputs;

    async fn observe(cloud: &Region, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let Some(table) = look(cloud, id).await? else {
            return Ok(None);
        };
        let routes = table.routes().iter().filter_map(read_route);
        let associations = associations(&table).filter_map(|association| association.subnet_id());
        let found = Self {
            vpc: Ref::Known(table.vpc_id().unwrap_or_default().into()),
            routes: routes.map(|(to, target)| (to, Some(target))).collect(),
            associations: associations.map(|subnet| Ref::Known(subnet.into())).collect(),
            tags: super::read_tags(table.tags()),
        };
        Ok(Some((found, Outputs { id: id.into() })))
    }

    async fn find(&self, cloud: &Region, token: &str) -> Result<Option<String>, ProviderError> {
        let request = cloud.ec2().describe_route_tables();
        let answer = request.filters(super::by_token(token)).send().await;
        let found = answer.called("ec2:DescribeRouteTables")?.route_tables;
        let found = found.unwrap_or_default().into_iter();
        Ok(found.filter_map(|table| table.route_table_id).next())
    }

    async fn create(&self, cloud: &Region, token: &str) -> Result<String, ProviderError> {
        let request = cloud
            .ec2()
            .create_route_table()
            .client_token(token)
            .vpc_id(super::text(&self.vpc))
            .tag_specifications(super::tag_specification(
                ResourceType::RouteTable,
                &self.tags,
                token,
            ));
        let answer = request.send().await.called("ec2:CreateRouteTable")?;
        let id = answer.route_table.and_then(|table| table.route_table_id);
        super::made(id, "ec2:CreateRouteTable")
    }

    async fn readiness(&self, cloud: &Region, id: &str) -> Result<Readiness, ProviderError> {
        Ok(Readiness::seen(look(cloud, id).await?.is_some()))
    }

    async fn configure(&self, cloud: &Region, id: &str) -> Result<(), ProviderError> {
        self.arrange(cloud, id).await
    }

    async fn update(&self, cloud: &Region, id: &str, changes: &[Change]) -> Result<(), ProviderError> {
        if super::retagged(changes) {
            super::retag(cloud, id, &self.tags).await?;
        }
        self.arrange(cloud, id).await
    }

    async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let Some(table) = look(cloud, id).await? else {
            return Ok(());
        };
        for association in associations(&table) {
            part(cloud, association).await?;
        }
        let answer = cloud.ec2().delete_route_table().route_table_id(id).send().await;
        answer.or_absent("ec2:DeleteRouteTable").map(drop)
    }
}

async fn look(cloud: &Region, id: &str) -> Result<Option<Found>, ProviderError> {
    let answer = cloud
        .ec2()
        .describe_route_tables()
        .route_table_ids(id)
        .send()
        .await;
    let found = answer.or_absent("ec2:DescribeRouteTables")?;
    Ok(found.and_then(|found| found.route_tables.unwrap_or_default().pop()))
}

/// Those of subnets, not that of the VPC's main table.
fn associations(table: &Found) -> impl Iterator<Item = &RouteTableAssociation> {
    table.associations().iter().filter(|association| {
        let state = association.association_state().and_then(|state| state.state());
        let there = state.is_none_or(|state| !matches!(state.as_str(), "disassociated" | "disassociating"));
        there && association.subnet_id().is_some() && !association.main().unwrap_or_default()
    })
}

/// A route that somebody made, to an address block.
fn read_route(route: &Route) -> Option<(String, RouteTarget)> {
    let destination = route.destination_cidr_block()?;
    let local = route.gateway_id() == Some("local");
    if local
        || route
            .origin()
            .is_some_and(|origin| *origin != RouteOrigin::CreateRoute)
    {
        return None;
    }
    let known = |id: &str| Ref::Known(id.to_owned());
    let nat = route.nat_gateway_id().map(known).map(RouteTarget::NatGateway);
    let gateway = route.gateway_id().filter(|id| id.starts_with("igw-"));
    let other = [
        route.gateway_id(),
        route.transit_gateway_id(),
        route.vpc_peering_connection_id(),
        route.network_interface_id(),
        route.instance_id(),
        route.local_gateway_id(),
        route.carrier_gateway_id(),
        route.core_network_arn(),
    ];
    let other = || other.into_iter().flatten().next().unwrap_or_default().to_owned();
    let target = nat.or_else(|| gateway.map(known).map(RouteTarget::Gateway));
    let target = target.unwrap_or_else(|| RouteTarget::Other(other()));
    Some((destination.to_owned(), target))
}

async fn part(cloud: &Region, association: &RouteTableAssociation) -> Result<(), ProviderError> {
    let id = association.route_table_association_id().unwrap_or_default();
    let request = cloud.ec2().disassociate_route_table().association_id(id);
    request
        .send()
        .await
        .or_absent("ec2:DisassociateRouteTable")
        .map(drop)
}

impl RouteTable {
    async fn arrange(&self, cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let table = look(cloud, id)
            .await?
            .ok_or_else(|| ProviderError::transient(format!("{id} can't be seen yet")))?;
        let found: BTreeMap<String, RouteTarget> = table.routes().iter().filter_map(read_route).collect();
        for (destination, target) in &self.routes {
            match (target, found.get(destination)) {
                (None, None) => {}
                (None, Some(_)) => close(cloud, id, destination).await?,
                (Some(target), None) => open(cloud, id, destination, target).await?,
                (Some(target), Some(found)) if target == found => {}
                (Some(target), Some(_)) => redirect(cloud, id, destination, target).await?,
            }
        }
        let wanted = |subnet: &str| self.associations.0.iter().any(|one| super::text(one) == subnet);
        for association in associations(&table) {
            if !association.subnet_id().is_some_and(wanted) {
                part(cloud, association).await?;
            }
        }
        for subnet in &self.associations.0 {
            associate(cloud, id, super::text(subnet)).await?;
        }
        Ok(())
    }
}

async fn open(cloud: &Region, id: &str, to: &str, target: &RouteTarget) -> Result<(), ProviderError> {
    let request = cloud.ec2().create_route().route_table_id(id);
    let request = request.destination_cidr_block(to);
    let request = match target {
        RouteTarget::Gateway(gateway) => request.gateway_id(super::text(gateway)),
        RouteTarget::NatGateway(gateway) => request.nat_gateway_id(super::text(gateway)),
        RouteTarget::Other(other) => return Err(no_target(other)),
    };
    // Taken: it came while its answer was lost; what it leads to is compared by the next plan.
    request.send().await.or_taken("ec2:CreateRoute").map(drop)
}

async fn redirect(cloud: &Region, id: &str, to: &str, target: &RouteTarget) -> Result<(), ProviderError> {
    let request = cloud.ec2().replace_route().route_table_id(id);
    let request = request.destination_cidr_block(to);
    let request = match target {
        RouteTarget::Gateway(gateway) => request.gateway_id(super::text(gateway)),
        RouteTarget::NatGateway(gateway) => request.nat_gateway_id(super::text(gateway)),
        RouteTarget::Other(other) => return Err(no_target(other)),
    };
    request.send().await.called("ec2:ReplaceRoute").map(drop)
}

fn no_target(other: &str) -> ProviderError {
    ProviderError::refused(format!("no plan leads a route to `{other}`"))
}

async fn close(cloud: &Region, id: &str, destination: &str) -> Result<(), ProviderError> {
    let request = cloud.ec2().delete_route().route_table_id(id);
    let answer = request.destination_cidr_block(destination).send().await;
    answer.or_absent("ec2:DeleteRoute").map(drop)
}

/// Lets `subnet` follow the table, whatever it follows now: a subnet follows one table at a time.
async fn associate(cloud: &Region, id: &str, subnet: &str) -> Result<(), ProviderError> {
    let request = cloud.ec2().describe_route_tables();
    let answer = request
        .filters(super::filter("association.subnet-id", subnet))
        .send()
        .await;
    let tables = answer
        .called("ec2:DescribeRouteTables")?
        .route_tables
        .unwrap_or_default();
    let followed = tables
        .iter()
        .flat_map(|table| associations(table).map(move |association| (table, association)))
        .find(|(_, association)| association.subnet_id() == Some(subnet));
    match followed {
        Some((table, _)) if table.route_table_id() == Some(id) => Ok(()),
        Some((_, association)) => {
            let request = cloud.ec2().replace_route_table_association().route_table_id(id);
            let request =
                request.association_id(association.route_table_association_id().unwrap_or_default());
            request
                .send()
                .await
                .called("ec2:ReplaceRouteTableAssociation")
                .map(drop)
        }
        None => {
            let request = cloud.ec2().associate_route_table().route_table_id(id);
            let answer = request.subnet_id(subnet).send().await;
            let associated = answer.called("ec2:AssociateRouteTable");
            associated.map(drop).map_err(super::seen_late)
        }
    }
}
