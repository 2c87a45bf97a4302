//! A repository of images. Its images go with it: the topology protects it as it does data, so that it is
//! deleted only when somebody asks for that.

use aws_sdk_ecr::types::{
    EncryptionConfiguration, EncryptionType, ImageScanningConfiguration, ImageTagMutability, Repository, Tag,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::Region;
use super::super::error::Call;
use super::super::tags::{self, Named, Tags};
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, Field, Ref};

/// An ECR repository.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EcrRepository {
    /// Its name, such as `billing/ingest`.
    pub name: String,
    /// A tag, once pushed, stays on its image.
    pub immutable_tags: bool,
    /// Looks for known weaknesses in what is pushed.
    pub scan_on_push: bool,
    /// ARN of the KMS key that encrypts it. Unmanaged: a key of S3's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<Ref<String>>,
    /// Which images go when, as ECR writes it.
    #[serde(default, skip_serializing_if = "Field::is_unmanaged")]
    pub lifecycle_policy: Field<Value>,
    /// Its tags.
    pub tags: Tags,
}

/// What others may refer to.
#[derive(Serialize)]
pub struct Outputs {
    name: String,
    arn: String,
    /// Where images are pushed to and pulled from.
    uri: String,
}

impl Named for EcrRepository {
    fn tags(&self) -> &Tags {
        &self.tags
    }
}

impl Resource for EcrRepository {
    const KIND: &'static str = "ecr_repository";
    const REPLACE_ON: &'static [&'static str] = &["name", "kms_key"];
    const CONFIGURES: bool = true;
    const STABLE_OUTPUTS: &'static [&'static str] = &["name", "arn", "uri"];
    const FOUND_BY: FoundBy = FoundBy::Name;
    type Cloud = Region;
    type Outputs = Outputs;

    async fn observe(cloud: &Region, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let ecr = cloud.ecr();
        let answer = ecr.describe_repositories().repository_names(id).send().await;
        let found = answer.or_absent("ecr:DescribeRepositories")?;
        let Some(repository) = found.and_then(|found| found.repositories.unwrap_or_default().pop()) else {
            return Ok(None);
        };
        let arn = repository.repository_arn().unwrap_or_default().to_owned();
        let (listed, lifecycle) = futures::future::join(
            ecr.list_tags_for_resource().resource_arn(&arn).send(),
            ecr.get_lifecycle_policy().repository_name(id).send(),
        )
        .await;
        let listed = listed.or_absent("ecr:ListTagsForResource")?;
        let listed = listed.and_then(|listed| listed.tags).unwrap_or_default();
        let lifecycle = lifecycle.or_absent("ecr:GetLifecyclePolicy")?;
        let lifecycle = lifecycle.and_then(|found| found.lifecycle_policy_text);
        let found = Self {
            name: id.to_owned(),
            immutable_tags: repository.image_tag_mutability() == Some(&ImageTagMutability::Immutable),
            scan_on_push: repository
                .image_scanning_configuration()
                .is_some_and(|scanning| scanning.scan_on_push),
            kms_key: kms_key(&repository),
            lifecycle_policy: match lifecycle {
                None => Field::Absent,
                Some(text) => Field::Value(serde_json::from_str(&text).unwrap_or(Value::String(text))),
            },
            tags: tags::read(listed.iter().map(|tag| (Some(tag.key()), Some(tag.value())))),
        };
        let outputs = Outputs {
            name: id.to_owned(),
            arn,
            uri: repository.repository_uri.unwrap_or_default(),
        };
        Ok(Some((found, outputs)))
    }

    async fn find(&self, cloud: &Region, _token: &str) -> Result<Option<String>, ProviderError> {
        tags::find_named(self, cloud, &self.name).await
    }

    async fn create(&self, cloud: &Region, _token: &str) -> Result<String, ProviderError> {
        let request = cloud
            .ecr()
            .create_repository()
            .repository_name(&self.name)
            .image_tag_mutability(self.mutability())
            .image_scanning_configuration(self.scanning())
            .set_encryption_configuration(self.encryption()?)
            .set_tags(Some(self.sdk_tags()?));
        match request.send().await.or_taken("ecr:CreateRepository")? {
            Some(_) => Ok(self.name.clone()),
            None => tags::claim(self, cloud, &self.name).await,
        }
    }

    async fn readiness(&self, cloud: &Region, id: &str) -> Result<Readiness, ProviderError> {
        Ok(Readiness::seen(Self::observe(cloud, id).await?.is_some()))
    }

    async fn configure(&self, cloud: &Region, id: &str) -> Result<(), ProviderError> {
        self.write_lifecycle(cloud, id).await
    }

    async fn update(&self, cloud: &Region, id: &str, changes: &[Change]) -> Result<(), ProviderError> {
        let changed = |path: &str| changes.iter().any(|change| change.path.starts_with(path));
        let ecr = cloud.ecr();
        if changed("/immutable_tags") {
            let request = ecr.put_image_tag_mutability().repository_name(id);
            let answer = request.image_tag_mutability(self.mutability()).send().await;
            answer.called("ecr:PutImageTagMutability")?;
        }
        if changed("/scan_on_push") {
            let request = ecr.put_image_scanning_configuration().repository_name(id);
            let answer = request.image_scanning_configuration(self.scanning()).send().await;
            answer.called("ecr:PutImageScanningConfiguration")?;
        }
        if changed("/lifecycle_policy") {
            self.write_lifecycle(cloud, id).await?;
        }
        if changed("/tags") {
            let arn = cloud.arn("ecr", &format!("repository/{id}")).await?;
            let request = ecr.tag_resource().resource_arn(arn);
            let answer = request.set_tags(Some(self.sdk_tags()?)).send().await;
            answer.called("ecr:TagResource")?;
        }
        Ok(())
    }

    /// With its images: who got past the protection has asked for that.
    async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let request = cloud.ecr().delete_repository().repository_name(id).force(true);
        request.send().await.or_absent("ecr:DeleteRepository").map(drop)
    }
}

impl EcrRepository {
    fn mutability(&self) -> ImageTagMutability {
        match self.immutable_tags {
            true => ImageTagMutability::Immutable,
            false => ImageTagMutability::Mutable,
        }
    }

    fn scanning(&self) -> ImageScanningConfiguration {
        ImageScanningConfiguration::builder()
            .scan_on_push(self.scan_on_push)
            .build()
    }

    fn encryption(&self) -> Result<Option<EncryptionConfiguration>, ProviderError> {
        let Some(key) = self.kms_key.as_ref().and_then(Ref::known) else {
            return Ok(None);
        };
        EncryptionConfiguration::builder()
            .encryption_type(EncryptionType::Kms)
            .kms_key(key)
            .build()
            .map(Some)
            .map_err(|why| ProviderError::refused(format!("{}: {why}", self.name)))
    }

    fn sdk_tags(&self) -> Result<Vec<Tag>, ProviderError> {
        self.tags
            .iter()
            .map(|(key, value)| Tag::builder().key(key).value(value).build())
            .collect::<Result<_, _>>()
            .map_err(|why| ProviderError::refused(format!("a tag is incomplete: {why}")))
    }

    async fn write_lifecycle(&self, cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let ecr = cloud.ecr();
        match &self.lifecycle_policy {
            Field::Unmanaged => Ok(()),
            Field::Absent => {
                let answer = ecr.delete_lifecycle_policy().repository_name(id).send().await;
                answer.or_absent("ecr:DeleteLifecyclePolicy").map(drop)
            }
            Field::Value(policy) => {
                let request = ecr.put_lifecycle_policy().repository_name(id);
                let answer = request.lifecycle_policy_text(policy.to_string()).send().await;
                answer.called("ecr:PutLifecyclePolicy").map(drop)
            }
        }
    }
}

fn kms_key(repository: &Repository) -> Option<Ref<String>> {
    let encryption = repository.encryption_configuration()?;
    encryption.kms_key.clone().map(Ref::Known)
}
