//! Connections to one shard: a few, kept open, each with its prepared statements.
//!
//! A connection goes back to the pool only when its user says that it is clean; one that was
//! dropped in the middle of a transaction is closed, and its session on the server is ended by the
//! next connection: a server that can't be told, because the way to it is lost, would keep what it
//! had locked.

use super::LedgerError;
use crate::config::Secret;
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage, Statement, config::LoadBalanceHosts};
use tokio_util::task::AbortOnDropHandle;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A server that takes a connection and then says nothing is given up after this long.
const GREETING_TIMEOUT: Duration = Duration::from_secs(6);
/// A server that is gone without a word is noticed after this long.
const USER_TIMEOUT: Duration = Duration::from_secs(10);
/// Sessions that are left to be ended; more are left to the server.
const ABANDONED_AT_MOST: usize = 64;
/// What commits here is promised to be there: asynchronous commits are not. Then who serves us.
const GREETING: &str = "set synchronous_commit to on; set timezone to 'UTC'; \
     set idle_in_transaction_session_timeout to '60s'; \
     select pid, backend_start::text from pg_stat_activity where pid = pg_backend_pid()";

/// One shard's connections.
pub struct ShardPool {
    shard: usize,
    config: Config,
    timeout: Duration,
    idle: Mutex<Vec<Session>>,
    abandoned: Mutex<Vec<Backend>>,
    permits: Arc<Semaphore>,
    /// Days whose partition of `events` is known to be there.
    days: Mutex<HashSet<i64>>,
}

struct Session {
    client: Client,
    statements: HashMap<&'static str, Statement>,
    backend: Option<Backend>,
    /// Closes the socket: by itself a connection waits for answers that are still owed to it.
    _connection: AbortOnDropHandle<()>,
}

/// A session as the server knows it; the start tells it from a later one with the same number.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Backend {
    pid: String,
    started: String,
}

/// A connection in use.
pub struct Lease {
    pool: Arc<ShardPool>,
    session: Option<Session>,
    _permit: OwnedSemaphorePermit,
}

impl ShardPool {
    pub fn new(
        shard: usize,
        address: &Secret,
        connections: usize,
        timeout: Duration,
    ) -> Result<Arc<Self>, LedgerError> {
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
            timeout,
            idle: Mutex::default(),
            abandoned: Mutex::default(),
            permits: Arc::new(Semaphore::new(connections.max(1))),
            days: Mutex::default(),
        }))
    }

    /// One pool a shard, in their order.
    pub fn all(settings: &crate::config::Postgres) -> Result<Vec<Arc<Self>>, LedgerError> {
        let shards = settings.shards.iter().enumerate();
        shards
            .map(|(shard, address)| {
                Self::new(
                    shard,
                    address,
                    settings.shard_connections,
                    settings.shard_timeout(),
                )
            })
            .collect()
    }

    /// How long the server may take to answer.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// What `work` comes to, unless the server says nothing for too long. Only for what is short:
    /// [`Self::timeout`] is not meant for reports.
    pub(super) async fn answered<T>(
        &self,
        work: impl Future<Output = Result<T, LedgerError>>,
    ) -> Result<T, LedgerError> {
        match tokio::time::timeout(self.timeout, work).await {
            Ok(done) => done,
            Err(_) => Err(self.silent()),
        }
    }

    /// The server said nothing for too long: what is kept open is no better than the connection that
    /// showed it.
    pub fn silent(&self) -> LedgerError {
        let idle = std::mem::take(&mut *lock(&self.idle));
        for session in idle {
            self.abandon(session);
        }
        LedgerError::Silent { shard: self.shard }
    }

    fn abandon(&self, session: Session) {
        let mut abandoned = lock(&self.abandoned);
        if abandoned.len() < ABANDONED_AT_MOST {
            abandoned.extend(session.backend);
        }
    }

    pub fn shard(&self) -> usize {
        self.shard
    }

    /// A connection, waiting for one to be free.
    pub async fn lease(self: &Arc<Self>) -> Result<Lease, LedgerError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.expect("the semaphore is never closed");
        let idle = || lock(&self.idle).pop();
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
        match tokio::time::timeout(GREETING_TIMEOUT, self.greet()).await {
            Ok(greeted) => greeted.map_err(LedgerError::of(self.shard)),
            Err(_) => Err(LedgerError::Silent { shard: self.shard }),
        }
    }

    async fn greet(&self) -> Result<Session, tokio_postgres::Error> {
        let (client, connection) = self.config.connect(NoTls).await?;
        let connection = AbortOnDropHandle::new(tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a Postgres connection ended");
            }
        }));
        let backend = client.simple_query(GREETING).await?.iter().find_map(|message| {
            let SimpleQueryMessage::Row(row) = message else {
                return None;
            };
            Some(Backend {
                pid: row.get(0)?.to_owned(),
                started: row.get(1)?.to_owned(),
            })
        });
        self.end_abandoned(&client).await?;
        Ok(Session {
            client,
            statements: HashMap::new(),
            backend,
            _connection: connection,
        })
    }

    /// Ends the sessions of connections that were dropped. Most have ended by themselves.
    async fn end_abandoned(&self, client: &Client) -> Result<(), tokio_postgres::Error> {
        const END: &str = "select pg_terminate_backend(pid) from pg_stat_activity \
             where pid::text || ' ' || backend_start::text = any($1::text[])";
        let abandoned = lock(&self.abandoned).clone();
        if abandoned.is_empty() {
            return Ok(());
        }
        let names = abandoned
            .iter()
            .map(|backend| format!("{} {}", backend.pid, backend.started));
        let ended = client.query(END, &[&names.collect::<Vec<_>>()]).await?.len();
        if ended > 0 {
            tracing::info!(shard = self.shard, ended, "sessions that were given up are ended");
        }
        lock(&self.abandoned).retain(|backend| !abandoned.contains(backend));
        Ok(())
    }

    pub(super) fn knows_day(&self, day: i64) -> bool {
        lock(&self.days).contains(&day)
    }

    pub(super) fn learn_day(&self, day: i64) {
        lock(&self.days).insert(day);
    }

    pub(super) fn forget_days(&self) {
        lock(&self.days).clear();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
            lock(&self.pool.idle).push(session);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            self.pool.abandon(session);
        }
    }
}
