//! What a bucket is set to: a call for each, to read and to write.

use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, BucketVersioningStatus, ExpirationStatus,
    LifecycleExpiration, LifecycleRule, LifecycleRuleFilter, NoncurrentVersionExpiration, ObjectOwnership,
    OwnershipControls, OwnershipControlsRule, PublicAccessBlockConfiguration, ServerSideEncryption,
    ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration, ServerSideEncryptionRule, Tag, Tagging,
    VersioningConfiguration,
};
use aws_smithy_types::error::operation::BuildError;
use futures::future::{join, join3};

use super::super::error::Call;
use super::super::tags::{self, Tags};
use super::super::{PolicyDocument, Region};
use super::S3Bucket;
use super::bucket::{ACCOUNT, BUCKET};
use super::contents::DISPOSABLE_TAG;
use crate::provider::ProviderError;
use crate::resource::{Field, Ref};

/// The one lifecycle rule that is ours.
const EXPIRE: &str = "vvbill-expire";
/// Parts of an upload that was given up.
const ABORT_UPLOADS_AFTER_DAYS: i32 = 7;

pub(super) struct Settings {
    pub(super) versioning: bool,
    pub(super) kms_key: Option<String>,
    pub(super) block_public_access: bool,
    pub(super) ownership: String,
    pub(super) expiration_days: Option<i32>,
    pub(super) policy: Option<String>,
}

pub(super) async fn read(cloud: &Region, id: &str) -> Result<Settings, ProviderError> {
    let s3 = cloud.s3();
    let (versioning, encryption, access) = join3(
        s3.get_bucket_versioning().bucket(id).send(),
        s3.get_bucket_encryption().bucket(id).send(),
        s3.get_public_access_block().bucket(id).send(),
    )
    .await;
    let ((ownership, lifecycle), policy) = join(
        join(
            s3.get_bucket_ownership_controls().bucket(id).send(),
            s3.get_bucket_lifecycle_configuration().bucket(id).send(),
        ),
        s3.get_bucket_policy().bucket(id).send(),
    )
    .await;
    let versioning = versioning.or_absent("s3:GetBucketVersioning")?;
    let encryption = encryption.or_absent("s3:GetEncryptionConfiguration")?;
    let access = access.or_absent("s3:GetBucketPublicAccessBlock")?;
    let ownership = ownership.or_absent("s3:GetBucketOwnershipControls")?;
    let lifecycle = lifecycle.or_absent("s3:GetLifecycleConfiguration")?;
    let policy = policy.or_absent("s3:GetBucketPolicy")?;
    let access = access.and_then(|found| found.public_access_block_configuration);
    Ok(Settings {
        versioning: versioning.is_some_and(|found| found.status == Some(BucketVersioningStatus::Enabled)),
        kms_key: encryption
            .and_then(|found| found.server_side_encryption_configuration)
            .and_then(|found| found.rules.into_iter().next())
            .and_then(|rule| rule.apply_server_side_encryption_by_default)
            .and_then(|default| default.kms_master_key_id),
        block_public_access: access.is_some_and(|found| all_blocked(&found)),
        ownership: ownership
            .and_then(|found| found.ownership_controls)
            .and_then(|found| found.rules.into_iter().next())
            .map_or_else(
                || "ObjectWriter".to_owned(),
                |rule| rule.object_ownership.as_str().to_owned(),
            ),
        expiration_days: lifecycle
            .and_then(|found| found.rules)
            .unwrap_or_default()
            .into_iter()
            .find(|rule| rule.id() == Some(EXPIRE) && rule.status == ExpirationStatus::Enabled)
            .and_then(|rule| rule.expiration?.days),
        policy: policy.and_then(|found| found.policy),
    })
}

fn all_blocked(found: &PublicAccessBlockConfiguration) -> bool {
    [
        found.block_public_acls,
        found.block_public_policy,
        found.ignore_public_acls,
        found.restrict_public_buckets,
    ]
    .iter()
    .all(|blocked| *blocked == Some(true))
}

pub(super) async fn read_tags(cloud: &Region, id: &str) -> Result<Tags, ProviderError> {
    let answer = cloud.s3().get_bucket_tagging().bucket(id).send().await;
    let found = answer.or_absent("s3:GetBucketTagging")?;
    let found = found.map(|found| found.tag_set).unwrap_or_default();
    Ok(tags::read(
        found.iter().map(|tag| (Some(tag.key()), Some(tag.value()))),
    ))
}

/// The call replaces all of them: those of others are kept.
pub(super) async fn write_tags(bucket: &S3Bucket, cloud: &Region, id: &str) -> Result<(), ProviderError> {
    let mut all = read_tags(cloud, id).await?;
    all.remove(DISPOSABLE_TAG);
    all.extend(bucket.tags.clone());
    if bucket.disposable {
        all.insert(DISPOSABLE_TAG.into(), "true".into());
    }
    let tags: Result<Vec<Tag>, _> = all
        .iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect();
    let tagging = tags.and_then(|tags| Tagging::builder().set_tag_set(Some(tags)).build());
    let request = cloud.s3().put_bucket_tagging().bucket(id);
    let answer = request.tagging(complete(tagging)?).send().await;
    answer.called("s3:PutBucketTagging").map(drop)
}

pub(super) async fn write_versioning(
    bucket: &S3Bucket,
    cloud: &Region,
    id: &str,
) -> Result<(), ProviderError> {
    let status = match bucket.versioning {
        true => BucketVersioningStatus::Enabled,
        false => BucketVersioningStatus::Suspended,
    };
    let configuration = VersioningConfiguration::builder().status(status).build();
    let request = cloud.s3().put_bucket_versioning().bucket(id);
    let answer = request.versioning_configuration(configuration).send().await;
    answer.called("s3:PutBucketVersioning").map(drop)
}

pub(super) async fn write_encryption(
    bucket: &S3Bucket,
    cloud: &Region,
    id: &str,
) -> Result<(), ProviderError> {
    let key = bucket.kms_key.as_ref().and_then(Ref::known).cloned();
    let algorithm = match key {
        Some(_) => ServerSideEncryption::AwsKms,
        None => ServerSideEncryption::Aes256,
    };
    let by_key = key.is_some();
    let default = ServerSideEncryptionByDefault::builder()
        .sse_algorithm(algorithm)
        .set_kms_master_key_id(key)
        .build();
    let rule = ServerSideEncryptionRule::builder()
        .apply_server_side_encryption_by_default(complete(default)?)
        // Asks KMS for one key a bucket instead of one an object.
        .bucket_key_enabled(by_key)
        .build();
    let configuration = ServerSideEncryptionConfiguration::builder().rules(rule).build();
    let request = cloud.s3().put_bucket_encryption().bucket(id);
    let request = request.server_side_encryption_configuration(complete(configuration)?);
    request
        .send()
        .await
        .called("s3:PutEncryptionConfiguration")
        .map(drop)
}

pub(super) async fn write_ownership(
    bucket: &S3Bucket,
    cloud: &Region,
    id: &str,
) -> Result<(), ProviderError> {
    let ownership = ObjectOwnership::from(bucket.ownership.as_str());
    let rule = OwnershipControlsRule::builder()
        .object_ownership(ownership)
        .build();
    let controls = rule.and_then(|rule| OwnershipControls::builder().rules(rule).build());
    let request = cloud.s3().put_bucket_ownership_controls().bucket(id);
    let answer = request.ownership_controls(complete(controls)?).send().await;
    answer.called("s3:PutBucketOwnershipControls").map(drop)
}

pub(super) async fn write_expiration(
    bucket: &S3Bucket,
    cloud: &Region,
    id: &str,
) -> Result<(), ProviderError> {
    let s3 = cloud.s3();
    let days = match bucket.expiration_days {
        Field::Unmanaged => return Ok(()),
        Field::Absent => {
            let answer = s3.delete_bucket_lifecycle().bucket(id).send().await;
            return answer.or_absent("s3:PutLifecycleConfiguration").map(drop);
        }
        Field::Value(days) => days,
    };
    let superseded = NoncurrentVersionExpiration::builder()
        .noncurrent_days(days)
        .build();
    let uploads = AbortIncompleteMultipartUpload::builder().days_after_initiation(ABORT_UPLOADS_AFTER_DAYS);
    let rule = LifecycleRule::builder()
        .id(EXPIRE)
        .status(ExpirationStatus::Enabled)
        .filter(LifecycleRuleFilter::builder().prefix("").build())
        .expiration(LifecycleExpiration::builder().days(days).build())
        .noncurrent_version_expiration(superseded)
        .abort_incomplete_multipart_upload(uploads.build())
        .build();
    let configuration = rule.and_then(|rule| BucketLifecycleConfiguration::builder().rules(rule).build());
    let request = s3.put_bucket_lifecycle_configuration().bucket(id);
    let answer = request
        .lifecycle_configuration(complete(configuration)?)
        .send()
        .await;
    answer.called("s3:PutLifecycleConfiguration").map(drop)
}

/// The policy first: with public access blocked, S3 refuses one that would open the bucket.
pub(super) async fn write_access(bucket: &S3Bucket, cloud: &Region, id: &str) -> Result<(), ProviderError> {
    let s3 = cloud.s3();
    match &bucket.policy {
        Field::Unmanaged => {}
        Field::Absent => {
            let answer = s3.delete_bucket_policy().bucket(id).send().await;
            answer.or_absent("s3:DeleteBucketPolicy")?;
        }
        Field::Value(policy) => {
            let text = named(policy, id, cloud.account().await?);
            let answer = s3.put_bucket_policy().bucket(id).policy(text).send().await;
            answer.called("s3:PutBucketPolicy")?;
        }
    }
    let block = bucket.block_public_access;
    let configuration = PublicAccessBlockConfiguration::builder()
        .block_public_acls(block)
        .block_public_policy(block)
        .ignore_public_acls(block)
        .restrict_public_buckets(block)
        .build();
    let request = s3.put_public_access_block().bucket(id);
    let answer = request
        .public_access_block_configuration(configuration)
        .send()
        .await;
    answer.called("s3:PutBucketPublicAccessBlock").map(drop)
}

fn named(policy: &PolicyDocument, bucket: &str, account: &str) -> String {
    policy.text().replace(BUCKET, bucket).replace(ACCOUNT, account)
}

fn complete<T>(built: Result<T, BuildError>) -> Result<T, ProviderError> {
    built.map_err(|why| ProviderError::refused(format!("the bucket's settings are incomplete: {why}")))
}
