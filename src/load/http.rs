//! Sends a workload's share of events over `POST /v1/events`, in batches of newline-delimited JSON.
//!
//! What is refused for now (429, 503, a lost connection) is sent again, the very same bytes: an event that
//! had arrived all the same is then a repeat, which the platform must drop.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;
use ureq::tls::{RootCerts, TlsConfig};

use super::LoadError;
use super::send::{Answers, Options, Progress, take_range};
use super::workload::{Channel, Fate, Item, Series};
use crate::endpoints::Endpoints;

/// One API to send to.
pub(super) struct Target {
    url: String,
    key: Option<String>,
}

const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Every API of the platform, with the key that opens it.
pub(super) fn targets(endpoints: &Endpoints) -> Result<Vec<Target>, LoadError> {
    if endpoints.api.is_empty() {
        return Err(LoadError::Missing { what: "API" });
    }
    let key = endpoints
        .api_key
        .as_deref()
        .map(super::secret::read)
        .transpose()?;
    let target = |base: &String| Target {
        url: format!("{}/v1/events", base.trim_end_matches('/')),
        key: key.clone(),
    };
    Ok(endpoints.api.iter().map(target).collect())
}

pub(super) fn send(
    target: &Target,
    series: &Series,
    options: &Options,
    next: &AtomicU64,
    progress: &Progress,
) -> Result<Answers, LoadError> {
    let connection = Connection::new(target, options.patience);
    let mut answers = Answers::new();
    while let Some(range) = take_range(next, options).filter(|_| !progress.is_stopped()) {
        let due = Instant::now();
        let items = range.filter(|index| series.channel(*index) == Channel::Http);
        // 413 speaks of a whole request, so what is too large goes alone.
        let (large, batch): (Vec<Item>, Vec<Item>) = items
            .map(|index| series.item(index))
            .partition(|item| item.fate == Fate::TooLarge);
        let requests = large
            .chunks(1)
            .chain((!batch.is_empty()).then_some(batch.as_slice()));
        for request in requests {
            let events = request.len() as u64;
            progress
                .meter
                .sent(Channel::Http, due, events, Duration::ZERO, Duration::ZERO);
            connection.post(request, due, &mut answers, progress)?;
        }
    }
    Ok(answers)
}

/// A connection to one API.
pub(super) struct Connection<'a> {
    target: &'a Target,
    agent: ureq::Agent,
    patience: Duration,
}

/// What the service answers: 202 when it took all, 400 when it refused some, 413 for what is too large.
#[derive(Debug, Deserialize)]
struct Answer {
    accepted: u64,
    rejected: Vec<Rejection>,
}

#[derive(Debug, Deserialize)]
struct Rejection {
    index: usize,
}

/// One try of a request.
enum Try {
    Answered {
        status: u16,
        body: String,
    },
    /// Certainly not taken.
    Refused {
        kind: String,
        reason: String,
        pause: Option<Duration>,
    },
    /// Perhaps taken.
    Unknown {
        kind: String,
        reason: String,
    },
}

impl<'a> Connection<'a> {
    pub(super) fn new(target: &'a Target, patience: Duration) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(REQUEST_TIMEOUT))
            .tls_config(
                TlsConfig::builder()
                    .root_certs(RootCerts::PlatformVerifier)
                    .build(),
            )
            .no_delay(true)
            .build();
        Self {
            target,
            agent: config.new_agent(),
            patience,
        }
    }

    /// Sends until it is answered. Latency counts from `due`.
    pub(super) fn post(
        &self,
        items: &[Item],
        due: Instant,
        answers: &mut Answers,
        progress: &Progress,
    ) -> Result<(), LoadError> {
        let body = items
            .iter()
            .map(|item| item.body.as_slice())
            .collect::<Vec<_>>()
            .join(&b'\n');
        let (started, mut pause) = (Instant::now(), PAUSE_MIN);
        loop {
            let events = items.len() as u64;
            let (kind, reason, asked_pause) = match self.try_once(&body) {
                Try::Answered { status, body } => {
                    let (latency, before) = (due.elapsed(), answers.accepted);
                    answers.record(latency);
                    self.settle(items, status, &body, answers)?;
                    let accepted = answers.accepted - before;
                    let counts = (accepted, events - accepted);
                    progress.meter.answered(Channel::Http, due, latency, counts);
                    progress.http.fetch_add(events, Ordering::Relaxed);
                    return Ok(());
                }
                Try::Refused { kind, reason, pause } => (kind, reason, pause),
                Try::Unknown { kind, reason } => {
                    answers.resent += events;
                    (kind, reason, None)
                }
            };
            progress.meter.failed(Channel::Http, due, &kind, events);
            if started.elapsed() > self.patience {
                let url = self.target.url.clone();
                return Err(LoadError::Api {
                    url,
                    seconds: started.elapsed().as_secs(),
                    reason,
                });
            }
            answers.retries += 1;
            thread::sleep(asked_pause.unwrap_or(pause).min(PAUSE_MAX));
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    fn try_once(&self, body: &[u8]) -> Try {
        let mut request = self
            .agent
            .post(&self.target.url)
            .content_type("application/x-ndjson");
        if let Some(key) = &self.target.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let unknown = |error: ureq::Error| Try::Unknown {
            kind: kind(&error).to_owned(),
            reason: error.to_string(),
        };
        let mut response = match request.send(body) {
            Ok(response) => response,
            Err(ureq::Error::Io(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                return Try::Refused {
                    kind: "connection refused".to_owned(),
                    reason: error.to_string(),
                    pause: None,
                };
            }
            Err(error) => return unknown(error),
        };
        let status = response.status().as_u16();
        let seconds = response
            .headers()
            .get("retry-after")
            .and_then(|value| value.to_str().ok()?.parse().ok());
        let body = match response.body_mut().read_to_string() {
            Ok(body) => body,
            Err(error) => return unknown(error),
        };
        match status {
            429 => Try::Refused {
                kind: status.to_string(),
                reason: status.to_string(),
                pause: seconds.map(Duration::from_secs),
            },
            500.. => Try::Unknown {
                kind: status.to_string(),
                reason: format!("{status} {body}"),
            },
            _ => Try::Answered { status, body },
        }
    }

    /// Counts what was answered, and compares each event's answer with what it deserves.
    fn settle(
        &self,
        items: &[Item],
        status: u16,
        body: &str,
        answers: &mut Answers,
    ) -> Result<(), LoadError> {
        let wrong = || LoadError::Answer {
            url: self.target.url.clone(),
            status,
            body: body.chars().take(300).collect(),
        };
        if !matches!(status, 202 | 400 | 413) {
            return Err(wrong());
        }
        let answer: Answer = serde_json::from_str(body).map_err(|_| wrong())?;
        let rejected: HashSet<usize> = answer.rejected.iter().map(|rejection| rejection.index).collect();
        if answer.accepted + rejected.len() as u64 != items.len() as u64 {
            return Err(wrong());
        }
        answers.accepted += answer.accepted;
        for (place, item) in items.iter().enumerate() {
            let refused = rejected.contains(&place);
            match (item.fate, refused) {
                (Fate::TooLarge, true) if status == 413 => answers.too_large += 1,
                (Fate::Refused | Fate::Expired, true) => answers.rejected += 1,
                (Fate::Counted { .. } | Fate::Repeated | Fate::Contradicted | Fate::Expired, false) => {}
                (fate, _) => {
                    let answer = if refused { "refused" } else { "accepted" };
                    let start: String = String::from_utf8_lossy(&item.body).chars().take(200).collect();
                    answers.rejected += u64::from(refused);
                    answers.surprise(format!(
                        "{status}, {answer}, event {} ({fate:?}): {start}",
                        item.index
                    ));
                }
            }
        }
        Ok(())
    }
}

/// What a failed try counts as.
fn kind(error: &ureq::Error) -> &'static str {
    match error {
        ureq::Error::Timeout(_) => "timeout",
        ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::TimedOut => "timeout",
        _ => "connection lost",
    }
}
