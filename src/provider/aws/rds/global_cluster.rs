//! A shard over two regions. It is made of the cluster that stands, so that a second region can be added to
//! a platform that runs; which region writes may change hands, and is not compared.

use std::time::Duration;

use aws_sdk_rds::types::GlobalCluster as Found;
use serde::{Deserialize, Serialize};

use super::super::Region;
use super::super::error::Call;
use super::super::tags::{self, Named, Tags};
use crate::provider::{FoundBy, Guard, ProviderError, Readiness, Resource};
use crate::resource::{Change, Ref};

/// An Aurora global database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GlobalCluster {
    /// Its name; unique in the account.
    pub identifier: String,
    /// ARN of this region's cluster, which it is made of. The others join it.
    pub cluster: Ref<String>,
    /// Refuses deletion.
    pub deletion_protection: bool,
    /// Its tags.
    pub tags: Tags,
}

/// What others may refer to.
#[derive(Serialize)]
pub struct Outputs {
    id: String,
    arn: String,
}

impl Named for GlobalCluster {
    fn tags(&self) -> &Tags {
        &self.tags
    }
}

impl Resource for GlobalCluster {
    const KIND: &'static str = "global_cluster";
    const REPLACE_ON: &'static [&'static str] = &["identifier", "cluster"];
    const GUARD: Option<Guard> = Some(super::GUARD);
    const STABLE_OUTPUTS: &'static [&'static str] = &["id", "arn"];
    const FOUND_BY: FoundBy = FoundBy::Name;
    const DEADLINE: Duration = Duration::from_secs(30 * 60);
    type Cloud = Region;
    type Outputs = Outputs;

    async fn observe(cloud: &Region, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let Some(global) = describe(cloud, id).await? else {
            return Ok(None);
        };
        let arn = global.global_cluster_arn.clone().unwrap_or_default();
        let Some(tags) = tags_of(cloud, &global, &arn).await? else {
            return Ok(None);
        };
        let found = Self {
            identifier: id.into(),
            cluster: Ref::Known(member_here(cloud, &global).unwrap_or_default().to_owned()),
            deletion_protection: global.deletion_protection.unwrap_or_default(),
            tags,
        };
        Ok(Some((found, Outputs { id: id.into(), arn })))
    }

    async fn find(&self, cloud: &Region, _token: &str) -> Result<Option<String>, ProviderError> {
        tags::find_named(self, cloud, &self.identifier).await
    }

    async fn create(&self, cloud: &Region, _token: &str) -> Result<String, ProviderError> {
        let request = cloud.rds().create_global_cluster();
        let request = request
            .global_cluster_identifier(&self.identifier)
            .set_source_db_cluster_identifier(super::value(&self.cluster))
            .deletion_protection(self.deletion_protection)
            .set_tags(Some(super::sdk(&self.tags)));
        match request.send().await.or_taken("rds:CreateGlobalCluster")? {
            Some(_) => Ok(self.identifier.clone()),
            None => tags::claim(self, cloud, &self.identifier).await,
        }
    }

    async fn readiness(&self, cloud: &Region, id: &str) -> Result<Readiness, ProviderError> {
        let Some(global) = describe(cloud, id).await? else {
            return Ok(Readiness::seen(false));
        };
        Ok(match global.status() {
            Some("available") => Readiness::Ready,
            status => Readiness::Pending(status.unwrap_or("no status").to_owned()),
        })
    }

    async fn update(&self, cloud: &Region, id: &str, changes: &[Change]) -> Result<(), ProviderError> {
        if super::touched(changes, &["tags"])
            && let Some(arn) = describe(cloud, id).await?.and_then(|it| it.global_cluster_arn)
        {
            super::retag(cloud, &arn, &self.tags).await?;
        }
        if super::touched(changes, &["deletion_protection"]) {
            let request = cloud.rds().modify_global_cluster();
            let request = request
                .global_cluster_identifier(id)
                .deletion_protection(self.deletion_protection);
            request.send().await.called("rds:ModifyGlobalCluster")?;
        }
        Ok(())
    }

    /// This region's cluster leaves it first, and stays.
    async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let Some(global) = describe(cloud, id).await? else {
            return Ok(());
        };
        if global.status() == Some("deleting") {
            return Ok(());
        }
        if global.deletion_protection.unwrap_or_default() {
            return Err(ProviderError::refused(format!(
                "the global database `{id}` is protected against deletion"
            ))
            .with_hint(super::cluster_end::UNPROTECT));
        }
        if let Some(member) = member_here(cloud, &global) {
            detach(cloud, id, member).await?;
            return Err(ProviderError::transient(format!(
                "`{member}` leaves the global database first"
            )));
        }
        let request = cloud.rds().delete_global_cluster().global_cluster_identifier(id);
        request
            .send()
            .await
            .or_absent("rds:DeleteGlobalCluster")
            .map(drop)
    }
}

pub(super) async fn describe(cloud: &Region, id: &str) -> Result<Option<Found>, ProviderError> {
    let request = cloud
        .rds()
        .describe_global_clusters()
        .global_cluster_identifier(id);
    let answer = request.send().await.or_absent("rds:DescribeGlobalClusters")?;
    let found = answer.and_then(|found| found.global_clusters).unwrap_or_default();
    Ok(found
        .into_iter()
        .find(|global| global.global_cluster_identifier() == Some(id)))
}

/// Takes a cluster, by ARN, out of its global database; it stands alone then. Asked of its own region.
pub(super) async fn detach(cloud: &Region, global: &str, cluster: &str) -> Result<(), ProviderError> {
    let region = cluster.split(':').nth(3).unwrap_or_default();
    let request = cloud.rds_in(region).remove_from_global_cluster();
    let request = request
        .global_cluster_identifier(global)
        .db_cluster_identifier(cluster);
    request
        .send()
        .await
        .or_absent("rds:RemoveFromGlobalCluster")
        .map(drop)
}

/// ARN of the member in this region, writer or not.
fn member_here<'a>(cloud: &Region, global: &'a Found) -> Option<&'a str> {
    global
        .global_cluster_members()
        .iter()
        .filter_map(|member| member.db_cluster_arn())
        .find(|arn| arn.split(':').nth(3) == Some(cloud.name()))
}

async fn tags_of(cloud: &Region, global: &Found, arn: &str) -> Result<Option<Tags>, ProviderError> {
    match global.tag_list() {
        [] => super::tags_of(cloud, arn).await,
        told => Ok(Some(super::read_tags(told))),
    }
}
