//! The cache: ElastiCache, its groups and its auth token. Each region has one of its own.

use std::collections::BTreeMap;

use super::{Error, Layout, Place};
use crate::provider::aws::{CacheParameterGroup, CacheReplicationGroup, CacheSubnetGroup, Secret};
use crate::resource::Ref;
use crate::spec::rules::facts::cache as facts;
use crate::spec::{Cache, CacheEngine, Durability, SecretReference, Tier};

const SECTION: &str = "cache";
/// The auth token's secret.
const TOKEN: &str = "cache-auth-token";

impl Layout<'_> {
    pub(super) fn cache(&mut self, place: &Place<'_>) -> Result<(), Error> {
        let Some(cache) = self.spec.cache.as_ref().filter(|_| place.runs(Tier::Cache)) else {
            return Ok(());
        };
        self.cache_subnet_group(place);
        self.cache_parameter_group(cache, place)?;
        self.cache_token(cache, place);
        self.replication_group(cache, place)
    }

    fn cache_subnet_group(&mut self, place: &Place<'_>) {
        let address = place.address("cache_subnet_group", "main");
        let group = CacheSubnetGroup {
            name: self.named("cache").to_lowercase(),
            description: "the cache's private subnets".into(),
            subnets: place.subnets("private").into_iter().collect(),
            tags: self.tags(&address),
        };
        self.add(&address, &group, SECTION, "cache");
    }

    fn cache_parameter_group(&mut self, cache: &Cache, place: &Place<'_>) -> Result<(), Error> {
        let address = place.address("cache_parameter_group", "main");
        let (family, parameters) = (family(cache)?, parameters(cache));
        let name = cache.parameter_group.clone();
        let group = CacheParameterGroup {
            // Another major version brings another group, which has to stand beside the last one.
            name: name
                .unwrap_or_else(|| self.named(&family.replace('.', "-")))
                .to_lowercase(),
            family,
            description: "the cache's settings".into(),
            only: parameters.keys().cloned().collect(),
            parameters,
            tags: self.tags(&address),
        };
        self.add(&address, &group, SECTION, "cache.parameters");
        Ok(())
    }

    /// A secret that the plan names stays where it is.
    fn cache_token(&mut self, cache: &Cache, place: &Place<'_>) {
        let source = match &cache.auth_token {
            None | Some(SecretReference::SecretsManager(_)) => return,
            Some(SecretReference::Managed) => None,
            Some(reference) => Some(reference.to_string()),
        };
        let address = place.address("secret", TOKEN);
        let secret = Secret {
            name: self.named(TOKEN),
            description: "what clients of the cache log in with".into(),
            kms_key: None,
            source,
            recovery_days: 0,
            tags: self.tags(&address),
        };
        self.add(&address, &secret, SECTION, "cache.auth_token");
    }

    fn replication_group(&mut self, cache: &Cache, place: &Place<'_>) -> Result<(), Error> {
        let address = place.address("cache_replication_group", "main");
        let node_type = cache.node_type.clone().ok_or_else(|| Error::Unusable {
            field: "cache.node_type".into(),
            why: "a cache on AWS needs one".into(),
            fix: "set cache.node_type: cache.r6g.large".into(),
        })?;
        let (shards, replicas) = match cache.cluster_mode {
            Some(mode) => (mode.shards, mode.replicas_per_shard),
            None => (1, cache.nodes.saturating_sub(1)),
        };
        let (auth_secret, auth_version) = token(cache, place);
        let description = match cache.description.as_str() {
            "" => format!("cache of {}", self.spec.metadata.name.as_str()),
            text => text.to_owned(),
        };
        let group = CacheReplicationGroup {
            id: cache.identifier.to_lowercase(),
            description,
            engine: engine(cache).into(),
            engine_version: cache.engine_version.clone(),
            node_type,
            cluster_mode: cache.cluster_mode.is_some(),
            shards: i32::try_from(shards).unwrap_or(i32::MAX),
            replicas: i32::try_from(replicas).unwrap_or(i32::MAX),
            // Cluster mode doesn't do without it.
            automatic_failover: cache.automatic_failover || cache.cluster_mode.is_some(),
            multi_az: cache.multi_az,
            port: i32::from(cache.port.get()),
            at_rest_encryption: cache.at_rest_encryption,
            kms_key: cache
                .at_rest_encryption
                .then(|| place.output("kms_key", "cache", "arn")),
            transit_encryption: if cache.transit_encryption {
                "required"
            } else {
                "off"
            }
            .into(),
            auth_secret,
            auth_version,
            durability: cache
                .durability
                .map(|durability| self::durability(durability).into()),
            snapshot_retention_days: i32::try_from(cache.snapshot_retention.as_days()).unwrap_or(i32::MAX),
            snapshot_window: cache.snapshot_window.map(|window| window.to_string()),
            maintenance_window: None,
            subnet_group: place.output("cache_subnet_group", "main", "name"),
            security_groups: [place.output("security_group", "cache", "id")]
                .into_iter()
                .collect(),
            parameter_group: place.output("cache_parameter_group", "main", "name"),
            tags: self.tags(&address),
        };
        self.add(&address, &group, SECTION, "cache").protect = true;
        Ok(())
    }
}

/// The secret with the auth token, and its version.
fn token(cache: &Cache, place: &Place<'_>) -> (Option<Ref<String>>, Option<Ref<String>>) {
    match &cache.auth_token {
        None => (None, None),
        Some(SecretReference::SecretsManager(name)) => (Some(Ref::Known(name.clone())), None),
        Some(_) => {
            let output = |name| Some(place.output("secret", TOKEN, name));
            (output("arn"), output("version"))
        }
    }
}

/// What of the plan's parameters a group can change, and what cluster mode asks of it.
fn parameters(cache: &Cache) -> BTreeMap<String, String> {
    let can = |name: &String| !facts::FIXED_PARAMETERS.contains(&name.as_str());
    let chosen = cache.parameters.iter().filter(|(name, _)| can(name));
    let mut parameters: BTreeMap<String, String> = chosen
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    if cache.cluster_mode.is_some() {
        parameters.insert("cluster-enabled".into(), "yes".into());
    }
    parameters
}

fn family(cache: &Cache) -> Result<String, Error> {
    if let Some(family) = &cache.parameter_family {
        return Ok(family.clone());
    }
    facts::parameter_family(engine(cache), &cache.engine_version).ok_or_else(|| Error::Unusable {
        field: "cache.engine_version".into(),
        why: format!("`{}` is no version of {}", cache.engine_version, engine(cache)),
        fix: "write it as 7.0, or set cache.parameter_family".into(),
    })
}

fn engine(cache: &Cache) -> &'static str {
    match cache.engine {
        CacheEngine::Redis => "redis",
        CacheEngine::Valkey => "valkey",
    }
}

fn durability(durability: Durability) -> &'static str {
    match durability {
        Durability::Sync => "sync",
        Durability::Async => "async",
    }
}
