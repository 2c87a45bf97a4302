//! The service over HTTP, as a client does that knows several addresses: where one fails, the next is tried.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::{BoxFuture, FutureExt};
use ureq::tls::{RootCerts, TlsConfig};

use super::Acknowledgements;
use crate::drill::markers;
use crate::drill::stream::Probe;
use crate::load::{LoadError, secret};

/// A client of the service.
#[derive(Debug)]
pub(in crate::drill) struct Http {
    bases: Vec<String>,
    key: Option<String>,
    agent: ureq::Agent,
}

const HOUR_MS: i64 = 3_600_000;

impl Http {
    /// Of these base URLs.
    pub(in crate::drill) fn new(bases: &[String], key: Option<&str>) -> Result<Self, LoadError> {
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .build();
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .tls_config(tls)
            .no_delay(true)
            .build()
            .new_agent();
        Ok(Self {
            bases: bases
                .iter()
                .map(|base| base.trim_end_matches('/').to_owned())
                .collect(),
            key: key.map(secret::read).transpose()?,
            agent,
        })
    }

    /// Usage of an account; begins with another address for each number.
    pub(in crate::drill) async fn usage(
        self,
        number: u32,
        account: u64,
        limit: Duration,
    ) -> Result<(), String> {
        Arc::new(self).read(number, account, limit).await
    }

    async fn read(self: Arc<Self>, number: u32, account: u64, limit: Duration) -> Result<(), String> {
        let now = markers::now_ms();
        let hour = now - now.rem_euclid(HOUR_MS);
        let (from, to) = (hour - HOUR_MS, hour + 2 * HOUR_MS);
        let path = format!("/v1/accounts/{account}/usage?from={from}&to={to}&granularity=total");
        self.send(number, limit, 200, path, None).await
    }

    /// Tries one address after the other, beginning with the one that the number falls on.
    async fn send(
        self: Arc<Self>,
        number: u32,
        limit: Duration,
        wanted: u16,
        path: String,
        body: Option<Vec<u8>>,
    ) -> Result<(), String> {
        let work = move || {
            let count = self.bases.len();
            let each = limit / u32::try_from(count.max(1)).unwrap_or(1);
            let mut last = "there is no address".to_owned();
            for turn in 0..count {
                let base = &self.bases[(number as usize + turn) % count];
                match self.once(&format!("{base}{path}"), body.as_deref(), each) {
                    Ok(status) if status == wanted => return Ok(()),
                    Ok(status) => last = format!("{base} answers {status}"),
                    Err(why) => last = format!("{base}: {why}"),
                }
            }
            Err(last)
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(answer) => answer,
            Err(why) => Err(why.to_string()),
        }
    }

    fn once(&self, url: &str, body: Option<&[u8]>, limit: Duration) -> Result<u16, ureq::Error> {
        let bearer = self.key.as_ref().map(|key| format!("Bearer {key}"));
        let mut response = match body {
            Some(body) => {
                let mut request = self.agent.post(url).content_type("application/x-ndjson");
                if let Some(bearer) = &bearer {
                    request = request.header("authorization", bearer);
                }
                let request = request.config().timeout_global(Some(limit)).build();
                request.send(body)?
            }
            None => {
                let mut request = self.agent.get(url);
                if let Some(bearer) = &bearer {
                    request = request.header("authorization", bearer);
                }
                let request = request.config().timeout_global(Some(limit)).build();
                request.call()?
            }
        };
        let status = response.status().as_u16();
        response.body_mut().read_to_vec()?;
        Ok(status)
    }
}

/// Sends one marker.
pub(super) struct Post {
    pub(super) http: Arc<Http>,
    pub(super) account: u64,
    pub(super) start_ms: i64,
    pub(super) acknowledged: Arc<Acknowledgements>,
    pub(super) clock: Instant,
    pub(super) limit: Duration,
}

impl Probe for Post {
    fn attempt(self: Arc<Self>, number: u32) -> BoxFuture<'static, Result<(), String>> {
        async move {
            let body = markers::body(self.start_ms, self.account, number);
            let http = Arc::clone(&self.http);
            http.send(number, self.limit, 202, "/v1/events".into(), Some(body))
                .await?;
            self.acknowledged
                .event(self.account, number, self.clock.elapsed());
            Ok(())
        }
        .boxed()
    }
}

/// Reads the markers' usage.
pub(super) struct Read {
    pub(super) http: Arc<Http>,
    pub(super) account: u64,
    pub(super) limit: Duration,
}

impl Probe for Read {
    fn attempt(self: Arc<Self>, number: u32) -> BoxFuture<'static, Result<(), String>> {
        let http = Arc::clone(&self.http);
        http.read(number, self.account, self.limit).boxed()
    }
}
