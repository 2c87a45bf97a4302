//! A symmetric key. Deleting one only starts a wait of a month, after which what it encrypted is lost.

use aws_sdk_kms::types::{KeyManagerType, KeyState, Tag};
use aws_smithy_types::date_time::Format;
use futures::{StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};

use super::super::error::Call;
use super::super::tags::{self, TOKEN_TAG, Tags};
use super::super::{PolicyDocument, Region};
use crate::provider::{ErrorClass, FoundBy, ProviderError, Readiness, Resource};
use crate::resource::Change;

/// The longest that KMS allows: until then the deletion can be taken back.
const DELETION_DAYS: i32 = 30;
/// Keys whose tags are asked for at once.
const ASKED_AT_ONCE: usize = 4;

/// A KMS key for encryption.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KmsKey {
    /// What it encrypts.
    pub description: String,
    /// Can be used; what it encrypts can't be read otherwise.
    pub enabled: bool,
    /// Gets new material every year; what is encrypted stays readable.
    pub rotation: bool,
    /// Who may use it. Unmanaged: whom IAM allows, which is KMS's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyDocument>,
    /// Its tags.
    pub tags: Tags,
}

/// What others may refer to.
#[derive(Serialize)]
pub struct Outputs {
    id: String,
    arn: String,
}

impl Resource for KmsKey {
    const KIND: &'static str = "kms_key";
    const REPLACE_ON: &'static [&'static str] = &[];
    const CONFIGURES: bool = true;
    const STABLE_OUTPUTS: &'static [&'static str] = &["id", "arn"];
    // KMS says that what was changed may take some seconds to be seen.
    const FOUND_BY: FoundBy = FoundBy::Tag {
        settles_after_ms: 10_000,
    };
    type Cloud = Region;
    type Outputs = Outputs;

    async fn observe(cloud: &Region, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let Some(key) = super::describe(cloud, id)
            .await?
            .filter(|key| !super::leaving(key))
        else {
            return Ok(None);
        };
        let kms = cloud.kms();
        let (rotation, policy, tags) = futures::future::join3(
            kms.get_key_rotation_status().key_id(&key.key_id).send(),
            kms.get_key_policy()
                .key_id(&key.key_id)
                .policy_name("default")
                .send(),
            super::read_tags(cloud, &key.key_id),
        )
        .await;
        let policy = policy
            .or_absent("kms:GetKeyPolicy")?
            .and_then(|found| found.policy);
        let rotation = rotation.or_absent("kms:GetKeyRotationStatus")?;
        let found = Self {
            description: key.description.unwrap_or_default(),
            enabled: key.enabled,
            rotation: rotation.is_some_and(|status| status.key_rotation_enabled),
            policy: policy.map(|text| PolicyDocument::parse(id, &text)).transpose()?,
            tags: tags?,
        };
        let outputs = Outputs {
            id: key.key_id,
            arn: key.arn.unwrap_or_default(),
        };
        Ok(Some((found, outputs)))
    }

    /// KMS searches by no tag: all keys are gone through. That happens only after an interruption.
    async fn find(&self, cloud: &Region, token: &str) -> Result<Option<String>, ProviderError> {
        let keys: Result<Vec<_>, _> = cloud
            .kms()
            .list_keys()
            .into_paginator()
            .items()
            .send()
            .collect()
            .await;
        let keys = keys.called("kms:ListKeys")?;
        let ids = keys.into_iter().filter_map(|key| key.key_id);
        let asked = ids.map(|id| async move {
            let tags = match super::all_tags(cloud, &id).await {
                // Somebody else's key, which doesn't let itself be looked at, has no token of ours.
                Err(error) if error.class == ErrorClass::Refused => Vec::new(),
                tags => tags?,
            };
            let ours = tags
                .iter()
                .any(|tag| tag.tag_key() == TOKEN_TAG && tag.tag_value() == token);
            Ok::<_, ProviderError>(ours.then_some(id))
        });
        let mut found = futures::stream::iter(asked).buffer_unordered(ASKED_AT_ONCE);
        while let Some(key) = found.try_next().await? {
            if key.is_some() {
                return Ok(key);
            }
        }
        Ok(None)
    }

    async fn create(&self, cloud: &Region, token: &str) -> Result<String, ProviderError> {
        let request = cloud
            .kms()
            .create_key()
            .description(&self.description)
            .set_policy(self.policy.as_ref().map(PolicyDocument::text))
            .set_tags(Some(sdk(&tags::with_token(&self.tags, token))?));
        let made = request.send().await.called("kms:CreateKey").map_err(passing)?;
        made.key_metadata
            .map(|key| key.key_id)
            .ok_or_else(|| ProviderError::unknown("kms:CreateKey answered without an id"))
    }

    async fn readiness(&self, cloud: &Region, id: &str) -> Result<Readiness, ProviderError> {
        let Some(key) = super::describe(cloud, id).await? else {
            return Ok(Readiness::seen(false));
        };
        Ok(match key.key_state {
            None | Some(KeyState::Enabled) => Readiness::Ready,
            // It is left to `update` to enable it.
            Some(KeyState::Disabled) if !self.enabled => Readiness::Ready,
            Some(state @ (KeyState::PendingDeletion | KeyState::Unavailable)) => {
                Readiness::Failed(state.as_str().to_owned())
            }
            Some(state) => Readiness::Pending(state.as_str().to_owned()),
        })
    }

    async fn configure(&self, cloud: &Region, id: &str) -> Result<(), ProviderError> {
        self.rotate(cloud, id).await?;
        self.enable(cloud, id).await
    }

    async fn update(&self, cloud: &Region, id: &str, changes: &[Change]) -> Result<(), ProviderError> {
        let changed = |path: &str| changes.iter().any(|change| change.path.starts_with(path));
        let kms = cloud.kms();
        if changed("/enabled") && self.enabled {
            self.enable(cloud, id).await?;
        }
        if changed("/description") {
            let request = kms
                .update_key_description()
                .key_id(id)
                .description(&self.description);
            request.send().await.called("kms:UpdateKeyDescription")?;
        }
        if changed("/rotation") {
            self.rotate(cloud, id).await?;
        }
        if let (true, Some(policy)) = (changed("/policy"), &self.policy) {
            let request = kms.put_key_policy().key_id(id).policy_name("default");
            let answer = request.policy(policy.text()).send().await;
            answer.called("kms:PutKeyPolicy").map_err(passing)?;
        }
        if changed("/tags") {
            let request = kms.tag_resource().key_id(id).set_tags(Some(sdk(&self.tags)?));
            request.send().await.called("kms:TagResource")?;
        }
        // The last: a disabled key refuses the others.
        if changed("/enabled") && !self.enabled {
            self.enable(cloud, id).await?;
        }
        Ok(())
    }

    async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
        if super::describe(cloud, id)
            .await?
            .is_none_or(|key| super::leaving(&key))
        {
            return Ok(());
        }
        let request = cloud.kms().schedule_key_deletion().key_id(id);
        let request = request.pending_window_in_days(DELETION_DAYS);
        request
            .send()
            .await
            .or_absent("kms:ScheduleKeyDeletion")
            .map(drop)
    }

    async fn leftover(cloud: &Region, id: &str) -> Result<Option<String>, ProviderError> {
        let Some(key) = super::describe(cloud, id).await?.filter(super::leaving) else {
            return Ok(None);
        };
        if key.key_manager == Some(KeyManagerType::Aws) {
            return Ok(None);
        }
        let until = key
            .deletion_date
            .and_then(|until| until.fmt(Format::DateTime).ok());
        let until = until
            .as_deref()
            .and_then(|until| until.get(..10))
            .unwrap_or("an unknown day");
        Ok(Some(format!(
            "the key `{id}` ({}) is pending deletion until {until}: `aws kms cancel-key-deletion --key-id {id} \
             --region {}` keeps it",
            key.description.unwrap_or_default(),
            cloud.name()
        )))
    }
}

impl KmsKey {
    async fn rotate(&self, cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let kms = cloud.kms();
        match self.rotation {
            true => {
                let answer = kms.enable_key_rotation().key_id(id).send().await;
                answer.called("kms:EnableKeyRotation").map(drop)
            }
            false => {
                let answer = kms.disable_key_rotation().key_id(id).send().await;
                answer.called("kms:DisableKeyRotation").map(drop)
            }
        }
    }

    async fn enable(&self, cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let kms = cloud.kms();
        match self.enabled {
            true => kms
                .enable_key()
                .key_id(id)
                .send()
                .await
                .called("kms:EnableKey")
                .map(drop),
            false => {
                let answer = kms.disable_key().key_id(id).send().await;
                answer.called("kms:DisableKey").map(drop)
            }
        }
    }
}

fn sdk(tags: &Tags) -> Result<Vec<Tag>, ProviderError> {
    tags.iter()
        .map(|(key, value)| Tag::builder().tag_key(key).tag_value(value).build())
        .collect::<Result<_, _>>()
        .map_err(|why| ProviderError::refused(format!("a tag is incomplete: {why}")))
}

/// A policy that names a role made a moment ago is refused until KMS has heard of it.
fn passing(error: ProviderError) -> ProviderError {
    match error.message.contains("invalid principals") {
        true => ProviderError::transient(error.message),
        false => error,
    }
}
