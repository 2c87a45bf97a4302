//! The subnets that the cache's nodes may stand in.

use serde::{Deserialize, Serialize};

use super::super::Region;
use super::super::error::Call;
use super::super::tags::{self, Named, Tags};
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, Ref, Set};

/// A subnet group of ElastiCache.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CacheSubnetGroup {
    /// Its name; ElastiCache keeps it in lower case.
    pub name: String,
    /// What the console shows of it.
    pub description: String,
    /// Ids of the subnets.
    pub subnets: Set<Ref<String>>,
    /// Its tags.
    pub tags: Tags,
}

/// What others may refer to.
#[derive(Serialize)]
pub struct Outputs {
    name: String,
    arn: String,
}

impl Named for CacheSubnetGroup {
    fn tags(&self) -> &Tags {
        &self.tags
    }
}

impl Resource for CacheSubnetGroup {
    const KIND: &'static str = "cache_subnet_group";
    const REPLACE_ON: &'static [&'static str] = &["name"];
    const STABLE_OUTPUTS: &'static [&'static str] = &["name", "arn"];
    const FOUND_BY: FoundBy = FoundBy::Name;
    type Cloud = Region;
    type Outputs = Outputs;

    async fn observe(cloud: &Region, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let request = cloud.elasticache().describe_cache_subnet_groups();
        let answer = request.cache_subnet_group_name(id).send().await;
        let answer = answer.or_absent("elasticache:DescribeCacheSubnetGroups")?;
        let groups = answer.and_then(|found| found.cache_subnet_groups);
        let Some(group) = groups.unwrap_or_default().pop() else {
            return Ok(None);
        };
        let arn = group.arn.clone().unwrap_or_default();
        let Some(tags) = super::tags_of(cloud, &arn).await? else {
            return Ok(None);
        };
        let subnets = group.subnets().iter();
        let found = Self {
            name: id.into(),
            description: group.cache_subnet_group_description.clone().unwrap_or_default(),
            subnets: subnets
                .filter_map(|subnet| subnet.subnet_identifier.clone().map(Ref::Known))
                .collect(),
            tags,
        };
        Ok(Some((found, Outputs { name: id.into(), arn })))
    }

    async fn find(&self, cloud: &Region, _token: &str) -> Result<Option<String>, ProviderError> {
        tags::find_named(self, cloud, &self.name).await
    }

    async fn create(&self, cloud: &Region, _token: &str) -> Result<String, ProviderError> {
        let request = cloud.elasticache().create_cache_subnet_group();
        let request = request
            .cache_subnet_group_name(&self.name)
            .cache_subnet_group_description(&self.description)
            .set_subnet_ids(super::values(&self.subnets))
            .set_tags(Some(super::sdk(&self.tags)));
        match request
            .send()
            .await
            .or_taken("elasticache:CreateCacheSubnetGroup")?
        {
            Some(_) => Ok(self.name.clone()),
            None => tags::claim(self, cloud, &self.name).await,
        }
    }

    async fn readiness(&self, cloud: &Region, id: &str) -> Result<Readiness, ProviderError> {
        Ok(Readiness::seen(Self::observe(cloud, id).await?.is_some()))
    }

    async fn update(&self, cloud: &Region, id: &str, changes: &[Change]) -> Result<(), ProviderError> {
        if super::touched(changes, &["tags"]) {
            let arn = cloud.arn("elasticache", &format!("subnetgroup:{id}")).await?;
            super::retag(cloud, &arn, &self.tags).await?;
        }
        if super::touched(changes, &["description", "subnets"]) {
            let request = cloud.elasticache().modify_cache_subnet_group();
            let request = request
                .cache_subnet_group_name(id)
                .cache_subnet_group_description(&self.description)
                .set_subnet_ids(super::values(&self.subnets));
            request
                .send()
                .await
                .called("elasticache:ModifyCacheSubnetGroup")?;
        }
        Ok(())
    }

    async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let request = cloud.elasticache().delete_cache_subnet_group();
        let answer = request.cache_subnet_group_name(id).send().await;
        answer.or_absent("elasticache:DeleteCacheSubnetGroup").map(drop)
    }
}
