//! Who may use the cluster's API: an IAM principal, its Kubernetes groups and EKS's own policies.

use std::collections::BTreeSet;

use aws_sdk_eks::types::{self, AccessScopeType};
use serde::{Deserialize, Serialize};

use super::super::Region;
use super::super::error::Call;
use super::super::tags::{self, Named, Tags};
use super::{known, parts, perhaps_early};
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, Ref};

/// An access entry of a cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccessEntry {
    /// The cluster's name.
    pub cluster: Ref<String>,
    /// ARN of the role or user.
    pub principal: Ref<String>,
    /// `STANDARD`, or what kind of node it is, such as `EC2_LINUX`.
    pub kind: String,
    /// Kubernetes groups that it belongs to.
    pub kubernetes_groups: BTreeSet<String>,
    /// EKS's policies that it has: these and no others.
    pub policies: BTreeSet<AccessPolicy>,
    /// Its tags.
    pub tags: Tags,
}

/// One of EKS's policies, and where it holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AccessPolicy {
    /// Such as `arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy`.
    pub arn: String,
    /// Only in these namespaces; empty: in the whole cluster.
    pub namespaces: BTreeSet<String>,
}

/// What others may refer to.
#[derive(Serialize)]
pub struct Outputs {
    arn: String,
    principal: String,
}

impl Named for AccessEntry {
    fn tags(&self) -> &Tags {
        &self.tags
    }
}

impl Resource for AccessEntry {
    const KIND: &'static str = "eks_access_entry";
    const REPLACE_ON: &'static [&'static str] = &["cluster", "principal", "kind"];
    const CONFIGURES: bool = true;
    const STABLE_OUTPUTS: &'static [&'static str] = &["arn", "principal"];
    const FOUND_BY: FoundBy = FoundBy::Composite;
    type Cloud = Region;
    type Outputs = Outputs;

    async fn observe(cloud: &Region, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let Some(entry) = describe(cloud, id).await? else {
            return Ok(None);
        };
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        let found = Self {
            cluster: Ref::Known(text(entry.cluster_name())),
            principal: Ref::Known(text(entry.principal_arn())),
            kind: text(entry.r#type()),
            kubernetes_groups: entry.kubernetes_groups().iter().cloned().collect(),
            policies: policies(cloud, id).await?,
            tags: super::read_tags(entry.tags()),
        };
        let outputs = Outputs {
            arn: text(entry.access_entry_arn()),
            principal: text(entry.principal_arn()),
        };
        Ok(Some((found, outputs)))
    }

    async fn find(&self, cloud: &Region, _token: &str) -> Result<Option<String>, ProviderError> {
        tags::find_named(self, cloud, &self.id()?).await
    }

    async fn create(&self, cloud: &Region, token: &str) -> Result<String, ProviderError> {
        let groups = self.kubernetes_groups.iter().cloned().collect();
        let request = cloud
            .eks()
            .create_access_entry()
            .cluster_name(known(&self.cluster)?)
            .principal_arn(known(&self.principal)?)
            .r#type(&self.kind)
            .set_kubernetes_groups(Some(groups))
            .set_tags(Some(super::sdk(&self.tags)))
            .client_request_token(token);
        let made = perhaps_early(request.send().await.or_taken("eks:CreateAccessEntry"))?;
        match made {
            Some(_) => self.id(),
            None => tags::claim(self, cloud, &self.id()?).await,
        }
    }

    async fn readiness(&self, cloud: &Region, id: &str) -> Result<Readiness, ProviderError> {
        Ok(Readiness::seen(describe(cloud, id).await?.is_some()))
    }

    async fn configure(&self, cloud: &Region, id: &str) -> Result<(), ProviderError> {
        self.associate(cloud, id).await
    }

    async fn update(&self, cloud: &Region, id: &str, changes: &[Change]) -> Result<(), ProviderError> {
        let (cluster, principal) = parts(id)?;
        let changed = |field: &str| changes.iter().any(|change| change.path.starts_with(field));
        if changed("/tags") {
            let entry = describe(cloud, id).await?;
            let arn = entry.as_ref().and_then(|entry| entry.access_entry_arn());
            super::retag(cloud, arn, &self.tags).await?;
        }
        if changed("/kubernetes_groups") {
            let groups = self.kubernetes_groups.iter().cloned().collect();
            let request = cloud.eks().update_access_entry().cluster_name(cluster);
            let request = request
                .principal_arn(principal)
                .set_kubernetes_groups(Some(groups));
            request.send().await.called("eks:UpdateAccessEntry")?;
        }
        self.associate(cloud, id).await
    }

    async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let (cluster, principal) = parts(id)?;
        let request = cloud.eks().delete_access_entry().cluster_name(cluster);
        let answer = request.principal_arn(principal).send().await;
        answer.or_absent("eks:DeleteAccessEntry").map(drop)
    }
}

async fn describe(cloud: &Region, id: &str) -> Result<Option<types::AccessEntry>, ProviderError> {
    let (cluster, principal) = parts(id)?;
    let request = cloud.eks().describe_access_entry().cluster_name(cluster);
    let answer = request.principal_arn(principal).send().await;
    let found = answer.or_absent("eks:DescribeAccessEntry")?;
    Ok(found.and_then(|found| found.access_entry))
}

async fn policies(cloud: &Region, id: &str) -> Result<BTreeSet<AccessPolicy>, ProviderError> {
    let (cluster, principal) = parts(id)?;
    let mut found = BTreeSet::new();
    let request = cloud.eks().list_associated_access_policies();
    let mut pages = request
        .cluster_name(cluster)
        .principal_arn(principal)
        .into_paginator()
        .send();
    while let Some(page) = pages.next().await {
        let Some(page) = page.or_absent("eks:ListAssociatedAccessPolicies")? else {
            break;
        };
        found.extend(page.associated_access_policies().iter().map(|policy| {
            AccessPolicy {
                arn: policy.policy_arn().unwrap_or_default().to_owned(),
                namespaces: policy
                    .access_scope()
                    .map(|scope| scope.namespaces().iter().cloned().collect())
                    .unwrap_or_default(),
            }
        }));
    }
    Ok(found)
}

impl AccessEntry {
    fn id(&self) -> Result<String, ProviderError> {
        Ok(format!("{}/{}", known(&self.cluster)?, known(&self.principal)?))
    }

    /// The policies as wanted. A policy has one scope, which associating it again replaces.
    async fn associate(&self, cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let (cluster, principal) = parts(id)?;
        let found = policies(cloud, id).await?;
        for policy in self.policies.difference(&found) {
            let request = cloud.eks().associate_access_policy().cluster_name(cluster);
            let request = request.principal_arn(principal).policy_arn(&policy.arn);
            let answer = request.access_scope(policy.scope()).send().await;
            answer.called("eks:AssociateAccessPolicy")?;
        }
        let unwanted = |arn: &String| !self.policies.iter().any(|policy| policy.arn == *arn);
        for arn in found.iter().map(|policy| &policy.arn).filter(|arn| unwanted(arn)) {
            let request = cloud.eks().disassociate_access_policy().cluster_name(cluster);
            let answer = request.principal_arn(principal).policy_arn(arn).send().await;
            answer.or_absent("eks:DisassociateAccessPolicy")?;
        }
        Ok(())
    }
}

impl AccessPolicy {
    fn scope(&self) -> types::AccessScope {
        let kind = match self.namespaces.is_empty() {
            true => AccessScopeType::Cluster,
            false => AccessScopeType::Namespace,
        };
        let names = self.namespaces.iter().cloned().collect();
        let scope = types::AccessScope::builder().r#type(kind);
        scope.set_namespaces(Some(names)).build()
    }
}
