//! The administrator's password: where it comes from. It is read inside a verb and kept nowhere.

use super::super::Region;
use super::super::error::Call;
use super::super::secretsmanager::{self, SecretValue};
use crate::provider::ProviderError;

/// What AWS makes and keeps itself.
pub(super) const MANAGED: &str = "managed";

/// The password that `env:NAME`, `file:PATH` or `secretsmanager:NAME` refers to.
pub(in crate::provider::aws) async fn referred(
    cloud: &Region,
    reference: &str,
) -> Result<String, ProviderError> {
    match reference.split_once(':') {
        Some(("secretsmanager", name)) => {
            let value = secretsmanager::read(cloud, name).await?;
            Ok(of(value.expose()))
        }
        _ => {
            let value = SecretValue::from(Some(reference), cloud).await?;
            Ok(value.expose().to_owned())
        }
    }
}

/// The password in one version of a secret.
pub(super) async fn versioned(
    cloud: &Region,
    id: &str,
    version: Option<String>,
) -> Result<String, ProviderError> {
    let request = cloud.secretsmanager().get_secret_value().secret_id(id);
    let answer = request.set_version_id(version).send().await;
    let answer = answer.called("secretsmanager:GetSecretValue")?;
    Ok(of(&answer.secret_string.unwrap_or_default()))
}

/// A secret's `password` where it is JSON, as RDS and its proxies keep it; else all of it.
fn of(text: &str) -> String {
    let parsed: Option<serde_json::Value> = serde_json::from_str(text).ok();
    let password = parsed.as_ref().and_then(|it| it.get("password")?.as_str());
    password.unwrap_or(text).to_owned()
}
