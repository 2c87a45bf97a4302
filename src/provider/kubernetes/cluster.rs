//! Which cluster an object stands in, and how that is written in ids.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::provider::ProviderError;
use crate::resource::Ref;

/// A cluster as properties name it. What it is made of may become known only on the way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Cluster {
    /// Of EKS: whoever runs vvbill signs in with AWS credentials.
    Eks(EksCluster),
    /// Any other.
    Kubeconfig(KubeconfigCluster),
}

/// A cluster of EKS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EksCluster {
    /// Its name, the output `name` of an `eks_cluster`.
    pub name: Ref<String>,
    /// Where it is, such as `us-east-1`.
    pub region: String,
    /// Its API server's URL, the output `endpoint`.
    pub endpoint: Ref<String>,
    /// Base64 of the certificate in PEM that its API server is trusted by, the output `certificate_authority`.
    pub certificate_authority: Ref<String>,
}

/// A cluster that a kubeconfig speaks of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KubeconfigCluster {
    /// The file.
    pub kubeconfig: Ref<String>,
    /// Which of its contexts; absent: its current one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
}

/// How ids name a cluster: `eks:us-east-1/billing` or `kubeconfig:PATH#CONTEXT`. It is enough to find it again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ClusterKey {
    Eks { region: String, name: String },
    Kubeconfig { path: String, context: Option<String> },
}

impl Cluster {
    /// Of a cluster whose references are resolved.
    pub(super) fn key(&self) -> Result<ClusterKey, ProviderError> {
        Ok(match self {
            Self::Eks(eks) => ClusterKey::Eks {
                region: eks.region.clone(),
                name: known(&eks.name)?.clone(),
            },
            Self::Kubeconfig(file) => ClusterKey::Kubeconfig {
                path: known(&file.kubeconfig)?.clone(),
                context: file.context.clone(),
            },
        })
    }
}

/// Inside a verb the engine has resolved every reference.
pub(super) fn known<T>(reference: &Ref<T>) -> Result<&T, ProviderError> {
    match reference {
        Ref::Known(value) => Ok(value),
        Ref::Output { of, name } => Err(ProviderError::refused(format!(
            "the output `{name}` of {of} is not known yet"
        ))),
    }
}

impl fmt::Display for ClusterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Eks { region, name } => write!(f, "eks:{region}/{name}"),
            Self::Kubeconfig { path, context } => {
                let context = context.as_deref().unwrap_or_default();
                write!(f, "kubeconfig:{path}#{context}")
            }
        }
    }
}

impl FromStr for ClusterKey {
    type Err = ProviderError;

    fn from_str(text: &str) -> Result<Self, ProviderError> {
        let eks = text
            .strip_prefix("eks:")
            .and_then(|rest| rest.split_once('/'))
            .map(|(region, name)| Self::Eks {
                region: region.into(),
                name: name.into(),
            });
        let file = || {
            let (path, context) = text.strip_prefix("kubeconfig:")?.rsplit_once('#')?;
            Some(Self::Kubeconfig {
                path: path.into(),
                context: Some(context.to_owned()).filter(|context| !context.is_empty()),
            })
        };
        eks.or_else(file).ok_or_else(|| {
            ProviderError::refused(format!("`{text}` names no cluster"))
                .with_hint("write eks:REGION/NAME or kubeconfig:PATH#CONTEXT")
        })
    }
}
