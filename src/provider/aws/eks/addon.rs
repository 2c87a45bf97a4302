//! An add-on: what EKS installs in the cluster and keeps at a version that fits it.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_eks::types::{self, AddonIssueCode, AddonPodIdentityAssociations, AddonStatus, ResolveConflicts};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::Region;
use super::super::error::Call;
use super::super::tags::{self, Named, Tags};
use super::updates::{self, Part};
use super::{known, parts, perhaps_early};
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, Ref};

/// An EKS add-on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Addon {
    /// The cluster's name.
    pub cluster: Ref<String>,
    /// Its name in EKS's catalogue, such as `vpc-cni`.
    pub name: String,
    /// Its version, such as `v1.21.1-eksbuild.3`; absent: EKS's default when it is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Roles of its service accounts; absent: as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<BTreeMap<String, Ref<String>>>,
    /// Its settings, in the form that its own schema has; absent: as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration: Option<Value>,
    /// Its tags.
    pub tags: Tags,
}

/// What others may refer to.
#[derive(Serialize)]
pub struct Outputs {
    name: String,
    arn: String,
    version: String,
}

impl Named for Addon {
    fn tags(&self) -> &Tags {
        &self.tags
    }
}

impl Resource for Addon {
    const KIND: &'static str = "eks_addon";
    const REPLACE_ON: &'static [&'static str] = &["cluster", "name"];
    const STABLE_OUTPUTS: &'static [&'static str] = &["name", "arn"];
    const FOUND_BY: FoundBy = FoundBy::Composite;
    const DEADLINE: Duration = Duration::from_secs(30 * 60);
    type Cloud = Region;
    type Outputs = Outputs;

    async fn observe(cloud: &Region, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let Some(addon) = describe(cloud, id).await? else {
            return Ok(None);
        };
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        let outputs = Outputs {
            name: text(addon.addon_name()),
            arn: text(addon.addon_arn()),
            version: text(addon.addon_version()),
        };
        let configuration = addon.configuration_values().unwrap_or("{}");
        let found = Self {
            cluster: Ref::Known(text(addon.cluster_name())),
            name: text(addon.addon_name()),
            version: addon.addon_version.clone(),
            roles: Some(roles(cloud, &addon).await?),
            configuration: Some(read_configuration(configuration)),
            tags: super::read_tags(addon.tags()),
        };
        Ok(Some((found, outputs)))
    }

    async fn find(&self, cloud: &Region, _token: &str) -> Result<Option<String>, ProviderError> {
        tags::find_named(self, cloud, &self.id()?).await
    }

    async fn create(&self, cloud: &Region, token: &str) -> Result<String, ProviderError> {
        let request = cloud
            .eks()
            .create_addon()
            .cluster_name(known(&self.cluster)?)
            .addon_name(&self.name)
            .set_addon_version(self.version.clone())
            .set_pod_identity_associations(self.associations()?)
            .set_configuration_values(self.configuration.as_ref().map(Value::to_string))
            .resolve_conflicts(ResolveConflicts::Overwrite)
            .set_tags(Some(super::sdk(&self.tags)))
            .client_request_token(token);
        let made = perhaps_early(request.send().await.or_taken("eks:CreateAddon"))?;
        match made {
            Some(_) => self.id(),
            None => tags::claim(self, cloud, &self.id()?).await,
        }
    }

    async fn readiness(&self, cloud: &Region, id: &str) -> Result<Readiness, ProviderError> {
        let Some(addon) = describe(cloud, id).await? else {
            return Ok(Readiness::seen(false));
        };
        let (cluster, name) = parts(id)?;
        let told = format!("{}{}", word(&addon), ailments(&addon));
        match addon.status() {
            Some(AddonStatus::Active) => updates::readiness(cloud, cluster, Part::Addon(name)).await,
            Some(AddonStatus::Degraded) if self.comes_before_nodes() && only_waits_for_pods(&addon) => {
                Ok(Readiness::Ready)
            }
            Some(AddonStatus::Degraded) if only_waits_for_pods(&addon) => Ok(Readiness::Pending(told)),
            Some(AddonStatus::CreateFailed | AddonStatus::UpdateFailed | AddonStatus::Degraded) => {
                Ok(Readiness::Failed(told))
            }
            _ => Ok(Readiness::Pending(told)),
        }
    }

    async fn update(&self, cloud: &Region, id: &str, changes: &[Change]) -> Result<(), ProviderError> {
        let (cluster, name) = parts(id)?;
        if changes.iter().any(|change| change.path.starts_with("/tags")) {
            let addon = describe(cloud, id).await?;
            let arn = addon.as_ref().and_then(|addon| addon.addon_arn());
            super::retag(cloud, arn, &self.tags).await?;
        }
        if changes.iter().all(|change| change.path.starts_with("/tags")) {
            return Ok(());
        }
        updates::settled(cloud, cluster, Part::Addon(name)).await?;
        let request = cloud
            .eks()
            .update_addon()
            .cluster_name(cluster)
            .addon_name(name)
            .set_addon_version(self.version.clone())
            .set_pod_identity_associations(self.associations()?)
            .set_configuration_values(self.configuration.as_ref().map(Value::to_string))
            .resolve_conflicts(ResolveConflicts::Overwrite);
        let answer = perhaps_early(request.send().await.called("eks:UpdateAddon"))?;
        updates::issued(cloud, cluster, Part::Addon(name), answer.update);
        Ok(())
    }

    async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let (cluster, name) = parts(id)?;
        let request = cloud.eks().delete_addon().cluster_name(cluster);
        let answer = request.addon_name(name).send().await;
        answer.or_absent("eks:DeleteAddon").map(drop)
    }
}

async fn describe(cloud: &Region, id: &str) -> Result<Option<types::Addon>, ProviderError> {
    let (cluster, name) = parts(id)?;
    let request = cloud.eks().describe_addon().cluster_name(cluster);
    let answer = request.addon_name(name).send().await;
    let found = answer.or_absent("eks:DescribeAddon")?;
    Ok(found.and_then(|found| found.addon))
}

/// The roles of its service accounts: EKS tells only the ARNs of the associations, which end in their ids.
async fn roles(cloud: &Region, addon: &types::Addon) -> Result<BTreeMap<String, Ref<String>>, ProviderError> {
    let mut roles = BTreeMap::new();
    for arn in addon.pod_identity_associations() {
        let request = cloud
            .eks()
            .describe_pod_identity_association()
            .set_cluster_name(addon.cluster_name.clone())
            .association_id(arn.rsplit('/').next().unwrap_or(arn));
        let answer = request.send().await;
        let found = answer.or_absent("eks:DescribePodIdentityAssociation")?;
        let Some(association) = found.and_then(|found| found.association) else {
            continue;
        };
        if let (Some(account), Some(role)) = (association.service_account, association.role_arn) {
            roles.insert(account, Ref::Known(role));
        }
    }
    Ok(roles)
}

/// What isn't JSON is YAML that somebody else has given: text, which differs from what is wanted.
fn read_configuration(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

fn word(addon: &types::Addon) -> &str {
    addon.status().map_or("no status", AddonStatus::as_str)
}

fn issues(addon: &types::Addon) -> &[types::AddonIssue] {
    addon.health().map(|health| health.issues()).unwrap_or_default()
}

/// What EKS says about its health, to be put behind its status.
fn ailments(addon: &types::Addon) -> String {
    let told = issues(addon)
        .iter()
        .map(|found| super::issue(found.code().map(|code| code.as_str()), found.message()));
    told.map(|issue| format!("; {issue}")).collect()
}

/// Its pods aren't up, and that is all.
fn only_waits_for_pods(addon: &types::Addon) -> bool {
    issues(addon)
        .iter()
        .all(|issue| issue.code() == Some(&AddonIssueCode::InsufficientNumberOfReplicas))
}

impl Addon {
    /// What makes a node ready for pods; on a cluster without nodes none of its own pods can be up.
    pub const BEFORE_NODES: [&'static str; 3] = ["vpc-cni", "kube-proxy", "eks-pod-identity-agent"];

    fn comes_before_nodes(&self) -> bool {
        Self::BEFORE_NODES.contains(&self.name.as_str())
    }

    fn id(&self) -> Result<String, ProviderError> {
        Ok(format!("{}/{}", known(&self.cluster)?, self.name))
    }

    fn associations(&self) -> Result<Option<Vec<AddonPodIdentityAssociations>>, ProviderError> {
        let association = |(account, role): (&String, &Ref<String>)| {
            AddonPodIdentityAssociations::builder()
                .service_account(account)
                .role_arn(known(role)?)
                .build()
                .map_err(|why| ProviderError::refused(format!("eks:CreateAddon: {why}")))
        };
        let roles = self.roles.as_ref();
        roles
            .map(|roles| roles.iter().map(association).collect())
            .transpose()
    }
}
