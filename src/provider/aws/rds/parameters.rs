//! Parameters of a cluster's engine: what is set, and which of them wait for a reboot.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_rds::types::{ApplyMethod, Parameter};

use super::super::Region;
use super::super::error::Call;
use crate::provider::ProviderError;

/// Most that RDS takes in one call.
const AT_ONCE: usize = 20;

/// Every parameter of the group, set or not; `None`: there is no such group.
pub(super) async fn all(cloud: &Region, group: &str) -> Result<Option<Vec<Parameter>>, ProviderError> {
    let mut found = Vec::new();
    let mut marker = None;
    loop {
        let request = cloud.rds().describe_db_cluster_parameters();
        let request = request.db_cluster_parameter_group_name(group).set_marker(marker);
        let answer = request
            .send()
            .await
            .or_absent("rds:DescribeDBClusterParameters")?;
        let Some(page) = answer else {
            return Ok(None);
        };
        found.extend(page.parameters.unwrap_or_default());
        marker = page.marker.filter(|marker| !marker.is_empty());
        if marker.is_none() {
            return Ok(Some(found));
        }
    }
}

/// Those that somebody has set, by name.
pub(super) async fn set_ones(
    cloud: &Region,
    group: &str,
) -> Result<Option<BTreeMap<String, String>>, ProviderError> {
    let mut found = BTreeMap::new();
    let mut marker = None;
    loop {
        let request = cloud.rds().describe_db_cluster_parameters().source("user");
        let request = request.db_cluster_parameter_group_name(group).set_marker(marker);
        let answer = request
            .send()
            .await
            .or_absent("rds:DescribeDBClusterParameters")?;
        let Some(page) = answer else {
            return Ok(None);
        };
        let set = page.parameters.unwrap_or_default().into_iter();
        // A server that doesn't filter still says whose each value is.
        let set = set.filter(|parameter| parameter.source().is_none_or(|source| source == "user"));
        found.extend(set.filter_map(|parameter| parameter.parameter_name.zip(parameter.parameter_value)));
        marker = page.marker.filter(|marker| !marker.is_empty());
        if marker.is_none() {
            return Ok(Some(found));
        }
    }
}

/// Names of those that take effect at once.
fn dynamic(parameters: &[Parameter]) -> BTreeSet<&str> {
    parameters
        .iter()
        .filter(|parameter| parameter.apply_type() == Some("dynamic"))
        .filter_map(Parameter::parameter_name)
        .collect()
}

/// Sets what differs, and takes back what is set and isn't wanted: dynamic ones at once, the others with
/// the next reboot.
pub(super) async fn bring(
    cloud: &Region,
    group: &str,
    wanted: &BTreeMap<String, String>,
) -> Result<(), ProviderError> {
    let (Some(all), Some(set)) = (all(cloud, group).await?, set_ones(cloud, group).await?) else {
        return Err(ProviderError::transient(format!(
            "the parameter group `{group}` can't be seen yet"
        )));
    };
    let dynamic = dynamic(&all);
    let parameter = |name: &str, value: Option<&String>| {
        let method = match dynamic.contains(name) {
            true => ApplyMethod::Immediate,
            false => ApplyMethod::PendingReboot,
        };
        Parameter::builder()
            .parameter_name(name)
            .set_parameter_value(value.cloned())
            .apply_method(method)
            .build()
    };
    let differing: Vec<Parameter> = wanted
        .iter()
        .filter(|(name, value)| set.get(*name) != Some(*value))
        .map(|(name, value)| parameter(name, Some(value)))
        .collect();
    for some in differing.chunks(AT_ONCE) {
        let request = cloud.rds().modify_db_cluster_parameter_group();
        let request = request
            .db_cluster_parameter_group_name(group)
            .set_parameters(Some(some.to_vec()));
        request.send().await.called("rds:ModifyDBClusterParameterGroup")?;
    }
    let surplus: Vec<Parameter> = set
        .keys()
        .filter(|name| !wanted.contains_key(*name))
        .map(|name| parameter(name, None))
        .collect();
    for some in surplus.chunks(AT_ONCE) {
        let request = cloud.rds().reset_db_cluster_parameter_group();
        let request = request
            .db_cluster_parameter_group_name(group)
            .reset_all_parameters(false)
            .set_parameters(Some(some.to_vec()));
        request.send().await.called("rds:ResetDBClusterParameterGroup")?;
    }
    Ok(())
}
