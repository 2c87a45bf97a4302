//! The shards: an Aurora cluster each, over both regions.
//!
//! A shard's cluster in the first region is made first; where a second region runs the database, a global
//! database is made of it, and the second region's cluster joins that.

mod members;
mod password;
mod proxies;

use std::collections::BTreeMap;

use super::{Error, Layout, Place, global};
use crate::provider::aws::{DbCluster, DbClusterParameterGroup, DbSubnetGroup, GlobalCluster};
use crate::resource::Ref;
use crate::spec::rules::facts::aurora as facts;
use crate::spec::{Aurora, AuroraStorage, DatabaseEngine, DatabaseInsights, PoolerKind, Tier};

const SECTION: &str = "aurora";
/// As the API names it.
const ENGINE: &str = "aurora-postgresql";
/// Performance Insights' days where Database Insights are `advanced`, and where nothing is said.
const ADVANCED_DAYS: i32 = 465;
const STANDARD_DAYS: i32 = 7;

/// A shard, as the plan numbers it.
struct Shard {
    /// `shard-0`: the name in its addresses.
    name: String,
    /// Its cluster's identifier, the same in both regions.
    identifier: String,
}

impl Layout<'_> {
    pub(super) fn database(&mut self, place: &Place<'_>) -> Result<(), Error> {
        let Some(aurora) = self.spec.aurora.as_ref().filter(|_| place.runs(Tier::Database)) else {
            return Ok(());
        };
        if aurora.engine != DatabaseEngine::AuroraPostgresql {
            return Err(Error::Unusable {
                field: "aurora.engine".into(),
                why: "shards on AWS are Aurora's".into(),
                fix: format!("set aurora.engine: {ENGINE}"),
            });
        }
        let key = key(aurora, place)?;
        self.subnet_group(place);
        self.parameter_group(aurora, place)?;
        for shard in shards(aurora) {
            self.master_secret(aurora, place, &shard);
            self.shard(aurora, place, &shard, key.as_ref());
            self.global(aurora, place, &shard);
            self.members(aurora, place, &shard, key.as_ref())?;
            if aurora
                .pooler
                .is_some_and(|pooler| pooler.kind == PoolerKind::RdsProxy)
            {
                self.proxy(aurora, place, &shard);
            }
        }
        Ok(())
    }

    fn subnet_group(&mut self, place: &Place<'_>) {
        let address = place.address("db_subnet_group", "main");
        let group = DbSubnetGroup {
            name: self.named("database").to_lowercase(),
            description: "the shards' private subnets".into(),
            subnets: place.subnets("private").into_iter().collect(),
            tags: self.tags(&address),
        };
        self.add(&address, &group, SECTION, "aurora");
    }

    fn parameter_group(&mut self, aurora: &Aurora, place: &Place<'_>) -> Result<(), Error> {
        let address = place.address("db_cluster_parameter_group", "main");
        let (family, parameters) = (family(aurora)?, parameters(aurora));
        let name = aurora.parameter_group.clone();
        let group = DbClusterParameterGroup {
            // Another major version brings another group, which has to stand beside the last one.
            name: name.unwrap_or_else(|| self.named(&family)).to_lowercase(),
            family,
            description: "the shards' settings".into(),
            only: parameters.keys().cloned().collect(),
            parameters,
            tags: self.tags(&address),
        };
        self.add(&address, &group, SECTION, "aurora.parameters");
        Ok(())
    }

    fn shard(&mut self, aurora: &Aurora, place: &Place<'_>, shard: &Shard, key: Option<&Ref<String>>) {
        let address = place.address("db_cluster", &shard.name);
        let first = place.primary;
        let password = self.password(aurora, place, &shard.name);
        let insights = aurora.performance_insights;
        let cluster = DbCluster {
            identifier: shard.identifier.clone(),
            engine: ENGINE.into(),
            engine_version: aurora.engine_version.clone(),
            database_name: first.then(|| aurora.database_name.clone()),
            master_username: first.then(|| aurora.master_username.clone()),
            master_password: password.reference,
            master_secret: password.secret,
            master_secret_version: password.version,
            port: i32::from(aurora.port.get()),
            storage_type: aurora.storage_type.map(|storage| storage_type(storage).into()),
            storage_encrypted: aurora.storage_encrypted,
            kms_key: key.cloned(),
            subnet_group: place.output("db_subnet_group", "main", "name"),
            security_groups: [place.output("security_group", "database", "id")]
                .into_iter()
                .collect(),
            parameter_group: place.output("db_cluster_parameter_group", "main", "name"),
            backup_retention_days: days(aurora.backup_retention.as_days()),
            backup_window: aurora.backup_window.map(|window| window.to_string()),
            maintenance_window: aurora.maintenance_window.map(|window| window.to_string()),
            log_exports: aurora.log_exports.clone(),
            deletion_protection: aurora.deletion_protection,
            // The second region's copy is the first's data.
            final_snapshot: aurora.final_snapshot && first,
            // Costs nothing, and lets a person in without the administrator's password.
            iam_authentication: true,
            copy_tags_to_snapshots: true,
            database_insights: aurora.database_insights.map(|mode| insights_mode(mode).into()),
            performance_insights: insights,
            performance_insights_key: key.filter(|_| insights).filter(|key| is_arn(key)).cloned(),
            performance_insights_days: insights.then(|| insights_days(aurora)),
            global_cluster: (!first).then(|| self.global_output(place, shard)),
            tags: self.tags(&address),
        };
        self.add(&address, &cluster, SECTION, "aurora.shards").protect = true;
    }

    /// The global database of a shard, made of the first region's cluster.
    fn global(&mut self, aurora: &Aurora, place: &Place<'_>, shard: &Shard) {
        if !place.primary || !self.spans_regions() {
            return;
        }
        let address = place.address("global_cluster", &shard.name);
        let cluster = GlobalCluster {
            identifier: format!("{}-global", shard.identifier),
            cluster: place.output("db_cluster", &shard.name, "arn"),
            deletion_protection: aurora.deletion_protection,
            tags: self.tags(&address),
        };
        self.add(&address, &cluster, SECTION, "regions.secondary.runs");
    }

    fn global_output(&self, place: &Place<'_>, shard: &Shard) -> Ref<String> {
        let primary = self.spec.regions.as_ref().map(|regions| regions.primary.as_str());
        let region = primary.unwrap_or(place.region);
        let address = crate::resource::Address::new(super::NAME, region, "global_cluster", &shard.name);
        Ref::output(&address, "id")
    }

    /// Whether a second region runs the database.
    fn spans_regions(&self) -> bool {
        let secondary = || self.spec.regions.as_ref()?.secondary.as_ref();
        secondary().is_some_and(|secondary| secondary.runs.contains(&Tier::Database))
    }
}

fn shards(aurora: &Aurora) -> Vec<Shard> {
    let identifier = aurora.identifier.to_lowercase();
    (0..aurora.shards)
        .map(|number| Shard {
            name: format!("shard-{number}"),
            identifier: match aurora.shards {
                1 => identifier.clone(),
                _ => format!("{identifier}-{number}"),
            },
        })
        .collect()
}

/// What of the plan's parameters Aurora has: those that its storage leaves no use for are left out.
fn parameters(aurora: &Aurora) -> BTreeMap<String, String> {
    let has = |name: &String| !facts::ABSENT_PARAMETERS.contains(&name.as_str());
    let parameters = aurora.parameters.iter().filter(|(name, _)| has(name));
    parameters
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Those that a reboot brings, set or not: taking one back takes a reboot, too.
fn static_parameters(aurora: &Aurora) -> BTreeMap<String, Option<String>> {
    let chosen = |name: &&str| ((*name).to_owned(), aurora.parameters.get(*name).cloned());
    facts::STATIC_PARAMETERS.iter().map(chosen).collect()
}

fn family(aurora: &Aurora) -> Result<String, Error> {
    if let Some(family) = &aurora.parameter_family {
        return Ok(family.clone());
    }
    let major = facts::major(&aurora.engine_version).ok_or_else(|| Error::Unusable {
        field: "aurora.engine_version".into(),
        why: format!("`{}` is no version", aurora.engine_version),
        fix: "write it as 15.19".into(),
    })?;
    Ok(format!("{ENGINE}{major}"))
}

/// The key of a region's storage; `None`: AWS's own, which a second region has to be told of by name.
fn key(aurora: &Aurora, place: &Place<'_>) -> Result<Option<Ref<String>>, Error> {
    if !aurora.storage_encrypted {
        return Ok(None);
    }
    match aurora.kms_key.as_deref() {
        None => Ok((!place.primary).then(|| Ref::Known("alias/aws/rds".into()))),
        Some("managed") => Ok(Some(place.output("kms_key", "database", "arn"))),
        Some(named) if place.primary || named.starts_with("alias/") => Ok(Some(Ref::Known(named.into()))),
        Some(named) if named.contains("mrk-") || named.contains(":alias/") => {
            Ok(Some(Ref::Known(in_region(named, place.region))))
        }
        Some(named) => Err(Error::Unusable {
            field: "aurora.kms_key".into(),
            why: format!("the key `{named}` is not there in {}", place.region),
            fix: "name a multi-Region key or an alias that both regions have, or write `managed`".into(),
        }),
    }
}

fn in_region(arn: &str, region: &str) -> String {
    let mut parts: Vec<&str> = arn.split(':').collect();
    if let Some(part) = parts.get_mut(3) {
        *part = region;
    }
    parts.join(":")
}

/// Whether AWS names it so too, when it is asked what it uses.
fn is_arn(key: &Ref<String>) -> bool {
    key.known().is_none_or(|key| !key.contains("alias/"))
}

fn storage_type(storage: AuroraStorage) -> &'static str {
    match storage {
        AuroraStorage::Standard => "aurora",
        AuroraStorage::IoOptimized => "aurora-iopt1",
    }
}

fn insights_mode(mode: DatabaseInsights) -> &'static str {
    match mode {
        DatabaseInsights::Standard => "standard",
        DatabaseInsights::Advanced => "advanced",
    }
}

fn insights_days(aurora: &Aurora) -> i32 {
    match aurora.performance_insights_retention {
        Some(retention) => days(retention.as_days()),
        None if aurora.database_insights == Some(DatabaseInsights::Advanced) => ADVANCED_DAYS,
        None => STANDARD_DAYS,
    }
}

fn days(days: u64) -> i32 {
    i32::try_from(days).unwrap_or(i32::MAX)
}

/// The ARN of a role that every region shares.
fn role(name: &str) -> Ref<String> {
    Ref::output(&global("iam_role", name), "arn")
}
