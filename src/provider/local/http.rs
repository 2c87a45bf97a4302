//! Asking a server of this machine over HTTP whether it is ready.

use std::time::Duration;

use crate::provider::{ProviderError, Readiness};

/// Ready when `url` answers with 2xx.
pub(super) async fn ready(url: String) -> Result<Readiness, ProviderError> {
    Ok(match get(url).await? {
        Ok(_) => Readiness::Ready,
        Err(why) => Readiness::Pending(why),
    })
}

/// The body of a 2xx answer, else why there is none, in a few words.
pub(super) async fn get(url: String) -> Result<Result<String, String>, ProviderError> {
    ask(url, None).await
}

/// The same for a `POST` of `body`, JSON.
pub(super) async fn post(url: String, body: String) -> Result<Result<String, String>, ProviderError> {
    ask(url, Some(body)).await
}

async fn ask(url: String, body: Option<String>) -> Result<Result<String, String>, ProviderError> {
    tokio::task::spawn_blocking(move || fetch(&url, body.as_deref()))
        .await
        .map_err(|why| ProviderError::transient(format!("the question broke off: {why}")))
}

fn fetch(url: &str, body: Option<&str>) -> Result<String, String> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(5)))
        .http_status_as_error(false)
        .proxy(None)
        .build()
        .into();
    let answer = match body {
        None => agent.get(url).call(),
        Some(body) => agent.post(url).content_type("application/json").send(body),
    };
    let mut answer = answer.map_err(|why| format!("does not answer yet: {why}"))?;
    let status = answer.status();
    let body = answer.body_mut().read_to_string().unwrap_or_default();
    match status.is_success() {
        true => Ok(body),
        false => Err(format!(
            "answers {status}: {}",
            body.trim().chars().take(300).collect::<String>()
        )),
    }
}
