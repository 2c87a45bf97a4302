//! Changes of a standing replication group: one kind of change a call, and the next when it is available
//! again. Each look says what is still missing, so that a repeated update goes on where the last one was.

use aws_sdk_elasticache::operation::modify_replication_group::builders::ModifyReplicationGroupFluentBuilder;
use aws_sdk_elasticache::types::{AuthTokenUpdateStrategyType, Durability, TransitEncryptionMode};

use super::super::Region;
use super::super::error::Call;
use super::replication_group::{AUTH_VERSION_TAG, CacheReplicationGroup};
use super::replication_read::{self, describe};
use crate::provider::{ProviderError, Readiness};
use crate::resource::{Change, diff};

/// What one call brings, in the order in which they are brought. More replicas come before a failover that
/// needs them, fewer after one that did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Engine,
    NodeType,
    MoreReplicas,
    Shards,
    Transit,
    AuthToken,
    Settings,
    FewerReplicas,
}

/// Properties that one call of `Step::Settings` brings together.
const SETTINGS: &[&str] = &[
    "description",
    "automatic_failover",
    "multi_az",
    "durability",
    "snapshot_retention_days",
    "snapshot_window",
    "maintenance_window",
    "security_groups",
    "parameter_group",
];

impl CacheReplicationGroup {
    pub(super) async fn change(
        &self,
        cloud: &Region,
        id: &str,
        changes: &[Change],
    ) -> Result<(), ProviderError> {
        let Some(group) = describe(cloud, id).await? else {
            return Err(ProviderError::transient(format!("`{id}` can't be seen yet")));
        };
        if super::touched(changes, &["tags", "auth_secret"]) {
            let arn = group.arn().unwrap_or_default();
            let mut tags = self.all_tags();
            // It says what has been brought, which this hasn't yet.
            tags.remove(AUTH_VERSION_TAG);
            super::retag(cloud, arn, &tags).await?;
        }
        if let Readiness::Pending(why) = replication_read::readiness(&group) {
            return Err(waiting(&why));
        }
        let Some((found, _)) = replication_read::observe(cloud, id).await? else {
            return Err(ProviderError::transient(format!("`{id}` can't be seen yet")));
        };
        let steps = self.steps(&found);
        let Some(step) = steps.first() else {
            return Ok(());
        };
        let done = self.take(cloud, id, *step, &found).await?;
        match steps.len() == 1 && done {
            true => Ok(()),
            false => Err(waiting("the last change is under way")),
        }
    }

    /// What is missing, first things first.
    fn steps(&self, found: &Self) -> Vec<Step> {
        let canonical = |group: &Self| serde_json::to_value(group).unwrap_or_default();
        let missing = diff(&canonical(self), &canonical(found));
        let touched = |fields: &[&str]| super::touched(&missing, fields);
        let steps = [
            (Step::Engine, touched(&["engine", "engine_version"])),
            (Step::NodeType, touched(&["node_type"])),
            (Step::MoreReplicas, self.replicas > found.replicas),
            (Step::Shards, touched(&["shards"])),
            (Step::Transit, touched(&["transit_encryption"])),
            (Step::AuthToken, touched(&["auth_version"])),
            (Step::Settings, touched(SETTINGS)),
            (Step::FewerReplicas, self.replicas < found.replicas),
        ];
        steps
            .into_iter()
            .filter(|(_, is)| *is)
            .map(|(step, _)| step)
            .collect()
    }

    /// Whether the step is complete with this call.
    async fn take(&self, cloud: &Region, id: &str, step: Step, found: &Self) -> Result<bool, ProviderError> {
        let modify = || {
            let request = cloud.elasticache().modify_replication_group();
            request.replication_group_id(id).apply_immediately(true)
        };
        match step {
            Step::Engine => {
                let request = modify().engine(&self.engine).engine_version(&self.engine_version);
                // Another major version takes another family of parameters.
                let group = super::optional(Some(&self.parameter_group));
                send(request.set_cache_parameter_group_name(group)).await?;
            }
            Step::NodeType => send(modify().cache_node_type(&self.node_type)).await?,
            Step::MoreReplicas => self.more_replicas(cloud, id).await?,
            Step::FewerReplicas => self.fewer_replicas(cloud, id).await?,
            Step::Shards => self.reshard(cloud, id).await?,
            Step::Transit => return self.transit(modify(), found).await,
            Step::AuthToken => {
                let request = modify()
                    .set_auth_token(self.token(cloud).await?)
                    .auth_token_update_strategy(AuthTokenUpdateStrategyType::Rotate);
                send(request).await?;
                // Afterwards, as it says what has been brought.
                let arn = cloud
                    .arn("elasticache", &format!("replicationgroup:{id}"))
                    .await?;
                super::retag(cloud, &arn, &self.all_tags()).await?;
            }
            Step::Settings => send(self.settings(modify())).await?,
        }
        Ok(true)
    }

    /// Between `off` and `required` lies `preferred`, where clients of both kinds get in.
    async fn transit(
        &self,
        request: ModifyReplicationGroupFluentBuilder,
        found: &Self,
    ) -> Result<bool, ProviderError> {
        let preferred = || TransitEncryptionMode::Preferred;
        let (request, complete) = match (
            found.transit_encryption.as_str(),
            self.transit_encryption.as_str(),
        ) {
            ("off", wanted) => (
                request
                    .transit_encryption_enabled(true)
                    .transit_encryption_mode(preferred()),
                wanted == "preferred",
            ),
            ("preferred", "off") => (request.transit_encryption_enabled(false), true),
            (_, "off") => (request.transit_encryption_mode(preferred()), false),
            (_, wanted) => (
                request.transit_encryption_mode(TransitEncryptionMode::from(wanted)),
                true,
            ),
        };
        send(request).await?;
        Ok(complete)
    }

    fn settings(&self, request: ModifyReplicationGroupFluentBuilder) -> ModifyReplicationGroupFluentBuilder {
        request
            .replication_group_description(&self.description)
            .automatic_failover_enabled(self.automatic_failover)
            .multi_az_enabled(self.multi_az)
            .set_durability(self.durability.as_deref().map(Durability::from))
            .snapshot_retention_limit(self.snapshot_retention_days)
            .set_snapshot_window(self.snapshot_window.clone())
            .set_preferred_maintenance_window(self.maintenance_window.clone())
            .set_security_group_ids(super::values(&self.security_groups))
            .set_cache_parameter_group_name(super::optional(Some(&self.parameter_group)))
    }

    async fn more_replicas(&self, cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let request = cloud
            .elasticache()
            .increase_replica_count()
            .replication_group_id(id);
        let request = request.new_replica_count(self.replicas).apply_immediately(true);
        request
            .send()
            .await
            .called("elasticache:IncreaseReplicaCount")
            .map(drop)
    }

    async fn fewer_replicas(&self, cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let request = cloud
            .elasticache()
            .decrease_replica_count()
            .replication_group_id(id);
        let request = request.new_replica_count(self.replicas).apply_immediately(true);
        request
            .send()
            .await
            .called("elasticache:DecreaseReplicaCount")
            .map(drop)
    }

    /// New shards go where AWS sees fit; of those that are too many, the last by name give their keys away.
    async fn reshard(&self, cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let group = describe(cloud, id).await?;
        let groups = group.and_then(|group| group.node_groups).unwrap_or_default();
        let mut shards: Vec<String> = groups
            .into_iter()
            .filter_map(|shard| shard.node_group_id)
            .collect();
        shards.sort();
        let wanted = usize::try_from(self.shards).unwrap_or_default();
        let request = cloud.elasticache().modify_replication_group_shard_configuration();
        let mut request = request
            .replication_group_id(id)
            .node_group_count(self.shards)
            .apply_immediately(true);
        if shards.len() > wanted {
            request = request.set_node_groups_to_remove(Some(shards.split_off(wanted)));
        }
        let answer = request.send().await;
        answer
            .called("elasticache:ModifyReplicationGroupShardConfiguration")
            .map(drop)
    }
}

async fn send(request: ModifyReplicationGroupFluentBuilder) -> Result<(), ProviderError> {
    request
        .send()
        .await
        .called("elasticache:ModifyReplicationGroup")
        .map(drop)
}

fn waiting(why: &str) -> ProviderError {
    ProviderError::transient(format!("the next change waits until it is available: {why}"))
}
