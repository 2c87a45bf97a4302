//! Deleting a bucket, and what it holds where that is of no worth without it.

use aws_sdk_s3::types::{Delete, ObjectIdentifier};

use super::super::Region;
use super::super::error::Call;
use super::settings;
use crate::provider::ProviderError;

/// On a bucket whose contents go with it. Deletion knows nothing but the bucket.
pub(super) const DISPOSABLE_TAG: &str = "vvbill:disposable";

pub(super) async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
    let disposable = settings::read_tags(cloud, id).await?.contains_key(DISPOSABLE_TAG);
    if disposable {
        empty(cloud, id).await?;
    }
    let answer = cloud.s3().delete_bucket().bucket(id).send().await;
    let deleted = answer.or_absent("s3:DeleteBucket").map(drop);
    deleted.map_err(|error| match error.message.contains("BucketNotEmpty") {
        // Its writers may still be at it: what came in meanwhile goes the next time.
        true if disposable => ProviderError::transient(error.message),
        true => ProviderError::refused(format!("the bucket `{id}` is not empty")).with_hint(format!(
            "`aws s3 rm s3://{id} --recursive` empties it, and its versions one by one"
        )),
        false => error,
    })
}

/// All versions and all marks of deleted ones, a thousand at a time.
async fn empty(cloud: &Region, id: &str) -> Result<(), ProviderError> {
    loop {
        let answer = cloud.s3().list_object_versions().bucket(id).send().await;
        let Some(found) = answer.or_absent("s3:ListBucketVersions")? else {
            return Ok(());
        };
        let versions = found
            .versions()
            .iter()
            .map(|version| (version.key(), version.version_id()));
        let marks = found
            .delete_markers()
            .iter()
            .map(|mark| (mark.key(), mark.version_id()));
        let objects = versions.chain(marks).filter_map(|(key, version)| {
            let version = version.map(str::to_owned);
            ObjectIdentifier::builder()
                .key(key?)
                .set_version_id(version)
                .build()
                .ok()
        });
        let objects: Vec<ObjectIdentifier> = objects.collect();
        if objects.is_empty() {
            return Ok(());
        }
        let delete = Delete::builder().set_objects(Some(objects)).quiet(true).build();
        let delete = delete.map_err(|why| ProviderError::refused(format!("{id}: {why}")))?;
        let answer = cloud.s3().delete_objects().bucket(id).delete(delete).send().await;
        let Some(answer) = answer.or_absent("s3:DeleteObject")? else {
            return Ok(());
        };
        if let Some(kept) = answer.errors().first() {
            return Err(ProviderError::refused(format!(
                "`{}` in the bucket `{id}` can't be deleted: {}",
                kept.key().unwrap_or_default(),
                kept.message().unwrap_or("no reason given")
            )));
        }
    }
}
