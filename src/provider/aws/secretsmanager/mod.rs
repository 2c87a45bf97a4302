//! Secrets Manager: passwords and tokens, which leave it only inside a verb.

mod secret;
mod value;

pub use secret::Secret;
pub use value::SecretValue;

use super::Region;
use super::error::Call;
use crate::provider::ProviderError;

/// The current value of a secret, by name or ARN.
pub(in crate::provider) async fn read(cloud: &Region, secret: &str) -> Result<SecretValue, ProviderError> {
    let answer = cloud
        .secretsmanager()
        .get_secret_value()
        .secret_id(secret)
        .send()
        .await;
    let Some(found) = answer.or_absent("secretsmanager:GetSecretValue")? else {
        return Err(ProviderError::refused(format!("there is no secret `{secret}`"))
            .with_hint("`aws secretsmanager list-secrets` shows those of this region and account"));
    };
    found.secret_string.map(SecretValue::new).ok_or_else(|| {
        ProviderError::refused(format!("the secret `{secret}` is binary"))
            .with_hint("write it as a text: `aws secretsmanager put-secret-value --secret-string …`")
    })
}
