//! Connections to one shard: a few, kept open, each with its prepared statements.
//!
//! A connection goes back to the pool only when its user says that it is clean; one that was
//! dropped in the middle of a transaction is closed.

use super::LedgerError;
use crate::config::Secret;
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::{Client, Config, NoTls, Statement, config::LoadBalanceHosts};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A server that takes a connection and then says nothing is given up after this long.
const GREETING_TIMEOUT: Duration = Duration::from_secs(6);
/// A server that is gone without a word is noticed after this long.
const USER_TIMEOUT: Duration = Duration::from_secs(10);

/// One shard's connections.
pub struct ShardPool {
    shard: usize,
    config: Config,
    idle: Mutex<Vec<Session>>,
    permits: Arc<Semaphore>,
    /// Days whose partition of `events` is known to be there.
    days: Mutex<HashSet<i64>>,
}

struct Session {
    client: Client,
    statements: HashMap<&'static str, Statement>,
}

/// A connection in use.
pub struct Lease {
    pool: Arc<ShardPool>,
    session: Option<Session>,
    _permit: OwnedSemaphorePermit,
}

impl ShardPool {
    pub fn new(shard: usize, address: &Secret, connections: usize) -> Result<Arc<Self>, LedgerError> {
        let mut config: Config = (address.reveal()?.parse()).map_err(LedgerError::of(shard))?;
        if config.get_application_name().is_none() {
            config.application_name("vvbill-ingest");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        config
            .keepalives_idle(USER_TIMEOUT)
            .tcp_user_timeout(USER_TIMEOUT);
        // Of several hosts one takes writes; in random order, one that is silent holds up some tries, not all.
        if config.get_hosts().len() > 1 {
            config.load_balance_hosts(LoadBalanceHosts::Random);
        }
        Ok(Arc::new(Self {
            shard,
            config,
            idle: Mutex::default(),
            permits: Arc::new(Semaphore::new(connections.max(1))),
            days: Mutex::default(),
        }))
    }

    /// One pool a shard, in their order.
    pub fn all(settings: &crate::config::Postgres) -> Result<Vec<Arc<Self>>, LedgerError> {
        let shards = settings.shards.iter().enumerate();
        shards
            .map(|(shard, address)| Self::new(shard, address, settings.shard_connections))
            .collect()
    }

    pub fn shard(&self) -> usize {
        self.shard
    }

    /// A connection, waiting for one to be free.
    pub async fn lease(self: &Arc<Self>) -> Result<Lease, LedgerError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.expect("the semaphore is never closed");
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut session = idle();
        while session.as_ref().is_some_and(|session| session.client.is_closed()) {
            session = idle();
        }
        let session = match session {
            Some(session) => session,
            None => self.connect().await?,
        };
        Ok(Lease {
            pool: Arc::clone(self),
            session: Some(session),
            _permit: permit,
        })
    }

    async fn connect(&self) -> Result<Session, LedgerError> {
        let of_shard = LedgerError::of(self.shard);
        let connecting = tokio::time::timeout(GREETING_TIMEOUT, self.config.connect(NoTls));
        let (client, connection) = match connecting.await {
            Ok(connected) => connected.map_err(&of_shard)?,
            Err(_) => return Err(LedgerError::Silent { shard: self.shard }),
        };
        // Ends by itself when the client is dropped.
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a Postgres connection ended");
            }
        });
        // What commits here is promised to be there: asynchronous commits are not.
        let settings = "set synchronous_commit to on; set timezone to 'UTC'; \
                        set idle_in_transaction_session_timeout to '60s'";
        client.batch_execute(settings).await.map_err(&of_shard)?;
        Ok(Session {
            client,
            statements: HashMap::new(),
        })
    }

    pub(super) fn knows_day(&self, day: i64) -> bool {
        self.days
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&day)
    }

    pub(super) fn learn_day(&self, day: i64) {
        self.days
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(day);
    }

    pub(super) fn forget_days(&self) {
        self.days.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Lease {
    pub fn client(&self) -> &Client {
        &self
            .session
            .as_ref()
            .expect("a lease has its session until it is given back")
            .client
    }

    pub fn client_mut(&mut self) -> &mut Client {
        &mut self
            .session
            .as_mut()
            .expect("a lease has its session until it is given back")
            .client
    }

    /// The statement, prepared once a connection.
    pub async fn prepare(&mut self, sql: &'static str) -> Result<Statement, tokio_postgres::Error> {
        let session = self
            .session
            .as_mut()
            .expect("a lease has its session until it is given back");
        if let Some(statement) = session.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = session.client.prepare(sql).await?;
        session.statements.insert(sql, statement.clone());
        Ok(statement)
    }

    /// Gives the connection back: no transaction is open, nothing is under way.
    pub fn give_back(mut self) {
        if let Some(session) = self.session.take()
            && !session.client.is_closed()
        {
            self.pool
                .idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(session);
        }
    }
}
