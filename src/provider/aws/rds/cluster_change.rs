//! Changes of a standing cluster: one call brings them all, but for a version of the engine in two regions.

use aws_sdk_rds::operation::modify_db_cluster::builders::ModifyDBClusterFluentBuilder;
use aws_sdk_rds::types::{CloudwatchLogsExportConfiguration, DbCluster as Found};

use super::super::Region;
use super::super::error::Call;
use super::cluster::DbCluster;
use super::global_cluster;
use super::password::MANAGED;
use crate::provider::ProviderError;
use crate::resource::Change;

/// Told by tags alone.
const TAGGED: &[&str] = &["tags", "final_snapshot", "master_secret"];

impl DbCluster {
    pub(super) async fn change(
        &self,
        cloud: &Region,
        id: &str,
        changes: &[Change],
    ) -> Result<(), ProviderError> {
        let found = super::describe(cloud, id).await?;
        let found = found.ok_or_else(|| ProviderError::transient(format!("`{id}` can't be seen yet")))?;
        if changes.iter().any(|change| !is_tagged(change)) {
            if super::touched(changes, &["engine_version"]) {
                self.readers_first(cloud, &found).await?;
            }
            let request = self.modification(cloud, id, changes, &found).await?;
            request.send().await.called("rds:ModifyDBCluster")?;
        }
        // Afterwards, as some say what has been brought.
        let retagged = [TAGGED, &["master_password", "master_secret_version"]].concat();
        if super::touched(changes, &retagged) {
            let arn = found.db_cluster_arn().unwrap_or_default();
            super::retag(cloud, arn, &self.all_tags()).await?;
        }
        Ok(())
    }

    async fn modification(
        &self,
        cloud: &Region,
        id: &str,
        changes: &[Change],
        found: &Found,
    ) -> Result<ModifyDBClusterFluentBuilder, ProviderError> {
        let mut request = cloud.rds().modify_db_cluster().db_cluster_identifier(id);
        let touched = |field: &str| super::touched(changes, &[field]);
        if touched("engine_version") {
            let major = |version: &str| version.split('.').next().map(str::to_owned);
            let across = major(&self.engine_version) != found.engine_version().and_then(major);
            request = request
                .engine_version(&self.engine_version)
                .set_allow_major_version_upgrade(across.then_some(true));
        }
        if touched("master_password") || touched("master_secret_version") {
            request = match self.password(cloud).await? {
                Some(password) => {
                    let managed = found.master_user_secret().is_some();
                    request
                        .master_user_password(password)
                        .set_manage_master_user_password(managed.then_some(false))
                }
                None if self.master_password.as_deref() == Some(MANAGED) => {
                    refuse_in_global(found)?;
                    request.manage_master_user_password(true)
                }
                None => request,
            };
        }
        if touched("log_exports") {
            request = request.cloudwatch_logs_export_configuration(self.exports(found));
        }
        if [
            "database_insights",
            "performance_insights",
            "performance_insights_key",
            "performance_insights_days",
        ]
        .into_iter()
        .any(touched)
        {
            let key = super::optional(self.performance_insights_key.as_ref());
            request = request
                .set_database_insights_mode(self.insights())
                .enable_performance_insights(self.performance_insights)
                .set_performance_insights_kms_key_id(key)
                .set_performance_insights_retention_period(self.performance_insights_days);
        }
        Ok(self.plain(request, changes).apply_immediately(true))
    }

    /// What is sent as it stands.
    fn plain(
        &self,
        mut request: ModifyDBClusterFluentBuilder,
        changes: &[Change],
    ) -> ModifyDBClusterFluentBuilder {
        let touched = |field: &str| super::touched(changes, &[field]);
        if touched("port") {
            request = request.port(self.port);
        }
        if touched("storage_type") {
            request = request.set_storage_type(self.storage_type.clone());
        }
        if touched("security_groups") {
            request = request.set_vpc_security_group_ids(super::values(&self.security_groups));
        }
        if touched("parameter_group") {
            request = request.set_db_cluster_parameter_group_name(super::value(&self.parameter_group));
        }
        if touched("backup_retention_days") {
            request = request.backup_retention_period(self.backup_retention_days);
        }
        if touched("backup_window") {
            request = request.set_preferred_backup_window(self.backup_window.clone());
        }
        if touched("maintenance_window") {
            request = request.set_preferred_maintenance_window(self.maintenance_window.clone());
        }
        if touched("deletion_protection") {
            request = request.deletion_protection(self.deletion_protection);
        }
        if touched("iam_authentication") {
            request = request.enable_iam_database_authentication(self.iam_authentication);
        }
        if touched("copy_tags_to_snapshots") {
            request = request.copy_tags_to_snapshot(self.copy_tags_to_snapshots);
        }
        request
    }

    fn exports(&self, found: &Found) -> CloudwatchLogsExportConfiguration {
        let now = found.enabled_cloudwatch_logs_exports();
        let on = self.log_exports.iter().filter(|log| !now.contains(log));
        let off = now.iter().filter(|log| !self.log_exports.contains(*log));
        CloudwatchLogsExportConfiguration::builder()
            .set_enable_log_types(Some(on.cloned().collect()))
            .set_disable_log_types(Some(off.cloned().collect()))
            .build()
    }

    /// A new minor version comes to a global database's readers before its writer, whatever region they are in.
    async fn readers_first(&self, cloud: &Region, found: &Found) -> Result<(), ProviderError> {
        let Some(global) = found.global_cluster_identifier() else {
            return Ok(());
        };
        let Some(global) = global_cluster::describe(cloud, global).await? else {
            return Ok(());
        };
        let ours = found.db_cluster_arn();
        let members = global.global_cluster_members();
        let writes = |arn: Option<&str>| {
            members
                .iter()
                .any(|member| member.db_cluster_arn() == arn && member.is_writer() == Some(true))
        };
        if !writes(ours) {
            return Ok(());
        }
        for member in members.iter().filter_map(|member| member.db_cluster_arn()) {
            if Some(member) != ours {
                self.reader_first(cloud, member).await?;
            }
        }
        Ok(())
    }

    async fn reader_first(&self, cloud: &Region, arn: &str) -> Result<(), ProviderError> {
        let region = arn.split(':').nth(3).unwrap_or_default();
        let rds = cloud.rds_in(region);
        let answer = rds.describe_db_clusters().db_cluster_identifier(arn).send().await;
        let found = answer.called("rds:DescribeDBClusters")?.db_clusters;
        let Some(reader) = found.unwrap_or_default().pop() else {
            return Ok(());
        };
        let there = reader.engine_version() == Some(self.engine_version.as_str());
        if there && reader.status() == Some("available") {
            return Ok(());
        }
        if !there && reader.status() == Some("available") {
            let request = rds.modify_db_cluster().db_cluster_identifier(arn);
            let request = request
                .engine_version(&self.engine_version)
                .apply_immediately(true);
            request.send().await.called("rds:ModifyDBCluster")?;
        }
        Err(ProviderError::transient(format!(
            "the version comes to the reader in {region} first, which is `{}`",
            reader.status().unwrap_or("no status")
        )))
    }
}

/// RDS manages no password of a global database; this cluster may be about to leave its own.
fn refuse_in_global(found: &Found) -> Result<(), ProviderError> {
    match found.global_cluster_identifier() {
        None => Ok(()),
        Some(global) => Err(ProviderError::transient(format!(
            "RDS can manage its password once it has left the global database `{global}`"
        ))),
    }
}

fn is_tagged(change: &Change) -> bool {
    let field = change.path.split('/').nth(1).unwrap_or_default();
    TAGGED.contains(&field)
}
