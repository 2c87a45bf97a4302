//! The worker: Kafka → Redis → Postgres.
//!
//! A consumer is a thread of its own; what it packs goes through lanes, tasks on the runtime. What
//! counts is decided in [`crate::postgres`]; a worker may die at any point.

mod assignment;
mod catch_up;
mod claim;
mod consumer;
mod in_flight;
mod lane;
mod meeting;
mod partition;
mod recent;
mod recovery;
mod retention;
mod track;

use crate::{
    config,
    dead_letter::DeadLetters,
    event::Window,
    log_identity::LogIdentity,
    metrics::Metrics,
    postgres::{ShardPool, Shards},
    redis::Lives,
    slot::SlotMap,
};
use consumer::Consumer;
use in_flight::InFlight;
use retention::Behind;
use std::{sync::Arc, time::Duration};
use tokio::{runtime::Handle, sync::Semaphore, task::JoinSet};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// What a worker is set to.
#[derive(Debug, Clone)]
pub struct Settings {
    pub kafka: config::Kafka,
    pub worker: config::Worker,
    pub pending_cap_bytes: u64,
    pub stop_timeout: Duration,
}

/// What a worker works with.
pub struct Parts {
    pub log: Arc<LogIdentity>,
    pub shards: Arc<Shards>,
    pub pools: Vec<Arc<ShardPool>>,
    pub lives: Arc<Lives>,
    pub slot_map: Arc<SlotMap>,
    pub dead_letters: DeadLetters,
    pub metrics: Arc<Metrics>,
}

/// Why a worker ended before it was told to.
#[derive(Debug, thiserror::Error)]
#[error("the worker stopped: {0}")]
pub struct WorkerError(String);

/// What all consumers of a process share.
struct Shared {
    log: Arc<LogIdentity>,
    shards: Arc<Shards>,
    pools: Vec<Arc<ShardPool>>,
    lives: Arc<Lives>,
    slot_map: Arc<SlotMap>,
    dead_letters: DeadLetters,
    metrics: Arc<Metrics>,
    brokers: String,
    group: String,
    window: Window,
    batch_rows: usize,
    batch_bytes: usize,
    flush_interval: Duration,
    idle_interval: Duration,
    in_flight: Arc<InFlight>,
    in_flight_budget: usize,
    /// Most bytes that are kept for one shard of a partition while its catch-up reader comes near.
    catch_up_bytes: usize,
    /// A shard that lies further behind another, when a partition is taken, catches up by itself.
    catch_up_records: i64,
    /// Catch-up readers that may read at once.
    catch_ups: Semaphore,
    behind: Behind,
    pending_cap_bytes: u64,
    runtime: Handle,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// What a lane, or the group, has to tell the consumer.
enum Trouble {
    /// Another worker moved the partition's epoch on.
    Fenced { partition: i32 },
    /// Nothing that passes by itself.
    Stop(String),
}

const LOG_CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Runs until `stop`; then what was read is committed.
pub async fn run(settings: Settings, parts: Parts, stop: CancellationToken) -> Result<(), WorkerError> {
    let stop_all = stop.child_token();
    let shared = Arc::new(Shared {
        log: parts.log,
        shards: parts.shards,
        lives: parts.lives,
        slot_map: parts.slot_map,
        dead_letters: parts.dead_letters,
        brokers: settings.kafka.kafka_brokers.clone(),
        group: settings.kafka.group.clone(),
        window: settings.worker.window.window(),
        batch_rows: settings.worker.batch_rows.max(1),
        batch_bytes: settings.worker.batch_bytes.max(1),
        flush_interval: Duration::from_millis(settings.worker.flush_interval_ms),
        idle_interval: Duration::from_millis(settings.worker.idle_interval_ms),
        in_flight: Arc::new(InFlight::new(&parts.metrics, parts.pools.len())),
        in_flight_budget: settings.worker.in_flight_bytes,
        catch_up_bytes: settings.worker.in_flight_bytes / 16,
        catch_up_records: settings.worker.catch_up_records.max(0),
        catch_ups: Semaphore::new(settings.worker.catch_up_readers.max(1)),
        behind: Behind::new(&parts.metrics),
        pending_cap_bytes: settings.pending_cap_bytes,
        pools: parts.pools,
        metrics: parts.metrics,
        runtime: Handle::current(),
        tasks: TaskTracker::new(),
        stop: stop_all.clone(),
    });
    let mut consumers = JoinSet::new();
    for _ in 0..settings.worker.consumers.max(1) {
        let (shared, settings) = (Arc::clone(&shared), settings.clone());
        consumers.spawn_blocking(move || {
            let consumer = Consumer::new(shared, &settings).map_err(|error| error.to_string())?;
            consumer.run(settings.stop_timeout)
        });
    }
    let watch = Arc::clone(&shared);
    let watched = tokio::spawn(watch_log(watch));
    let (watch, stop) = (retention::watch(Arc::clone(&shared)), stop_all.clone());
    shared
        .tasks
        .spawn(async move { stop.run_until_cancelled(watch).await });
    let mut outcome = Ok(());
    while let Some(ended) = consumers.join_next().await {
        let ended = ended.unwrap_or_else(|error| Err(format!("a consumer's thread: {error}")));
        if let Err(why) = ended {
            tracing::error!(why, "a consumer ended");
            outcome = Err(WorkerError(why));
        }
        stop_all.cancel();
    }
    shared.tasks.close();
    shared.tasks.wait().await;
    if let Ok(Err(why)) = watched.await
        && outcome.is_ok()
    {
        outcome = Err(WorkerError(why));
    }
    outcome
}

/// Notices a topic that is deleted and made anew while the worker runs.
async fn watch_log(shared: Arc<Shared>) -> Result<(), String> {
    loop {
        tokio::select! {
            () = shared.stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(LOG_CHECK_INTERVAL) => {}
        }
        let (brokers, log) = (shared.brokers.clone(), Arc::clone(&shared.log));
        let asked = tokio::task::spawn_blocking(move || LogIdentity::fetch(&brokers, &log.topic));
        // A broker that is away is Kafka's own affair; another answer is ours.
        if let Ok(Ok(found)) = asked.await
            && let Err(why) = shared.require_same(&found)
        {
            tracing::error!(why, "stopping");
            shared.stop.cancel();
            return Err(why);
        }
    }
}
