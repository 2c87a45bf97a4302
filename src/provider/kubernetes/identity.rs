//! What an object is told apart by, and the ids that the state keeps of it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::cluster::ClusterKey;
use crate::provider::ProviderError;

/// Another one of these is another object. The version of the API is no part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    /// Empty for the core group.
    pub(super) group: String,
    pub(super) kind: String,
    /// `None` where the kind belongs to no namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) namespace: Option<String>,
    pub(super) name: String,
}

impl Identity {
    /// As far as the manifest says it.
    pub(super) fn of(object: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let metadata = &object["metadata"];
        Self {
            group: group_of(object["apiVersion"].as_str().unwrap_or_default()).to_owned(),
            kind: text(&object["kind"]),
            namespace: metadata["namespace"].as_str().map(str::to_owned),
            name: text(&metadata["name"]),
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind, self.name),
            None => write!(f, "{} {}", self.kind, self.name),
        }
    }
}

/// `apps` of `apps/v1`, nothing of `v1`.
pub(super) fn group_of(api_version: &str) -> &str {
    api_version.rsplit_once('/').map_or("", |(group, _)| group)
}

/// `CLUSTER::APIVERSION/KIND/NAMESPACE/NAME`, with `-` for no namespace: where an object is, for who knows nothing
/// else of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) cluster: ClusterKey,
    pub(super) api_version: String,
    pub(super) identity: Identity,
}

/// What stands for no namespace.
const NONE: &str = "-";

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            cluster,
            api_version,
            identity,
        } = self;
        let namespace = identity.namespace.as_deref().unwrap_or(NONE);
        let (kind, name) = (&identity.kind, &identity.name);
        write!(f, "{cluster}::{api_version}/{kind}/{namespace}/{name}")
    }
}

impl FromStr for Place {
    type Err = ProviderError;

    fn from_str(text: &str) -> Result<Self, ProviderError> {
        let parts = || {
            let (cluster, rest) = text.split_once("::")?;
            let mut parts = rest.rsplitn(4, '/');
            let (name, namespace, kind, api_version) =
                (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
            Some((cluster, api_version, kind, namespace, name))
        };
        let (cluster, api_version, kind, namespace, name) = parts().ok_or_else(|| {
            ProviderError::refused(format!("`{text}` is no id of a Kubernetes object")).with_hint(
                "write CLUSTER::APIVERSION/KIND/NAMESPACE/NAME, as in \
                 eks:us-east-1/billing::apps/v1/Deployment/billing/billing-api; `-` stands for no namespace",
            )
        })?;
        Ok(Self {
            cluster: cluster.parse()?,
            api_version: api_version.into(),
            identity: Identity {
                group: group_of(api_version).into(),
                kind: kind.into(),
                namespace: Some(namespace.to_owned()).filter(|namespace| namespace != NONE),
                name: name.into(),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn ids_are_read_as_they_are_written() {
        for text in [
            "eks:us-east-1/billing::apps/v1/Deployment/billing/billing-api",
            "eks:us-east-1/billing::v1/Namespace/-/billing",
            "kubeconfig:/home/someone/.kube/config#kind-test::rbac.authorization.k8s.io/v1/ClusterRole/-/system:node",
            "kubeconfig:config#::kafka.strimzi.io/v1beta2/Kafka/kafka/main",
        ] {
            assert_eq!(text.parse::<Place>().unwrap().to_string(), text);
        }
        for wrong in [
            "",
            "billing-api",
            "eks:us-east-1/billing",
            "gke:a/b::v1/Namespace/-/x",
        ] {
            assert!(wrong.parse::<Place>().is_err(), "{wrong:?} was taken");
        }
    }
}
