//! Puts the parts together: what every role needs, and the order of starting and stopping.

use crate::{
    api::{self, ServeError},
    config,
    dead_letter::DeadLetters,
    log_identity::{LogIdentity, LogIdentityError},
    metrics::Metrics,
    postgres::{self, LedgerError, ShardPool, Shards},
    redis::{Connector, Lives, Raising, UsageReader},
    slot::SlotMap,
    topics::{self, TopicError},
    usage,
    worker::{self, WorkerError},
};
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// What the roles of one process share.
pub struct Shared {
    pub metrics: Arc<Metrics>,
    pub log: Arc<LogIdentity>,
    pub shards: Arc<Shards>,
    pub pools: Vec<Arc<ShardPool>>,
    pub slot_map: Arc<SlotMap>,
    pub lives: Arc<Lives>,
    pub usage: Arc<UsageReader>,
}

/// Why the service can't start, or had to end.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Log(#[from] LogIdentityError),
    #[error(transparent)]
    Topic(#[from] TopicError),
    #[error(transparent)]
    Worker(#[from] WorkerError),
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error(transparent)]
    Key(#[from] api::keys::KeyError),
    #[error("Kafka: {0}")]
    Kafka(#[from] rdkafka::error::KafkaError),
    #[error("{0}")]
    Other(String),
}

impl Shared {
    /// Connects to what every role needs, and refuses what does not fit together. A shard that is
    /// down is gone without until it is back.
    pub async fn start(run: &config::Run) -> Result<Arc<Self>, ServiceError> {
        let metrics = Arc::new(Metrics::default());
        let log = Arc::new(log_identity(&run.kafka).await?);
        let pools = ShardPool::all(&run.postgres)?;
        let raising = if run.roles.contains(&config::Role::Worker) {
            Raising::Allowed
        } else {
            Raising::Follows
        };
        // Readers and the keeper of Redis' life never wait behind batches.
        let side = ShardPool::all(&config::Postgres {
            shard_connections: 2,
            ..run.postgres.clone()
        })?;
        let (shards, slot_map) = Shards::open(side.clone(), Arc::clone(&log)).await?;
        let slot_map = Arc::new(slot_map);
        let connector = Connector::new(&run.redis);
        let lives = Lives::new(connector, side.clone(), raising, Arc::clone(&metrics));
        let usage = UsageReader::new(
            Arc::clone(&lives),
            side,
            Arc::clone(&shards),
            Arc::clone(&slot_map),
            run.redis.totals_ttl_seconds,
            Arc::clone(&metrics),
        );
        Ok(Arc::new(Self {
            metrics,
            log,
            shards,
            pools,
            slot_map,
            lives,
            usage: Arc::new(usage),
        }))
    }

    /// What the HTTP side needs. A process that got this far has a slot map and a schema; Redis and
    /// Postgres may go away later without keeping events from Kafka.
    fn served(&self) -> api::Shared {
        api::Shared {
            metrics: Arc::clone(&self.metrics),
            usage: Arc::clone(&self.usage) as Arc<dyn usage::Read>,
            ready: Arc::new(Vec::new),
        }
    }
}

/// Runs the roles until `stop`; ends all when one ends.
pub async fn run(run: config::Run, stop: CancellationToken) -> Result<(), ServiceError> {
    let shared = Shared::start(&run).await?;
    let all = stop.child_token();
    // Redis outlives the roles: the last batches are let go in it.
    let redis_stop = CancellationToken::new();
    let keeping = tokio::spawn(Arc::clone(&shared.lives).keep(redis_stop.clone()));
    let serving = async {
        let ended = serve(&run, &shared, all.clone()).await;
        all.cancel();
        ended
    };
    let working = async {
        if !run.roles.contains(&config::Role::Worker) {
            all.cancelled().await;
            return Ok(());
        }
        let ended = run_worker(&run, &shared, all.clone()).await;
        all.cancel();
        ended
    };
    let (served, worked) = tokio::join!(serving, working);
    let outcome = worked.and(served);
    redis_stop.cancel();
    let _ = keeping.await;
    outcome
}

/// The API, or what a worker alone says of itself.
async fn serve(run: &config::Run, shared: &Shared, stop: CancellationToken) -> Result<(), ServiceError> {
    match run.roles.contains(&config::Role::Api) {
        true => api::serve(run, shared.served(), stop).await?,
        false => api::serve_health(run, shared.served(), stop).await?,
    }
    Ok(())
}

async fn run_worker(run: &config::Run, shared: &Shared, stop: CancellationToken) -> Result<(), ServiceError> {
    let metrics = Arc::clone(&shared.metrics);
    let timeout = Duration::from_millis(run.api.produce_timeout_ms);
    let dead_letters = DeadLetters::new(&run.kafka, timeout, Arc::clone(&shared.log), metrics)?;
    let settings = worker::Settings {
        kafka: run.kafka.clone(),
        worker: run.worker.clone(),
        pending_cap_bytes: run.redis.pending_cap_bytes,
        stop_timeout: Duration::from_secs(run.stop_timeout_seconds),
    };
    let parts = worker::Parts {
        log: Arc::clone(&shared.log),
        shards: Arc::clone(&shared.shards),
        pools: shared.pools.clone(),
        lives: Arc::clone(&shared.lives),
        slot_map: Arc::clone(&shared.slot_map),
        dead_letters,
        metrics: Arc::clone(&shared.metrics),
    };
    Ok(worker::run(settings, parts, stop).await?)
}

/// Brings every shard's schema up to date; makes the topics where asked to.
pub async fn migrate(settings: &config::Migrate) -> Result<(), ServiceError> {
    let pools = ShardPool::all(&settings.postgres)?;
    for pool in &pools {
        let applied = postgres::migrate(pool).await?;
        tracing::info!(shard = pool.shard(), ?applied, "the schema is up to date");
    }
    postgres::publish_first_slot_map(&pools).await?;
    if settings.create_topics {
        topics::create(settings).await?;
    }
    Ok(())
}

/// The log that the events topic is now.
pub async fn log_identity(kafka: &config::Kafka) -> Result<LogIdentity, ServiceError> {
    let (brokers, topic) = (kafka.kafka_brokers.clone(), kafka.topic.clone());
    let asked = tokio::task::spawn_blocking(move || LogIdentity::fetch(&brokers, &topic)).await;
    match asked {
        Ok(found) => Ok(found?),
        Err(error) => Err(ServiceError::Other(error.to_string())),
    }
}
