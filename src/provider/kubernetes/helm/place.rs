//! The id of a release, or of what is only looked for.

use std::collections::BTreeSet;

use super::super::cluster::ClusterKey;
use crate::provider::ProviderError;

/// `CLUSTER::helm/NAMESPACE/NAME` of a release, `CLUSTER::present/NAMESPACE/NAME/DEFINITION,…` of what is only
/// looked for.
pub(super) struct Place {
    pub(super) cluster: ClusterKey,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) looked_for: Option<BTreeSet<String>>,
}

impl Place {
    pub(super) fn parse(id: &str) -> Result<Self, ProviderError> {
        let parts = || {
            let (cluster, rest) = id.split_once("::")?;
            let mut parts = rest.split('/');
            let (how, namespace, name) = (parts.next()?, parts.next()?, parts.next()?);
            let looked_for = match how {
                "helm" => None,
                "present" => {
                    let names = parts.next()?.split(',').filter(|name| !name.is_empty());
                    Some(names.map(str::to_owned).collect())
                }
                _ => return None,
            };
            Some((cluster, namespace.to_owned(), name.to_owned(), looked_for))
        };
        let (cluster, namespace, name, looked_for) = parts().ok_or_else(|| {
            ProviderError::refused(format!("`{id}` is no id of a Helm release")).with_hint(
                "write CLUSTER::helm/NAMESPACE/NAME, as in eks:us-east-1/billing::helm/kafka/strimzi",
            )
        })?;
        Ok(Self {
            cluster: cluster.parse()?,
            namespace,
            name,
            looked_for,
        })
    }
}
