//! A key's name. It has no tags: whose it is follows from the key behind it.

use serde::{Deserialize, Serialize};

use super::super::Region;
use super::super::error::Call;
use super::super::tags;
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, Ref};

/// An alias of a KMS key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KmsAlias {
    /// Its name, such as `alias/billing-database`.
    pub name: String,
    /// Id of the key that it stands for.
    pub key: Ref<String>,
}

/// What others may refer to.
#[derive(Serialize)]
pub struct Outputs {
    name: String,
    arn: String,
}

impl Resource for KmsAlias {
    const KIND: &'static str = "kms_alias";
    const REPLACE_ON: &'static [&'static str] = &["name"];
    const STABLE_OUTPUTS: &'static [&'static str] = &["name", "arn"];
    const FOUND_BY: FoundBy = FoundBy::Name;
    type Cloud = Region;
    type Outputs = Outputs;

    /// A key that waits for its deletion keeps its alias: then the alias is there, and leads to the wrong key.
    async fn observe(cloud: &Region, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let Some(key) = super::describe(cloud, id).await? else {
            return Ok(None);
        };
        let found = Self {
            name: id.to_owned(),
            key: Ref::Known(key.key_id),
        };
        let outputs = Outputs {
            name: id.to_owned(),
            arn: cloud.arn("kms", id).await?,
        };
        Ok(Some((found, outputs)))
    }

    async fn find(&self, cloud: &Region, _token: &str) -> Result<Option<String>, ProviderError> {
        let found = Self::observe(cloud, &self.name).await?;
        Ok(found
            .filter(|(found, _)| found.key == self.key)
            .map(|_| self.name.clone()))
    }

    async fn create(&self, cloud: &Region, _token: &str) -> Result<String, ProviderError> {
        let request = cloud.kms().create_alias().alias_name(&self.name);
        let request = request.target_key_id(self.key()?);
        match request.send().await.or_taken("kms:CreateAlias")? {
            Some(_) => Ok(self.name.clone()),
            None => self.take_over(cloud).await,
        }
    }

    async fn readiness(&self, cloud: &Region, id: &str) -> Result<Readiness, ProviderError> {
        let found = Self::observe(cloud, id).await?;
        Ok(Readiness::seen(
            found.is_some_and(|(found, _)| found.key == self.key),
        ))
    }

    async fn update(&self, cloud: &Region, id: &str, _changes: &[Change]) -> Result<(), ProviderError> {
        self.turn(cloud, id).await
    }

    async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let answer = cloud.kms().delete_alias().alias_name(id).send().await;
        answer.or_absent("kms:DeleteAlias").map(drop)
    }
}

impl KmsAlias {
    fn key(&self) -> Result<&str, ProviderError> {
        let known = self.key.known().map(String::as_str);
        known.ok_or_else(|| ProviderError::refused(format!("{}: the key isn't known", self.name)))
    }

    async fn turn(&self, cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let request = cloud
            .kms()
            .update_alias()
            .alias_name(id)
            .target_key_id(self.key()?);
        request.send().await.called("kms:UpdateAlias").map(drop)
    }

    /// The name is taken. It is ours where it leads to our key, or to an earlier key of the same address.
    async fn take_over(&self, cloud: &Region) -> Result<String, ProviderError> {
        let Some((found, _)) = Self::observe(cloud, &self.name).await? else {
            return Err(ProviderError::transient(format!(
                "`{}` exists already, but can't be seen yet",
                self.name
            )));
        };
        if found.key == self.key {
            return Ok(self.name.clone());
        }
        let theirs = super::read_tags(cloud, found.key()?).await?;
        let ours = super::read_tags(cloud, self.key()?).await?;
        if !tags::same_owner(&theirs, &ours) {
            return Err(ProviderError::refused(format!(
                "the alias `{}` exists already and leads to the key `{}`, which is not this plan's",
                self.name,
                found.key()?
            ))
            .with_hint(format!(
                "`aws kms delete-alias --alias-name {} --region {}` frees the name, if nobody needs it; or give \
                 the plan another name",
                self.name,
                cloud.name()
            )));
        }
        self.turn(cloud, &self.name).await?;
        Ok(self.name.clone())
    }
}
