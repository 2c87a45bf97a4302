//! A member of a shard: the machine that reads, and writes where it is the one that does.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_rds::types::{DbInstance as Found, PendingModifiedValues};
use serde::{Deserialize, Serialize};

use super::super::Region;
use super::super::error::Call;
use super::super::tags::{self, Named, Tags};
use super::parameters;
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, Ref};

/// An instance of an Aurora cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DbInstance {
    /// Its name; RDS keeps it in lower case.
    pub identifier: String,
    /// Name of its cluster.
    pub cluster: Ref<String>,
    /// As the cluster's.
    pub engine: String,
    /// Such as `db.r6g.2xlarge`.
    pub class: String,
    /// Unset: RDS chooses among the subnet group's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Seconds between enhanced monitoring's looks; 0: off.
    pub monitoring_interval: i32,
    /// ARN of the role that writes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monitoring_role: Option<Ref<String>>,
    /// Statistics of its queries.
    pub performance_insights: bool,
    /// ARN of the key that they are kept with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub performance_insights_key: Option<Ref<String>>,
    /// 7, a multiple of 31, or 731.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub performance_insights_days: Option<i32>,
    /// 0 to 15: the lowest becomes the writer when that one is gone.
    pub promotion_tier: i32,
    /// Takes minor versions in the maintenance window.
    pub auto_minor_version_upgrade: bool,
    /// The cluster's parameters that a reboot brings; null: the engine's default. More are found than asked
    /// for, as those that are brought at once are found with them.
    pub static_parameters: BTreeMap<String, Option<String>>,
    /// Such a parameter waits for a reboot: wanted false.
    pub reboot_pending: bool,
    /// Its tags.
    pub tags: Tags,
}

/// What others may refer to.
#[derive(Serialize)]
pub struct Outputs {
    id: String,
    arn: String,
}

impl Named for DbInstance {
    fn tags(&self) -> &Tags {
        &self.tags
    }
}

impl Resource for DbInstance {
    const KIND: &'static str = "db_instance";
    const REPLACE_ON: &'static [&'static str] = &["identifier", "cluster", "engine", "zone"];
    const REBOOT_ON: &'static [&'static str] = &["static_parameters", "reboot_pending"];
    const STABLE_OUTPUTS: &'static [&'static str] = &["id", "arn"];
    const FOUND_BY: FoundBy = FoundBy::Name;
    const DEADLINE: Duration = Duration::from_secs(40 * 60);
    type Cloud = Region;
    type Outputs = Outputs;

    async fn observe(cloud: &Region, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let Some(found) = describe(cloud, id).await? else {
            return Ok(None);
        };
        let cluster = found.db_cluster_identifier().unwrap_or_default();
        let (set, pending) = in_effect(cloud, cluster, id).await?;
        Ok(Some(read(id, found, set, pending)))
    }

    async fn find(&self, cloud: &Region, _token: &str) -> Result<Option<String>, ProviderError> {
        tags::find_named(self, cloud, &self.identifier).await
    }

    async fn create(&self, cloud: &Region, _token: &str) -> Result<String, ProviderError> {
        let request = cloud.rds().create_db_instance();
        let request = request
            .db_instance_identifier(&self.identifier)
            .set_db_cluster_identifier(super::value(&self.cluster))
            .engine(&self.engine)
            .db_instance_class(&self.class)
            .set_availability_zone(self.zone.clone())
            .publicly_accessible(false)
            .monitoring_interval(self.monitoring_interval)
            .set_monitoring_role_arn(super::optional(self.monitoring_role.as_ref()))
            .enable_performance_insights(self.performance_insights)
            .set_performance_insights_kms_key_id(super::optional(self.performance_insights_key.as_ref()))
            .set_performance_insights_retention_period(self.performance_insights_days)
            .promotion_tier(self.promotion_tier)
            .auto_minor_version_upgrade(self.auto_minor_version_upgrade)
            .set_tags(Some(super::sdk(&self.tags)));
        match request
            .send()
            .await
            .or_taken("rds:CreateDBInstance")
            .map_err(role_on_its_way)?
        {
            Some(_) => Ok(self.identifier.clone()),
            None => tags::claim(self, cloud, &self.identifier).await,
        }
    }

    async fn readiness(&self, cloud: &Region, id: &str) -> Result<Readiness, ProviderError> {
        let Some(found) = describe(cloud, id).await? else {
            return Ok(Readiness::seen(false));
        };
        Ok(readiness(&found))
    }

    async fn update(&self, cloud: &Region, id: &str, changes: &[Change]) -> Result<(), ProviderError> {
        if super::touched(changes, &["tags"]) {
            let arn = cloud.arn("rds", &format!("db:{id}")).await?;
            super::retag(cloud, &arn, &self.tags).await?;
        }
        let touched = |fields: &[&str]| super::touched(changes, fields);
        let mut request = cloud.rds().modify_db_instance().db_instance_identifier(id);
        if touched(&["class"]) {
            request = request.db_instance_class(&self.class);
        }
        if touched(&["monitoring_interval", "monitoring_role"]) {
            request = request
                .monitoring_interval(self.monitoring_interval)
                .set_monitoring_role_arn(super::optional(self.monitoring_role.as_ref()));
        }
        let insights = [
            "performance_insights",
            "performance_insights_key",
            "performance_insights_days",
        ];
        if touched(&insights) {
            request = request
                .enable_performance_insights(self.performance_insights)
                .set_performance_insights_kms_key_id(super::optional(self.performance_insights_key.as_ref()))
                .set_performance_insights_retention_period(self.performance_insights_days);
        }
        if touched(&["promotion_tier"]) {
            request = request.promotion_tier(self.promotion_tier);
        }
        if touched(&["auto_minor_version_upgrade"]) {
            request = request.auto_minor_version_upgrade(self.auto_minor_version_upgrade);
        }
        let modifies = [
            &[
                "class",
                "monitoring_interval",
                "monitoring_role",
                "promotion_tier",
                "auto_minor_version_upgrade",
            ][..],
            &insights,
        ]
        .concat();
        if touched(&modifies) {
            let answer = request.apply_immediately(true).send().await;
            answer.called("rds:ModifyDBInstance").map_err(role_on_its_way)?;
        }
        Ok(())
    }

    async fn reboot(&self, cloud: &Region, id: &str) -> Result<(), ProviderError> {
        super::instance_reboot::reboot(cloud, &super::value(&self.cluster).unwrap_or_default(), id).await
    }

    /// Its data is the cluster's: nothing of its own to keep.
    async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let Some(found) = describe(cloud, id).await? else {
            return Ok(());
        };
        if found.db_instance_status() == Some("deleting") {
            return Ok(());
        }
        let request = cloud.rds().delete_db_instance().db_instance_identifier(id);
        let answer = request.skip_final_snapshot(true).send().await;
        answer.or_absent("rds:DeleteDBInstance").map(drop)
    }
}

pub(super) async fn describe(cloud: &Region, id: &str) -> Result<Option<Found>, ProviderError> {
    let request = cloud.rds().describe_db_instances().db_instance_identifier(id);
    let answer = request.send().await.or_absent("rds:DescribeDBInstances")?;
    Ok(answer.and_then(|found| found.db_instances.unwrap_or_default().pop()))
}

/// What is set for its cluster, and whether this member has yet to restart for one.
async fn in_effect(
    cloud: &Region,
    cluster: &str,
    id: &str,
) -> Result<(BTreeMap<String, Option<String>>, bool), ProviderError> {
    let Some(cluster) = super::describe(cloud, cluster).await? else {
        return Ok((BTreeMap::new(), false));
    };
    let group = cluster.db_cluster_parameter_group().unwrap_or_default();
    let set = parameters::set_ones(cloud, group).await?.unwrap_or_default();
    let set = set.into_iter().map(|(name, value)| (name, Some(value))).collect();
    let mut members = cluster.db_cluster_members().iter();
    let pending = members.any(|member| {
        member.db_instance_identifier() == Some(id)
            && member.db_cluster_parameter_group_status() == Some("pending-reboot")
    });
    Ok((set, pending))
}

fn readiness(found: &Found) -> Readiness {
    let none = PendingModifiedValues::builder().build();
    let status = found.db_instance_status().unwrap_or("no status");
    match status {
        "available" => match found.pending_modified_values() {
            Some(pending) if *pending != none => Readiness::Pending("a change is pending".into()),
            _ => Readiness::Ready,
        },
        "failed"
        | "incompatible-network"
        | "incompatible-parameters"
        | "incompatible-credentials"
        | "incompatible-restore"
        | "inaccessible-encryption-credentials"
        | "insufficient-capacity"
        | "storage-full" => Readiness::Failed(format!("the instance is `{status}`")),
        _ => Readiness::Pending(match found.percent_progress() {
            Some(percent) => format!("{status}, {percent} %"),
            None => status.to_owned(),
        }),
    }
}

/// A role that was just made can't be assumed for some seconds.
fn role_on_its_way(error: ProviderError) -> ProviderError {
    let message = error.message.to_lowercase();
    if message.contains("monitoringrole") || message.contains("unable to assume") {
        return ProviderError::transient(error.message);
    }
    error
}

fn read(
    id: &str,
    found: Found,
    static_parameters: BTreeMap<String, Option<String>>,
    reboot_pending: bool,
) -> (DbInstance, Outputs) {
    let instance = DbInstance {
        identifier: id.into(),
        tags: super::read_tags(found.tag_list()),
        cluster: Ref::Known(found.db_cluster_identifier.unwrap_or_default()),
        engine: found.engine.unwrap_or_default(),
        class: found.db_instance_class.unwrap_or_default(),
        zone: found.availability_zone,
        monitoring_interval: found.monitoring_interval.unwrap_or_default(),
        monitoring_role: found.monitoring_role_arn.map(Ref::Known),
        performance_insights: found.performance_insights_enabled.unwrap_or_default(),
        performance_insights_key: found.performance_insights_kms_key_id.map(Ref::Known),
        performance_insights_days: found.performance_insights_retention_period,
        promotion_tier: found.promotion_tier.unwrap_or(1),
        auto_minor_version_upgrade: found.auto_minor_version_upgrade.unwrap_or_default(),
        static_parameters,
        reboot_pending,
    };
    let outputs = Outputs {
        id: id.into(),
        arn: found.db_instance_arn.unwrap_or_default(),
    };
    (instance, outputs)
}
