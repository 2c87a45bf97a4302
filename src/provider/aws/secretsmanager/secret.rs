//! A secret. Where its value comes from is managed; the value itself is written and never read back.

use std::collections::HashMap;

use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_sdk_secretsmanager::types::Tag;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::super::Region;
use super::super::error::Call;
use super::super::tags::{self, Named, Tags};
use super::SecretValue;
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, Ref};

/// Where the value came from, so that a plan that names another place is a change.
const SOURCE_TAG: &str = "vvbill:source";
/// How long it can be restored, for a deletion that knows nothing but the id.
const RECOVERY_TAG: &str = "vvbill:recovery-days";
/// Where the tag is missing.
const RECOVERY_DAYS: i64 = 7;

/// A secret of Secrets Manager, with one current value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Secret {
    /// Its name, such as `billing-cache-auth-token`.
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// ARN of the KMS key that encrypts it. Unmanaged: AWS's own `aws/secretsmanager`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<Ref<String>>,
    /// Where the value comes from: `env:NAME` or `file:PATH`, read when it is made and when this changes.
    /// `None`: it is generated, 64 characters that ElastiCache takes as a token.
    pub source: Option<String>,
    /// Days in which it can be restored once it is deleted: 7 to 30, or 0 for none.
    #[serde(default = "default_recovery")]
    pub recovery_days: i64,
    /// Its tags.
    pub tags: Tags,
}

const fn default_recovery() -> i64 {
    RECOVERY_DAYS
}

/// What others may refer to.
#[derive(Serialize)]
pub struct Outputs {
    name: String,
    arn: String,
    /// Id of the current version: another one once the value is another one.
    version: String,
}

impl Named for Secret {
    fn tags(&self) -> &Tags {
        &self.tags
    }
}

impl Resource for Secret {
    const KIND: &'static str = "secret";
    const REPLACE_ON: &'static [&'static str] = &["name"];
    const STABLE_OUTPUTS: &'static [&'static str] = &["name", "arn"];
    const FOUND_BY: FoundBy = FoundBy::Name;
    type Cloud = Region;
    type Outputs = Outputs;

    async fn observe(cloud: &Region, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let Some(secret) = describe(cloud, id)
            .await?
            .filter(|secret| secret.deleted_date.is_none())
        else {
            return Ok(None);
        };
        let mut tags = read_tags(&secret);
        let outputs = Outputs {
            name: secret.name().unwrap_or(id).to_owned(),
            arn: secret.arn().unwrap_or_default().to_owned(),
            version: versions(&secret).0.unwrap_or_default().to_owned(),
        };
        let found = Self {
            name: outputs.name.clone(),
            description: secret.description.unwrap_or_default(),
            kms_key: secret.kms_key_id.map(Ref::Known),
            source: tags.remove(SOURCE_TAG),
            recovery_days: recovery_days(tags.remove(RECOVERY_TAG)),
            tags,
        };
        Ok(Some((found, outputs)))
    }

    async fn find(&self, cloud: &Region, _token: &str) -> Result<Option<String>, ProviderError> {
        tags::find_named(self, cloud, &self.name).await
    }

    async fn create(&self, cloud: &Region, token: &str) -> Result<String, ProviderError> {
        if let Some(deleted) = describe(cloud, &self.name).await? {
            return match deleted.deleted_date.is_some() {
                true => self.restore(cloud, &deleted, token).await,
                false => tags::claim(self, cloud, &self.name).await,
            };
        }
        let value = SecretValue::from(self.source.as_deref(), cloud).await?;
        let request = cloud
            .secretsmanager()
            .create_secret()
            .name(&self.name)
            .description(&self.description)
            .set_kms_key_id(self.kms_key())
            .secret_string(value.expose())
            .client_request_token(token)
            .set_tags(Some(self.all_tags()));
        match request.send().await.or_taken("secretsmanager:CreateSecret")? {
            Some(_) => Ok(self.name.clone()),
            None => tags::claim(self, cloud, &self.name).await,
        }
    }

    async fn readiness(&self, cloud: &Region, id: &str) -> Result<Readiness, ProviderError> {
        Ok(Readiness::seen(Self::observe(cloud, id).await?.is_some()))
    }

    async fn update(&self, cloud: &Region, id: &str, changes: &[Change]) -> Result<(), ProviderError> {
        let changed = |path: &str| changes.iter().any(|change| change.path.starts_with(path));
        if changed("/description") || changed("/kms_key") {
            self.describe_anew(cloud, id).await?;
        }
        if changed("/source") {
            self.put_another(cloud, id).await?;
        }
        // The tag of the source last: as long as it tells of the old one, this is repeated.
        self.retag(cloud, id).await
    }

    async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let Some(secret) = describe(cloud, id)
            .await?
            .filter(|secret| secret.deleted_date.is_none())
        else {
            return Ok(());
        };
        let days = recovery_days(read_tags(&secret).remove(RECOVERY_TAG));
        let request = cloud.secretsmanager().delete_secret().secret_id(id);
        let request = match days {
            0 => request.force_delete_without_recovery(true),
            days => request.recovery_window_in_days(days),
        };
        request
            .send()
            .await
            .or_absent("secretsmanager:DeleteSecret")
            .map(drop)
    }

    async fn leftover(cloud: &Region, id: &str) -> Result<Option<String>, ProviderError> {
        let deleted = describe(cloud, id)
            .await?
            .filter(|secret| secret.deleted_date.is_some());
        Ok(deleted.map(|secret| {
            let days = recovery_days(read_tags(&secret).remove(RECOVERY_TAG));
            format!(
                "the secret `{id}` can be restored for {days} days: `aws secretsmanager restore-secret \
                 --secret-id {id} --region {}`",
                cloud.name()
            )
        }))
    }
}

impl Secret {
    fn kms_key(&self) -> Option<String> {
        self.kms_key.as_ref().and_then(Ref::known).cloned()
    }

    /// The tags that it is compared by, and those that carry what AWS has no field for.
    fn all_tags(&self) -> Vec<Tag> {
        let mut all = self.tags.clone();
        all.insert(RECOVERY_TAG.into(), self.recovery_days.to_string());
        if let Some(source) = &self.source {
            all.insert(SOURCE_TAG.into(), source.clone());
        }
        all.iter()
            .map(|(key, value)| Tag::builder().key(key).value(value).build())
            .collect()
    }

    async fn retag(&self, cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let secrets = cloud.secretsmanager();
        if self.source.is_none() {
            let request = secrets.untag_resource().secret_id(id).tag_keys(SOURCE_TAG);
            request.send().await.called("secretsmanager:UntagResource")?;
        }
        let request = secrets
            .tag_resource()
            .secret_id(id)
            .set_tags(Some(self.all_tags()));
        request
            .send()
            .await
            .called("secretsmanager:TagResource")
            .map(drop)
    }

    async fn describe_anew(&self, cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let request = cloud
            .secretsmanager()
            .update_secret()
            .secret_id(id)
            .description(&self.description)
            .set_kms_key_id(self.kms_key());
        request
            .send()
            .await
            .called("secretsmanager:UpdateSecret")
            .map(drop)
    }

    /// A value from another place becomes the current version. Its id follows from the version that it takes
    /// the place of, so that an update that is repeated after an interruption makes no third.
    async fn put_another(&self, cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let Some(secret) = describe(cloud, id).await? else {
            return Err(ProviderError::transient(format!(
                "the secret `{id}` can't be seen yet"
            )));
        };
        let (current, previous) = versions(&secret);
        let follows = |version: Option<&str>| self.version_after(version.unwrap_or_default());
        if current.is_some() && current == Some(&follows(previous)) {
            return Ok(());
        }
        self.put(cloud, id, &follows(current)).await
    }

    async fn put(&self, cloud: &Region, id: &str, version: &str) -> Result<(), ProviderError> {
        let value = SecretValue::from(self.source.as_deref(), cloud).await?;
        let request = cloud
            .secretsmanager()
            .put_secret_value()
            .secret_id(id)
            .client_request_token(version)
            .secret_string(value.expose());
        // Taken: an earlier try has put this version.
        request
            .send()
            .await
            .or_taken("secretsmanager:PutSecretValue")
            .map(drop)
    }

    fn version_after(&self, version: &str) -> String {
        let source = self.source.as_deref().unwrap_or("generated");
        let digest = Sha256::digest(format!("{version}\n{source}"));
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// One of this name waits for its deletion: if it was this plan's, it comes back, with the value that it
    /// had unless the plan says where another is.
    async fn restore(
        &self,
        cloud: &Region,
        deleted: &DescribeSecretOutput,
        token: &str,
    ) -> Result<String, ProviderError> {
        if !tags::same_owner(&read_tags(deleted), &self.tags) {
            return Err(ProviderError::refused(format!(
                "a secret `{}` that isn't this plan's is scheduled for deletion",
                self.name
            ))
            .with_hint(format!(
                "`aws secretsmanager delete-secret --force-delete-without-recovery --secret-id {} --region {}` \
                 ends it at once; or give this one another name",
                self.name,
                cloud.name()
            )));
        }
        let request = cloud.secretsmanager().restore_secret().secret_id(&self.name);
        request.send().await.called("secretsmanager:RestoreSecret")?;
        if self.source.is_some() {
            self.put(cloud, &self.name, token).await?;
        }
        self.describe_anew(cloud, &self.name).await?;
        self.retag(cloud, &self.name).await?;
        Ok(self.name.clone())
    }
}

async fn describe(cloud: &Region, id: &str) -> Result<Option<DescribeSecretOutput>, ProviderError> {
    let answer = cloud
        .secretsmanager()
        .describe_secret()
        .secret_id(id)
        .send()
        .await;
    answer.or_absent("secretsmanager:DescribeSecret")
}

fn read_tags(secret: &DescribeSecretOutput) -> Tags {
    tags::read(secret.tags().iter().map(|tag| (tag.key(), tag.value())))
}

fn recovery_days(tag: Option<String>) -> i64 {
    tag.and_then(|days| days.parse().ok()).unwrap_or(RECOVERY_DAYS)
}

/// Ids of the current version and of the one before.
fn versions(secret: &DescribeSecretOutput) -> (Option<&str>, Option<&str>) {
    let stages: Option<&HashMap<String, Vec<String>>> = secret.version_ids_to_stages.as_ref();
    let at = |wanted: &str| {
        stages?
            .iter()
            .find(|(_, stages)| stages.iter().any(|stage| stage == wanted))
            .map(|(id, _)| id.as_str())
    };
    (at("AWSCURRENT"), at("AWSPREVIOUS"))
}
