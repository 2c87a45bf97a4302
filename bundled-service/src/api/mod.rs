//! The HTTP API: events in, usage out, and what operators ask for.
//!
//! It depends on [`event`](crate::event), [`usage`](crate::usage), metrics and Kafka's producer. It
//! never answers 202 before Kafka has acknowledged, never writes to Redis or Postgres, and no key
//! ever gets into a log or an answer.

mod events;
mod framing;
mod in_flight;
mod kafka_clock;
mod kafka_log;
pub mod keys;
mod log;
mod problem;
mod route;
mod server;
mod usage;

use crate::{
    config,
    event::Window,
    metrics::{Histogram, Metrics},
    usage as usage_shapes,
};
use axum::http::{HeaderMap, header};
use in_flight::InFlight;
use kafka_log::KafkaLog;
use keys::{Key, KeyFileError, KeySet, Permission};
use log::Log;
use problem::Problem;
use route::Site;
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::watch};
use tokio_util::sync::CancellationToken;

/// How long a usage query may take.
const USAGE_TIMEOUT: Duration = Duration::from_secs(10);
/// Of the time for a stop, what is kept for flushing the producer.
const FLUSH_TIME: Duration = Duration::from_secs(5);

/// What the process gives the API.
#[derive(Clone)]
pub struct Shared {
    pub metrics: Arc<Metrics>,
    pub usage: Arc<dyn usage_shapes::Read>,
    /// What `/ready` asks, beside Kafka. It is cheap and waits for nothing.
    pub ready: Arc<dyn Fn() -> Vec<Check> + Send + Sync>,
}

/// One thing that has to be well before the process can take traffic.
#[derive(Debug, Clone)]
pub struct Check {
    pub name: &'static str,
    /// Why it isn't well.
    pub problem: Option<String>,
}

/// The API could not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("can't listen on {address}: {source}")]
    Listen {
        address: SocketAddr,
        source: std::io::Error,
    },
    #[error(transparent)]
    Keys(#[from] KeyFileError),
    #[error("give --api-keys FILE, or --without-api-keys on a loopback address")]
    NoKeys,
    #[error("--without-api-keys is refused on {0}: it is no loopback address")]
    OpenToAll(SocketAddr),
    #[error("the Kafka producer can't be made: {0}")]
    Producer(#[from] rdkafka::error::KafkaError),
}

/// Serves every route until `stop`; then ends requests and flushes the producer.
pub async fn serve(run: &config::Run, shared: Shared, stop: CancellationToken) -> Result<(), ServeError> {
    let (keys, watcher) = authentication(&run.api, &stop)?;
    let listener = listen(run.api.listen).await?;
    let log = Arc::new(KafkaLog::new(&run.kafka, &run.api, &shared.metrics)?);
    let looker = tokio::spawn(Arc::clone(&log).watch(stop.clone()));
    let api = Api::new(run, &shared, Arc::clone(&log) as Arc<dyn Log>, keys);
    let router = route::router(Site::new(shared, Some(api), stop.clone()));
    tracing::info!(address = %run.api.listen, "the API listens");
    server::run(listener, router, bounds(run), stop).await;
    log.flush(FLUSH_TIME).await;
    let _ = tokio::join!(looker, watcher);
    Ok(())
}

/// Serves `/health`, `/ready` and `/metrics` for a process without the API role, until `stop`.
pub async fn serve_health(
    run: &config::Run,
    shared: Shared,
    stop: CancellationToken,
) -> Result<(), ServeError> {
    let listener = listen(run.api.listen).await?;
    let router = route::router(Site::new(shared, None, stop.clone()));
    server::run(listener, router, bounds(run), stop).await;
    Ok(())
}

async fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    let listener = TcpListener::bind(address).await;
    listener.map_err(|source| ServeError::Listen { address, source })
}

fn bounds(run: &config::Run) -> server::Bounds {
    let stop = Duration::from_secs(run.stop_timeout_seconds);
    server::Bounds {
        connections: run.api.max_connections,
        idle: Duration::from_secs(run.api.idle_timeout_seconds),
        drain: stop.saturating_sub(FLUSH_TIME).max(Duration::from_secs(1)),
    }
}

/// Everything that the routes of the API role need.
struct Api {
    log: Arc<dyn Log>,
    usage: Arc<dyn usage_shapes::Read>,
    keys: Authentication,
    in_flight: Arc<InFlight>,
    limits: Limits,
    produce_duration: Arc<Histogram>,
    metrics: Arc<Metrics>,
}

struct Limits {
    body_bytes: usize,
    batch_events: usize,
    body_timeout: Duration,
    usage_timeout: Duration,
    /// Wider than the worker's, which judges by Kafka's time: what is refused here is certainly out.
    window: Window,
    /// Wider still: for as long as Kafka's time is not known.
    unsure_window: Window,
}

/// Whom the API serves.
enum Authentication {
    /// Whoever reaches the loopback address.
    Off,
    Keys(watch::Receiver<Arc<KeySet>>),
}

impl Api {
    fn new(run: &config::Run, shared: &Shared, log: Arc<dyn Log>, keys: Authentication) -> Self {
        let produce_seconds = run.api.produce_timeout_ms.div_ceil(1_000).cast_signed();
        Self {
            log,
            usage: Arc::clone(&shared.usage),
            keys,
            in_flight: InFlight::new(run.api.api_in_flight_bytes, &shared.metrics),
            limits: Limits {
                body_bytes: run.api.max_body_bytes,
                batch_events: run.api.max_batch_events,
                body_timeout: Duration::from_millis(run.api.body_timeout_ms),
                usage_timeout: USAGE_TIMEOUT,
                window: events::lenient(run.worker.window.window(), produce_seconds),
                unsure_window: events::unsure(run.worker.window.window()),
            },
            produce_duration: shared.metrics.produce_duration_seconds.with(&[]),
            metrics: Arc::clone(&shared.metrics),
        }
    }

    /// The key that a request carries, if it may do this; `None` when keys are off.
    fn authorize(&self, headers: &HeaderMap, permission: Permission) -> Result<Option<Arc<Key>>, Problem> {
        let Authentication::Keys(keys) = &self.keys else {
            return Ok(None);
        };
        let presented = presented(headers).ok_or(Problem::Unauthorized)?;
        let keys = Arc::clone(&keys.borrow());
        let key = keys.find(presented).ok_or(Problem::Unauthorized)?;
        if !key.may(permission) {
            return Err(Problem::NotPermitted(match permission {
                Permission::Write => "write events",
                Permission::Read => "read usage",
            }));
        }
        Ok(Some(Arc::clone(key)))
    }
}

/// The one key among a request's headers.
fn presented(headers: &HeaderMap) -> Option<&str> {
    let bearer = headers.get_all(header::AUTHORIZATION).iter().map(|value| {
        let (scheme, key) = value.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
    });
    let plain = headers
        .get_all("x-api-key")
        .iter()
        .map(|value| value.to_str().ok());
    let mut keys = bearer.chain(plain);
    let key = keys.next()?;
    match keys.next() {
        None => key,
        Some(_) => None,
    }
}

/// The keys, and the task that keeps them as the file has them.
fn authentication(
    api: &config::Api,
    stop: &CancellationToken,
) -> Result<(Authentication, tokio::task::JoinHandle<()>), ServeError> {
    match (&api.api_keys, api.without_api_keys) {
        (Some(path), _) => {
            let keys = keys::load(path)?;
            tracing::info!(keys = keys.len(), "key file read");
            let (sender, receiver) = watch::channel(Arc::new(keys));
            let watcher = tokio::spawn(keys::watch(path.clone(), sender, stop.clone()));
            Ok((Authentication::Keys(receiver), watcher))
        }
        (None, true) if api.listen.ip().is_loopback() => {
            Ok((Authentication::Off, tokio::spawn(std::future::ready(()))))
        }
        (None, true) => Err(ServeError::OpenToAll(api.listen)),
        (None, false) => Err(ServeError::NoKeys),
    }
}

#[cfg(test)]
mod tests;
