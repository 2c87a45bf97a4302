//! The subnets that a database's members may stand in.

use serde::{Deserialize, Serialize};

use super::super::Region;
use super::super::error::Call;
use super::super::tags::{self, Named, Tags};
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, Ref, Set};

/// A subnet group of RDS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DbSubnetGroup {
    /// Its name; RDS keeps it in lower case.
    pub name: String,
    /// What the console shows of it.
    pub description: String,
    /// Ids of subnets in at least two zones.
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

impl Named for DbSubnetGroup {
    fn tags(&self) -> &Tags {
        &self.tags
    }
}

impl Resource for DbSubnetGroup {
    const KIND: &'static str = "db_subnet_group";
    const REPLACE_ON: &'static [&'static str] = &["name"];
    const STABLE_OUTPUTS: &'static [&'static str] = &["name", "arn"];
    const FOUND_BY: FoundBy = FoundBy::Name;
    type Cloud = Region;
    type Outputs = Outputs;

    async fn observe(cloud: &Region, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let request = cloud.rds().describe_db_subnet_groups().db_subnet_group_name(id);
        let answer = request.send().await.or_absent("rds:DescribeDBSubnetGroups")?;
        let Some(group) = answer.and_then(|found| found.db_subnet_groups.unwrap_or_default().pop()) else {
            return Ok(None);
        };
        let arn = group.db_subnet_group_arn.clone().unwrap_or_default();
        let Some(tags) = super::tags_of(cloud, &arn).await? else {
            return Ok(None);
        };
        let subnets = group.subnets().iter();
        let found = Self {
            name: id.into(),
            description: group.db_subnet_group_description.clone().unwrap_or_default(),
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
        let request = cloud.rds().create_db_subnet_group();
        let request = request
            .db_subnet_group_name(&self.name)
            .db_subnet_group_description(&self.description)
            .set_subnet_ids(super::values(&self.subnets))
            .set_tags(Some(super::sdk(&self.tags)));
        match request.send().await.or_taken("rds:CreateDBSubnetGroup")? {
            Some(_) => Ok(self.name.clone()),
            None => tags::claim(self, cloud, &self.name).await,
        }
    }

    async fn readiness(&self, cloud: &Region, id: &str) -> Result<Readiness, ProviderError> {
        Ok(Readiness::seen(Self::observe(cloud, id).await?.is_some()))
    }

    async fn update(&self, cloud: &Region, id: &str, changes: &[Change]) -> Result<(), ProviderError> {
        if super::touched(changes, &["tags"]) {
            let arn = cloud.arn("rds", &format!("subgrp:{id}")).await?;
            super::retag(cloud, &arn, &self.tags).await?;
        }
        if super::touched(changes, &["description", "subnets"]) {
            let request = cloud.rds().modify_db_subnet_group().db_subnet_group_name(id);
            let request = request
                .db_subnet_group_description(&self.description)
                .set_subnet_ids(super::values(&self.subnets));
            request.send().await.called("rds:ModifyDBSubnetGroup")?;
        }
        Ok(())
    }

    async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let request = cloud.rds().delete_db_subnet_group().db_subnet_group_name(id);
        request
            .send()
            .await
            .or_absent("rds:DeleteDBSubnetGroup")
            .map(drop)
    }
}
