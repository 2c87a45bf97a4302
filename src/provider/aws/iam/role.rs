//! A role: who may take it on, and what it may do then.

use aws_sdk_iam::types::Role;
use serde::{Deserialize, Serialize, Serializer};

use super::super::error::Call;
use super::super::tags::{self, Named, Tags};
use super::super::{PolicyDocument, Region};
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, Ref, Set};

/// An IAM role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IamRole {
    /// Its name; IAM allows 64 characters.
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// Who may take it on.
    pub trust: PolicyDocument,
    /// ARNs of the policies attached to it: these and no others.
    pub managed_policies: Set<Ref<String>>,
    /// Its own policies: these and no others.
    #[serde(serialize_with = "by_name")]
    pub inline_policies: Vec<InlinePolicy>,
    /// ARN of the policy that bounds what any other may allow it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions_boundary: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

/// A policy that lives and dies with its role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InlinePolicy {
    /// Its name, unique in the role.
    pub name: String,
    /// What it allows.
    pub document: PolicyDocument,
}

/// A list and no map, so that one that nobody asked for is a difference.
fn by_name<S: Serializer>(policies: &[InlinePolicy], serializer: S) -> Result<S::Ok, S::Error> {
    let mut sorted: Vec<&InlinePolicy> = policies.iter().collect();
    sorted.sort_by_key(|policy| &policy.name);
    sorted.serialize(serializer)
}

/// What others may refer to.
#[derive(Serialize)]
pub struct Outputs {
    name: String,
    arn: String,
}

impl Named for IamRole {
    fn tags(&self) -> &Tags {
        &self.tags
    }
}

impl Resource for IamRole {
    const KIND: &'static str = "iam_role";
    const REPLACE_ON: &'static [&'static str] = &["name"];
    const CONFIGURES: bool = true;
    const STABLE_OUTPUTS: &'static [&'static str] = &["name", "arn"];
    const FOUND_BY: FoundBy = FoundBy::Name;
    type Cloud = Region;
    type Outputs = Outputs;

    async fn observe(cloud: &Region, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let Some(role) = role(cloud, id).await? else {
            return Ok(None);
        };
        let (attached, inline) = futures::future::try_join(attached(cloud, id), inline(cloud, id)).await?;
        let boundary = role.permissions_boundary.as_ref();
        let found = Self {
            name: role.role_name.clone(),
            description: role.description.clone().unwrap_or_default(),
            trust: PolicyDocument::parse(id, role.assume_role_policy_document().unwrap_or("{}"))?,
            managed_policies: attached.into_iter().map(Ref::Known).collect(),
            inline_policies: inline,
            permissions_boundary: boundary.and_then(|boundary| boundary.permissions_boundary_arn.clone()),
            tags: super::read_tags(role.tags()),
        };
        let outputs = Outputs {
            name: role.role_name,
            arn: role.arn,
        };
        Ok(Some((found, outputs)))
    }

    async fn find(&self, cloud: &Region, _token: &str) -> Result<Option<String>, ProviderError> {
        tags::find_named(self, cloud, &self.name).await
    }

    async fn create(&self, cloud: &Region, _token: &str) -> Result<String, ProviderError> {
        let request = cloud
            .iam()
            .create_role()
            .role_name(&self.name)
            .description(&self.description)
            .assume_role_policy_document(self.trust.text())
            .set_permissions_boundary(self.permissions_boundary.clone())
            .set_tags(Some(super::sdk(&self.tags)?));
        let made = request.send().await.or_taken("iam:CreateRole");
        match made.map_err(super::passing)? {
            Some(_) => Ok(self.name.clone()),
            None => tags::claim(self, cloud, &self.name).await,
        }
    }

    async fn readiness(&self, cloud: &Region, id: &str) -> Result<Readiness, ProviderError> {
        Ok(Readiness::seen(role(cloud, id).await?.is_some()))
    }

    async fn configure(&self, cloud: &Region, id: &str) -> Result<(), ProviderError> {
        self.attach(cloud, id).await?;
        self.write_inline(cloud, id).await
    }

    async fn update(&self, cloud: &Region, id: &str, changes: &[Change]) -> Result<(), ProviderError> {
        let changed = |path: &str| changes.iter().any(|change| change.path.starts_with(path));
        let iam = cloud.iam();
        if changed("/description") {
            let request = iam.update_role().role_name(id).description(&self.description);
            request.send().await.called("iam:UpdateRole")?;
        }
        if changed("/trust") {
            let request = iam.update_assume_role_policy().role_name(id);
            let request = request.policy_document(self.trust.text());
            let answer = request.send().await.called("iam:UpdateAssumeRolePolicy");
            answer.map_err(super::passing)?;
        }
        if let (true, Some(boundary)) = (changed("/permissions_boundary"), &self.permissions_boundary) {
            let request = iam.put_role_permissions_boundary().role_name(id);
            let request = request.permissions_boundary(boundary);
            request.send().await.called("iam:PutRolePermissionsBoundary")?;
        }
        if changed("/managed_policies") {
            self.attach(cloud, id).await?;
        }
        if changed("/inline_policies") {
            self.write_inline(cloud, id).await?;
        }
        if changed("/tags") {
            let request = iam
                .tag_role()
                .role_name(id)
                .set_tags(Some(super::sdk(&self.tags)?));
            request.send().await.called("iam:TagRole")?;
        }
        Ok(())
    }

    async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
        if role(cloud, id).await?.is_none() {
            return Ok(());
        }
        leave_profiles(cloud, id).await?;
        for policy in attached(cloud, id).await? {
            detach(cloud, id, &policy).await?;
        }
        for policy in inline_names(cloud, id).await? {
            delete_inline(cloud, id, &policy).await?;
        }
        let answer = cloud.iam().delete_role().role_name(id).send().await;
        answer.or_absent("iam:DeleteRole").map(drop)
    }
}

impl IamRole {
    /// Attaches what is missing and detaches what is too many.
    async fn attach(&self, cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let wanted: Vec<&String> = self.managed_policies.0.iter().filter_map(Ref::known).collect();
        let found = attached(cloud, id).await?;
        for policy in wanted.iter().filter(|policy| !found.contains(policy)) {
            let request = cloud.iam().attach_role_policy().role_name(id).policy_arn(*policy);
            request.send().await.called("iam:AttachRolePolicy")?;
        }
        for policy in found.iter().filter(|policy| !wanted.contains(policy)) {
            detach(cloud, id, policy).await?;
        }
        Ok(())
    }

    async fn write_inline(&self, cloud: &Region, id: &str) -> Result<(), ProviderError> {
        for policy in &self.inline_policies {
            let request = cloud
                .iam()
                .put_role_policy()
                .role_name(id)
                .policy_name(&policy.name);
            let request = request.policy_document(policy.document.text());
            request.send().await.called("iam:PutRolePolicy")?;
        }
        let wanted = |name: &String| self.inline_policies.iter().any(|policy| policy.name == *name);
        for policy in inline_names(cloud, id).await?.iter().filter(|name| !wanted(name)) {
            delete_inline(cloud, id, policy).await?;
        }
        Ok(())
    }
}

async fn role(cloud: &Region, id: &str) -> Result<Option<Role>, ProviderError> {
    let answer = cloud.iam().get_role().role_name(id).send().await;
    Ok(answer.or_absent("iam:GetRole")?.and_then(|found| found.role))
}

async fn attached(cloud: &Region, id: &str) -> Result<Vec<String>, ProviderError> {
    let pages = cloud
        .iam()
        .list_attached_role_policies()
        .role_name(id)
        .into_paginator();
    let found: Result<Vec<_>, _> = pages.items().send().collect().await;
    let found = found
        .or_absent("iam:ListAttachedRolePolicies")?
        .unwrap_or_default();
    Ok(found.into_iter().filter_map(|policy| policy.policy_arn).collect())
}

async fn inline_names(cloud: &Region, id: &str) -> Result<Vec<String>, ProviderError> {
    let pages = cloud.iam().list_role_policies().role_name(id).into_paginator();
    let found: Result<Vec<_>, _> = pages.items().send().collect().await;
    Ok(found.or_absent("iam:ListRolePolicies")?.unwrap_or_default())
}

async fn inline(cloud: &Region, id: &str) -> Result<Vec<InlinePolicy>, ProviderError> {
    let mut found = Vec::new();
    for name in inline_names(cloud, id).await? {
        let answer = cloud
            .iam()
            .get_role_policy()
            .role_name(id)
            .policy_name(&name)
            .send()
            .await;
        if let Some(policy) = answer.or_absent("iam:GetRolePolicy")? {
            let document = PolicyDocument::parse(&format!("{id}/{name}"), &policy.policy_document)?;
            found.push(InlinePolicy { name, document });
        }
    }
    Ok(found)
}

async fn detach(cloud: &Region, id: &str, policy: &str) -> Result<(), ProviderError> {
    let request = cloud.iam().detach_role_policy().role_name(id).policy_arn(policy);
    request.send().await.or_absent("iam:DetachRolePolicy").map(drop)
}

async fn delete_inline(cloud: &Region, id: &str, policy: &str) -> Result<(), ProviderError> {
    let request = cloud.iam().delete_role_policy().role_name(id).policy_name(policy);
    request.send().await.or_absent("iam:DeleteRolePolicy").map(drop)
}

/// A profile hands one role to machines. The console makes one of the role's name, which goes with it; those
/// of other names, such as EKS makes for its nodes, only lose the role.
async fn leave_profiles(cloud: &Region, id: &str) -> Result<(), ProviderError> {
    let iam = cloud.iam();
    let answer = iam.list_instance_profiles_for_role().role_name(id).send().await;
    let found = answer.or_absent("iam:ListInstanceProfilesForRole")?;
    for profile in found.map(|found| found.instance_profiles).unwrap_or_default() {
        let name = profile.instance_profile_name();
        let request = iam.remove_role_from_instance_profile().role_name(id);
        let request = request.instance_profile_name(name);
        request
            .send()
            .await
            .or_absent("iam:RemoveRoleFromInstanceProfile")?;
        if name == id {
            let request = iam.delete_instance_profile().instance_profile_name(name);
            request.send().await.or_absent("iam:DeleteInstanceProfile")?;
        }
    }
    Ok(())
}
