//! What of a node group changes in place: one call for its configuration, one for its version.

use aws_sdk_eks::types::{self, UpdateLabelsPayload, UpdateTaintsPayload};

use super::super::super::Region;
use super::super::super::error::Call;
use super::super::known;
use super::{NodeGroup, Taint};
use crate::provider::ProviderError;

impl NodeGroup {
    /// What one `UpdateNodegroupConfig` brings.
    pub(super) fn differs_in_config(&self, found: &Self) -> bool {
        let (wanted, now) = (&self.scaling, &found.scaling);
        let other_labels = |(key, value)| found.labels.get(key) != Some(value);
        let (added, removed) = self.taints_to_change(found);
        (wanted.min, wanted.max) != (now.min, now.max)
            || wanted.desired.is_some() && wanted.desired != now.desired
            || self.max_unavailable != found.max_unavailable
            || self.labels.iter().any(other_labels)
            || !(added.is_empty() && removed.is_empty())
    }

    /// What one `UpdateNodegroupVersion` brings.
    pub(super) fn differs_in_version(&self, found: &Self) -> Result<bool, ProviderError> {
        if super::super::minor(&self.version) < super::super::minor(&found.version) {
            return Err(ProviderError::refused(format!(
                "the nodes of {} run Kubernetes {}, and EKS does not go back to {}",
                self.name, found.version, self.version
            ))
            .with_hint(format!("set eks.version: \"{}\"", found.version)));
        }
        let of_template = &self.launch_template_version;
        Ok(self.version != found.version
            || of_template.is_some() && *of_template != found.launch_template_version)
    }

    /// A taint is told by its key and effect; of the rest, those to put and those to take away.
    fn taints_to_change(&self, found: &Self) -> (Vec<types::Taint>, Vec<types::Taint>) {
        let (wanted, now) = (&self.taints.0, &found.taints.0);
        let kept = |taint: &&Taint| wanted.iter().any(|other| other.same_place(taint));
        let added = wanted.iter().filter(|taint| !now.contains(taint));
        let removed = now.iter().filter(|taint| !kept(taint));
        (added.map(Taint::sdk).collect(), removed.map(Taint::sdk).collect())
    }

    pub(super) async fn change_config(
        &self,
        cloud: &Region,
        found: &Self,
    ) -> Result<Option<types::Update>, ProviderError> {
        let labels = UpdateLabelsPayload::builder()
            .set_add_or_update_labels(Some(self.labels.clone().into_iter().collect()));
        let (added, removed) = self.taints_to_change(found);
        let tainted = !(added.is_empty() && removed.is_empty());
        let filled = |taints: Vec<types::Taint>| Some(taints).filter(|taints| !taints.is_empty());
        let taints = UpdateTaintsPayload::builder()
            .set_add_or_update_taints(filled(added))
            .set_remove_taints(filled(removed));
        // EKS refuses bounds that leave out the present number.
        let inside = found
            .scaling
            .desired
            .map(|now| now.min(self.scaling.max).max(self.scaling.min));
        let moved = inside.filter(|_| inside != found.scaling.desired);
        let request = cloud
            .eks()
            .update_nodegroup_config()
            .cluster_name(known(&self.cluster)?)
            .nodegroup_name(&self.name)
            .set_labels((!self.labels.is_empty()).then(|| labels.build()))
            .set_taints(tainted.then(|| taints.build()))
            .scaling_config(self.scaling.sdk(self.scaling.desired.or(moved)))
            .update_config(self.update_config());
        let answer = request.send().await;
        Ok(answer.called("eks:UpdateNodegroupConfig")?.update)
    }

    pub(super) async fn change_version(
        &self,
        cloud: &Region,
    ) -> Result<Option<types::Update>, ProviderError> {
        let request = cloud
            .eks()
            .update_nodegroup_version()
            .cluster_name(known(&self.cluster)?)
            .nodegroup_name(&self.name)
            .version(&self.version)
            .set_launch_template(self.template()?);
        let answer = request.send().await;
        Ok(answer.called("eks:UpdateNodegroupVersion")?.update)
    }
}
