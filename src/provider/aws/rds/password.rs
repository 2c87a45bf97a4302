//! The administrator's password: where it comes from. It is read inside a verb and kept nowhere.

use super::super::Region;
use super::super::error::Call;
use crate::provider::ProviderError;

/// What AWS makes and keeps itself.
pub(super) const MANAGED: &str = "managed";

/// The password that `env:NAME`, `file:PATH` or `secretsmanager:NAME` refers to.
pub(super) async fn referred(cloud: &Region, reference: &str) -> Result<String, ProviderError> {
    let unusable = |why: String| {
        ProviderError::refused(format!("the password `{reference}`: {why}"))
            .with_hint("`aurora.master_password` says where it comes from")
    };
    let found = match reference.split_once(':') {
        Some(("env", name)) => std::env::var(name).map_err(|_| unusable("the variable isn't set".into()))?,
        Some(("file", path)) => {
            let text = tokio::fs::read_to_string(path).await;
            let text = text.map_err(|why| unusable(why.to_string()))?;
            text.lines().next().unwrap_or_default().to_owned()
        }
        Some(("secretsmanager", name)) => secret(cloud, name, None).await?,
        _ => return Err(unusable("it is no reference".into())),
    };
    if found.is_empty() {
        return Err(unusable("it is empty".into()));
    }
    Ok(found)
}

/// The password in a secret: its `password` where it is JSON, as RDS and its proxies keep it, else all.
pub(super) async fn secret(
    cloud: &Region,
    id: &str,
    version: Option<String>,
) -> Result<String, ProviderError> {
    let request = cloud.secretsmanager().get_secret_value().secret_id(id);
    let answer = request.set_version_id(version).send().await;
    let answer = answer.called("secretsmanager:GetSecretValue")?;
    let text = answer.secret_string.unwrap_or_default();
    let parsed: Option<serde_json::Value> = serde_json::from_str(&text).ok();
    let password = parsed.as_ref().and_then(|it| it.get("password")?.as_str());
    Ok(password.map_or_else(|| text.clone(), str::to_owned))
}
