//! One account's usage, asked in three ways: of the API, of its rows, of the hourly rollups.

use std::time::Duration;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use ureq::tls::{RootCerts, TlsConfig};

use super::audit::decimal;
use super::ledger::Ledger;
use super::shards::Shards;
use super::workload::Workload;
use super::{LoadError, clock, secret};
use crate::endpoints::Endpoints;

/// The usage of the account with the most events, over all metrics; decimals.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Its id.
    pub account: u64,
    /// Where the API had its answer from: `redis` or `postgres`.
    pub source: String,
    /// What the API answers.
    pub api: String,
    /// What the rows in Postgres add up to.
    pub rows: String,
    /// What the hourly rollups in Postgres add up to.
    pub rollups: String,
    /// What the generator says.
    pub expected: String,
}

impl Usage {
    /// What doesn't agree, in words.
    pub(super) fn fault(&self) -> Option<String> {
        let Self {
            account,
            source,
            api,
            rows,
            rollups,
            expected,
        } = self;
        let agrees = [api, rows, rollups].iter().all(|answer| *answer == expected);
        (!agrees).then(|| {
            format!(
                "usage of account {account} is {expected}, but the API says {api} (from {source}), \
                 the rows {rows}, the rollups {rollups}"
            )
        })
    }
}

const TIMEOUT: Duration = Duration::from_secs(10);
const HOUR_MS: i64 = 3_600_000;
/// The first answer about an account may come from Postgres and bring it to Redis.
const ASKED_TIMES: usize = 3;

/// What `GET /v1/accounts/{id}/usage` answers.
#[derive(Debug, Deserialize)]
struct Answer {
    source: String,
    usage: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    quantity: Decimal,
}

/// Asks after the account with the most events.
///
/// # Errors
/// When the API or a shard doesn't answer.
pub async fn compare(
    endpoints: &Endpoints,
    workload: &Workload,
    ledger: &Ledger,
    shards: &Shards,
) -> Result<Usage, LoadError> {
    let numbered = workload.account_ids().zip(&ledger.accounts);
    let (account, total) = numbered
        .max_by_key(|(_, total)| total.events)
        .expect("there is an account");
    let (rows, rollups) = shards.usage(account).await?;
    let answer = tokio::task::block_in_place(|| ask(endpoints, workload, account))?;
    let sum: Decimal = answer.usage.iter().map(|entry| entry.quantity).sum();
    Ok(Usage {
        account,
        source: answer.source,
        api: format!("{sum:.6}"),
        rows: decimal(rows),
        rollups: decimal(rollups),
        expected: decimal(total.quantity),
    })
}

fn ask(endpoints: &Endpoints, workload: &Workload, account: u64) -> Result<Answer, LoadError> {
    let base = endpoints.api.first().ok_or(LoadError::Missing { what: "API" })?;
    let hour = |ms: i64| clock::rfc3339(ms - ms.rem_euclid(HOUR_MS));
    let from = hour(workload.start_ms - 34 * 24 * HOUR_MS);
    let to = hour(Timestamp::now().as_millisecond() + 2 * HOUR_MS);
    let base = base.trim_end_matches('/');
    let url = format!("{base}/v1/accounts/{account}/usage?from={from}&to={to}&granularity=total");
    let key = endpoints.api_key.as_deref().map(secret::read).transpose()?;
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(TIMEOUT))
        .tls_config(
            TlsConfig::builder()
                .root_certs(RootCerts::PlatformVerifier)
                .build(),
        );
    let agent = config.build().new_agent();
    let mut last = None;
    for _ in 0..ASKED_TIMES {
        let mut request = agent.get(&url);
        if let Some(key) = &key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let failed = |error: ureq::Error| LoadError::Api {
            url: url.clone(),
            seconds: TIMEOUT.as_secs(),
            reason: error.to_string(),
        };
        let mut response = request.call().map_err(failed)?;
        let status = response.status().as_u16();
        let body = response.body_mut().read_to_string().map_err(failed)?;
        let wrong = || LoadError::Answer {
            url: url.clone(),
            status,
            body: body.chars().take(300).collect(),
        };
        let answer: Answer = serde_json::from_str(&body).map_err(|_| wrong())?;
        if answer.source == "redis" {
            return Ok(answer);
        }
        last = Some(answer);
    }
    Ok(last.expect("it was asked more than once"))
}
