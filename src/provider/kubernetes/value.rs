//! Where a secret's value is kept, and the value on its way from there to the call that writes it. It is never
//! printed.

use serde::{Deserialize, Serialize};

use super::cluster::{Cluster, known};
use crate::provider::ProviderError;
#[cfg(feature = "aws")]
use crate::provider::aws::read_secret;
use crate::provider::kubernetes::Clusters;
use crate::resource::Ref;

/// Where a value is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SecretSource {
    /// `env:NAME`, `file:PATH` (its text without the last line break) or `secretsmanager:NAME`.
    Place(String),
    /// AWS Secrets Manager.
    SecretsManager {
        /// Name or ARN.
        secret: Ref<String>,
        /// Of a secret that is JSON, as RDS makes them: `password`, `username`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        field: Option<String>,
    },
}

impl SecretSource {
    /// The value as it is now.
    pub(super) async fn fetch(&self, cloud: &Clusters, cluster: &Cluster) -> Result<Vec<u8>, ProviderError> {
        let place = match self {
            Self::SecretsManager { secret, field } => {
                return secrets_manager(cloud, cluster, known(secret)?, field.as_deref()).await;
            }
            Self::Place(place) => place,
        };
        let text = match place.split_once(':') {
            Some(("env", name)) => std::env::var(name).map_err(|_| {
                ProviderError::refused(format!("the environment has no `{name}`, or it is no text"))
                    .with_hint(format!("export {name}=…"))
            })?,
            Some(("file", path)) => {
                let text = tokio::fs::read_to_string(path).await.map_err(|why| {
                    ProviderError::refused(format!("the secret's file `{path}` can't be read: {why}"))
                        .with_hint("write the secret into it")
                })?;
                text.strip_suffix('\n').unwrap_or(&text).to_owned()
            }
            Some(("secretsmanager", name)) => return secrets_manager(cloud, cluster, name, None).await,
            _ => {
                return Err(ProviderError::refused(
                    "a secret's value is no place that one is taken from: write env:NAME, file:PATH or \
                     secretsmanager:NAME",
                ));
            }
        };
        match text.is_empty() {
            true => Err(ProviderError::refused(format!(
                "the secret at `{place}` is empty"
            ))),
            false => Ok(text.into_bytes()),
        }
    }
}

#[cfg(feature = "aws")]
async fn secrets_manager(
    cloud: &Clusters,
    cluster: &Cluster,
    name: &str,
    field: Option<&str>,
) -> Result<Vec<u8>, ProviderError> {
    let region = match (name.split(':').nth(3), cluster) {
        (Some(region), _) if name.starts_with("arn:") => region,
        (_, Cluster::Eks(eks)) => eks.region.as_str(),
        _ => {
            return Err(ProviderError::refused(format!(
                "nothing says in which region the secret `{name}` is"
            ))
            .with_hint("write its ARN"));
        }
    };
    let region = cloud.aws().region(region).await;
    let value = read_secret(&region.cloud, name).await?;
    let Some(field) = field else {
        return Ok(value.expose().as_bytes().to_vec());
    };
    let parsed: Option<serde_json::Value> = serde_json::from_str(value.expose()).ok();
    let text = parsed.as_ref().and_then(|parsed| parsed[field].as_str());
    text.map(|text| text.as_bytes().to_vec()).ok_or_else(|| {
        ProviderError::refused(format!("the secret `{name}` is no JSON with a text `{field}`"))
    })
}

#[cfg(not(feature = "aws"))]
async fn secrets_manager(
    _: &Clusters,
    _: &Cluster,
    name: &str,
    _: Option<&str>,
) -> Result<Vec<u8>, ProviderError> {
    Err(ProviderError::refused(format!(
        "this vvbill has no AWS in it, and the secret `{name}` is kept in Secrets Manager"
    )))
}
