//! The engine's settings that the cache's nodes share. All that can be changed takes effect at once.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_elasticache::types::ParameterNameValue;
use serde::{Deserialize, Serialize};

use super::super::Region;
use super::super::error::Call;
use super::super::tags::{self, Named, Tags};
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::Change;

/// Most that ElastiCache takes in one call.
const AT_ONCE: usize = 20;

/// A parameter group of ElastiCache.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CacheParameterGroup {
    /// Its name; ElastiCache keeps it in lower case.
    pub name: String,
    /// Such as `redis7`.
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

impl Named for CacheParameterGroup {
    fn tags(&self) -> &Tags {
        &self.tags
    }
}

impl Resource for CacheParameterGroup {
    const KIND: &'static str = "cache_parameter_group";
    const REPLACE_ON: &'static [&'static str] = &["name", "family", "description"];
    const CREATE_FIRST: bool = true;
    const CONFIGURES: bool = true;
    const STABLE_OUTPUTS: &'static [&'static str] = &["name", "arn"];
    const FOUND_BY: FoundBy = FoundBy::Name;
    type Cloud = Region;
    type Outputs = Outputs;

    async fn observe(cloud: &Region, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let request = cloud.elasticache().describe_cache_parameter_groups();
        let answer = request.cache_parameter_group_name(id).send().await;
        let answer = answer.or_absent("elasticache:DescribeCacheParameterGroups")?;
        let groups = answer.and_then(|found| found.cache_parameter_groups);
        let Some(group) = groups.unwrap_or_default().pop() else {
            return Ok(None);
        };
        let arn = group.arn.unwrap_or_default();
        let (tags, set) = futures::future::try_join(super::tags_of(cloud, &arn), set_ones(cloud, id)).await?;
        let (Some(tags), Some(set)) = (tags, set) else {
            return Ok(None);
        };
        let found = Self {
            name: id.into(),
            family: group.cache_parameter_group_family.unwrap_or_default(),
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
        let request = cloud.elasticache().create_cache_parameter_group();
        let request = request
            .cache_parameter_group_name(&self.name)
            .cache_parameter_group_family(&self.family)
            .description(&self.description)
            .set_tags(Some(super::sdk(&self.tags)));
        match request
            .send()
            .await
            .or_taken("elasticache:CreateCacheParameterGroup")?
        {
            Some(_) => Ok(self.name.clone()),
            None => self.claim(cloud).await,
        }
    }

    async fn readiness(&self, cloud: &Region, id: &str) -> Result<Readiness, ProviderError> {
        Ok(Readiness::seen(Self::observe(cloud, id).await?.is_some()))
    }

    async fn configure(&self, cloud: &Region, id: &str) -> Result<(), ProviderError> {
        self.bring(cloud, id).await
    }

    async fn update(&self, cloud: &Region, id: &str, changes: &[Change]) -> Result<(), ProviderError> {
        if super::touched(changes, &["tags"]) {
            let arn = cloud.arn("elasticache", &format!("parametergroup:{id}")).await?;
            super::retag(cloud, &arn, &self.tags).await?;
        }
        if super::touched(changes, &["parameters", "only"]) {
            self.bring(cloud, id).await?;
        }
        Ok(())
    }

    async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let request = cloud.elasticache().delete_cache_parameter_group();
        let answer = request.cache_parameter_group_name(id).send().await;
        answer
            .or_absent("elasticache:DeleteCacheParameterGroup")
            .map(drop)
    }
}

impl CacheParameterGroup {
    /// An earlier try's, or another family's, which has to be given up under this name first.
    async fn claim(&self, cloud: &Region) -> Result<String, ProviderError> {
        let found = Self::observe(cloud, &self.name).await?;
        match found.filter(|(found, _)| found.family != self.family) {
            None => tags::claim(self, cloud, &self.name).await,
            Some((found, _)) => Err(ProviderError::refused(format!(
                "the parameter group `{}` is one of {}, and {} is wanted",
                self.name, found.family, self.family
            ))
            .with_hint("give the new one another name: `cache.parameter_group`")),
        }
    }

    /// Sets what differs, and takes back what is set and isn't wanted.
    async fn bring(&self, cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let Some(set) = set_ones(cloud, id).await? else {
            return Err(ProviderError::transient(format!(
                "the parameter group `{id}` can't be seen yet"
            )));
        };
        let parameter = |name: &String, value: Option<&String>| {
            ParameterNameValue::builder()
                .parameter_name(name)
                .set_parameter_value(value.cloned())
                .build()
        };
        let differing: Vec<_> = self
            .parameters
            .iter()
            .filter(|(name, value)| set.get(*name) != Some(*value))
            .map(|(name, value)| parameter(name, Some(value)))
            .collect();
        for some in differing.chunks(AT_ONCE) {
            let request = cloud.elasticache().modify_cache_parameter_group();
            let request = request
                .cache_parameter_group_name(id)
                .set_parameter_name_values(Some(some.to_vec()));
            request
                .send()
                .await
                .called("elasticache:ModifyCacheParameterGroup")?;
        }
        let surplus: Vec<_> = set
            .keys()
            .filter(|name| !self.parameters.contains_key(*name))
            .map(|name| parameter(name, None))
            .collect();
        for some in surplus.chunks(AT_ONCE) {
            let request = cloud.elasticache().reset_cache_parameter_group();
            let request = request
                .cache_parameter_group_name(id)
                .reset_all_parameters(false)
                .set_parameter_name_values(Some(some.to_vec()));
            request
                .send()
                .await
                .called("elasticache:ResetCacheParameterGroup")?;
        }
        Ok(())
    }
}

/// Those that somebody has set, by name; `None`: there is no such group.
async fn set_ones(cloud: &Region, group: &str) -> Result<Option<BTreeMap<String, String>>, ProviderError> {
    let mut found = BTreeMap::new();
    let mut marker = None;
    loop {
        let request = cloud.elasticache().describe_cache_parameters().source("user");
        let request = request.cache_parameter_group_name(group).set_marker(marker);
        let answer = request
            .send()
            .await
            .or_absent("elasticache:DescribeCacheParameters")?;
        let Some(page) = answer else {
            return Ok(None);
        };
        let set = page.parameters.unwrap_or_default().into_iter();
        let set = set.filter(|parameter| parameter.source().is_none_or(|source| source == "user"));
        found.extend(set.filter_map(|parameter| parameter.parameter_name.zip(parameter.parameter_value)));
        marker = page.marker.filter(|marker| !marker.is_empty());
        if marker.is_none() {
            return Ok(Some(found));
        }
    }
}
