//! What RDS has on offer: questions that change nothing, for who checks a plan before it is applied.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_rds::types::Parameter;

use super::super::Region;
use super::super::error::Call;
use crate::provider::ProviderError;

/// A version that new clusters take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineVersion {
    /// Such as `15.19`.
    pub version: String,
    /// Family of its parameter groups, such as `aurora-postgresql15`.
    pub family: String,
    /// Takes part in global databases.
    pub global: bool,
}

/// Why a parameter can't be set as wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterProblem {
    /// The parameter.
    pub name: String,
    /// What is wrong with it.
    pub why: String,
}

/// The versions of `engine`, such as `aurora-postgresql`, in the region.
pub async fn engine_versions(cloud: &Region, engine: &str) -> Result<Vec<EngineVersion>, ProviderError> {
    let mut found = Vec::new();
    let mut marker = None;
    loop {
        let request = cloud.rds().describe_db_engine_versions().engine(engine);
        let answer = request.set_marker(marker).send().await;
        let page = answer.called("rds:DescribeDBEngineVersions")?;
        let versions = page.db_engine_versions.unwrap_or_default().into_iter();
        found.extend(versions.filter_map(|version| {
            Some(EngineVersion {
                version: version.engine_version?,
                family: version.db_parameter_group_family.unwrap_or_default(),
                global: version.supports_global_databases.unwrap_or_default(),
            })
        }));
        marker = page.marker.filter(|marker| !marker.is_empty());
        if marker.is_none() {
            return Ok(found);
        }
    }
}

/// The zones in which `class` runs that version; none: it can't be ordered in the region.
pub async fn orderable(
    cloud: &Region,
    engine: &str,
    version: &str,
    class: &str,
) -> Result<BTreeSet<String>, ProviderError> {
    let mut found = BTreeSet::new();
    let mut marker = None;
    loop {
        let request = cloud.rds().describe_orderable_db_instance_options();
        let request = request
            .engine(engine)
            .engine_version(version)
            .db_instance_class(class)
            .vpc(true);
        let answer = request.set_marker(marker).send().await;
        let page = answer.called("rds:DescribeOrderableDBInstanceOptions")?;
        let options = page.orderable_db_instance_options.unwrap_or_default();
        let zones = options
            .into_iter()
            .flat_map(|option| option.availability_zones.unwrap_or_default());
        found.extend(zones.filter_map(|zone| zone.name));
        marker = page.marker.filter(|marker| !marker.is_empty());
        if marker.is_none() {
            return Ok(found);
        }
    }
}

/// What of `wanted` a cluster parameter group of `family` would refuse.
pub async fn parameter_problems(
    cloud: &Region,
    family: &str,
    wanted: &BTreeMap<String, String>,
) -> Result<Vec<ParameterProblem>, ProviderError> {
    let mut known = BTreeMap::new();
    let mut marker = None;
    loop {
        let request = cloud.rds().describe_engine_default_cluster_parameters();
        let request = request.db_parameter_group_family(family);
        let answer = request.set_marker(marker).send().await;
        let page = answer
            .called("rds:DescribeEngineDefaultClusterParameters")?
            .engine_defaults;
        let Some(page) = page else { break };
        let parameters = page.parameters.unwrap_or_default().into_iter();
        known.extend(parameters.filter_map(|it| Some((it.parameter_name.clone()?, it))));
        marker = page.marker.filter(|marker| !marker.is_empty());
        if marker.is_none() {
            break;
        }
    }
    let problem = |(name, value): (&String, &String)| {
        let why = match known.get(name) {
            None => Some(format!("{family} has no such parameter")),
            Some(parameter) => refusal(parameter, value),
        };
        why.map(|why| ParameterProblem {
            name: name.clone(),
            why,
        })
    };
    Ok(wanted.iter().filter_map(problem).collect())
}

/// Why `value` is not accepted for the parameter.
fn refusal(parameter: &Parameter, value: &str) -> Option<String> {
    if parameter.is_modifiable() == Some(false) {
        return Some("no parameter group can change it".into());
    }
    let allowed = parameter.allowed_values()?;
    // Formulas are worked out on the machine.
    if value.contains('{') || value.contains('(') || allows(allowed, value) {
        return None;
    }
    Some(format!("`{value}` is not among its allowed values, {allowed}"))
}

/// Ranges (`6-262143`) and words (`on,off`), separated by commas.
fn allows(allowed: &str, value: &str) -> bool {
    let number = |text: &str| text.trim().parse::<f64>().ok();
    let range = |text: &str| {
        // A lower bound may be negative.
        let at = text.char_indices().skip(1).find(|(_, c)| *c == '-')?.0;
        Some((number(&text[..at])?, number(&text[at + 1..])?))
    };
    let parts: Vec<&str> = allowed.split(',').map(str::trim).collect();
    let fits = |part: &str, one: &str| match (range(part), number(one)) {
        (Some((low, high)), Some(it)) => low <= it && it <= high,
        _ => part == one,
    };
    let is_pattern = parts.iter().any(|part| part.contains(['^', '[', '*']));
    is_pattern
        || value
            .split(',')
            .map(str::trim)
            .all(|one| parts.iter().any(|part| fits(part, one)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allowed_values_are_ranges_or_words() {
        let check = |allowed: &str, value: &str, expect: bool| {
            assert_eq!(allows(allowed, value), expect, "{value} in {allowed}");
        };
        check("6-262143", "2000", true);
        check("6-262143", "5", false);
        check("-1-2147483647", "-1", true);
        check("-1-2147483647", "-2", false);
        check("on,off", "on", true);
        check("on,off", "yes", false);
        check("0-1", "0.5", true);
        check(
            "pg_stat_statements,auto_explain",
            "auto_explain,pg_stat_statements",
            true,
        );
    }

    #[test]
    fn what_no_group_can_change_is_refused_and_formulas_are_left_to_the_machine() {
        let parameter = |modifiable| {
            Parameter::builder()
                .parameter_name("max_connections")
                .allowed_values("6-262143")
                .is_modifiable(modifiable)
                .build()
        };
        assert!(refusal(&parameter(false), "2000").is_some());
        assert!(refusal(&parameter(true), "5").is_some());
        assert!(refusal(&parameter(true), "{DBInstanceClassMemory/9531392}").is_none());
    }
}
