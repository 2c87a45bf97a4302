//! Zones and instance types that the region doesn't offer.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::Region;
use super::super::ec2::offerings::{instance_types_missing, zones};
use super::{ask, blocking, of_kind, unasked};
use crate::provider::{Concern, Wanted};
use crate::resource::Address;

pub(super) async fn check(cloud: &Region, wanted: &[Wanted<'_>]) -> Vec<Concern> {
    let mut asked: BTreeMap<&str, &Address> = BTreeMap::new();
    for (address, _, zone) in of_kind(wanted, "subnet", "zone") {
        asked.entry(zone).or_insert(address);
    }
    let mut concerns = Vec::new();
    if !asked.is_empty() {
        match ask(|| zones(cloud)).await {
            Ok(known) => {
                let lacking = asked
                    .iter()
                    .filter(|(zone, _)| !known.iter().any(|known| known == *zone));
                concerns.extend(lacking.map(|(zone, address)| {
                    let hint = format!("set `network.zones` to some of {}", known.join(", "));
                    blocking(Some(address), format!("this account has no zone {zone}"), hint)
                }));
            }
            Err(error) => concerns.push(unasked(cloud, "availability zones", error)),
        }
    }
    let zones: Vec<String> = asked.keys().map(|zone| (*zone).to_owned()).collect();
    concerns.extend(types(cloud, wanted, &zones).await);
    concerns
}

async fn types(cloud: &Region, wanted: &[Wanted<'_>], zones: &[String]) -> Vec<Concern> {
    let by_type = instance_types(wanted);
    if by_type.is_empty() || zones.is_empty() {
        return Vec::new();
    }
    let all: BTreeSet<String> = by_type.keys().map(|name| (*name).to_owned()).collect();
    match ask(|| instance_types_missing(cloud, &all, zones)).await {
        Ok(missing) => missing
            .into_iter()
            .map(|(name, zones)| {
                let message = format!("{name} is not offered in {}", zones.join(", "));
                let hint = "choose another `instance_type`, or other `network.zones`: `aws ec2 \
                            describe-instance-type-offerings --location-type availability-zone` lists them";
                blocking(by_type.get(name.as_str()).copied(), message, hint)
            })
            .collect(),
        Err(error) => vec![unasked(cloud, "instance types", error)],
    }
}

/// Of node groups and launch templates, with the first resource that wants each.
pub(super) fn instance_types<'a>(wanted: &'a [Wanted<'a>]) -> BTreeMap<&'a str, &'a Address> {
    let mut found = BTreeMap::new();
    for one in wanted {
        let list = one.properties.get("instance_types").and_then(Value::as_array);
        let single = one.properties.get("instance_type").and_then(Value::as_str);
        let names = list.into_iter().flatten().filter_map(Value::as_str).chain(single);
        for name in names.filter(|_| matches!(one.address.kind(), "eks_node_group" | "launch_template")) {
            found.entry(name).or_insert(one.address);
        }
    }
    found
}
