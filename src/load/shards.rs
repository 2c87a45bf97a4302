//! Reads the shards directly: their watermarks and their rows.

use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, future};
use tokio::sync::Mutex;
use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres::{Client, Config, NoTls, Row};
use uuid::Uuid;

use super::LoadError;
use super::ledger::Total;
use super::secret;
use super::settlement::Offsets;
use crate::endpoints::{Endpoints, Shard};

/// Connections to the primaries of every shard, in the shards' order. One that broke off is made anew: to
/// whichever server is the primary by then.
pub struct Shards {
    connections: Vec<Connection>,
}

struct Connection {
    shard: Shard,
    client: Mutex<Arc<Client>>,
}

impl Connection {
    async fn open(shard: &Shard) -> Result<Self, LoadError> {
        Ok(Self {
            shard: shard.clone(),
            client: Mutex::new(Arc::new(connect(shard).await?)),
        })
    }

    async fn client(&self) -> Result<Arc<Client>, LoadError> {
        let mut client = self.client.lock().await;
        if client.is_closed() {
            *client = Arc::new(connect(&self.shard).await?);
        }
        Ok(Arc::clone(&client))
    }
}

impl std::fmt::Debug for Shards {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Shards")
            .field("count", &self.connections.len())
            .finish()
    }
}

/// The rows of one shard.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// The shard's number.
    pub shard: u16,
    /// What the rows of each account number come to.
    pub accounts: HashMap<u32, Total>,
}

impl Shards {
    /// Connects to every shard.
    ///
    /// # Errors
    /// When the platform has none, a password can't be read or a shard doesn't answer.
    pub async fn connect(endpoints: &Endpoints) -> Result<Self, LoadError> {
        if endpoints.shards.is_empty() {
            return Err(LoadError::Missing {
                what: "Postgres shard",
            });
        }
        let connections = future::try_join_all(endpoints.shards.iter().map(Connection::open)).await?;
        Ok(Self { connections })
    }

    /// How many offsets of `topic` some shard has not committed yet, summed over shards and partitions.
    ///
    /// # Errors
    /// When a shard can't be asked.
    pub async fn behind(&self, topic: &str, ends: &Offsets) -> Result<u64, LoadError> {
        let mut behind = 0;
        for committed in self.committed(topic).await? {
            behind += ends
                .iter()
                .map(|(partition, end)| distance(&committed, *partition, *end))
                .sum::<u64>();
        }
        Ok(behind)
    }

    /// How many records of `topic` not every shard has committed, summed over partitions.
    ///
    /// # Errors
    /// When a shard can't be asked.
    pub async fn lag(&self, topic: &str, ends: &Offsets) -> Result<u64, LoadError> {
        let committed = self.committed(topic).await?;
        let slowest = |(partition, end): (&i32, &i64)| {
            let distances = committed.iter().map(|shard| distance(shard, *partition, *end));
            distances.max().unwrap_or(0)
        };
        Ok(ends.iter().map(slowest).sum())
    }

    /// The next offset of each partition of `topic`, one entry a shard.
    ///
    /// # Errors
    /// When a shard can't be asked.
    pub async fn committed(&self, topic: &str) -> Result<Vec<Offsets>, LoadError> {
        let read = self.connections.iter().map(|connection| async move {
            let rows = connection
                .client()
                .await?
                .query(WATERMARKS, &[&topic])
                .await
                .map_err(|error| failed(connection.shard.number, &error))?;
            Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
        });
        future::try_join_all(read).await
    }

    /// What the rows of these accounts come to, one entry a shard.
    ///
    /// # Errors
    /// When a shard can't be read.
    pub async fn rows(&self, accounts: &std::ops::Range<u64>) -> Result<Vec<Rows>, LoadError> {
        let first = accounts.start;
        let read = self.connections.iter().map(|connection| async move {
            let mut rows = Rows {
                shard: connection.shard.number,
                ..Rows::default()
            };
            each_row(connection, accounts, |account, event_id, quantity| {
                let account = u32::try_from(account - first).expect("the query asks for a u32's range");
                rows.accounts.entry(account).or_default().add(event_id, quantity);
            })
            .await?;
            Ok(rows)
        });
        future::try_join_all(read).await
    }

    /// The ids of every row of these accounts, as often as they are there.
    ///
    /// # Errors
    /// When a shard can't be read.
    pub async fn ids(&self, accounts: &HashSet<u64>) -> Result<HashMap<(u64, Uuid), u64>, LoadError> {
        let mut ids = HashMap::new();
        for connection in &self.connections {
            for account in accounts {
                let only = *account..account + 1;
                each_row(connection, &only, |account, event_id, _| {
                    *ids.entry((account, event_id)).or_default() += 1;
                })
                .await?;
            }
        }
        Ok(ids)
    }

    /// Σ quantity of one account, in millionths: by its rows, and by the hourly rollups.
    ///
    /// # Errors
    /// When a shard can't be read.
    pub async fn usage(&self, account: u64) -> Result<(i128, i128), LoadError> {
        let (mut by_rows, mut by_rollups) = (0, 0);
        for connection in &self.connections {
            let row = connection
                .client()
                .await?
                .query_one(USAGE, &[&account.cast_signed()])
                .await
                .map_err(|error| failed(connection.shard.number, &error))?;
            by_rows += whole(&row, 0);
            by_rollups += whole(&row, 1);
        }
        Ok((by_rows, by_rollups))
    }
}

const WATERMARKS: &str = "SELECT partition, max(next) FROM watermarks JOIN logs USING (log_id) \
     WHERE topic = $1 GROUP BY partition";
const ROWS: &str = "SELECT account_id, uuid_send(event_id), quantity FROM events \
     WHERE account_id >= $1 AND account_id < $2";
const USAGE: &str = "SELECT (SELECT coalesce(sum(quantity), 0) FROM events WHERE account_id = $1)::text, \
     (SELECT coalesce(sum(quantity), 0) FROM usage_hourly WHERE account_id = $1)::text";

fn distance(committed: &Offsets, partition: i32, end: i64) -> u64 {
    (end - committed.get(&partition).unwrap_or(&0))
        .max(0)
        .unsigned_abs()
}

/// How a shard's primary is reached, whichever of its hosts that is by then; the name is seen in Postgres.
///
/// # Errors
/// When the password can't be read.
pub fn config(shard: &Shard, application_name: &str) -> Result<Config, LoadError> {
    let mut config = Config::new();
    config
        .dbname(&shard.database)
        .user(&shard.user)
        .application_name(application_name)
        .target_session_attrs(TargetSessionAttrs::ReadWrite);
    for address in &shard.hosts {
        let (host, port) = address.rsplit_once(':').unwrap_or((address, "5432"));
        config.host(host).port(port.parse().unwrap_or(5432));
    }
    if let Some(reference) = &shard.password {
        config.password(secret::read(reference)?);
    }
    Ok(config)
}

async fn connect(shard: &Shard) -> Result<Client, LoadError> {
    let (client, connection) = config(shard, "vvbill-loadtest")?
        .connect(NoTls)
        .await
        .map_err(|error| failed(shard.number, &error))?;
    // Ends by itself when the client is dropped; what goes wrong on it, the client's calls report.
    drop(tokio::spawn(connection));
    Ok(client)
}

async fn each_row(
    connection: &Connection,
    accounts: &std::ops::Range<u64>,
    mut take: impl FnMut(u64, Uuid, i64),
) -> Result<(), LoadError> {
    let bounds = [accounts.start.cast_signed(), accounts.end.cast_signed()];
    let number = connection.shard.number;
    let rows = connection
        .client()
        .await?
        .query_raw(ROWS, bounds)
        .await
        .map_err(|error| failed(number, &error))?;
    let mut rows = pin!(rows.into_stream());
    while let Some(row) = rows.next().await {
        let row = row.map_err(|error| failed(number, &error))?;
        let account: i64 = row.get(0);
        let event_id = Uuid::from_slice(row.get(1)).expect("a uuid has 16 bytes");
        take(account.cast_unsigned(), event_id, row.get(2));
    }
    Ok(())
}

/// A sum, which Postgres gives as a numeric without places.
fn whole(row: &Row, column: usize) -> i128 {
    let text: &str = row.get(column);
    text.parse().expect("a sum of bigints has no places")
}

fn failed(number: u16, error: &tokio_postgres::Error) -> LoadError {
    let reason = error
        .as_db_error()
        .map_or_else(|| error.to_string(), |error| error.message().to_owned());
    LoadError::Shard { number, reason }
}
