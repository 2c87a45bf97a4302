//! A shard in one region: an Aurora cluster. Its members are `db_instance`s.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_rds::types::{ClusterPendingModifiedValues, DatabaseInsightsMode, DbCluster as Found};
use serde::{Deserialize, Serialize};

use super::super::Region;
use super::super::error::Call;
use super::super::tags::{self, Named, Tags};
use super::password::{self, MANAGED};
use crate::provider::{FoundBy, Guard, ProviderError, Readiness, Resource};
use crate::resource::{Change, Ref, Set};

/// Tags that hold what RDS doesn't tell, or what deletion has to know.
pub(super) const FINAL_SNAPSHOT_TAG: &str = "vvbill:final-snapshot";
const PASSWORD_TAG: &str = "vvbill:master-password";
const SECRET_TAG: &str = "vvbill:master-secret";
const SECRET_VERSION_TAG: &str = "vvbill:master-secret-version";
const KEY_TAG: &str = "vvbill:kms-key";

/// An Aurora cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DbCluster {
    /// Its name; RDS keeps it in lower case.
    pub identifier: String,
    /// Such as `aurora-postgresql`.
    pub engine: String,
    /// Such as `15.19`.
    pub engine_version: String,
    /// The first database; a second region's cluster has the first's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database_name: Option<String>,
    /// The administrator; likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub master_username: Option<String>,
    /// Where the administrator's password comes from: `managed`, `env:NAME`, `file:PATH` or
    /// `secretsmanager:NAME`. Unset: `master_secret` has it, or the first region's cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub master_password: Option<String>,
    /// ARN of the secret that has the administrator's name and password. A cluster of a global database
    /// needs one, as RDS manages no password there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub master_secret: Option<Ref<String>>,
    /// Version of that secret: a new one brings the password in it. Unset on clusters that only read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub master_secret_version: Option<Ref<String>>,
    /// Where its members listen.
    pub port: i32,
    /// `aurora`, or `aurora-iopt1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_type: Option<String>,
    /// Can't be changed later.
    pub storage_encrypted: bool,
    /// ARN of the key; unset: AWS's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<Ref<String>>,
    /// Name of the subnet group.
    pub subnet_group: Ref<String>,
    /// Ids of the security groups.
    pub security_groups: Set<Ref<String>>,
    /// Name of the cluster parameter group.
    pub parameter_group: Ref<String>,
    /// 1 to 35.
    pub backup_retention_days: i32,
    /// UTC, such as `03:00-04:00`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup_window: Option<String>,
    /// UTC, such as `sun:05:00-sun:06:00`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance_window: Option<String>,
    /// Logs sent to CloudWatch.
    pub log_exports: BTreeSet<String>,
    /// Refuses deletion.
    pub deletion_protection: bool,
    /// Takes a last snapshot when it is deleted; kept as a tag.
    pub final_snapshot: bool,
    /// Logins with IAM tokens.
    pub iam_authentication: bool,
    /// Snapshots carry its tags.
    pub copy_tags_to_snapshots: bool,
    /// `standard` or `advanced`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database_insights: Option<String>,
    /// On for every member.
    pub performance_insights: bool,
    /// ARN of the key that they are kept with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub performance_insights_key: Option<Ref<String>>,
    /// 7, a multiple of 31, or 731.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub performance_insights_days: Option<i32>,
    /// The global database that a second region's cluster joins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub global_cluster: Option<Ref<String>>,
    /// Its tags.
    pub tags: Tags,
}

/// What others may refer to.
#[derive(Serialize)]
pub struct Outputs {
    id: String,
    arn: String,
    endpoint: String,
    reader_endpoint: String,
    port: i32,
    secret_arn: Option<String>,
}

impl Named for DbCluster {
    fn tags(&self) -> &Tags {
        &self.tags
    }
}

impl Resource for DbCluster {
    const KIND: &'static str = "db_cluster";
    const REPLACE_ON: &'static [&'static str] = &[
        "identifier",
        "engine",
        "database_name",
        "master_username",
        "storage_encrypted",
        "kms_key",
        "subnet_group",
        "global_cluster",
    ];
    const GUARD: Option<Guard> = Some(super::GUARD);
    const STABLE_OUTPUTS: &'static [&'static str] = &["id", "arn", "endpoint", "reader_endpoint"];
    const FOUND_BY: FoundBy = FoundBy::Name;
    const DEADLINE: Duration = Duration::from_secs(40 * 60);
    type Cloud = Region;
    type Outputs = Outputs;

    async fn observe(cloud: &Region, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let found = super::describe(cloud, id).await?;
        Ok(found.map(|found| read(id, found)))
    }

    async fn find(&self, cloud: &Region, _token: &str) -> Result<Option<String>, ProviderError> {
        tags::find_named(self, cloud, &self.identifier).await
    }

    async fn create(&self, cloud: &Region, _token: &str) -> Result<String, ProviderError> {
        let managed = self.master_password.as_deref() == Some(MANAGED);
        let request = cloud.rds().create_db_cluster();
        let request = request
            .db_cluster_identifier(&self.identifier)
            .engine(&self.engine)
            .engine_version(&self.engine_version)
            .set_database_name(self.database_name.clone())
            .set_master_username(self.master_username.clone())
            .set_master_user_password(self.password(cloud).await?)
            .set_manage_master_user_password(managed.then_some(true))
            .port(self.port)
            .set_storage_type(self.storage_type.clone())
            .storage_encrypted(self.storage_encrypted)
            .set_kms_key_id(super::optional(self.kms_key.as_ref()))
            .set_db_subnet_group_name(super::value(&self.subnet_group))
            .set_vpc_security_group_ids(super::values(&self.security_groups))
            .set_db_cluster_parameter_group_name(super::value(&self.parameter_group))
            .backup_retention_period(self.backup_retention_days)
            .set_preferred_backup_window(self.backup_window.clone())
            .set_preferred_maintenance_window(self.maintenance_window.clone())
            .set_enable_cloudwatch_logs_exports(Some(self.log_exports.iter().cloned().collect()))
            .deletion_protection(self.deletion_protection)
            .enable_iam_database_authentication(self.iam_authentication)
            .copy_tags_to_snapshot(self.copy_tags_to_snapshots)
            .set_database_insights_mode(self.insights())
            .enable_performance_insights(self.performance_insights)
            .set_performance_insights_kms_key_id(super::optional(self.performance_insights_key.as_ref()))
            .set_performance_insights_retention_period(self.performance_insights_days)
            .set_global_cluster_identifier(super::optional(self.global_cluster.as_ref()))
            .set_tags(Some(super::sdk(&self.all_tags())));
        match request.send().await.or_taken("rds:CreateDBCluster")? {
            Some(_) => Ok(self.identifier.clone()),
            None => tags::claim(self, cloud, &self.identifier).await,
        }
    }

    async fn readiness(&self, cloud: &Region, id: &str) -> Result<Readiness, ProviderError> {
        let Some(found) = super::describe(cloud, id).await? else {
            return Ok(Readiness::seen(false));
        };
        let none = ClusterPendingModifiedValues::builder().build();
        let status = found.status().unwrap_or("no status");
        Ok(match status {
            "available" => match found.pending_modified_values() {
                Some(pending) if *pending != none => Readiness::Pending("a change is pending".into()),
                _ => secret_readiness(&found),
            },
            "failed" | "inaccessible-encryption-credentials" | "incompatible-network" => {
                Readiness::Failed(format!("the cluster is `{status}`"))
            }
            _ => Readiness::Pending(match found.percent_progress() {
                Some(percent) => format!("{status}, {percent} %"),
                None => status.to_owned(),
            }),
        })
    }

    async fn update(&self, cloud: &Region, id: &str, changes: &[Change]) -> Result<(), ProviderError> {
        self.change(cloud, id, changes).await
    }

    async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
        super::cluster_end::delete(cloud, id).await
    }

    async fn leftover(cloud: &Region, id: &str) -> Result<Option<String>, ProviderError> {
        super::cluster_end::leftover(cloud, id).await
    }
}

impl DbCluster {
    /// Its tags, and those that hold what nothing else does.
    pub(super) fn all_tags(&self) -> Tags {
        let mut tags = self.tags.clone();
        tags.insert(FINAL_SNAPSHOT_TAG.into(), self.final_snapshot.to_string());
        let held = [
            (
                PASSWORD_TAG,
                self.master_password.clone().filter(|it| it != MANAGED),
            ),
            (SECRET_TAG, super::optional(self.master_secret.as_ref())),
            (
                SECRET_VERSION_TAG,
                super::optional(self.master_secret_version.as_ref()),
            ),
            (
                KEY_TAG,
                super::optional(self.kms_key.as_ref()).filter(|key| key.contains("alias/")),
            ),
        ];
        tags.extend(
            held.into_iter()
                .filter_map(|(key, value)| Some((key.into(), value?))),
        );
        tags
    }

    /// The password to send, where one is sent.
    pub(super) async fn password(&self, cloud: &Region) -> Result<Option<String>, ProviderError> {
        if let Some(version) = &self.master_secret_version {
            let secret = super::optional(self.master_secret.as_ref()).unwrap_or_default();
            let password = password::versioned(cloud, &secret, super::value(version)).await?;
            return Ok(Some(password));
        }
        match self.master_password.as_deref() {
            None | Some(MANAGED) => Ok(None),
            Some(reference) => password::referred(cloud, reference).await.map(Some),
        }
    }

    pub(super) fn insights(&self) -> Option<DatabaseInsightsMode> {
        self.database_insights.as_deref().map(DatabaseInsightsMode::from)
    }
}

/// A managed secret comes a little after its cluster, and proxies need it.
fn secret_readiness(found: &Found) -> Readiness {
    let status = found.master_user_secret().and_then(|it| it.secret_status());
    match status {
        Some("creating") => Readiness::Pending("the administrator's secret is being made".into()),
        _ => Readiness::Ready,
    }
}

fn read(id: &str, found: Found) -> (DbCluster, Outputs) {
    let mut tags = super::read_tags(found.tag_list());
    let mut held = |key: &str| tags.remove(key);
    let managed = found.master_user_secret().is_some();
    let own_secret = held(SECRET_TAG);
    let managed_arn = found.master_user_secret().and_then(|it| it.secret_arn());
    let secret_arn = own_secret.clone().or(managed_arn.map(str::to_owned));
    let reference = held(PASSWORD_TAG);
    let groups = found.vpc_security_groups().iter();
    let cluster = DbCluster {
        identifier: id.into(),
        master_password: if managed { Some(MANAGED.into()) } else { reference },
        master_secret: own_secret.map(Ref::Known),
        master_secret_version: held(SECRET_VERSION_TAG).map(Ref::Known),
        kms_key: held(KEY_TAG).or(found.kms_key_id.clone()).map(Ref::Known),
        final_snapshot: held(FINAL_SNAPSHOT_TAG).as_deref() == Some("true"),
        security_groups: groups
            .filter_map(|group| group.vpc_security_group_id.clone().map(Ref::Known))
            .collect(),
        log_exports: found.enabled_cloudwatch_logs_exports().iter().cloned().collect(),
        engine: found.engine.unwrap_or_default(),
        engine_version: found.engine_version.unwrap_or_default(),
        database_name: found.database_name,
        master_username: found.master_username,
        port: found.port.unwrap_or_default(),
        storage_type: Some(found.storage_type.unwrap_or_else(|| "aurora".into())),
        storage_encrypted: found.storage_encrypted.unwrap_or_default(),
        subnet_group: Ref::Known(found.db_subnet_group.unwrap_or_default()),
        parameter_group: Ref::Known(found.db_cluster_parameter_group.unwrap_or_default()),
        backup_retention_days: found.backup_retention_period.unwrap_or_default(),
        backup_window: found.preferred_backup_window,
        maintenance_window: found.preferred_maintenance_window,
        deletion_protection: found.deletion_protection.unwrap_or_default(),
        iam_authentication: found.iam_database_authentication_enabled.unwrap_or_default(),
        copy_tags_to_snapshots: found.copy_tags_to_snapshot.unwrap_or_default(),
        database_insights: found.database_insights_mode.map(|mode| mode.as_str().to_owned()),
        performance_insights: found.performance_insights_enabled.unwrap_or_default(),
        performance_insights_key: found.performance_insights_kms_key_id.map(Ref::Known),
        performance_insights_days: found.performance_insights_retention_period,
        global_cluster: found.global_cluster_identifier.map(Ref::Known),
        tags,
    };
    let outputs = Outputs {
        id: id.into(),
        arn: found.db_cluster_arn.unwrap_or_default(),
        endpoint: found.endpoint.unwrap_or_default(),
        reader_endpoint: found.reader_endpoint.unwrap_or_default(),
        port: cluster.port,
        secret_arn,
    };
    (cluster, outputs)
}
