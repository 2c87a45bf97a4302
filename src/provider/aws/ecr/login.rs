//! Who pushes to a repository of ECR: a password that lasts for twelve hours, in exchange for credentials of AWS.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::account::Aws;
use super::super::error::Call;
use crate::provider::{Connection, ProviderError};

/// What the registries of one region take.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// `AWS`.
    pub username: String,
    /// A token.
    pub password: String,
}

/// Logs in to the registries of a region that these credentials may reach.
///
/// # Errors
/// When AWS can't be asked or refuses.
pub async fn login(connection: &Connection, region: &str) -> Result<Login, ProviderError> {
    let aws = Aws::new(connection.clone());
    let region = aws.region(region).await;
    let request = region.cloud.ecr().get_authorization_token();
    let answer = request.send().await.called("ecr:GetAuthorizationToken")?;
    let token = answer
        .authorization_data()
        .iter()
        .find_map(|data| data.authorization_token());
    let read = |token: &str| {
        let text = String::from_utf8(STANDARD.decode(token).ok()?).ok()?;
        let (username, password) = text.split_once(':')?;
        Some(Login {
            username: username.to_owned(),
            password: password.to_owned(),
        })
    };
    token
        .and_then(read)
        .ok_or_else(|| ProviderError::refused("ecr:GetAuthorizationToken gave no token"))
}
