//! From what a cluster is to what it is to be: the calls that this takes, in their order.

use std::collections::BTreeSet;

use aws_sdk_eks::types::{LogType, Update, UpdateAccessConfigRequest, VpcConfigRequest};

use super::super::super::Region;
use super::super::super::error::Call;
use super::super::known;
use super::Cluster;
use crate::provider::ProviderError;

/// One call that brings the cluster nearer to what is wanted.
pub(super) enum Step {
    Authentication,
    Endpoint,
    Subnets,
    Logs,
    Encryption,
    DeletionProtection,
    Version(String),
    SupportType,
}

impl Cluster {
    /// What it takes from what was found to what is wanted, in the order in which it is done. The support type
    /// comes last, because EKS takes `STANDARD` only for a version that is under standard support.
    pub(super) fn steps(&self, found: &Self) -> Result<Vec<Step>, ProviderError> {
        let mut steps = Vec::new();
        let mut add = |wanted: bool, step: Step| steps.extend(wanted.then_some(step));
        let (now, wanted) = (&found.endpoint, &self.endpoint);
        let other_cidrs = wanted.public_cidrs.is_some() && wanted.public_cidrs != now.public_cidrs;
        let other_ways = (wanted.public, wanted.private) != (now.public, now.private);
        let ids = |cluster: &Self| cluster.subnet_ids().map(BTreeSet::from_iter);
        add(
            self.authentication_mode != found.authentication_mode,
            Step::Authentication,
        );
        add(other_ways || other_cidrs, Step::Endpoint);
        add(ids(self)? != ids(found)?, Step::Subnets);
        add(self.logs != found.logs, Step::Logs);
        add(self.needs_key(found)?, Step::Encryption);
        let protection = self.deletion_protection;
        add(
            protection.is_some() && protection != found.deletion_protection,
            Step::DeletionProtection,
        );
        for version in self.versions_from(&found.version)? {
            add(true, Step::Version(version));
        }
        add(
            self.support_type.is_some() && self.support_type != found.support_type,
            Step::SupportType,
        );
        Ok(steps)
    }

    /// The versions to go through, the wanted one last.
    fn versions_from(&self, found: &str) -> Result<Vec<String>, ProviderError> {
        if self.version == found {
            return Ok(Vec::new());
        }
        let (Some(from), Some(to)) = (super::super::minor(found), super::super::minor(&self.version)) else {
            return Ok(vec![self.version.clone()]);
        };
        if to < from {
            return Err(ProviderError::refused(format!(
                "the cluster runs Kubernetes {found}, and EKS does not go back to {}",
                self.version
            ))
            .with_hint(format!(
                "set eks.version: \"{found}\"; for an older version make a second cluster and move over"
            )));
        }
        Ok((from + 1..=to).map(|minor| format!("1.{minor}")).collect())
    }

    fn needs_key(&self, found: &Self) -> Result<bool, ProviderError> {
        match (&self.encryption_key, &found.encryption_key) {
            (None, _) => Ok(false),
            (Some(_), None) => Ok(true),
            (Some(wanted), Some(found)) if known(wanted)? == known(found)? => Ok(false),
            (Some(wanted), Some(found)) => Err(ProviderError::refused(format!(
                "the cluster's data is encrypted with {}, and EKS takes no other key ({})",
                known(found)?,
                known(wanted)?
            ))
            .with_hint("another key needs another cluster; or import the key that it has")),
        }
    }

    pub(super) async fn take(&self, cloud: &Region, step: &Step) -> Result<Option<Update>, ProviderError> {
        let configure = || cloud.eks().update_cluster_config().name(&self.name);
        let request = match step {
            Step::Authentication => configure().access_config(
                UpdateAccessConfigRequest::builder()
                    .authentication_mode(self.authentication_mode.as_str().into())
                    .build(),
            ),
            Step::Endpoint => configure().resources_vpc_config(self.endpoint_request().build()),
            Step::Subnets => configure().resources_vpc_config(
                VpcConfigRequest::builder()
                    .set_subnet_ids(Some(self.subnet_ids()?))
                    .build(),
            ),
            Step::Logs => configure().logging(self.logging(&all_logs())),
            Step::DeletionProtection => configure().set_deletion_protection(self.deletion_protection),
            Step::SupportType => configure().set_upgrade_policy(self.upgrade_policy()),
            Step::Version(version) => {
                let request = cloud.eks().update_cluster_version().name(&self.name);
                let answer = request.version(version).send().await;
                return Ok(answer.called("eks:UpdateClusterVersion")?.update);
            }
            Step::Encryption => {
                let request = cloud.eks().associate_encryption_config().cluster_name(&self.name);
                let keys = self.encryption()?.map(|key| vec![key]);
                let answer = request.set_encryption_config(keys).send().await;
                return Ok(answer.called("eks:AssociateEncryptionConfig")?.update);
            }
        };
        Ok(request.send().await.called("eks:UpdateClusterConfig")?.update)
    }
}

fn all_logs() -> BTreeSet<String> {
    LogType::values().iter().map(|&name| name.to_owned()).collect()
}
