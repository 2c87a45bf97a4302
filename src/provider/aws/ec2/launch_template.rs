//! What a node is launched with: its disk, its user data, how it reads its own metadata. A change is a new
//! version that becomes the default; who uses the template names the version.

use aws_sdk_ec2::types::{
    LaunchTemplateBlockDeviceMappingRequest, LaunchTemplateEbsBlockDeviceRequest,
    LaunchTemplateHttpTokensState, LaunchTemplateInstanceMetadataOptionsRequest,
    LaunchTemplateTagSpecificationRequest, RequestLaunchTemplateData, ResourceType,
    ResponseLaunchTemplateData,
};
use aws_smithy_types::base64;
use serde::{Deserialize, Serialize};

use super::super::Region;
use super::super::error::Call;
use super::super::tags::{self, Named, Tags};
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, diff};

/// An EC2 launch template.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LaunchTemplate {
    /// Its name, unique in the region.
    pub name: String,
    /// The instance type, such as `m6i.xlarge`; absent: who uses the template says it.
    pub instance_type: Option<String>,
    /// The disk that holds the system and the containers.
    pub root_volume: RootVolume,
    /// Dedicated bandwidth to EBS; absent: as the instance type has it by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ebs_optimized: Option<bool>,
    /// `required`: metadata only to who has asked for a token (IMDSv2).
    pub metadata_tokens: String,
    /// Hops that a metadata token may travel; 1 keeps it from pods, which have a network of their own.
    pub metadata_hop_limit: i32,
    /// What runs when a node starts for the first time, as text; absent: nothing.
    pub user_data: Option<String>,
    /// Tags of the instances.
    pub instance_tags: Tags,
    /// Tags of their volumes.
    pub volume_tags: Tags,
    /// Tags of the template itself.
    pub tags: Tags,
}

/// A volume on EBS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RootVolume {
    /// Its name in the image, such as `/dev/xvda`.
    pub device: String,
    /// GiB.
    pub size_gib: i32,
    /// `gp3`, `io2`, …
    pub kind: String,
    /// With the account's key for EBS.
    pub encrypted: bool,
}

/// What others may refer to.
#[derive(Serialize)]
pub struct Outputs {
    id: String,
    /// The version to use: the default one.
    latest_version: String,
}

impl Named for LaunchTemplate {
    fn tags(&self) -> &Tags {
        &self.tags
    }
}

impl Resource for LaunchTemplate {
    const KIND: &'static str = "launch_template";
    const REPLACE_ON: &'static [&'static str] = &["name"];
    const STABLE_OUTPUTS: &'static [&'static str] = &["id"];
    const FOUND_BY: FoundBy = FoundBy::ClientToken;
    type Cloud = Region;
    type Outputs = Outputs;

    async fn observe(cloud: &Region, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let request = cloud.ec2().describe_launch_templates().launch_template_ids(id);
        let answer = request.send().await.or_absent("ec2:DescribeLaunchTemplates")?;
        let found = answer.and_then(|answer| answer.launch_templates.unwrap_or_default().pop());
        let Some(template) = found else {
            return Ok(None);
        };
        let Some((number, data)) = version(cloud, id, "$Default").await? else {
            return Ok(None);
        };
        let name = template.launch_template_name().unwrap_or_default();
        let found = Self::read(name, super::read_tags(template.tags()), &data);
        let outputs = Outputs {
            id: id.into(),
            latest_version: number.to_string(),
        };
        Ok(Some((found, outputs)))
    }

    async fn find(&self, cloud: &Region, _token: &str) -> Result<Option<String>, ProviderError> {
        match self.id_of_name(cloud).await? {
            Some(id) => tags::find_named(self, cloud, &id).await,
            None => Ok(None),
        }
    }

    async fn create(&self, cloud: &Region, token: &str) -> Result<String, ProviderError> {
        let request = cloud
            .ec2()
            .create_launch_template()
            .client_token(token)
            .launch_template_name(&self.name)
            .launch_template_data(self.data())
            .tag_specifications(super::tag_specification(
                ResourceType::LaunchTemplate,
                &self.tags,
                token,
            ));
        let made = request.send().await.or_taken("ec2:CreateLaunchTemplate")?;
        if let Some(made) = made {
            return made
                .launch_template
                .and_then(|template| template.launch_template_id)
                .ok_or_else(|| ProviderError::unknown("ec2:CreateLaunchTemplate answered without an id"));
        }
        match self.id_of_name(cloud).await? {
            Some(id) => tags::claim(self, cloud, &id).await,
            None => Err(ProviderError::transient(format!(
                "a launch template `{}` exists already, but can't be seen yet",
                self.name
            ))),
        }
    }

    async fn readiness(&self, cloud: &Region, id: &str) -> Result<Readiness, ProviderError> {
        Ok(Readiness::seen(Self::observe(cloud, id).await?.is_some()))
    }

    async fn update(&self, cloud: &Region, id: &str, changes: &[Change]) -> Result<(), ProviderError> {
        let of_itself = |change: &&Change| change.path.starts_with("/tags");
        if changes.iter().any(|change| of_itself(&change)) {
            super::retag(cloud, id, &self.tags).await?;
        }
        if changes.iter().all(|change| of_itself(&change)) {
            return Ok(());
        }
        let number = match self.waiting_version(cloud, id).await? {
            Some(number) => number,
            None => self.add_version(cloud, id).await?,
        };
        let request = cloud.ec2().modify_launch_template().launch_template_id(id);
        let answer = request.default_version(number.to_string()).send().await;
        answer.called("ec2:ModifyLaunchTemplate").map(drop)
    }

    async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let request = cloud.ec2().delete_launch_template().launch_template_id(id);
        request
            .send()
            .await
            .or_absent("ec2:DeleteLaunchTemplate")
            .map(drop)
    }
}

/// Number and contents of a version: `$Default` or `$Latest`.
async fn version(
    cloud: &Region,
    id: &str,
    which: &str,
) -> Result<Option<(i64, ResponseLaunchTemplateData)>, ProviderError> {
    let request = cloud.ec2().describe_launch_template_versions();
    let answer = request.launch_template_id(id).versions(which).send().await;
    let found = answer.or_absent("ec2:DescribeLaunchTemplateVersions")?;
    let version = found.and_then(|found| found.launch_template_versions.unwrap_or_default().pop());
    Ok(version.and_then(|version| Some((version.version_number?, version.launch_template_data?))))
}

impl LaunchTemplate {
    async fn id_of_name(&self, cloud: &Region) -> Result<Option<String>, ProviderError> {
        let request = cloud.ec2().describe_launch_templates();
        let answer = request.launch_template_names(&self.name).send().await;
        let found = answer.or_absent("ec2:DescribeLaunchTemplates")?;
        let template = found.and_then(|found| found.launch_templates.unwrap_or_default().pop());
        Ok(template.and_then(|template| template.launch_template_id))
    }

    /// The newest version, where it is what is wanted: an earlier try has made it, and it is no default yet.
    async fn waiting_version(&self, cloud: &Region, id: &str) -> Result<Option<i64>, ProviderError> {
        let Some((number, data)) = version(cloud, id, "$Latest").await? else {
            return Ok(None);
        };
        let found = Self::read(&self.name, self.tags.clone(), &data);
        let [wanted, found] =
            [self, &found].map(|template| serde_json::to_value(template).unwrap_or_default());
        let same = diff(&wanted, &found).is_empty();
        Ok(same.then_some(number))
    }

    async fn add_version(&self, cloud: &Region, id: &str) -> Result<i64, ProviderError> {
        let request = cloud.ec2().create_launch_template_version();
        let request = request.launch_template_id(id).launch_template_data(self.data());
        let made = request.send().await.called("ec2:CreateLaunchTemplateVersion")?;
        made.launch_template_version
            .and_then(|version| version.version_number)
            .ok_or_else(|| {
                ProviderError::unknown("ec2:CreateLaunchTemplateVersion answered without a number")
            })
    }

    fn data(&self) -> RequestLaunchTemplateData {
        let volume = LaunchTemplateEbsBlockDeviceRequest::builder()
            .volume_size(self.root_volume.size_gib)
            .volume_type(self.root_volume.kind.as_str().into())
            .encrypted(self.root_volume.encrypted)
            .delete_on_termination(true);
        let device = LaunchTemplateBlockDeviceMappingRequest::builder()
            .device_name(&self.root_volume.device)
            .ebs(volume.build());
        let metadata = LaunchTemplateInstanceMetadataOptionsRequest::builder()
            .http_tokens(self.metadata_tokens.as_str().into())
            .http_put_response_hop_limit(self.metadata_hop_limit);
        let tagged = |kind, tags| {
            LaunchTemplateTagSpecificationRequest::builder()
                .resource_type(kind)
                .set_tags(Some(super::sdk(tags)))
                .build()
        };
        RequestLaunchTemplateData::builder()
            .set_instance_type(self.instance_type.as_deref().map(Into::into))
            .block_device_mappings(device.build())
            .set_ebs_optimized(self.ebs_optimized)
            .metadata_options(metadata.build())
            .set_user_data(self.user_data.as_ref().map(base64::encode))
            .tag_specifications(tagged(ResourceType::Instance, &self.instance_tags))
            .tag_specifications(tagged(ResourceType::Volume, &self.volume_tags))
            .build()
    }

    fn read(name: &str, tags: Tags, data: &ResponseLaunchTemplateData) -> Self {
        let device = data.block_device_mappings().first();
        let volume = device.and_then(|device| device.ebs());
        let metadata = data.metadata_options();
        let tokens = metadata.and_then(|options| options.http_tokens());
        let decoded = |text| base64::decode(text).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let tags_of = |kind: &ResourceType| {
            let of_kind = data
                .tag_specifications()
                .iter()
                .find(|given| given.resource_type() == Some(kind));
            of_kind.map_or_else(Tags::new, |given| super::read_tags(given.tags()))
        };
        Self {
            name: name.to_owned(),
            instance_type: data.instance_type().map(|kind| kind.as_str().to_owned()),
            root_volume: RootVolume {
                device: device
                    .and_then(|device| device.device_name())
                    .unwrap_or_default()
                    .to_owned(),
                size_gib: volume.and_then(|volume| volume.volume_size()).unwrap_or_default(),
                kind: volume
                    .and_then(|volume| volume.volume_type())
                    .map_or_else(String::new, |kind| kind.as_str().to_owned()),
                encrypted: volume.and_then(|volume| volume.encrypted()).unwrap_or_default(),
            },
            ebs_optimized: data.ebs_optimized(),
            metadata_tokens: tokens
                .unwrap_or(&LaunchTemplateHttpTokensState::Optional)
                .as_str()
                .to_owned(),
            metadata_hop_limit: metadata
                .and_then(|options| options.http_put_response_hop_limit())
                .unwrap_or(1),
            user_data: data.user_data().and_then(|text| decoded(text).ok()),
            instance_tags: tags_of(&ResourceType::Instance),
            volume_tags: tags_of(&ResourceType::Volume),
            tags,
        }
    }
}
