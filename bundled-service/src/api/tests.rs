//! The router in process: a log and a reader of usage that do as told stand in for Kafka and Redis.
//! Every exchange is held to `/openapi.json`.
#![allow(clippy::unwrap_used)]

mod connections;
mod documented;
mod events;
mod keys;
mod site;

use super::{
    in_flight::Reservation,
    keys::{AccountSet, Hash},
    log::{Appended, Records},
    *,
};
use crate::{
    event::{Timestamp, parse},
    usage::{HourUsage, Query, Source, Usage, UsageError},
};
use axum::{
    Router,
    body::{Body, Bytes},
    http::{Method, Request, Response, StatusCode},
};
use clap::Parser as _;
use futures::future::BoxFuture;
use std::sync::{
    Mutex,
    atomic::{AtomicBool, Ordering::SeqCst},
};
use tokio::sync::Semaphore;
use tower::ServiceExt as _;

/// Opens every account for reading and writing.
const FULL_KEY: &str = "vvb_full-0123456789-0123456789-0123456789";
/// May only write, and only accounts 1 to 10.
const WRITE_KEY: &str = "vvb_write-0123456789-0123456789-0123456789";
/// May only read, and only accounts 1 to 10.
const READ_KEY: &str = "vvb_read-0123456789-0123456789-0123456789";

/// A log that keeps what it gets, and acknowledges as much of it as it is told to.
struct FakeLog {
    records: Mutex<Vec<(i64, String)>>,
    /// Of each request, so many are acknowledged.
    acknowledges: Mutex<usize>,
    /// One for each request that may be answered.
    answers: Semaphore,
    reachable: AtomicBool,
    /// Its clock is so many seconds ahead of ours; `None` when it has not told the time yet.
    ahead_seconds: Mutex<Option<i64>>,
}

impl Default for FakeLog {
    fn default() -> Self {
        Self {
            records: Mutex::default(),
            acknowledges: Mutex::new(usize::MAX),
            answers: Semaphore::new(Semaphore::MAX_PERMITS),
            reachable: AtomicBool::new(true),
            ahead_seconds: Mutex::new(Some(0)),
        }
    }
}

impl Log for FakeLog {
    fn append(&self, records: Records, reservation: Reservation) -> BoxFuture<'_, Appended> {
        Box::pin(async move {
            let _reservation = reservation;
            self.answers.acquire().await.unwrap().forget();
            let acknowledged = records.entries.len().min(*self.acknowledges.lock().unwrap());
            let kept = records.entries.iter().take(acknowledged).map(|entry| {
                let text = &records.text[entry.range.clone()];
                (entry.account.get(), String::from_utf8(text.to_vec()).unwrap())
            });
            self.records.lock().unwrap().extend(kept);
            let all = acknowledged == records.entries.len();
            Appended {
                acknowledged,
                cause: (!all).then(|| "told to".to_owned()),
            }
        })
    }

    fn now(&self) -> Option<Timestamp> {
        let ahead = (*self.ahead_seconds.lock().unwrap())?;
        Some(Timestamp::from_millis(
            super::events::now().millis() + ahead * 1_000,
        ))
    }

    fn reachable(&self) -> Result<(), String> {
        match self.reachable.load(SeqCst) {
            true => Ok(()),
            false => Err("told to".to_owned()),
        }
    }
}

/// Answers every query with one hour, unless told to fail.
#[derive(Default)]
struct FakeUsage {
    fails: AtomicBool,
}

impl usage_shapes::Read for FakeUsage {
    fn read(&self, query: Query) -> BoxFuture<'_, Result<Usage, UsageError>> {
        Box::pin(async move {
            if self.fails.load(SeqCst) {
                return Err(UsageError("told to".to_owned()));
            }
            Ok(Usage {
                source: Source::Redis,
                as_of: Timestamp::from_hour(query.hours.end),
                hours: vec![HourUsage {
                    metric: query.metric.unwrap_or("api.calls".to_owned()),
                    hour: query.hours.start,
                    quantity: -12_500_000,
                    events: 3,
                }],
            })
        })
    }
}

struct Harness {
    router: Router,
    log: Arc<FakeLog>,
    usage: Arc<FakeUsage>,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
}

impl Harness {
    fn new() -> Self {
        Self::with(&[])
    }

    /// With flags of `vvbill-ingest run`.
    fn with(flags: &[&str]) -> Self {
        let run = run(flags);
        let (log, usage) = (Arc::new(FakeLog::default()), Arc::new(FakeUsage::default()));
        let shared = Shared {
            metrics: Arc::new(Metrics::default()),
            usage: Arc::clone(&usage) as Arc<dyn usage_shapes::Read>,
            ready: Arc::new(|| {
                vec![Check {
                    name: "slot_map",
                    problem: None,
                }]
            }),
        };
        let stop = CancellationToken::new();
        let metrics = Arc::clone(&shared.metrics);
        let (_, keys) = watch::channel(Arc::new(key_set()));
        let keys = Authentication::Keys(keys);
        let api = Api::new(&run, &shared, Arc::clone(&log) as Arc<dyn Log>, keys);
        let router = route::router(Site::new(shared, Some(api), stop.clone()));
        Self {
            router,
            log,
            usage,
            metrics,
            stop,
        }
    }

    /// Sends a request; the answer must be one that `/openapi.json` describes.
    async fn send(&self, request: Request<Body>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let response = self.router.clone().oneshot(request).await.unwrap();
        let answer = Answer::of(response).await;
        documented::check(&method, &path, &answer);
        answer
    }

    async fn post(&self, content_type: &str, body: impl Into<Body>) -> Answer {
        let request = post(FULL_KEY, content_type).body(body.into()).unwrap();
        self.send(request).await
    }

    async fn get(&self, path: &str) -> Answer {
        let request = Request::get(path).header("x-api-key", FULL_KEY);
        self.send(request.body(Body::empty()).unwrap()).await
    }

    fn records(&self) -> Vec<(i64, String)> {
        std::mem::take(&mut *self.log.records.lock().unwrap())
    }
}

fn run(flags: &[&str]) -> config::Run {
    let needed = [
        "x",
        "run",
        "--role",
        "api",
        "--kafka-brokers",
        "none",
        "--shard",
        "none",
    ];
    let cli = config::Cli::try_parse_from(needed.iter().chain(flags)).unwrap();
    match cli.command {
        config::Command::Run(run) => *run,
        other => panic!("{other:?}"),
    }
}

fn key_set() -> KeySet {
    let mut text = String::new();
    for (name, key, accounts, roles) in [
        ("full", FULL_KEY, "*", vec![Permission::Write, Permission::Read]),
        ("writer", WRITE_KEY, "1-10", vec![Permission::Write]),
        ("reader", READ_KEY, "1-10", vec![Permission::Read]),
    ] {
        let key = Key {
            name: name.to_owned(),
            sha256: Hash::of(key),
            accounts: accounts.parse::<AccountSet>().unwrap(),
            roles,
        };
        text += &(serde_json::to_string(&key).unwrap() + "\n");
    }
    super::keys::parse(&text).unwrap()
}

fn post(key: &str, content_type: &str) -> axum::http::request::Builder {
    let request = Request::post("/v1/events").header("content-type", content_type);
    request.header("authorization", format!("Bearer {key}"))
}

/// A sound event of now.
fn event(account: i64) -> String {
    event_at(account, super::events::now().millis())
}

fn event_at(account: i64, millis: i64) -> String {
    let id = uuid::Uuid::now_v7();
    let now = millis;
    format!(
        r#"{{"event_id":"{id}","account_id":{account},"metric":"api.calls","quantity":"1.5","occurred_at":{now},"properties":{{"a":[1]}}}}"#
    )
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    async fn of(response: Response<Body>) -> Self {
        let (head, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Self {
            status: head.status,
            headers: head.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    fn code(&self) -> String {
        format!(
            "{} {}",
            self.status.as_u16(),
            self.json()["code"].as_str().unwrap_or("-")
        )
    }
}
