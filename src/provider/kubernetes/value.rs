//! Where a secret's value is kept, and the value on its way from there to the call that writes it. It is never
//! printed.

use base64::prelude::{BASE64_STANDARD, Engine};
use futures::future::{BoxFuture, FutureExt};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::KubernetesObject;
use super::cluster::{Cluster, known};
use super::object::look;
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
    /// A Secret of another cluster.
    OtherCluster {
        /// Where it stands.
        cluster: Box<Cluster>,
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// Which of its values.
        key: String,
    },
    /// A connection string of libpq's keywords, with a password in it.
    Connection {
        /// Address of the server.
        host: Ref<String>,
        /// Its port.
        port: u16,
        /// Database.
        database: String,
        /// Who logs in.
        user: String,
        /// Where the password is kept.
        password: Box<SecretSource>,
    },
}

impl SecretSource {
    /// The value as it is now.
    pub(super) fn fetch<'a>(
        &'a self,
        cloud: &'a Clusters,
        cluster: &'a Cluster,
    ) -> BoxFuture<'a, Result<Vec<u8>, ProviderError>> {
        async move {
            match self {
                Self::SecretsManager { secret, field } => {
                    secrets_manager(cloud, cluster, known(secret)?, field.as_deref()).await
                }
                Self::Place(place) => Self::at(place, cloud, cluster).await,
                Self::OtherCluster {
                    cluster,
                    namespace,
                    name,
                    key,
                } => of_other_cluster(cloud, cluster, namespace, name, key).await,
                Self::Connection {
                    host,
                    port,
                    database,
                    user,
                    password,
                } => {
                    let password = password.fetch(cloud, cluster).await?;
                    let pairs = [
                        ("host", known(host)?.as_bytes()),
                        ("port", port.to_string().as_bytes()),
                        ("dbname", database.as_bytes()),
                        ("user", user.as_bytes()),
                        ("password", &password),
                    ]
                    .map(|(keyword, value)| connection_pair(keyword, value));
                    Ok(pairs.join(&b' '))
                }
            }
        }
        .boxed()
    }

    /// Whether its place is on this machine, and nothing is there.
    pub(super) fn lacking(&self) -> Option<ProviderError> {
        match self {
            Self::Place(place) => match place.split_once(':') {
                Some(("env", name)) => of_environment(name).err(),
                Some(("file", path)) => std::fs::metadata(path).err().map(|why| unreadable(path, &why)),
                _ => None,
            },
            Self::Connection { password, .. } => password.lacking(),
            Self::SecretsManager { .. } | Self::OtherCluster { .. } => None,
        }
    }

    async fn at(place: &str, cloud: &Clusters, cluster: &Cluster) -> Result<Vec<u8>, ProviderError> {
        let text = match place.split_once(':') {
            Some(("env", name)) => of_environment(name)?,
            Some(("file", path)) => {
                let text = tokio::fs::read_to_string(path).await;
                let text = text.map_err(|why| unreadable(path, &why))?;
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

fn of_environment(name: &str) -> Result<String, ProviderError> {
    std::env::var(name).map_err(|_| {
        ProviderError::refused(format!("the environment has no `{name}`, or it is no text"))
            .with_hint(format!("export {name}=…"))
    })
}

fn unreadable(path: &str, why: &std::io::Error) -> ProviderError {
    ProviderError::refused(format!("the secret's file `{path}` can't be read: {why}"))
        .with_hint("write the secret into it; the path goes from the folder in which vvbill runs")
}

/// `keyword='value'`, as libpq reads it.
fn connection_pair(keyword: &str, value: &[u8]) -> Vec<u8> {
    let mut pair = format!("{keyword}='").into_bytes();
    for byte in value {
        if matches!(byte, b'\'' | b'\\') {
            pair.push(b'\\');
        }
        pair.push(*byte);
    }
    pair.push(b'\'');
    pair
}

/// A value of a Secret that somebody else makes there.
async fn of_other_cluster(
    cloud: &Clusters,
    cluster: &Cluster,
    namespace: &str,
    name: &str,
    key: &str,
) -> Result<Vec<u8>, ProviderError> {
    let manifest = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name, "namespace": namespace },
    });
    let place = KubernetesObject::new(cluster.clone(), manifest).place()?;
    let cluster = cloud.of(cluster).await?;
    let live = look(&cluster, &place).await?;
    let lacking = || {
        ProviderError::refused(format!(
            "the Secret {namespace}/{name} of the other cluster has no `{key}`, or is not there"
        ))
        .with_hint("apply again once what makes it stands there")
    };
    let text = live.as_ref().and_then(|live| live["data"][key].as_str());
    BASE64_STANDARD
        .decode(text.ok_or_else(lacking)?)
        .map_err(|_| lacking())
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects: no password ends its own string, whatever characters RDS chose.
    #[test]
    fn a_password_stays_inside_its_quotes() {
        assert_eq!(
            connection_pair("password", br"it's \ this"),
            br"password='it\'s \\ this'"
        );
    }
}
