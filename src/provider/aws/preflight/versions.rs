//! Versions, classes and parameters that AWS doesn't have.

use std::collections::BTreeMap;

use super::super::{Region, eks, elasticache, rds};
use super::{ask, blocking, of_kind, unasked};
use crate::provider::{Concern, Wanted};
use crate::resource::Address;

pub(super) async fn check(cloud: &Region, wanted: &[Wanted<'_>]) -> Vec<Concern> {
    let (kubernetes, database, parameters, cache) = futures::future::join4(
        kubernetes(cloud, wanted),
        database(cloud, wanted),
        parameters(cloud, wanted),
        cache(cloud, wanted),
    )
    .await;
    [kubernetes, database, parameters, cache].concat()
}

async fn kubernetes(cloud: &Region, wanted: &[Wanted<'_>]) -> Vec<Concern> {
    let clusters = of_kind(wanted, "eks_cluster", "version");
    if clusters.is_empty() {
        return Vec::new();
    }
    match ask(|| eks::cluster_versions(cloud)).await {
        Ok(versions) => clusters
            .into_iter()
            .filter_map(|(address, _, version)| {
                let why = eks::judge(&versions, version).err()?;
                Some(blocking(Some(address), why, "set `eks.version` to one of those"))
            })
            .collect(),
        Err(error) => vec![unasked(cloud, "versions of EKS", error)],
    }
}

async fn database(cloud: &Region, wanted: &[Wanted<'_>]) -> Vec<Concern> {
    let mut concerns = Vec::new();
    let mut asked: BTreeMap<(&str, &str), &Address> = BTreeMap::new();
    for (address, properties, version) in of_kind(wanted, "db_cluster", "engine_version") {
        let engine = properties.get("engine").and_then(|engine| engine.as_str());
        asked
            .entry((engine.unwrap_or_default(), version))
            .or_insert(address);
    }
    for ((engine, version), address) in asked {
        match ask(|| rds::engine_versions(cloud, engine)).await {
            Ok(known) if known.iter().any(|known| known.version == version) => {
                concerns.extend(classes(cloud, wanted, engine, version).await);
            }
            Ok(known) => {
                let all: Vec<&str> = known.iter().map(|known| known.version.as_str()).collect();
                let message = format!("{engine} has no version {version} in {}", cloud.name());
                let hint = format!("set `aurora.engine_version` to one of {}", all.join(", "));
                concerns.push(blocking(Some(address), message, hint));
            }
            Err(error) => concerns.push(unasked(cloud, "versions of Aurora", error)),
        }
    }
    concerns
}

async fn classes(cloud: &Region, wanted: &[Wanted<'_>], engine: &str, version: &str) -> Vec<Concern> {
    let mut classes: BTreeMap<&str, &Address> = BTreeMap::new();
    for (address, _, class) in of_kind(wanted, "db_instance", "class") {
        classes.entry(class).or_insert(address);
    }
    let mut concerns = Vec::new();
    for (class, address) in classes {
        match ask(|| rds::orderable(cloud, engine, version, class)).await {
            Ok(zones) if zones.is_empty() => concerns.push(blocking(
                Some(address),
                format!("{class} can't be ordered for {engine} {version} in {}", cloud.name()),
                "choose another `aurora.instance_class`: `aws rds describe-orderable-db-instance-options` lists them",
            )),
            Ok(_) => {}
            Err(error) => concerns.push(unasked(cloud, "instance classes of Aurora", error)),
        }
    }
    concerns
}

async fn parameters(cloud: &Region, wanted: &[Wanted<'_>]) -> Vec<Concern> {
    let mut concerns = Vec::new();
    for (address, properties, family) in of_kind(wanted, "db_cluster_parameter_group", "family") {
        let parameters = properties.get("parameters").cloned().unwrap_or_default();
        let parameters: BTreeMap<String, String> = serde_json::from_value(parameters).unwrap_or_default();
        match ask(|| rds::parameter_problems(cloud, family, &parameters)).await {
            Ok(problems) => concerns.extend(problems.into_iter().map(|problem| {
                let hint = format!("change `aurora.parameters.{}`, or take it out", problem.name);
                blocking(Some(address), format!("{}: {}", problem.name, problem.why), hint)
            })),
            Err(error) => concerns.push(unasked(cloud, "parameters of Aurora", error)),
        }
    }
    concerns
}

async fn cache(cloud: &Region, wanted: &[Wanted<'_>]) -> Vec<Concern> {
    let mut concerns = Vec::new();
    for (address, properties, version) in of_kind(wanted, "cache_replication_group", "engine_version") {
        let engine = properties
            .get("engine")
            .and_then(|engine| engine.as_str())
            .unwrap_or_default();
        match ask(|| elasticache::cache_engine_versions(cloud, engine)).await {
            Ok(known) if known.iter().any(|known| is_release_of(known, version)) => {}
            Ok(known) => {
                let all: Vec<&str> = known.iter().map(String::as_str).collect();
                let message = format!("ElastiCache has no {engine} {version} in {}", cloud.name());
                let hint = format!("set `cache.engine_version` to one of {}", all.join(", "));
                concerns.push(blocking(Some(address), message, hint));
            }
            Err(error) => concerns.push(unasked(cloud, "versions of ElastiCache", error)),
        }
    }
    concerns
}

/// `7.0.7` is a release of `7.0`, and of itself.
fn is_release_of(release: &str, version: &str) -> bool {
    let rest = release.strip_prefix(version);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
