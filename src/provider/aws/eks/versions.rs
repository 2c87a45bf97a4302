//! Which versions of Kubernetes EKS offers today: asked before anything is made.

use aws_sdk_eks::types::{ClusterVersionInformation, VersionStatus};
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

use super::super::Region;
use super::super::error::Call;
use crate::provider::ProviderError;

/// A minor version of Kubernetes on EKS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterVersion {
    /// `1.35`
    pub name: String,
    /// What EKS does for it today.
    pub support: Support,
    /// The day on which standard support ends, such as `2027-03-27`.
    pub standard_until: Option<String>,
    /// The day on which extended support ends.
    pub extended_until: Option<String>,
}

/// What EKS does for a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// Fixes, at the usual price.
    Standard,
    /// Fixes, at six times the price.
    Extended,
    /// No new clusters.
    None,
}

/// Every version that EKS knows in this region, the newest first.
pub async fn cluster_versions(cloud: &Region) -> Result<Vec<ClusterVersion>, ProviderError> {
    let mut versions = Vec::new();
    let mut pages = cloud.eks().describe_cluster_versions().into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.called("eks:DescribeClusterVersions")?;
        versions.extend(page.cluster_versions().iter().map(read));
    }
    versions.sort_by_key(|version| std::cmp::Reverse(super::minor(&version.name)));
    Ok(versions)
}

/// Whether a new cluster of the version `wanted` would be taken; the error says which would.
pub fn judge(versions: &[ClusterVersion], wanted: &str) -> Result<(), String> {
    let found = versions.iter().find(|version| version.name == wanted);
    let why = match found {
        Some(version) if version.support != Support::None => return Ok(()),
        Some(version) => match &version.extended_until {
            Some(day) => format!("EKS supported Kubernetes {wanted} until {day}"),
            None => format!("EKS doesn't support Kubernetes {wanted}"),
        },
        None => format!("EKS doesn't offer Kubernetes {wanted}"),
    };
    let offered: Vec<String> = versions.iter().filter_map(offer).collect();
    Err(format!("{why}; it takes {}", offered.join(", ")))
}

fn offer(version: &ClusterVersion) -> Option<String> {
    let (name, until) = (&version.name, |day: &Option<String>| {
        day.as_ref().map_or(String::new(), |day| format!(" until {day}"))
    });
    match version.support {
        Support::Standard => Some(format!(
            "{name} (standard support{})",
            until(&version.standard_until)
        )),
        Support::Extended => Some(format!(
            "{name} (extended support{})",
            until(&version.extended_until)
        )),
        Support::None => None,
    }
}

fn read(version: &ClusterVersionInformation) -> ClusterVersion {
    let day = |time: Option<&DateTime>| {
        let text = time?.fmt(Format::DateTime).ok()?;
        text.get(..10).map(str::to_owned)
    };
    ClusterVersion {
        name: version.cluster_version().unwrap_or_default().to_owned(),
        support: match version.version_status() {
            Some(VersionStatus::StandardSupport) => Support::Standard,
            Some(VersionStatus::ExtendedSupport) => Support::Extended,
            _ => Support::None,
        },
        standard_until: day(version.end_of_standard_support_date()),
        extended_until: day(version.end_of_extended_support_date()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn known() -> Vec<ClusterVersion> {
        let version = |name: &str, support, standard: &str, extended: &str| ClusterVersion {
            name: name.into(),
            support,
            standard_until: Some(standard.into()),
            extended_until: Some(extended.into()),
        };
        vec![
            version("1.35", Support::Standard, "2027-03-27", "2028-03-27"),
            version("1.33", Support::Extended, "2026-07-29", "2027-07-29"),
            version("1.28", Support::None, "2024-11-26", "2025-11-26"),
        ]
    }

    #[test]
    fn what_eks_supports_is_taken_at_either_price() {
        assert_eq!(judge(&known(), "1.35"), Ok(()));
        assert_eq!(judge(&known(), "1.33"), Ok(()));
    }

    #[test]
    fn what_it_does_not_is_answered_with_what_it_does() {
        let offered =
            "it takes 1.35 (standard support until 2027-03-27), 1.33 (extended support until 2027-07-29)";
        assert_eq!(
            judge(&known(), "1.28").unwrap_err(),
            format!("EKS supported Kubernetes 1.28 until 2025-11-26; {offered}")
        );
        assert_eq!(
            judge(&known(), "1.99").unwrap_err(),
            format!("EKS doesn't offer Kubernetes 1.99; {offered}")
        );
    }
}
