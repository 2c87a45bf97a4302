//! What pods of a service account may do on AWS: EKS hands them the credentials of a role.

use aws_sdk_eks::types;
use serde::{Deserialize, Serialize};

use super::super::Region;
use super::super::error::Call;
use super::super::tags::{self, Named, Tags};
use super::{known, parts, perhaps_early};
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, Ref};

/// A role for a Kubernetes service account, which need not exist yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PodIdentityAssociation {
    /// The cluster's name.
    pub cluster: Ref<String>,
    /// The service account's namespace.
    pub namespace: String,
    /// The service account.
    pub service_account: String,
    /// ARN of the role.
    pub role: Ref<String>,
    /// Its tags.
    pub tags: Tags,
}

/// What others may refer to.
#[derive(Serialize)]
pub struct Outputs {
    arn: String,
    service_account: String,
}

impl Named for PodIdentityAssociation {
    fn tags(&self) -> &Tags {
        &self.tags
    }
}

impl Resource for PodIdentityAssociation {
    const KIND: &'static str = "eks_pod_identity_association";
    const REPLACE_ON: &'static [&'static str] = &["cluster", "namespace", "service_account"];
    const STABLE_OUTPUTS: &'static [&'static str] = &["arn", "service_account"];
    const FOUND_BY: FoundBy = FoundBy::ClientToken;
    type Cloud = Region;
    type Outputs = Outputs;

    async fn observe(cloud: &Region, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let Some(association) = describe(cloud, id).await? else {
            return Ok(None);
        };
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        let found = Self {
            cluster: Ref::Known(text(association.cluster_name())),
            namespace: text(association.namespace()),
            service_account: text(association.service_account()),
            role: Ref::Known(text(association.role_arn())),
            tags: super::read_tags(association.tags()),
        };
        let outputs = Outputs {
            arn: text(association.association_arn()),
            service_account: found.service_account.clone(),
        };
        Ok(Some((found, outputs)))
    }

    async fn find(&self, cloud: &Region, _token: &str) -> Result<Option<String>, ProviderError> {
        match self.id_of_account(cloud).await? {
            Some(id) => tags::find_named(self, cloud, &id).await,
            None => Ok(None),
        }
    }

    async fn create(&self, cloud: &Region, token: &str) -> Result<String, ProviderError> {
        let cluster = known(&self.cluster)?;
        let request = cloud
            .eks()
            .create_pod_identity_association()
            .cluster_name(cluster)
            .namespace(&self.namespace)
            .service_account(&self.service_account)
            .role_arn(known(&self.role)?)
            .set_tags(Some(super::sdk(&self.tags)))
            .client_request_token(token);
        let answer = request.send().await;
        let Some(made) = perhaps_early(answer.or_taken("eks:CreatePodIdentityAssociation"))? else {
            return self.claim(cloud).await;
        };
        made.association
            .and_then(|association| association.association_id)
            .map(|association| format!("{cluster}/{association}"))
            .ok_or_else(|| ProviderError::unknown("eks:CreatePodIdentityAssociation answered without an id"))
    }

    async fn readiness(&self, cloud: &Region, id: &str) -> Result<Readiness, ProviderError> {
        Ok(Readiness::seen(describe(cloud, id).await?.is_some()))
    }

    async fn update(&self, cloud: &Region, id: &str, changes: &[Change]) -> Result<(), ProviderError> {
        let (cluster, association) = parts(id)?;
        if changes.iter().any(|change| change.path.starts_with("/tags")) {
            let found = describe(cloud, id).await?;
            let arn = found.as_ref().and_then(|found| found.association_arn());
            super::retag(cloud, arn, &self.tags).await?;
        }
        if changes.iter().any(|change| change.path == "/role") {
            let request = cloud.eks().update_pod_identity_association();
            let request = request.cluster_name(cluster).association_id(association);
            let answer = request.role_arn(known(&self.role)?).send().await;
            perhaps_early(answer.called("eks:UpdatePodIdentityAssociation"))?;
        }
        Ok(())
    }

    async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let (cluster, association) = parts(id)?;
        let request = cloud.eks().delete_pod_identity_association();
        let request = request.cluster_name(cluster).association_id(association);
        let answer = request.send().await;
        answer.or_absent("eks:DeletePodIdentityAssociation").map(drop)
    }
}

async fn describe(cloud: &Region, id: &str) -> Result<Option<types::PodIdentityAssociation>, ProviderError> {
    let (cluster, association) = parts(id)?;
    let request = cloud.eks().describe_pod_identity_association();
    let request = request.cluster_name(cluster).association_id(association);
    let answer = request.send().await;
    let found = answer.or_absent("eks:DescribePodIdentityAssociation")?;
    Ok(found.and_then(|found| found.association))
}

impl PodIdentityAssociation {
    /// A service account has at most one.
    async fn id_of_account(&self, cloud: &Region) -> Result<Option<String>, ProviderError> {
        let cluster = known(&self.cluster)?;
        let request = cloud
            .eks()
            .list_pod_identity_associations()
            .cluster_name(cluster)
            .namespace(&self.namespace)
            .service_account(&self.service_account);
        let answer = request.send().await;
        let listed = answer.or_absent("eks:ListPodIdentityAssociations")?;
        let found = listed.and_then(|listed| listed.associations.unwrap_or_default().pop());
        let association = found.and_then(|found| found.association_id);
        Ok(association.map(|association| format!("{cluster}/{association}")))
    }

    async fn claim(&self, cloud: &Region) -> Result<String, ProviderError> {
        match self.id_of_account(cloud).await? {
            Some(id) => tags::claim(self, cloud, &id).await,
            None => Err(ProviderError::transient(format!(
                "an association of {}/{} exists already, but can't be seen yet",
                self.namespace, self.service_account
            ))),
        }
    }
}
