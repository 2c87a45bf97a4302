//! A durable commit that leaves nothing behind: a message in the log of the shard, for which a commit waits like
//! any other, on the primary's disk and on the replica that has to have it.
//!
//! Connections are kept for the next attempt. One whose commit hangs is left to it: there are never more than a
//! few, so that the probe takes no connections away from the service. Where none can be made, that is tried seldom:
//! a server that only reads takes each connection before it is found out, which costs a busy machine more than the
//! service does.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::future::{BoxFuture, FutureExt};
use tokio::sync::Semaphore;
use tokio_postgres::{Client, Config, NoTls};

use crate::drill::Trouble;
use crate::drill::stream::Probe;
use crate::endpoints::Shard;
use crate::load::shards;

/// So many attempts may hang.
const CONNECTIONS: usize = 5;
/// What hangs for longer is given up.
const HANGS_AT_MOST: Duration = Duration::from_secs(20);
const CONNECT_WITHIN: Duration = Duration::from_secs(1);
/// The time between two attempts to connect; the probe's figures are as fine as that.
pub(super) const CONNECT_EVERY: Duration = Duration::from_millis(250);
const COMMIT: &str = "SELECT pg_logical_emit_message(true, 'vvbill', 'drill')";

/// Commits on one shard.
pub(super) struct Commit {
    pool: Arc<Pool>,
}

struct Pool {
    config: Config,
    free: Arc<Semaphore>,
    idle: Mutex<Vec<Client>>,
    /// When connecting failed last, and why.
    refused: Mutex<Option<(Instant, String)>>,
}

impl Commit {
    pub(super) fn new(shard: &Shard) -> Result<Self, Trouble> {
        let mut config = shards::config(shard, "vvbill-drill")?;
        config.connect_timeout(CONNECT_WITHIN);
        Ok(Self {
            pool: Arc::new(Pool {
                config,
                free: Arc::new(Semaphore::new(CONNECTIONS)),
                idle: Mutex::default(),
                refused: Mutex::default(),
            }),
        })
    }
}

impl Pool {
    async fn commit(&self) -> Result<(), String> {
        let idle = self.idle.lock().expect("nobody panics while holding it").pop();
        let client = match idle.filter(|client| !client.is_closed()) {
            Some(client) => client,
            None => self.connect().await?,
        };
        client.simple_query(COMMIT).await.map_err(|why| words(&why))?;
        self.idle
            .lock()
            .expect("nobody panics while holding it")
            .push(client);
        Ok(())
    }

    async fn connect(&self) -> Result<Client, String> {
        let refused = || self.refused.lock().expect("nobody panics while holding it");
        if let Some((_, why)) = refused().as_ref().filter(|(at, _)| at.elapsed() < CONNECT_EVERY) {
            return Err(why.clone());
        }
        let (client, connection) = self.config.connect(NoTls).await.map_err(|why| {
            let why = words(&why);
            *refused() = Some((Instant::now(), why.clone()));
            why
        })?;
        // Ends by itself when the client is dropped; what goes wrong on it, the client's calls report.
        drop(tokio::spawn(connection));
        Ok(client)
    }
}

fn words(why: &tokio_postgres::Error) -> String {
    why.as_db_error()
        .map_or_else(|| why.to_string(), |error| error.message().to_owned())
}

impl Probe for Commit {
    fn attempt(self: Arc<Self>, _: u32) -> BoxFuture<'static, Result<(), String>> {
        async move {
            let pool = Arc::clone(&self.pool);
            let place = Arc::clone(&pool.free).try_acquire_owned();
            let place = place.map_err(|_| format!("{CONNECTIONS} commits hang already"))?;
            let work = tokio::spawn(async move {
                let answer = tokio::time::timeout(HANGS_AT_MOST, pool.commit()).await;
                drop(place);
                answer.unwrap_or_else(|_| Err("the commit hangs".into()))
            });
            work.await.map_err(|why| why.to_string())?
        }
        .boxed()
    }
}
