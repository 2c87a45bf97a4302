//! A bucket, with all that decides who gets at it and how long it keeps what it holds.
//!
//! A bucket's name is unique among all accounts on earth: the account's number is put behind the prefix that
//! the plan gives.

use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use serde::{Deserialize, Serialize};
use std::time::Duration;

use super::super::error::Call;
use super::super::tags::{self, Named, Tags};
use super::super::{PolicyDocument, Region};
use super::{contents, settings};
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, Field, Ref};

/// Stands in a bucket's policy for its name, which is known only in the account.
pub(super) const BUCKET: &str = "${bucket}";
/// Stands there for the account's number.
pub(super) const ACCOUNT: &str = "${account}";

/// What S3 calls no location at all.
const UNCONSTRAINED: &str = "us-east-1";

/// An S3 bucket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct S3Bucket {
    /// What its name starts with; `-` and the account's number follow. At most 50 characters.
    pub bucket_prefix: String,
    /// Keeps what is overwritten and deleted.
    pub versioning: bool,
    /// ARN of the KMS key that encrypts it. `None`: S3's own keys.
    pub kms_key: Option<Ref<String>>,
    /// No policy and no list can open it to the world.
    pub block_public_access: bool,
    /// Whose what is put into it is; `BucketOwnerEnforced`: the bucket's owner's.
    pub ownership: String,
    /// Days after which what it holds goes.
    #[serde(default, skip_serializing_if = "Field::is_unmanaged")]
    pub expiration_days: Field<i32>,
    /// Who else may do what, with `${bucket}` and `${account}` for the names.
    #[serde(default, skip_serializing_if = "Field::is_unmanaged")]
    pub policy: Field<PolicyDocument>,
    /// What it holds goes with it. Otherwise only an empty one is deleted.
    pub disposable: bool,
    /// Its tags.
    pub tags: Tags,
}

/// What others may refer to.
#[derive(Serialize)]
pub struct Outputs {
    name: String,
    arn: String,
}

impl Named for S3Bucket {
    fn tags(&self) -> &Tags {
        &self.tags
    }
}

impl Resource for S3Bucket {
    const KIND: &'static str = "s3_bucket";
    const REPLACE_ON: &'static [&'static str] = &["bucket_prefix"];
    const CONFIGURES: bool = true;
    const STABLE_OUTPUTS: &'static [&'static str] = &["name", "arn"];
    const FOUND_BY: FoundBy = FoundBy::Name;
    /// Emptying one of millions of objects goes by a thousand at a time.
    const DEADLINE: Duration = Duration::from_secs(30 * 60);
    type Cloud = Region;
    type Outputs = Outputs;

    async fn observe(cloud: &Region, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        if !exists(cloud, id).await? {
            return Ok(None);
        }
        let account = cloud.account().await?;
        let (found, mut tags) =
            futures::future::try_join(settings::read(cloud, id), settings::read_tags(cloud, id)).await?;
        let own_name = format!("-{account}");
        let policy = match found.policy {
            None => Field::Absent,
            Some(text) => {
                let text = text.replace(id, BUCKET).replace(account, ACCOUNT);
                Field::Value(PolicyDocument::parse(id, &text)?)
            }
        };
        let bucket = Self {
            bucket_prefix: id.strip_suffix(&own_name).unwrap_or(id).to_owned(),
            versioning: found.versioning,
            kms_key: found.kms_key.map(Ref::Known),
            block_public_access: found.block_public_access,
            ownership: found.ownership,
            expiration_days: found.expiration_days.map_or(Field::Absent, Field::Value),
            policy,
            disposable: tags.remove(contents::DISPOSABLE_TAG).is_some(),
            tags,
        };
        let outputs = Outputs {
            name: id.to_owned(),
            arn: format!("arn:aws:s3:::{id}"),
        };
        Ok(Some((bucket, outputs)))
    }

    async fn find(&self, cloud: &Region, _token: &str) -> Result<Option<String>, ProviderError> {
        let name = self.name(cloud).await?;
        Ok(self.is_ours(cloud, &name).await?.then_some(name))
    }

    /// In us-east-1 a second creation is no error: so it looks first whose the bucket is.
    async fn create(&self, cloud: &Region, _token: &str) -> Result<String, ProviderError> {
        let name = self.name(cloud).await?;
        if exists(cloud, &name).await? {
            return self.take_up(cloud, name).await;
        }
        let mut request = cloud.s3().create_bucket().bucket(&name);
        if cloud.name() != UNCONSTRAINED {
            let constraint = BucketLocationConstraint::from(cloud.name());
            let configuration = CreateBucketConfiguration::builder().location_constraint(constraint);
            request = request.create_bucket_configuration(configuration.build());
        }
        match request
            .send()
            .await
            .or_taken("s3:CreateBucket")
            .map_err(|why| self.explain(why, &name))?
        {
            Some(_) => {
                settings::write_tags(self, cloud, &name).await?;
                Ok(name)
            }
            None => self.take_up(cloud, name).await,
        }
    }

    async fn readiness(&self, cloud: &Region, id: &str) -> Result<Readiness, ProviderError> {
        Ok(Readiness::seen(exists(cloud, id).await?))
    }

    /// Tags once more: the creation that put them on may have ended between its two calls.
    async fn configure(&self, cloud: &Region, id: &str) -> Result<(), ProviderError> {
        settings::write_tags(self, cloud, id).await?;
        settings::write_versioning(self, cloud, id).await?;
        settings::write_encryption(self, cloud, id).await?;
        settings::write_ownership(self, cloud, id).await?;
        settings::write_expiration(self, cloud, id).await?;
        settings::write_access(self, cloud, id).await
    }

    async fn update(&self, cloud: &Region, id: &str, changes: &[Change]) -> Result<(), ProviderError> {
        let changed = |path: &str| changes.iter().any(|change| change.path.starts_with(path));
        if changed("/versioning") {
            settings::write_versioning(self, cloud, id).await?;
        }
        if changed("/kms_key") {
            settings::write_encryption(self, cloud, id).await?;
        }
        if changed("/ownership") {
            settings::write_ownership(self, cloud, id).await?;
        }
        if changed("/expiration_days") {
            settings::write_expiration(self, cloud, id).await?;
        }
        if changed("/block_public_access") || changed("/policy") {
            settings::write_access(self, cloud, id).await?;
        }
        if changed("/tags") || changed("/disposable") {
            settings::write_tags(self, cloud, id).await?;
        }
        Ok(())
    }

    async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
        if !exists(cloud, id).await? {
            return Ok(());
        }
        contents::delete(cloud, id).await
    }
}

impl S3Bucket {
    pub(super) async fn name(&self, cloud: &Region) -> Result<String, ProviderError> {
        Ok(format!("{}-{}", self.bucket_prefix, cloud.account().await?))
    }

    /// One without tags is what an interrupted creation leaves: tags come by a call of their own, and nobody
    /// else names a bucket after this plan, region and account.
    async fn is_ours(&self, cloud: &Region, name: &str) -> Result<bool, ProviderError> {
        if !exists(cloud, name).await? {
            return Ok(false);
        }
        let found = settings::read_tags(cloud, name).await?;
        Ok(found.is_empty() || tags::same_owner(&found, &self.tags))
    }

    async fn take_up(&self, cloud: &Region, name: String) -> Result<String, ProviderError> {
        if !self.is_ours(cloud, &name).await? {
            return tags::claim(self, cloud, &name).await;
        }
        settings::write_tags(self, cloud, &name).await?;
        Ok(name)
    }

    fn explain(&self, error: ProviderError, name: &str) -> ProviderError {
        match error.message.contains("BucketAlreadyExists") {
            true => ProviderError::refused(format!("the bucket `{name}` belongs to another account"))
                .with_hint("give the plan another name: buckets are named after it"),
            false => error,
        }
    }
}

async fn exists(cloud: &Region, id: &str) -> Result<bool, ProviderError> {
    let answer = cloud.s3().head_bucket().bucket(id).send().await;
    Ok(answer.or_absent("s3:ListBucket")?.is_some())
}
