//! The quota of vCPUs that nodes count against.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{Filter, InstanceType};
use serde_json::Value;

use super::super::Region;
use super::super::error::Call;
use super::super::quotas::STANDARD_VCPUS;
use super::{ask, blocking, unasked};
use crate::provider::{Concern, ProviderError, Wanted};
use crate::resource::{AT_CREATION_KEY, Address};

/// Families of instance types that count against the one quota.
const STANDARD_FAMILIES: &[char] = &['a', 'c', 'd', 'h', 'i', 'm', 'r', 't', 'z'];

pub(super) async fn check(cloud: &Region, wanted: &[Wanted<'_>]) -> Option<Concern> {
    let groups = new_nodes(wanted);
    let (first, _, _) = groups.first()?;
    let allowed = match STANDARD_VCPUS.ask(cloud).await {
        Ok(allowed) => allowed,
        Err(why) => {
            return Some(unasked(
                cloud,
                &format!("the quota for {}", STANDARD_VCPUS.name),
                why,
            ));
        }
    };
    let asked = || async {
        let sizes = sizes(cloud, groups.iter().map(|(_, kind, _)| *kind).collect()).await?;
        let new = groups
            .iter()
            .map(|(_, kind, count)| sizes.get(*kind).unwrap_or(&0) * count);
        Ok::<(i64, i64), ProviderError>((new.sum(), running(cloud).await?))
    };
    let (new, there) = match ask(asked).await {
        Ok(counted) => counted,
        Err(error) => {
            return Some(unasked(
                cloud,
                &format!("how many {} there are", STANDARD_VCPUS.name),
                error,
            ));
        }
    };
    // vCPUs are whole numbers far below what a float holds exactly.
    if (there + new) as f64 <= allowed {
        return None;
    }
    let (what, region) = (STANDARD_VCPUS.name, cloud.name());
    let message =
        format!("{new} more are wanted, {there} run, and the account may have {allowed} {what} in {region}");
    let hint = format!(
        "ask for more: `aws service-quotas request-service-quota-increase --service-code {} --quota-code {} \
         --desired-value {} --region {region}`; or lower `eks.node_groups.*.desired`",
        STANDARD_VCPUS.service,
        STANDARD_VCPUS.code,
        there + new,
    );
    Some(blocking(Some(first), message, hint))
}

/// Groups of on-demand nodes that are to be made: instance type and how many.
fn new_nodes<'a>(wanted: &'a [Wanted<'a>]) -> Vec<(&'a Address, &'a str, i64)> {
    let of = |kind: &'static str| wanted.iter().filter(move |one| one.address.kind() == kind);
    let from_template = |name: &str| {
        let template = of("launch_template").find(|one| one.address.name() == name)?;
        template.properties.get("instance_type")?.as_str()
    };
    let new = of("eks_node_group").filter(|one| one.is_new && one.properties["capacity_type"] == "ON_DEMAND");
    new.filter_map(|one| {
        let own = one
            .properties
            .pointer("/instance_types/0")
            .and_then(Value::as_str);
        let kind = own.or_else(|| from_template(one.address.name()))?;
        let scaling = |field: &str| one.properties.get("scaling")?.get(field);
        let kept = scaling("desired").filter(|kept| !kept.is_null());
        let count = kept.or_else(|| scaling("initial"))?;
        let count = count.get(AT_CREATION_KEY).unwrap_or(count).as_i64()?;
        kind.starts_with(STANDARD_FAMILIES)
            .then_some((one.address, kind, count))
    })
    .collect()
}

/// vCPUs of each instance type.
async fn sizes(cloud: &Region, types: BTreeSet<&str>) -> Result<BTreeMap<String, i64>, ProviderError> {
    let request = cloud.ec2().describe_instance_types();
    let request = request.set_instance_types(Some(types.into_iter().map(InstanceType::from).collect()));
    let answer = request.send().await.called("ec2:DescribeInstanceTypes")?;
    let sizes = answer.instance_types().iter().filter_map(|one| {
        let vcpus = one.v_cpu_info()?.default_v_cpus()?;
        Some((one.instance_type()?.as_str().to_owned(), i64::from(vcpus)))
    });
    Ok(sizes.collect())
}

/// vCPUs of what runs in the region and counts.
async fn running(cloud: &Region) -> Result<i64, ProviderError> {
    let alive = Filter::builder()
        .name("instance-state-name")
        .set_values(Some(vec!["pending".into(), "running".into()]));
    let request = cloud.ec2().describe_instances().filters(alive.build());
    let found: Result<Vec<_>, _> = request.into_paginator().items().send().collect().await;
    let found = found.called("ec2:DescribeInstances")?;
    let instances = found.iter().flat_map(|reservation| reservation.instances());
    let counted = instances.filter(|one| {
        let kind = one.instance_type().map_or("", InstanceType::as_str);
        one.instance_lifecycle().is_none() && kind.starts_with(STANDARD_FAMILIES)
    });
    let vcpus = counted.filter_map(|one| {
        let options = one.cpu_options()?;
        Some(i64::from(options.core_count()?) * i64::from(options.threads_per_core()?))
    });
    Ok(vcpus.sum())
}
