//! Finding the bucket, in whatever region it is, and making it at the first write.

use aws_config::{Region, SdkConfig};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::{
    BucketLifecycleConfiguration, BucketLocationConstraint, BucketVersioningStatus,
    CreateBucketConfiguration, ExpirationStatus, LifecycleRule, LifecycleRuleFilter,
    NoncurrentVersionExpiration, PublicAccessBlockConfiguration, ServerSideEncryption,
    ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration, ServerSideEncryptionRule, Tag, Tagging,
    VersioningConfiguration,
};

use super::super::StoreError;
use super::trouble::Trouble;
use super::wire::{Tries, Wire};

/// Where S3 is asked that knows every bucket's region; it takes no location constraint.
const FIRST_REGION: &str = "us-east-1";

impl Wire {
    /// To the bucket, in its region.
    pub(super) async fn client(&self) -> Result<Client, Trouble> {
        let client = self.client.get_or_try_init(|| self.find_bucket()).await?;
        Ok(client.clone())
    }

    async fn find_bucket(&self) -> Result<Client, Trouble> {
        let config = self.config().await;
        let region = config
            .region()
            .cloned()
            .unwrap_or(Region::from_static(FIRST_REGION));
        let client = self.client_in(config, region.clone());
        let answer = client.head_bucket().bucket(&self.bucket).send().await;
        let elsewhere = match &answer {
            Ok(found) => found.bucket_region().map(str::to_owned),
            Err(error) => {
                let region = error
                    .raw_response()
                    .and_then(|answer| answer.headers().get("x-amz-bucket-region"))
                    .map(str::to_owned);
                match (
                    error.raw_response().map(|answer| answer.status().as_u16()),
                    region,
                ) {
                    (Some(404), _) => return Err(Trouble::NoBucket),
                    // Who may not list it may still read what is in it; a refusal there comes with words.
                    (Some(301 | 400 | 403), region) => region,
                    _ => return Err(Trouble::of(error)),
                }
            }
        };
        match elsewhere {
            Some(name) if name != region.as_ref() => Ok(self.client_in(config, Region::new(name))),
            _ => Ok(client),
        }
    }

    async fn config(&self) -> &SdkConfig {
        self.config
            .get_or_init(|| async {
                match &self.given {
                    Some(config) => config.clone(),
                    None => super::load_config(self.endpoint_url.as_deref()).await,
                }
            })
            .await
    }

    fn client_in(&self, config: &SdkConfig, region: Region) -> Client {
        // An emulator has no DNS names for buckets.
        let has_own_endpoint =
            config.endpoint_url().is_some() || std::env::var_os("AWS_ENDPOINT_URL_S3").is_some();
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(self.pace.answer)
            .operation_attempt_timeout(self.pace.answer)
            .build();
        let config = aws_sdk_s3::config::Builder::from(config)
            .region(region)
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            .force_path_style(has_own_endpoint)
            .build();
        Client::from_conf(config)
    }

    /// Makes the bucket in the region of the settings: versioned, encrypted, closed to the public.
    pub(super) async fn make_bucket(&self, tries: &mut Tries) -> Result<(), StoreError> {
        let config = self.config().await;
        let Some(region) = config.region().cloned() else {
            return Err(tries.end(&Trouble::Final(format!(
                "the bucket `{}` is to be made and no region is known: set AWS_REGION, or `region` in the profile \
                 that AWS_PROFILE names",
                self.bucket
            ))));
        };
        let client = self.client_in(config, region.clone());
        while let Err(trouble) = self.create(&client, region.as_ref()).await {
            match trouble {
                Trouble::Unclear(why) => tries.pause(&why).await?,
                trouble => return Err(tries.end(&trouble)),
            }
        }
        while let Err(trouble) = self.set_up(&client).await {
            let error = match &trouble {
                Trouble::Unclear(why) => match tries.pause(why).await {
                    Ok(()) => continue,
                    Err(error) => error,
                },
                trouble => tries.end(trouble),
            };
            // A bucket without these settings must not pass for one that has them.
            let _ = client.delete_bucket().bucket(&self.bucket).send().await;
            return Err(error);
        }
        tracing::info!(
            bucket = self.bucket,
            region = region.as_ref(),
            "made the bucket for the state: versioned, encrypted, not public"
        );
        Ok(())
    }

    async fn create(&self, client: &Client, region: &str) -> Result<(), Trouble> {
        let place = (region != FIRST_REGION).then(|| {
            CreateBucketConfiguration::builder()
                .location_constraint(BucketLocationConstraint::from(region))
                .build()
        });
        let request = client.create_bucket().bucket(&self.bucket);
        let answer = request.set_create_bucket_configuration(place).send().await;
        let Err(error) = answer else { return Ok(()) };
        match error.code() {
            // A moment ago it wasn't there: an answer was lost, or another run makes it, too.
            Some("BucketAlreadyOwnedByYou") => Ok(()),
            Some("BucketAlreadyExists") => Err(Trouble::Final(
                "a bucket of this name belongs to another account: choose another in `state.backend`".into(),
            )),
            _ => Err(with_rights(&error, "s3:CreateBucket")),
        }
    }

    async fn set_up(&self, client: &Client) -> Result<(), Trouble> {
        let bucket = &self.bucket;
        let closed = PublicAccessBlockConfiguration::builder()
            .block_public_acls(true)
            .ignore_public_acls(true)
            .block_public_policy(true)
            .restrict_public_buckets(true)
            .build();
        let request = client.put_public_access_block().bucket(bucket);
        let answer = request.public_access_block_configuration(closed).send().await;
        answer.map_err(|error| with_rights(&error, "s3:PutBucketPublicAccessBlock"))?;
        let versioned = VersioningConfiguration::builder()
            .status(BucketVersioningStatus::Enabled)
            .build();
        let request = client.put_bucket_versioning().bucket(bucket);
        let answer = request.versioning_configuration(versioned).send().await;
        answer.map_err(|error| with_rights(&error, "s3:PutBucketVersioning"))?;
        let request = client.put_bucket_encryption().bucket(bucket);
        let answer = request
            .server_side_encryption_configuration(encryption())
            .send()
            .await;
        answer.map_err(|error| with_rights(&error, "s3:PutEncryptionConfiguration"))?;
        let tag = Tag::builder().key("vvbill:plan").value(&self.tag).build();
        let tags = tag.and_then(|tag| Tagging::builder().tag_set(tag).build());
        let tags = tags.expect("key, value and set are given");
        let answer = client
            .put_bucket_tagging()
            .bucket(bucket)
            .tagging(tags)
            .send()
            .await;
        answer.map_err(|error| with_rights(&error, "s3:PutBucketTagging"))?;
        let answer = client
            .put_bucket_lifecycle_configuration()
            .bucket(bucket)
            .lifecycle_configuration(forgetting(&self.key))
            .send()
            .await;
        answer.map_err(|error| with_rights(&error, "s3:PutLifecycleConfiguration"))?;
        Ok(())
    }
}

/// Former versions of the journal and of the lock, which are written again and again, go after a day.
fn forgetting(key: &str) -> BucketLifecycleConfiguration {
    let rules = ["journal", "lock"].map(|suffix| {
        LifecycleRule::builder()
            .id(format!("vvbill-{suffix}"))
            .status(ExpirationStatus::Enabled)
            .filter(
                LifecycleRuleFilter::builder()
                    .prefix(format!("{key}.{suffix}"))
                    .build(),
            )
            .noncurrent_version_expiration(NoncurrentVersionExpiration::builder().noncurrent_days(1).build())
            .build()
            .expect("the status is given")
    });
    BucketLifecycleConfiguration::builder()
        .set_rules(Some(rules.into()))
        .build()
        .expect("rules are given")
}

fn encryption() -> ServerSideEncryptionConfiguration {
    let algorithm = ServerSideEncryptionByDefault::builder()
        .sse_algorithm(ServerSideEncryption::Aes256)
        .build()
        .expect("the algorithm is given");
    let rule = ServerSideEncryptionRule::builder()
        .apply_server_side_encryption_by_default(algorithm)
        .build();
    ServerSideEncryptionConfiguration::builder()
        .rules(rule)
        .build()
        .expect("a rule is given")
}

/// A refusal names what making a bucket needs beside what [`Trouble::of`] lists.
fn with_rights<E>(error: &SdkError<E, aws_sdk_s3::config::http::HttpResponse>, right: &str) -> Trouble
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match Trouble::of(error) {
        Trouble::Final(why) if error.code() == Some("AccessDenied") => Trouble::Final(format!(
            "the bucket doesn't exist, and making it needs {right}: have it made by somebody who may \
             (versioned, encrypted, not public), or {why}"
        )),
        Trouble::Refused | Trouble::NoObject => Trouble::Unclear("the new bucket isn't there yet".into()),
        Trouble::NoBucket => Trouble::Unclear("the new bucket isn't there yet".into()),
        trouble => trouble,
    }
}
