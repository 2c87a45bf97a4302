//! The volumes that the EBS CSI driver made for a cluster's pods.
//!
//! Nothing is made here: Kubernetes makes them, and leaves them behind when its cluster is deleted. As a
//! protected resource they are data that a plan knows of: kept by default, deleted with `--destroy-data`.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_ec2::types::{Filter, Volume, VolumeState};
use serde::{Deserialize, Serialize};

use super::super::Region;
use super::super::error::Call;
use super::mark::Mark;
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, Ref};

const SWEEPER: &str = "volumes";

/// What a cluster's pods have stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClusterVolumes {
    /// The cluster's name.
    pub cluster: String,
    /// The id of the VPC that carries the mark that they are looked after.
    pub vpc: Ref<String>,
}

/// Nobody refers to it.
#[derive(Serialize)]
pub struct Outputs {}

impl Resource for ClusterVolumes {
    const KIND: &'static str = "cluster_volumes";
    const REPLACE_ON: &'static [&'static str] = &["cluster", "vpc"];
    const FOUND_BY: FoundBy = FoundBy::Composite;
    // Volumes are let go of when their nodes have ended.
    const DEADLINE: Duration = Duration::from_secs(20 * 60);
    type Cloud = Region;
    type Outputs = Outputs;

    async fn observe(cloud: &Region, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let mark = Mark::parse(SWEEPER, id)?;
        let there = mark.is_set(cloud).await? || !volumes(cloud, mark.cluster).await?.is_empty();
        let found = Self {
            cluster: mark.cluster.into(),
            vpc: Ref::Known(mark.vpc.into()),
        };
        Ok(there.then_some((found, Outputs {})))
    }

    async fn find(&self, cloud: &Region, _token: &str) -> Result<Option<String>, ProviderError> {
        let mark = self.mark();
        Ok(mark.is_set(cloud).await?.then(|| mark.id()))
    }

    async fn create(&self, cloud: &Region, _token: &str) -> Result<String, ProviderError> {
        let mark = self.mark();
        mark.set(cloud).await?;
        Ok(mark.id())
    }

    async fn readiness(&self, cloud: &Region, id: &str) -> Result<Readiness, ProviderError> {
        Ok(Readiness::seen(Mark::parse(SWEEPER, id)?.is_set(cloud).await?))
    }

    /// Nothing of it can be changed.
    async fn update(&self, _: &Region, _: &str, _: &[Change]) -> Result<(), ProviderError> {
        Ok(())
    }

    async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let mark = Mark::parse(SWEEPER, id)?;
        let left = volumes(cloud, mark.cluster).await?;
        for volume in &left {
            if volume.state() == Some(&VolumeState::Available) {
                let request = cloud.ec2().delete_volume();
                let answer = request.set_volume_id(volume.volume_id.clone()).send().await;
                answer.or_absent("ec2:DeleteVolume")?;
            }
        }
        if !left.is_empty() {
            let (count, cluster) = (left.len(), mark.cluster);
            let in_use = left
                .iter()
                .filter(|one| one.state() == Some(&VolumeState::InUse))
                .count();
            return Err(ProviderError::transient(format!(
                "{count} volumes of the cluster {cluster} are on their way out, {in_use} still in use"
            )));
        }
        mark.clear(cloud).await
    }
}

impl ClusterVolumes {
    fn mark(&self) -> Mark<'_> {
        Mark::new(SWEEPER, &self.cluster, super::text(&self.vpc))
    }
}

/// As the driver tags them: with the cluster's name where it was told it, or as an in-tree one would.
async fn volumes(cloud: &Region, cluster: &str) -> Result<Vec<Volume>, ProviderError> {
    let owned = vec![super::filter(
        &format!("tag:kubernetes.io/cluster/{cluster}"),
        "owned",
    )];
    let driven = vec![
        super::filter("tag:ebs.csi.aws.com/cluster", "true"),
        super::filter("tag:KubernetesCluster", cluster),
    ];
    let mut found = BTreeMap::new();
    for filters in [owned, driven] {
        for volume in filtered(cloud, filters).await? {
            found.insert(volume.volume_id.clone(), volume);
        }
    }
    Ok(found.into_values().collect())
}

async fn filtered(cloud: &Region, filters: Vec<Filter>) -> Result<Vec<Volume>, ProviderError> {
    let request = cloud.ec2().describe_volumes().set_filters(Some(filters));
    let pages = request.into_paginator().items().send();
    let found: Result<Vec<Volume>, _> = pages.collect().await;
    found.called("ec2:DescribeVolumes")
}
