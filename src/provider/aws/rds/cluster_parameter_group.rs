//! The engine's settings that a shard's members share.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::super::Region;
use super::super::error::Call;
use super::super::tags::{self, Named, Tags};
use super::parameters;
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::Change;

/// A cluster parameter group of RDS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DbClusterParameterGroup {
    /// Its name; RDS keeps it in lower case.
    pub name: String,
    /// Such as `aurora-postgresql15`.
    pub family: String,
    /// What the console shows of it.
    pub description: String,
    /// What is set, in the engine's own units.
    pub parameters: BTreeMap<String, String>,
    /// The names of what is set: one more than these is taken back to the engine's default.
    pub only: BTreeSet<String>,
    /// Its tags.
    pub tags: Tags,
}

/// What others may refer to.
#[derive(Serialize)]
pub struct Outputs {
    name: String,
    arn: String,
}

impl Named for DbClusterParameterGroup {
    fn tags(&self) -> &Tags {
        &self.tags
    }
}

impl Resource for DbClusterParameterGroup {
    const KIND: &'static str = "db_cluster_parameter_group";
    const REPLACE_ON: &'static [&'static str] = &["name", "family", "description"];
    const CREATE_FIRST: bool = true;
    const CONFIGURES: bool = true;
    const STABLE_OUTPUTS: &'static [&'static str] = &["name", "arn"];
    const FOUND_BY: FoundBy = FoundBy::Name;
    type Cloud = Region;
    type Outputs = Outputs;

    async fn observe(cloud: &Region, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let request = cloud.rds().describe_db_cluster_parameter_groups();
        let request = request.db_cluster_parameter_group_name(id);
        let answer = request
            .send()
            .await
            .or_absent("rds:DescribeDBClusterParameterGroups")?;
        let groups = answer.and_then(|found| found.db_cluster_parameter_groups);
        let Some(group) = groups.unwrap_or_default().pop() else {
            return Ok(None);
        };
        let arn = group.db_cluster_parameter_group_arn.unwrap_or_default();
        let (tags, set) =
            futures::future::try_join(super::tags_of(cloud, &arn), parameters::set_ones(cloud, id)).await?;
        let (Some(tags), Some(set)) = (tags, set) else {
            return Ok(None);
        };
        let found = Self {
            name: id.into(),
            family: group.db_parameter_group_family.unwrap_or_default(),
            description: group.description.unwrap_or_default(),
            only: set.keys().cloned().collect(),
            parameters: set,
            tags,
        };
        Ok(Some((found, Outputs { name: id.into(), arn })))
    }

    async fn find(&self, cloud: &Region, _token: &str) -> Result<Option<String>, ProviderError> {
        tags::find_named(self, cloud, &self.name).await
    }

    async fn create(&self, cloud: &Region, _token: &str) -> Result<String, ProviderError> {
        let request = cloud.rds().create_db_cluster_parameter_group();
        let request = request
            .db_cluster_parameter_group_name(&self.name)
            .db_parameter_group_family(&self.family)
            .description(&self.description)
            .set_tags(Some(super::sdk(&self.tags)));
        let made = request
            .send()
            .await
            .or_taken("rds:CreateDBClusterParameterGroup")?;
        match made {
            Some(_) => Ok(self.name.clone()),
            None => self.claim(cloud).await,
        }
    }

    async fn readiness(&self, cloud: &Region, id: &str) -> Result<Readiness, ProviderError> {
        Ok(Readiness::seen(Self::observe(cloud, id).await?.is_some()))
    }

    async fn configure(&self, cloud: &Region, id: &str) -> Result<(), ProviderError> {
        parameters::bring(cloud, id, &self.parameters).await
    }

    async fn update(&self, cloud: &Region, id: &str, changes: &[Change]) -> Result<(), ProviderError> {
        if super::touched(changes, &["tags"]) {
            let arn = cloud.arn("rds", &format!("cluster-pg:{id}")).await?;
            super::retag(cloud, &arn, &self.tags).await?;
        }
        if super::touched(changes, &["parameters", "only"]) {
            parameters::bring(cloud, id, &self.parameters).await?;
        }
        Ok(())
    }

    async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let request = cloud.rds().delete_db_cluster_parameter_group();
        let answer = request.db_cluster_parameter_group_name(id).send().await;
        answer.or_absent("rds:DeleteDBClusterParameterGroup").map(drop)
    }
}

impl DbClusterParameterGroup {
    /// An earlier try's, or another family's, which has to be given up under this name first.
    async fn claim(&self, cloud: &Region) -> Result<String, ProviderError> {
        let found = Self::observe(cloud, &self.name).await?;
        match found.filter(|(found, _)| found.family != self.family) {
            None => tags::claim(self, cloud, &self.name).await,
            Some((found, _)) => Err(ProviderError::refused(format!(
                "the parameter group `{}` is one of {}, and {} is wanted",
                self.name, found.family, self.family
            ))
            .with_hint("give the new one another name: `aurora.parameter_group`")),
        }
    }
}
