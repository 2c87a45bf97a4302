//! The control plane. EKS takes one kind of change a call and none while it is at work on another, so `update`
//! does what differs first and asks to be called again for the rest.

mod steps;

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_eks::types::{
    self, AuthenticationMode, ClusterStatus, CreateAccessConfigRequest, EncryptionConfig, LogSetup, LogType,
    Logging, Provider, UpgradePolicyRequest, VpcConfigRequest,
};
use serde::{Deserialize, Serialize};

use super::super::Region;
use super::super::error::Call;
use super::super::tags::{self, Named, Tags};
use super::updates::{self, Part};
use super::{known, perhaps_early};
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{AtCreation, Change, Ref, Set};

/// An EKS cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cluster {
    /// Its name, unique in the region.
    pub name: String,
    /// Kubernetes' minor version, such as `1.35`. It only goes up; EKS goes through those in between.
    pub version: String,
    /// ARN of the role that EKS acts with.
    pub role: Ref<String>,
    /// Subnets that the control plane has an address in; at least two zones.
    pub subnets: Set<Ref<String>>,
    /// Who reaches the API server.
    pub endpoint: Endpoint,
    /// ARN of the key that encrypts what the API holds. It can be given later, and never taken away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption_key: Option<Ref<String>>,
    /// Logs that go to CloudWatch: `api`, `audit`, `authenticator`, `controllerManager`, `scheduler`.
    pub logs: BTreeSet<String>,
    /// `STANDARD`: upgraded at the end of standard support. `EXTENDED`: stays, at six times the price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub support_type: Option<String>,
    /// `API`: access entries say who may what, not a config map.
    pub authentication_mode: String,
    /// Whoever creates it may do everything in it. EKS doesn't tell later.
    #[serde(default)]
    pub creator_is_admin: AtCreation<bool>,
    /// EKS brings network, proxy and DNS itself, outside its add-ons.
    #[serde(default)]
    pub self_managed_addons: AtCreation<bool>,
    /// EKS refuses to delete it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_protection: Option<bool>,
    /// Its tags.
    pub tags: Tags,
}

/// The ways to the API server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Endpoint {
    /// From outside the VPC.
    pub public: bool,
    /// From inside.
    pub private: bool,
    /// Who may come from outside; absent: as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_cidrs: Option<BTreeSet<String>>,
}

/// What others may refer to.
#[derive(Serialize)]
pub struct Outputs {
    name: String,
    arn: String,
    endpoint: String,
    certificate_authority: String,
    /// The group that EKS makes, which nodes and pods carry.
    security_group_id: String,
}

impl Named for Cluster {
    fn tags(&self) -> &Tags {
        &self.tags
    }
}

impl Resource for Cluster {
    const KIND: &'static str = "eks_cluster";
    const REPLACE_ON: &'static [&'static str] = &["name", "role"];
    const STABLE_OUTPUTS: &'static [&'static str] = &[
        "name",
        "arn",
        "endpoint",
        "certificate_authority",
        "security_group_id",
    ];
    const FOUND_BY: FoundBy = FoundBy::Name;
    /// Creation takes about 10 minutes; so does each minor version of an upgrade over several.
    const DEADLINE: Duration = Duration::from_secs(90 * 60);
    type Cloud = Region;
    type Outputs = Outputs;

    async fn observe(cloud: &Region, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let Some(cluster) = describe(cloud, id).await? else {
            return Ok(None);
        };
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        let network = cluster.resources_vpc_config();
        let authority = cluster.certificate_authority();
        let outputs = Outputs {
            name: id.into(),
            arn: text(cluster.arn()),
            endpoint: text(cluster.endpoint()),
            certificate_authority: text(authority.and_then(|authority| authority.data())),
            security_group_id: text(network.and_then(|network| network.cluster_security_group_id())),
        };
        Ok(Some((Self::read(&cluster), outputs)))
    }

    async fn find(&self, cloud: &Region, _token: &str) -> Result<Option<String>, ProviderError> {
        tags::find_named(self, cloud, &self.name).await
    }

    async fn create(&self, cloud: &Region, token: &str) -> Result<String, ProviderError> {
        let subnets = self.subnet_ids()?;
        let access = CreateAccessConfigRequest::builder()
            .authentication_mode(self.authentication_mode.as_str().into())
            .set_bootstrap_cluster_creator_admin_permissions(self.creator_is_admin.0);
        let request = cloud
            .eks()
            .create_cluster()
            .name(&self.name)
            .version(&self.version)
            .role_arn(known(&self.role)?)
            .resources_vpc_config(self.endpoint_request().set_subnet_ids(Some(subnets)).build())
            .set_encryption_config(self.encryption()?.map(|key| vec![key]))
            .logging(self.logging(&BTreeSet::new()))
            .set_upgrade_policy(self.upgrade_policy())
            .access_config(access.build())
            .set_bootstrap_self_managed_addons(self.self_managed_addons.0)
            .set_deletion_protection(self.deletion_protection)
            .set_tags(Some(super::sdk(&self.tags)))
            .client_request_token(token);
        let made = perhaps_early(request.send().await.or_taken("eks:CreateCluster"))?;
        match made {
            Some(_) => Ok(self.name.clone()),
            None => tags::claim(self, cloud, &self.name).await,
        }
    }

    async fn readiness(&self, cloud: &Region, id: &str) -> Result<Readiness, ProviderError> {
        let Some(cluster) = describe(cloud, id).await? else {
            return Ok(Readiness::seen(false));
        };
        match cluster.status() {
            Some(ClusterStatus::Active) => updates::readiness(cloud, id, Part::ControlPlane).await,
            Some(ClusterStatus::Failed) => Ok(Readiness::Failed(ailment(&cluster))),
            status => Ok(Readiness::Pending(word(status).to_owned())),
        }
    }

    async fn update(&self, cloud: &Region, id: &str, changes: &[Change]) -> Result<(), ProviderError> {
        updates::settled(cloud, id, Part::ControlPlane).await?;
        let Some(cluster) = describe(cloud, id).await? else {
            return Err(ProviderError::transient(format!("`{id}` is not seen yet")));
        };
        let steps = self.steps(&Self::read(&cluster))?;
        if changes.iter().any(|change| change.path.starts_with("/tags")) {
            super::retag(cloud, cluster.arn(), &self.tags).await?;
        }
        let Some(next) = steps.first() else {
            return Ok(());
        };
        if cluster.status() != Some(&ClusterStatus::Active) {
            return Err(updates::waits(word(cluster.status())));
        }
        let update = perhaps_early(self.take(cloud, next).await)?;
        updates::issued(cloud, id, Part::ControlPlane, update);
        match steps.len() {
            1 => Ok(()),
            count => Err(updates::waits(&format!("1 of {count}"))),
        }
    }

    async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let Some(cluster) = describe(cloud, id).await? else {
            return Ok(());
        };
        if cluster.deletion_protection() == Some(true) {
            return Err(ProviderError::refused(format!(
                "the EKS cluster `{id}` is protected against deletion"
            ))
            .with_hint(format!(
                "somebody else has set that: `aws eks update-cluster-config --name {id} --region {} \
                 --no-deletion-protection` lifts it",
                cloud.name()
            )));
        }
        if cluster.status() == Some(&ClusterStatus::Deleting) {
            return Ok(());
        }
        let answer = cloud.eks().delete_cluster().name(id).send().await;
        answer.or_absent("eks:DeleteCluster").map(drop)
    }
}

async fn describe(cloud: &Region, name: &str) -> Result<Option<types::Cluster>, ProviderError> {
    let answer = cloud.eks().describe_cluster().name(name).send().await;
    let found = answer.or_absent("eks:DescribeCluster")?;
    Ok(found.and_then(|found| found.cluster))
}

fn word(status: Option<&ClusterStatus>) -> &str {
    status.map_or("no status", ClusterStatus::as_str)
}

fn ailment(cluster: &types::Cluster) -> String {
    let issues = cluster.health().map(|health| health.issues()).unwrap_or_default();
    let told: Vec<String> = issues
        .iter()
        .map(|found| super::issue(found.code().map(|code| code.as_str()), found.message()))
        .collect();
    match told.is_empty() {
        true => "FAILED; EKS gives no reason".into(),
        false => told.join("; "),
    }
}

impl Cluster {
    fn read(cluster: &types::Cluster) -> Self {
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        let network = cluster.resources_vpc_config();
        let key = cluster
            .encryption_config()
            .iter()
            .find_map(|given| given.provider()?.key_arn());
        let logged = cluster
            .logging()
            .map(|logging| logging.cluster_logging())
            .unwrap_or_default();
        let mode = cluster
            .access_config()
            .and_then(|access| access.authentication_mode());
        Self {
            name: text(cluster.name()),
            version: text(cluster.version()),
            role: Ref::Known(text(cluster.role_arn())),
            subnets: network
                .map(|network| network.subnet_ids())
                .unwrap_or_default()
                .iter()
                .cloned()
                .map(Ref::Known)
                .collect(),
            endpoint: Endpoint {
                public: network.is_some_and(|network| network.endpoint_public_access()),
                private: network.is_some_and(|network| network.endpoint_private_access()),
                public_cidrs: network.map(|network| network.public_access_cidrs().iter().cloned().collect()),
            },
            encryption_key: key.map(|key| Ref::Known(key.to_owned())),
            logs: logged
                .iter()
                .filter(|setup| setup.enabled() == Some(true))
                .flat_map(|setup| setup.types())
                .map(|kind| kind.as_str().to_owned())
                .collect(),
            support_type: cluster
                .upgrade_policy()
                .and_then(|policy| policy.support_type())
                .map(|kind| kind.as_str().to_owned()),
            authentication_mode: text(mode.map(AuthenticationMode::as_str)),
            creator_is_admin: AtCreation(None),
            self_managed_addons: AtCreation(None),
            deletion_protection: Some(cluster.deletion_protection().unwrap_or_default()),
            tags: super::read_tags(cluster.tags()),
        }
    }

    fn subnet_ids(&self) -> Result<Vec<String>, ProviderError> {
        let ids = self.subnets.0.iter();
        ids.map(|subnet| known(subnet).map(str::to_owned)).collect()
    }

    fn endpoint_request(&self) -> types::builders::VpcConfigRequestBuilder {
        let cidrs = self.endpoint.public_cidrs.as_ref();
        VpcConfigRequest::builder()
            .endpoint_public_access(self.endpoint.public)
            .endpoint_private_access(self.endpoint.private)
            .set_public_access_cidrs(cidrs.map(|cidrs| cidrs.iter().cloned().collect()))
    }

    #[allow(
        deprecated,
        reason = "EKS still refuses the key without the resources that it encrypts"
    )]
    fn encryption(&self) -> Result<Option<EncryptionConfig>, ProviderError> {
        let Some(key) = &self.encryption_key else {
            return Ok(None);
        };
        let provider = Provider::builder().key_arn(known(key)?).build();
        let config = EncryptionConfig::builder()
            .resources("secrets")
            .provider(provider);
        Ok(Some(config.build()))
    }

    fn upgrade_policy(&self) -> Option<UpgradePolicyRequest> {
        let kind = self.support_type.as_deref()?.into();
        Some(UpgradePolicyRequest::builder().support_type(kind).build())
    }

    /// What is wanted on, and the others of `known` off.
    fn logging(&self, known: &BTreeSet<String>) -> Logging {
        let kinds = |names: Vec<&String>| {
            names
                .into_iter()
                .map(|name| LogType::from(name.as_str()))
                .collect()
        };
        let setup = |enabled, names: Vec<&String>| {
            let setup = LogSetup::builder().enabled(enabled);
            (!names.is_empty()).then(|| setup.set_types(Some(kinds(names))).build())
        };
        let on = setup(true, self.logs.iter().collect());
        let off = setup(false, known.difference(&self.logs).collect());
        let setups = on.into_iter().chain(off).collect();
        Logging::builder().set_cluster_logging(Some(setups)).build()
    }
}
