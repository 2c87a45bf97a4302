//! Clients of clusters, each made when a verb first needs it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use kube::Client;
use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use serde_json::Value;
#[cfg(feature = "aws")]
use serde_json::json;

use super::cluster::{Cluster, ClusterKey, EksCluster, KubeconfigCluster, known};
use super::standing::Standing;
#[cfg(feature = "aws")]
use crate::provider::aws::Aws;
use crate::provider::{Connection, ProviderError};
use crate::resource::Ref;

/// How long one call may take.
const CALL: Duration = Duration::from_secs(30);

/// Every cluster that verbs speak of: what they are called with.
pub struct Clusters {
    connection: Connection,
    #[cfg(feature = "aws")]
    aws: Arc<Aws>,
    open: Mutex<BTreeMap<ClusterKey, Arc<Standing>>>,
}

impl Clusters {
    /// Reached as the command line says; clusters of EKS with AWS's credentials.
    #[cfg(feature = "aws")]
    pub fn new(connection: Connection, aws: Arc<Aws>) -> Self {
        Self {
            connection,
            aws,
            open: Mutex::default(),
        }
    }

    /// Reached as the command line says.
    #[cfg(not(feature = "aws"))]
    pub fn new(connection: Connection) -> Self {
        Self {
            connection,
            open: Mutex::default(),
        }
    }

    /// Whether fields of others are to be taken.
    pub(super) fn forces(&self) -> bool {
        self.connection.force_conflicts
    }

    #[cfg(feature = "aws")]
    pub(super) fn aws(&self) -> &Aws {
        &self.aws
    }

    /// The cluster that properties name.
    pub(super) async fn of(&self, cluster: &Cluster) -> Result<Arc<Standing>, ProviderError> {
        let key = cluster.key()?;
        let known = self.known(&key);
        if let Some(standing) = known.as_ref().filter(|standing| standing.cluster == *cluster)
            && standing.is_fresh()
        {
            return Ok(Arc::clone(standing));
        }
        self.connect(key, cluster.clone(), known).await
    }

    /// The cluster that an id names; `None`: there is none.
    pub(super) async fn at(&self, key: &ClusterKey) -> Result<Option<Arc<Standing>>, ProviderError> {
        let known = self.known(key);
        if let Some(standing) = known.as_ref().filter(|standing| standing.is_fresh()) {
            return Ok(Some(Arc::clone(standing)));
        }
        let cluster = match key {
            ClusterKey::Eks { region, name } => self.describe(region, name).await?,
            ClusterKey::Kubeconfig { path, context } => Some(Cluster::Kubeconfig(KubeconfigCluster {
                kubeconfig: Ref::Known(path.clone()),
                context: context.clone(),
            })),
        };
        match cluster {
            Some(cluster) => self.connect(key.clone(), cluster, known).await.map(Some),
            None => Ok(None),
        }
    }

    fn known(&self, key: &ClusterKey) -> Option<Arc<Standing>> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.get(key).cloned()
    }

    async fn connect(
        &self,
        key: ClusterKey,
        cluster: Cluster,
        known: Option<Arc<Standing>>,
    ) -> Result<Arc<Standing>, ProviderError> {
        // kube takes the process's own cryptography; another's choice stands.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let config = match &cluster {
            Cluster::Eks(eks) => self.eks_config(eks).await?,
            Cluster::Kubeconfig(file) => file_config(file).await?,
        };
        let client = Client::try_from(config)
            .map_err(|why| ProviderError::refused(format!("{key} can't be called: {why}")))?;
        let known_since = known.map_or_else(Instant::now, |known| known.known_since());
        let patience = self.connection.request_timeout.unwrap_or(CALL);
        let standing = Standing::new(key.clone(), cluster, client, known_since, patience);
        let standing = Arc::new(standing);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.insert(key, Arc::clone(&standing));
        Ok(standing)
    }

    #[cfg(feature = "aws")]
    async fn describe(&self, region: &str, name: &str) -> Result<Option<Cluster>, ProviderError> {
        let region = self.aws.region(region).await;
        let found = crate::provider::aws::eks::reach(&region.cloud, name).await?;
        Ok(found.map(|reach| {
            Cluster::Eks(EksCluster {
                name: Ref::Known(name.to_owned()),
                region: region.cloud.name().to_owned(),
                endpoint: Ref::Known(reach.endpoint),
                certificate_authority: Ref::Known(reach.certificate_authority),
            })
        }))
    }

    #[cfg(not(feature = "aws"))]
    async fn describe(&self, region: &str, name: &str) -> Result<Option<Cluster>, ProviderError> {
        Err(no_aws(&format!("{region}/{name}")))
    }

    #[cfg(feature = "aws")]
    async fn eks_config(&self, eks: &EksCluster) -> Result<Config, ProviderError> {
        let name = known(&eks.name)?;
        let region = self.aws.region(&eks.region).await;
        let token = crate::provider::aws::eks::token(&region.cloud, name).await?;
        config_of(&eks_kubeconfig(eks, token.expose())?, None, name).await
    }

    #[cfg(not(feature = "aws"))]
    async fn eks_config(&self, eks: &EksCluster) -> Result<Config, ProviderError> {
        Err(no_aws(known(&eks.name)?))
    }

    /// For programs that are told by file: the cluster as a kubeconfig with what it takes to sign in.
    pub(super) async fn kubeconfig(&self, cluster: &Cluster) -> Result<Value, ProviderError> {
        match cluster {
            #[cfg(feature = "aws")]
            Cluster::Eks(eks) => {
                let region = self.aws.region(&eks.region).await;
                let token = crate::provider::aws::eks::token(&region.cloud, known(&eks.name)?).await?;
                eks_kubeconfig(eks, token.expose())
            }
            #[cfg(not(feature = "aws"))]
            Cluster::Eks(eks) => Err(no_aws(known(&eks.name)?)),
            Cluster::Kubeconfig(file) => {
                let mut read = read_kubeconfig(file)?;
                if file.context.is_some() {
                    read.current_context.clone_from(&file.context);
                }
                serde_json::to_value(&read)
                    .map_err(|why| ProviderError::refused(format!("the kubeconfig can't be written: {why}")))
            }
        }
    }
}

#[cfg(not(feature = "aws"))]
fn no_aws(name: &str) -> ProviderError {
    ProviderError::refused(format!(
        "this vvbill has no AWS in it, and the cluster {name} is one of EKS"
    ))
    .with_hint("build it with its default features")
}

/// As `aws eks update-kubeconfig` writes it, with the token itself in the place of a program that makes one.
#[cfg(feature = "aws")]
fn eks_kubeconfig(eks: &EksCluster, token: &str) -> Result<Value, ProviderError> {
    let name = known(&eks.name)?;
    Ok(json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": name, "cluster": {
            "server": known(&eks.endpoint)?,
            "certificate-authority-data": known(&eks.certificate_authority)?,
        } }],
        "users": [{ "name": name, "user": { "token": token } }],
        "contexts": [{ "name": name, "context": { "cluster": name, "user": name } }],
        "current-context": name,
    }))
}

fn read_kubeconfig(file: &KubeconfigCluster) -> Result<Kubeconfig, ProviderError> {
    let path = known(&file.kubeconfig)?;
    Kubeconfig::read_from(path).map_err(|why| {
        ProviderError::refused(format!("the kubeconfig {path} can't be used: {why}"))
            .with_hint("`kubectl config view --kubeconfig FILE` shows what is in it")
    })
}

async fn file_config(file: &KubeconfigCluster) -> Result<Config, ProviderError> {
    let options = KubeConfigOptions {
        context: file.context.clone(),
        ..KubeConfigOptions::default()
    };
    let read = read_kubeconfig(file)?;
    Config::from_custom_kubeconfig(read, &options)
        .await
        .map_err(|why| {
            let path = known(&file.kubeconfig).map_or("", String::as_str);
            ProviderError::refused(format!("the kubeconfig {path} can't be used: {why}"))
        })
}

#[cfg(feature = "aws")]
async fn config_of(kubeconfig: &Value, context: Option<String>, name: &str) -> Result<Config, ProviderError> {
    let refused = |why: String| ProviderError::refused(format!("the cluster {name} can't be called: {why}"));
    let read =
        serde_json::from_value::<Kubeconfig>(kubeconfig.clone()).map_err(|why| refused(why.to_string()))?;
    let options = KubeConfigOptions {
        context,
        ..KubeConfigOptions::default()
    };
    let config = Config::from_custom_kubeconfig(read, &options).await;
    config.map_err(|why| refused(why.to_string()))
}
