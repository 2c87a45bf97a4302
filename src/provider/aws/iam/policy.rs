//! A policy of the account's own, which several roles may share. IAM keeps up to five versions of it.

use serde::{Deserialize, Serialize};

use super::super::error::Call;
use super::super::tags::{self, Named, Tags};
use super::super::{PolicyDocument, Region};
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::Change;

/// How many versions IAM keeps.
const VERSIONS_AT_MOST: usize = 5;

/// A customer-managed IAM policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IamPolicy {
    /// Its name; IAM allows 128 characters.
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// What it allows.
    pub document: PolicyDocument,
    /// Its tags.
    pub tags: Tags,
}

/// What others may refer to.
#[derive(Serialize)]
pub struct Outputs {
    name: String,
    arn: String,
}

impl Named for IamPolicy {
    fn tags(&self) -> &Tags {
        &self.tags
    }
}

impl Resource for IamPolicy {
    const KIND: &'static str = "iam_policy";
    const REPLACE_ON: &'static [&'static str] = &["name", "description"];
    const STABLE_OUTPUTS: &'static [&'static str] = &["name", "arn"];
    const FOUND_BY: FoundBy = FoundBy::Name;
    type Cloud = Region;
    type Outputs = Outputs;

    async fn observe(cloud: &Region, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let iam = cloud.iam();
        let answer = iam.get_policy().policy_arn(id).send().await;
        let Some(policy) = answer.or_absent("iam:GetPolicy")?.and_then(|found| found.policy) else {
            return Ok(None);
        };
        let request = iam.get_policy_version().policy_arn(id);
        let request = request.set_version_id(policy.default_version_id.clone());
        let Some(version) = request.send().await.or_absent("iam:GetPolicyVersion")? else {
            return Ok(None);
        };
        let version = version.policy_version;
        let text = version
            .as_ref()
            .and_then(|version| version.document())
            .unwrap_or("{}");
        let found = Self {
            name: policy.policy_name().unwrap_or_default().to_owned(),
            description: policy.description().unwrap_or_default().to_owned(),
            document: PolicyDocument::parse(id, text)?,
            tags: super::read_tags(policy.tags()),
        };
        let outputs = Outputs {
            name: found.name.clone(),
            arn: id.to_owned(),
        };
        Ok(Some((found, outputs)))
    }

    async fn find(&self, cloud: &Region, _token: &str) -> Result<Option<String>, ProviderError> {
        tags::find_named(self, cloud, &self.arn(cloud).await?).await
    }

    async fn create(&self, cloud: &Region, _token: &str) -> Result<String, ProviderError> {
        let arn = self.arn(cloud).await?;
        let request = cloud
            .iam()
            .create_policy()
            .policy_name(&self.name)
            .description(&self.description)
            .policy_document(self.document.text())
            .set_tags(Some(super::sdk(&self.tags)?));
        match request.send().await.or_taken("iam:CreatePolicy")? {
            Some(_) => Ok(arn),
            None => tags::claim(self, cloud, &arn).await,
        }
    }

    async fn readiness(&self, cloud: &Region, id: &str) -> Result<Readiness, ProviderError> {
        Ok(Readiness::seen(Self::observe(cloud, id).await?.is_some()))
    }

    async fn update(&self, cloud: &Region, id: &str, changes: &[Change]) -> Result<(), ProviderError> {
        let changed = |path: &str| changes.iter().any(|change| change.path.starts_with(path));
        if changed("/document") {
            self.write(cloud, id).await?;
        }
        if changed("/tags") {
            let request = cloud.iam().tag_policy().policy_arn(id);
            let request = request.set_tags(Some(super::sdk(&self.tags)?));
            request.send().await.called("iam:TagPolicy")?;
        }
        Ok(())
    }

    async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
        for version in superseded(cloud, id).await? {
            delete_version(cloud, id, &version).await?;
        }
        let answer = cloud.iam().delete_policy().policy_arn(id).send().await;
        answer.or_absent("iam:DeletePolicy").map(drop)
    }
}

impl IamPolicy {
    async fn arn(&self, cloud: &Region) -> Result<String, ProviderError> {
        Ok(format!(
            "arn:aws:iam::{}:policy/{}",
            cloud.account().await?,
            self.name
        ))
    }

    /// A new version in force, unless the one that is says so already.
    async fn write(&self, cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let in_force = Self::observe(cloud, id).await?.map(|(found, _)| found.document);
        if in_force.as_ref() == Some(&self.document) {
            return Ok(());
        }
        let superseded = superseded(cloud, id).await?;
        if superseded.len() + 1 >= VERSIONS_AT_MOST
            && let Some(oldest) = superseded.last()
        {
            delete_version(cloud, id, oldest).await?;
        }
        let request = cloud.iam().create_policy_version().policy_arn(id);
        let request = request.policy_document(self.document.text()).set_as_default(true);
        request.send().await.called("iam:CreatePolicyVersion").map(drop)
    }
}

/// Ids of the versions that are not in force, the oldest last.
async fn superseded(cloud: &Region, id: &str) -> Result<Vec<String>, ProviderError> {
    let answer = cloud.iam().list_policy_versions().policy_arn(id).send().await;
    let found = answer.or_absent("iam:ListPolicyVersions")?;
    let mut versions = found.and_then(|found| found.versions).unwrap_or_default();
    // `v10` is younger than `v9`.
    let age = |id: &str| id.trim_start_matches('v').parse::<u64>().unwrap_or_default();
    versions.sort_by_key(|version| std::cmp::Reverse(age(version.version_id().unwrap_or_default())));
    let kept = versions.into_iter().filter(|version| !version.is_default_version);
    Ok(kept.filter_map(|version| version.version_id).collect())
}

async fn delete_version(cloud: &Region, id: &str, version: &str) -> Result<(), ProviderError> {
    let request = cloud
        .iam()
        .delete_policy_version()
        .policy_arn(id)
        .version_id(version);
    request
        .send()
        .await
        .or_absent("iam:DeletePolicyVersion")
        .map(drop)
}
