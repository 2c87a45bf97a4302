//! The load under which a drill happens: an open loop in pieces of a few seconds, each with an account of its own,
//! so that it can go on for as long as it has to.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::Trouble;
use super::markers::now_ms;
use super::outcome::Background;
use crate::endpoints::Endpoints;
use crate::load::audit::audit;
use crate::load::open::Profile;
use crate::load::send::send;
use crate::load::settlement::Log;
use crate::load::shards::Shards;
use crate::load::{Ledger, LoadError, Mix, Options, Popularity, Progress, Workload};

/// How long a piece is.
const PIECE: Duration = Duration::from_secs(3);
const ACCOUNTS: u32 = 200;
const METRICS: u16 = 10;
/// HTTP connections at most, and how many requests a second the schedule makes of a rate.
const CONNECTIONS: usize = 16;
const REQUESTS_PER_SECOND: f64 = 50.0;

/// A load that goes on until it is ended, or dropped.
pub(super) struct Load {
    task: Option<JoinHandle<Result<Vec<Workload>, LoadError>>>,
    is_over: Arc<AtomicBool>,
    /// Of the piece that is under way.
    progress: Arc<Mutex<Arc<Progress>>>,
    rate: f64,
    patience: Duration,
}

impl Drop for Load {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

impl Load {
    /// Begins to send so many events a second, half of them over HTTP, half straight into Kafka. A connection of it
    /// stays with one address, so it goes to those that are not `struck`: what their loss means is for the probes.
    pub(super) fn begin(endpoints: &Endpoints, struck: &[&str], rate: f64, patience: Duration) -> Self {
        let mut endpoints = endpoints.clone();
        if endpoints.api.iter().any(|url| !struck.contains(&url.as_str())) {
            endpoints.api.retain(|url| !struck.contains(&url.as_str()));
        }
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let progress: Arc<Mutex<Arc<Progress>>> = Arc::default();
        let shown = Arc::clone(&progress);
        let task = tokio::task::spawn_blocking(move || {
            let mut sent = Vec::new();
            while !over.load(Ordering::Relaxed) {
                let profile = Profile::constant(rate, PIECE);
                let options = options(profile, patience);
                let progress = Arc::new(Progress::default());
                *shown.lock().expect("nobody panics while holding it") = Arc::clone(&progress);
                let answer = send(&endpoints, &options, &progress);
                if progress.is_stopped() && over.load(Ordering::Relaxed) {
                    // What became of it nobody knows.
                    break;
                }
                answer?;
                sent.push(options.workload.clone());
            }
            Ok(sent)
        });
        Self {
            task: Some(task),
            is_over,
            progress,
            rate,
            patience,
        }
    }

    /// Ends it in the middle, as what it sends to is gone. The piece that was under way is nowhere accounted for:
    /// nobody knows what of it was taken.
    pub(super) fn abandon(&self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.progress
            .lock()
            .expect("nobody panics while holding it")
            .stop();
    }

    /// Ends it; what was sent, and taken.
    pub(super) async fn finish(mut self) -> Result<Vec<Workload>, Trouble> {
        self.is_over.store(true, Ordering::Relaxed);
        match self.task.take() {
            Some(task) => Ok(task
                .await
                .map_err(|why| Trouble::new("the load broke off", why))??),
            None => Ok(Vec::new()),
        }
    }

    /// Ends it and waits until all is durable; what must be there by then is what was sent.
    pub(super) async fn end(self, endpoints: &Endpoints) -> Result<Background, Trouble> {
        let (rate, patience) = (self.rate, self.patience);
        let sent = self.finish().await?;
        account(endpoints, &sent, rate, patience).await
    }
}

/// Waits until all is durable, and looks for what was sent.
pub(super) async fn account(
    endpoints: &Endpoints,
    sent: &[Workload],
    rate: f64,
    patience: Duration,
) -> Result<Background, Trouble> {
    let log = Log::open(endpoints)?;
    let shards = Shards::connect(endpoints).await?;
    log.settle(&shards, patience).await?;
    let mut account = Background {
        rate,
        ..Background::default()
    };
    for workload in sent {
        let found = audit(workload, &Ledger::of(workload), &shards).await?;
        account.sent += workload.count;
        account.lost += found.lost;
        account.doubled += found.doubled;
        account.wrong_accounts += found.wrong_accounts;
    }
    Ok(account)
}

fn options(profile: Profile, patience: Duration) -> Options {
    let batch = (profile.peak() / REQUESTS_PER_SECOND).ceil() as u64;
    Options {
        workload: Workload {
            seed: rand::random(),
            count: profile.count(),
            start_ms: now_ms(),
            accounts: ACCOUNTS,
            popularity: Popularity::Uniform,
            metrics: METRICS,
            kafka_per_mille: 500,
            mix: Mix::PLAIN,
        },
        connections: CONNECTIONS,
        batch: batch.max(1),
        profile: Some(profile),
        give_up_after: None,
        patience,
    }
}
