//! What a region has to offer: zones, and the instance types in each.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{AvailabilityZoneState, InstanceTypeOffering, LocationType};

use super::super::Region;
use super::super::error::Call;
use crate::provider::ProviderError;

/// The zones that the account can use, such as `us-east-1a`, sorted; local and wavelength zones left out.
pub async fn zones(cloud: &Region) -> Result<Vec<String>, ProviderError> {
    let request = cloud.ec2().describe_availability_zones();
    let answer = request.send().await.called("ec2:DescribeAvailabilityZones")?;
    let zones = answer.availability_zones.unwrap_or_default().into_iter();
    let usable = zones.filter(|zone| {
        zone.state() == Some(&AvailabilityZoneState::Available)
            && zone.zone_type().is_none_or(|kind| kind == "availability-zone")
    });
    let names: BTreeSet<String> = usable.filter_map(|zone| zone.zone_name).collect();
    Ok(names.into_iter().collect())
}

/// By instance type the zones of `zones` that don't have it; types that all of them have are left out.
pub async fn instance_types_missing(
    cloud: &Region,
    types: &BTreeSet<String>,
    zones: &[String],
) -> Result<BTreeMap<String, Vec<String>>, ProviderError> {
    if types.is_empty() {
        return Ok(BTreeMap::new());
    }
    let wanted = aws_sdk_ec2::types::Filter::builder()
        .name("instance-type")
        .set_values(Some(types.iter().cloned().collect()));
    let request = cloud.ec2().describe_instance_type_offerings();
    let request = request
        .location_type(LocationType::AvailabilityZone)
        .filters(wanted.build());
    let offered: Result<Vec<InstanceTypeOffering>, _> =
        request.into_paginator().items().send().collect().await;
    let offered = offered.called("ec2:DescribeInstanceTypeOfferings")?;
    let there: BTreeSet<(&str, &str)> = offered
        .iter()
        .filter_map(|one| Some((one.instance_type()?.as_str(), one.location()?)))
        .collect();
    let lacks = |kind: &str| -> Vec<String> {
        let missing = zones
            .iter()
            .filter(|zone| !there.contains(&(kind, zone.as_str())));
        missing.cloned().collect()
    };
    let missing = types.iter().map(|kind| (kind.clone(), lacks(kind)));
    Ok(missing.filter(|(_, zones)| !zones.is_empty()).collect())
}
