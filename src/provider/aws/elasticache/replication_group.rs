//! The cache: a replication group, one shard or several.

use std::time::Duration;

use aws_sdk_elasticache::types::{ClusterMode, Durability, TransitEncryptionMode};
use serde::{Deserialize, Serialize};

use super::super::Region;
use super::super::error::Call;
use super::super::tags::{self, Named, Tags};
use super::replication_read::{self, describe};
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, Ref, Set};

/// The version of the auth token in use, which ElastiCache doesn't tell.
pub(super) const AUTH_VERSION_TAG: &str = "vvbill:auth-token-version";
/// The secret that it is read from.
pub(super) const AUTH_SECRET_TAG: &str = "vvbill:auth-token-secret";

/// A replication group of ElastiCache.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CacheReplicationGroup {
    /// Its name; ElastiCache keeps it in lower case.
    pub id: String,
    /// What the console shows of it.
    pub description: String,
    /// `redis` or `valkey`.
    pub engine: String,
    /// `7.0`; which patch that is, AWS decides.
    #[serde(serialize_with = "replication_read::version")]
    pub engine_version: String,
    /// Such as `cache.r6g.large`.
    pub node_type: String,
    /// Keys are spread over shards.
    pub cluster_mode: bool,
    /// 1 without cluster mode.
    pub shards: i32,
    /// Of each shard, besides its primary.
    pub replicas: i32,
    /// Makes a replica primary when that one is gone.
    pub automatic_failover: bool,
    /// Puts nodes into several zones.
    pub multi_az: bool,
    /// Where the nodes listen.
    pub port: i32,
    /// Encrypts what is on disk.
    pub at_rest_encryption: bool,
    /// ARN of the key; unset: AWS's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<Ref<String>>,
    /// TLS: `required`, `preferred` or `off`.
    pub transit_encryption: String,
    /// ARN of the secret with the auth token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_secret: Option<Ref<String>>,
    /// Version of that secret; kept as a tag. A new one brings the token in it, while the last one still
    /// opens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_version: Option<Ref<String>>,
    /// `sync` or `async`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub durability: Option<String>,
    /// 0: no snapshots.
    pub snapshot_retention_days: i32,
    /// UTC, such as `03:00-05:00`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_window: Option<String>,
    /// UTC, such as `sun:05:00-sun:06:00`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance_window: Option<String>,
    /// Name of the subnet group.
    pub subnet_group: Ref<String>,
    /// Ids of the security groups.
    pub security_groups: Set<Ref<String>>,
    /// Name of the parameter group.
    pub parameter_group: Ref<String>,
    /// Its tags.
    pub tags: Tags,
}

/// What others may refer to.
#[derive(Serialize)]
pub struct Outputs {
    pub(super) id: String,
    pub(super) endpoint: String,
    pub(super) reader_endpoint: String,
    pub(super) port: i32,
}

impl Named for CacheReplicationGroup {
    fn tags(&self) -> &Tags {
        &self.tags
    }
}

impl Resource for CacheReplicationGroup {
    const KIND: &'static str = "cache_replication_group";
    const REPLACE_ON: &'static [&'static str] = &[
        "id",
        "cluster_mode",
        "port",
        "at_rest_encryption",
        "kms_key",
        "subnet_group",
    ];
    const STABLE_OUTPUTS: &'static [&'static str] = &["id", "endpoint", "reader_endpoint", "port"];
    const FOUND_BY: FoundBy = FoundBy::Name;
    const DEADLINE: Duration = Duration::from_secs(40 * 60);
    type Cloud = Region;
    type Outputs = Outputs;

    async fn observe(cloud: &Region, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        replication_read::observe(cloud, id).await
    }

    async fn find(&self, cloud: &Region, _token: &str) -> Result<Option<String>, ProviderError> {
        tags::find_named(self, cloud, &self.id).await
    }

    async fn create(&self, cloud: &Region, _token: &str) -> Result<String, ProviderError> {
        let tls = self.transit_encryption != "off";
        let mode = TransitEncryptionMode::from(self.transit_encryption.as_str());
        let request = cloud.elasticache().create_replication_group();
        let request = request
            .replication_group_id(&self.id)
            .replication_group_description(&self.description)
            .engine(&self.engine)
            .engine_version(&self.engine_version)
            .cache_node_type(&self.node_type)
            .automatic_failover_enabled(self.automatic_failover)
            .multi_az_enabled(self.multi_az)
            .port(self.port)
            .at_rest_encryption_enabled(self.at_rest_encryption)
            .set_kms_key_id(super::optional(self.kms_key.as_ref()))
            .transit_encryption_enabled(tls)
            .set_transit_encryption_mode(tls.then_some(mode))
            .set_auth_token(self.token(cloud).await?)
            .set_durability(self.durability.as_deref().map(Durability::from))
            .snapshot_retention_limit(self.snapshot_retention_days)
            .set_snapshot_window(self.snapshot_window.clone())
            .set_preferred_maintenance_window(self.maintenance_window.clone())
            .set_cache_subnet_group_name(super::optional(Some(&self.subnet_group)))
            .set_security_group_ids(super::values(&self.security_groups))
            .set_cache_parameter_group_name(super::optional(Some(&self.parameter_group)))
            .set_tags(Some(super::sdk(&self.all_tags())));
        let request = match self.cluster_mode {
            true => request
                .cluster_mode(ClusterMode::Enabled)
                .num_node_groups(self.shards)
                .replicas_per_node_group(self.replicas),
            false => request.num_cache_clusters(self.replicas + 1),
        };
        match request
            .send()
            .await
            .or_taken("elasticache:CreateReplicationGroup")?
        {
            Some(_) => Ok(self.id.clone()),
            None => tags::claim(self, cloud, &self.id).await,
        }
    }

    async fn readiness(&self, cloud: &Region, id: &str) -> Result<Readiness, ProviderError> {
        let Some(group) = describe(cloud, id).await? else {
            return Ok(Readiness::seen(false));
        };
        Ok(replication_read::readiness(&group))
    }

    async fn update(&self, cloud: &Region, id: &str, changes: &[Change]) -> Result<(), ProviderError> {
        self.change(cloud, id, changes).await
    }

    /// A cache may forget: no last snapshot. Those that were taken before stay as long as they say.
    async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let Some(group) = describe(cloud, id).await? else {
            return Ok(());
        };
        if group.status() == Some("deleting") {
            return Ok(());
        }
        let request = cloud
            .elasticache()
            .delete_replication_group()
            .replication_group_id(id);
        let answer = request.retain_primary_cluster(false).send().await;
        answer.or_absent("elasticache:DeleteReplicationGroup").map(drop)
    }

    async fn leftover(cloud: &Region, id: &str) -> Result<Option<String>, ProviderError> {
        replication_read::leftover(cloud, id).await
    }
}

impl CacheReplicationGroup {
    /// Its tags, and those that hold what nothing else does.
    pub(super) fn all_tags(&self) -> Tags {
        let mut tags = self.tags.clone();
        let held = [
            (AUTH_SECRET_TAG, &self.auth_secret),
            (AUTH_VERSION_TAG, &self.auth_version),
        ];
        tags.extend(
            held.into_iter()
                .filter_map(|(key, value)| Some((key.into(), super::optional(value.as_ref())?))),
        );
        tags
    }

    /// The auth token, where there is to be one: read now and kept nowhere.
    pub(super) async fn token(&self, cloud: &Region) -> Result<Option<String>, ProviderError> {
        let Some(secret) = super::optional(self.auth_secret.as_ref()) else {
            return Ok(None);
        };
        let request = cloud.secretsmanager().get_secret_value().secret_id(secret);
        let request = request.set_version_id(super::optional(self.auth_version.as_ref()));
        let answer = request.send().await.called("secretsmanager:GetSecretValue")?;
        Ok(answer.secret_string)
    }
}
