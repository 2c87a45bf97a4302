//! The ingestion service from outside: events in, usage out. Its health pages are never asked.

use std::time::Duration;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::Deserialize;
use ureq::tls::{RootCerts, TlsConfig};

use super::step::Trouble;
use crate::endpoints::Endpoints;
use crate::load::secret;

/// One process of the API.
#[derive(Clone, Debug)]
pub(super) struct Api {
    base: String,
    key: Option<String>,
}

/// What the API says of one account.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Usage {
    /// `redis` or `postgres`.
    pub(super) source: String,
    /// Sum of the events.
    pub(super) quantity: Decimal,
}

#[derive(Deserialize)]
struct Answer {
    source: String,
    usage: Vec<Part>,
}

#[derive(Deserialize)]
struct Part {
    quantity: Decimal,
}

const TIMEOUT: Duration = Duration::from_secs(10);
const HOUR_MS: i64 = 3_600_000;

impl Api {
    /// Each process of it.
    pub(super) fn all(endpoints: &Endpoints) -> Result<Vec<Self>, Trouble> {
        if endpoints.api.is_empty() {
            return Err(Trouble("the platform offers no API: apply its plan first".into()));
        }
        let key = endpoints.api_key.as_deref().map(secret::read).transpose()?;
        let api = |base: &String| Self {
            base: base.trim_end_matches('/').to_owned(),
            key: key.clone(),
        };
        Ok(endpoints.api.iter().map(api).collect())
    }

    /// Sends newline-delimited events; how many were taken.
    pub(super) async fn post(&self, body: Vec<u8>) -> Result<u64, Trouble> {
        #[derive(Deserialize)]
        struct Taken {
            accepted: u64,
        }
        let url = format!("{}/v1/events", self.base);
        let api = self.clone();
        let (status, text) = blocking(move || {
            let mut request = agent(TIMEOUT).post(&url).content_type("application/x-ndjson");
            if let Some(key) = &api.key {
                request = request.header("authorization", format!("Bearer {key}"));
            }
            answer(&url, request.send(&body[..]))
        })
        .await?;
        let taken: Result<Taken, _> = serde_json::from_str(&text);
        match taken {
            Ok(taken) if status == 202 => Ok(taken.accepted),
            _ => Err(self.unexpected(status, &text)),
        }
    }

    /// What an account has used in the last hours.
    pub(super) async fn usage(&self, account: u64) -> Result<Usage, Trouble> {
        let now = Timestamp::now().as_millisecond();
        let hour = now - now.rem_euclid(HOUR_MS);
        let (from, to) = (hour - 24 * HOUR_MS, hour + 2 * HOUR_MS);
        let url = format!(
            "{}/v1/accounts/{account}/usage?from={from}&to={to}&granularity=total",
            self.base
        );
        let api = self.clone();
        let (status, text) = blocking(move || {
            let mut request = agent(TIMEOUT).get(&url);
            if let Some(key) = &api.key {
                request = request.header("authorization", format!("Bearer {key}"));
            }
            answer(&url, request.call())
        })
        .await?;
        let found: Result<Answer, _> = serde_json::from_str(&text);
        match found {
            Ok(found) if status == 200 => Ok(Usage {
                source: found.source,
                quantity: found.usage.iter().map(|part| part.quantity).sum(),
            }),
            _ => Err(self.unexpected(status, &text)),
        }
    }

    fn unexpected(&self, status: u16, text: &str) -> Trouble {
        let start: String = text.chars().take(200).collect();
        Trouble::new(format_args!("{} answers {status}", self.base), start)
    }
}

/// Fetches a page: its status and its text.
pub(super) async fn get(url: String, limit: Duration) -> Result<(u16, String), Trouble> {
    blocking(move || answer(&url, agent(limit).get(&url).call())).await
}

fn agent(limit: Duration) -> ureq::Agent {
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::PlatformVerifier)
        .build();
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(limit))
        .tls_config(tls)
        .build()
        .new_agent()
}

fn answer(
    url: &str,
    sent: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> Result<(u16, String), Trouble> {
    let failed = |why: ureq::Error| Trouble::new(url, why);
    let mut response = sent.map_err(failed)?;
    let status = response.status().as_u16();
    Ok((status, response.body_mut().read_to_string().map_err(failed)?))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Trouble> + Send + 'static,
) -> Result<T, Trouble> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(why) => Err(Trouble::new("a request broke off", why)),
    }
}
