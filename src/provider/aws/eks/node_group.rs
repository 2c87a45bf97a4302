//! Nodes that EKS manages: it launches them from a template, drains and replaces them.

mod changes;

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_eks::types::{
    self, LaunchTemplateSpecification, NodegroupScalingConfig, NodegroupStatus, NodegroupUpdateConfig,
};
use serde::{Deserialize, Serialize};

use super::super::Region;
use super::super::error::Call;
use super::super::tags::{self, Named, Tags};
use super::updates::{self, Part};
use super::{known, parts, perhaps_early};
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{AtCreation, Change, Ref, Set};

/// A managed node group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeGroup {
    /// The cluster's name.
    pub cluster: Ref<String>,
    /// Its name, unique in the cluster.
    pub name: String,
    /// Kubernetes' minor version on the nodes: the cluster's.
    pub version: String,
    /// How many.
    pub scaling: Scaling,
    /// Instance types, where no launch template says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_types: Option<Vec<String>>,
    /// EKS's name of the image, such as `AL2023_x86_64_STANDARD`.
    pub ami_type: String,
    /// `ON_DEMAND` or `SPOT`.
    pub capacity_type: String,
    /// Kubernetes labels of each node.
    pub labels: BTreeMap<String, String>,
    /// Taints of each node.
    pub taints: Set<Taint>,
    /// Nodes that an update may take away at once.
    pub max_unavailable: i32,
    /// The launch template's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launch_template: Option<Ref<String>>,
    /// Its version that nodes are launched from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launch_template_version: Option<Ref<String>>,
    /// ARN of the role that nodes act with.
    pub node_role: Ref<String>,
    /// Subnets that nodes are launched in.
    pub subnets: Set<Ref<String>>,
    /// Its tags.
    pub tags: Tags,
}

/// How many nodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scaling {
    /// Fewest.
    pub min: i32,
    /// Most.
    pub max: i32,
    /// Kept at this number; absent: an autoscaler decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired: Option<i32>,
    /// At the start, where `desired` doesn't say it.
    #[serde(default)]
    pub initial: AtCreation<i32>,
}

/// Keeps pods away that don't tolerate it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taint {
    /// Its key.
    pub key: String,
    /// Its value, perhaps empty.
    pub value: String,
    /// As EKS spells it: `NO_SCHEDULE`, `PREFER_NO_SCHEDULE`, `NO_EXECUTE`.
    pub effect: String,
}

/// What others may refer to.
#[derive(Serialize)]
pub struct Outputs {
    name: String,
    arn: String,
    autoscaling_group: String,
}

impl Named for NodeGroup {
    fn tags(&self) -> &Tags {
        &self.tags
    }
}

impl Resource for NodeGroup {
    const KIND: &'static str = "eks_node_group";
    const REPLACE_ON: &'static [&'static str] = &[
        "ami_type",
        "capacity_type",
        "cluster",
        "instance_types",
        "launch_template",
        "name",
        "node_role",
        "subnets",
    ];
    const STABLE_OUTPUTS: &'static [&'static str] = &["name", "arn", "autoscaling_group"];
    const FOUND_BY: FoundBy = FoundBy::Composite;
    /// An update replaces the nodes one after another, and waits for the pods of each.
    const DEADLINE: Duration = Duration::from_secs(60 * 60);
    type Cloud = Region;
    type Outputs = Outputs;

    async fn observe(cloud: &Region, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let Some(group) = describe(cloud, id).await? else {
            return Ok(None);
        };
        let scaled = group
            .resources()
            .map(|resources| resources.auto_scaling_groups())
            .unwrap_or_default();
        let outputs = Outputs {
            name: group.nodegroup_name().unwrap_or_default().to_owned(),
            arn: group.nodegroup_arn().unwrap_or_default().to_owned(),
            autoscaling_group: scaled
                .first()
                .and_then(|group| group.name())
                .unwrap_or_default()
                .to_owned(),
        };
        Ok(Some((Self::read(&group), outputs)))
    }

    async fn find(&self, cloud: &Region, _token: &str) -> Result<Option<String>, ProviderError> {
        tags::find_named(self, cloud, &self.id()?).await
    }

    async fn create(&self, cloud: &Region, token: &str) -> Result<String, ProviderError> {
        let scaling = &self.scaling;
        let start = scaling.desired.or(scaling.initial.0).unwrap_or(scaling.min);
        let taints = self.taints.0.iter().map(Taint::sdk).collect();
        let request = cloud
            .eks()
            .create_nodegroup()
            .cluster_name(known(&self.cluster)?)
            .nodegroup_name(&self.name)
            .version(&self.version)
            .scaling_config(scaling.sdk(Some(start)))
            .set_instance_types(self.instance_types.clone())
            .ami_type(self.ami_type.as_str().into())
            .capacity_type(self.capacity_type.as_str().into())
            .set_labels(Some(self.labels.clone().into_iter().collect()))
            .set_taints(Some(taints))
            .update_config(self.update_config())
            .set_launch_template(self.template()?)
            .node_role(known(&self.node_role)?)
            .set_subnets(Some(self.subnet_ids()?))
            .set_tags(Some(super::sdk(&self.tags)))
            .client_request_token(token);
        let made = perhaps_early(request.send().await.or_taken("eks:CreateNodegroup"))?;
        match made {
            Some(_) => self.id(),
            None => tags::claim(self, cloud, &self.id()?).await,
        }
    }

    async fn readiness(&self, cloud: &Region, id: &str) -> Result<Readiness, ProviderError> {
        let Some(group) = describe(cloud, id).await? else {
            return Ok(Readiness::seen(false));
        };
        let (cluster, name) = parts(id)?;
        let status = word(&group);
        match group.status() {
            Some(NodegroupStatus::Active) => updates::readiness(cloud, cluster, Part::NodeGroup(name)).await,
            Some(NodegroupStatus::CreateFailed | NodegroupStatus::Degraded) => {
                Ok(Readiness::Failed(match ailments(&group) {
                    Some(why) => format!("{status}: {why}"),
                    None => format!("{status}; EKS gives no reason"),
                }))
            }
            _ => Ok(Readiness::Pending(match ailments(&group) {
                Some(why) => format!("{status}: {why}"),
                None => status.to_owned(),
            })),
        }
    }

    async fn update(&self, cloud: &Region, id: &str, changes: &[Change]) -> Result<(), ProviderError> {
        let (cluster, name) = parts(id)?;
        updates::settled(cloud, cluster, Part::NodeGroup(name)).await?;
        let Some(group) = describe(cloud, id).await? else {
            return Err(ProviderError::transient(format!("`{id}` is not seen yet")));
        };
        let found = Self::read(&group);
        let (other_config, other_version) =
            (self.differs_in_config(&found), self.differs_in_version(&found)?);
        if changes.iter().any(|change| change.path.starts_with("/tags")) {
            super::retag(cloud, group.nodegroup_arn(), &self.tags).await?;
        }
        if !other_config && !other_version {
            return Ok(());
        }
        // A group that is ill is changed as well: that may be the cure.
        if !matches!(
            group.status(),
            Some(NodegroupStatus::Active | NodegroupStatus::Degraded)
        ) {
            return Err(updates::waits(word(&group)));
        }
        let update = perhaps_early(match other_config {
            true => self.change_config(cloud, &found).await,
            false => self.change_version(cloud).await,
        })?;
        updates::issued(cloud, cluster, Part::NodeGroup(name), update);
        match other_config && other_version {
            true => Err(updates::waits("1 of 2")),
            false => Ok(()),
        }
    }

    async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let (cluster, name) = parts(id)?;
        let request = cloud.eks().delete_nodegroup().cluster_name(cluster);
        let answer = request.nodegroup_name(name).send().await;
        answer.or_absent("eks:DeleteNodegroup").map(drop)
    }
}

async fn describe(cloud: &Region, id: &str) -> Result<Option<types::Nodegroup>, ProviderError> {
    let (cluster, name) = parts(id)?;
    let request = cloud.eks().describe_nodegroup().cluster_name(cluster);
    let answer = request.nodegroup_name(name).send().await;
    let found = answer.or_absent("eks:DescribeNodegroup")?;
    Ok(found.and_then(|found| found.nodegroup))
}

fn word(group: &types::Nodegroup) -> &str {
    group.status().map_or("no status", NodegroupStatus::as_str)
}

/// What EKS says about its health, where it says something.
fn ailments(group: &types::Nodegroup) -> Option<String> {
    let issues = group.health().map(|health| health.issues()).unwrap_or_default();
    let told: Vec<String> = issues
        .iter()
        .map(|found| super::issue(found.code().map(|code| code.as_str()), found.message()))
        .collect();
    (!told.is_empty()).then(|| told.join("; "))
}

impl NodeGroup {
    fn id(&self) -> Result<String, ProviderError> {
        Ok(format!("{}/{}", known(&self.cluster)?, self.name))
    }

    fn read(group: &types::Nodegroup) -> Self {
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        let scaling = group.scaling_config();
        let template = group.launch_template();
        let labels = group.labels().cloned().unwrap_or_default();
        Self {
            cluster: Ref::Known(text(group.cluster_name())),
            name: text(group.nodegroup_name()),
            version: text(group.version()),
            scaling: Scaling {
                min: scaling.and_then(|scaling| scaling.min_size()).unwrap_or_default(),
                max: scaling.and_then(|scaling| scaling.max_size()).unwrap_or_default(),
                desired: scaling.and_then(|scaling| scaling.desired_size()),
                initial: AtCreation(None),
            },
            instance_types: Some(group.instance_types().to_vec()),
            ami_type: text(group.ami_type().map(|kind| kind.as_str())),
            capacity_type: text(group.capacity_type().map(|kind| kind.as_str())),
            labels: labels.into_iter().collect(),
            taints: group.taints().iter().map(Taint::read).collect(),
            max_unavailable: group
                .update_config()
                .and_then(|config| config.max_unavailable())
                .unwrap_or_default(),
            launch_template: template.and_then(|template| template.id.clone()).map(Ref::Known),
            launch_template_version: template
                .and_then(|template| template.version.clone())
                .map(Ref::Known),
            node_role: Ref::Known(text(group.node_role())),
            subnets: group.subnets().iter().cloned().map(Ref::Known).collect(),
            tags: super::read_tags(group.tags()),
        }
    }

    fn update_config(&self) -> NodegroupUpdateConfig {
        let config = NodegroupUpdateConfig::builder();
        config.max_unavailable(self.max_unavailable).build()
    }

    fn template(&self) -> Result<Option<LaunchTemplateSpecification>, ProviderError> {
        let Some(id) = &self.launch_template else {
            return Ok(None);
        };
        let version = self.launch_template_version.as_ref().map(known).transpose()?;
        let template = LaunchTemplateSpecification::builder().id(known(id)?);
        Ok(Some(template.set_version(version.map(str::to_owned)).build()))
    }

    fn subnet_ids(&self) -> Result<Vec<String>, ProviderError> {
        let ids = self.subnets.0.iter();
        ids.map(|subnet| known(subnet).map(str::to_owned)).collect()
    }
}

impl Scaling {
    fn sdk(&self, desired: Option<i32>) -> NodegroupScalingConfig {
        NodegroupScalingConfig::builder()
            .min_size(self.min)
            .max_size(self.max)
            .set_desired_size(desired)
            .build()
    }
}

impl Taint {
    fn sdk(&self) -> types::Taint {
        let value = Some(&self.value).filter(|value| !value.is_empty());
        types::Taint::builder()
            .key(&self.key)
            .set_value(value.cloned())
            .effect(self.effect.as_str().into())
            .build()
    }

    fn read(taint: &types::Taint) -> Self {
        Self {
            key: taint.key().unwrap_or_default().to_owned(),
            value: taint.value().unwrap_or_default().to_owned(),
            effect: taint.effect().map_or("", |effect| effect.as_str()).to_owned(),
        }
    }

    fn same_place(&self, other: &Self) -> bool {
        (&self.key, &self.effect) == (&other.key, &other.effect)
    }
}
