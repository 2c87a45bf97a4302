//! Asks the Postgres shards themselves, each over a connection of its own: one that is away keeps no other from
//! being asked.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use tokio_postgres::{Client, NoTls};
use vvbill_ingest::event::AccountId;
use vvbill_ingest::slot::{SLOTS, SlotMap};

use super::step::Trouble;
use crate::endpoints::{Endpoints, Shard};
use crate::load::shards;

/// So many accounts of a shard are looked at for strays.
const ACCOUNTS_AT_MOST: i64 = 200_000;
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// A connection to one shard.
pub(super) struct Ledger {
    number: u16,
    client: Client,
}

/// A shard's copy of the slot map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Copy {
    pub(super) version: i64,
    pub(super) slots: Vec<i16>,
}

impl Copy {
    /// The map, checked against the number of shards.
    pub(super) fn map(&self, shards: usize) -> Result<SlotMap, Trouble> {
        SlotMap::new(self.version, &self.slots, shards)
            .map_err(|why| Trouble::new("the slot map in Postgres", why))
    }

    /// How many slots each shard has, by its number.
    pub(super) fn shares(&self) -> BTreeMap<i16, usize> {
        let mut shares = BTreeMap::new();
        for shard in &self.slots {
            *shares.entry(*shard).or_default() += 1;
        }
        shares
    }

    /// How many there must be.
    pub(super) const SLOTS: usize = SLOTS;
}

/// A setting as the server has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    /// With its unit: `128MB`.
    pub(super) shown: String,
    /// Where it comes from: `default`, `configuration file`.
    pub(super) source: String,
    /// It is what it should be, in whatever unit that was written.
    pub(super) is_same: bool,
}

/// How Postgres itself compares two values of a setting.
struct Compare {
    select: &'static str,
    /// The value in the setting's base unit is compared, as what should be has no unit.
    of_raw: bool,
}

/// How values of a setting with this unit and type are compared; none: as they are written.
fn like(unit: &str, kind: &str, wanted: &str) -> Option<Compare> {
    const NUMBERS: &str = "SELECT ($1::text)::numeric = ($2::text)::numeric";
    let is_number = wanted.trim().parse::<f64>().is_ok();
    let (select, of_raw) = match (kind, unit) {
        ("bool", _) => ("SELECT ($1::text)::bool = ($2::text)::bool", false),
        ("integer" | "real", _) if is_number => (NUMBERS, true),
        ("integer" | "real", "B" | "kB" | "8kB" | "MB") => {
            ("SELECT pg_size_bytes($1::text) = pg_size_bytes($2::text)", false)
        }
        ("integer" | "real", "ms" | "s" | "min" | "us") => {
            ("SELECT ($1::text)::interval = ($2::text)::interval", false)
        }
        ("integer" | "real", _) => (NUMBERS, true),
        ("enum", _) => ("SELECT lower($1::text) = lower($2::text)", false),
        _ => return None,
    };
    Some(Compare { select, of_raw })
}

/// Connects to every shard, in the order of their numbers.
pub(super) async fn all(endpoints: &Endpoints) -> Result<Vec<Ledger>, Trouble> {
    if endpoints.shards.is_empty() {
        return Err(Trouble(
            "the platform offers no shard: apply its plan first".into(),
        ));
    }
    futures::future::try_join_all(endpoints.shards.iter().map(Ledger::connect)).await
}

impl Ledger {
    /// Connects to the shard's primary.
    pub(super) async fn connect(shard: &Shard) -> Result<Self, Trouble> {
        let failed = |why: String| Trouble::new(format_args!("shard {}", shard.number), why);
        let mut config = shards::config(shard, "vvbill-rollout")?;
        config.connect_timeout(CONNECT_WITHIN);
        let (client, connection) = config.connect(NoTls).await.map_err(|why| failed(words(&why)))?;
        // Ends by itself when the client is dropped; what goes wrong on it, the client's calls report.
        drop(tokio::spawn(connection));
        Ok(Self {
            number: shard.number,
            client,
        })
    }

    fn failed(&self, why: &tokio_postgres::Error) -> Trouble {
        Trouble::new(format_args!("shard {}", self.number), words(why))
    }

    pub(super) fn number(&self) -> u16 {
        self.number
    }

    /// `15` of `15.13`.
    pub(super) async fn major_version(&self) -> Result<i32, Trouble> {
        let row = self
            .client
            .query_one("SELECT current_setting('server_version_num')::int", &[]);
        let number: i32 = row.await.map_err(|why| self.failed(&why))?.get(0);
        Ok(number / 10_000)
    }

    /// The newest migration; none where none has been made.
    pub(super) async fn schema(&self) -> Result<Option<i32>, Trouble> {
        let failed = |why| self.failed(&why);
        if !self.has_table("schema_migrations").await? {
            return Ok(None);
        }
        let row = self
            .client
            .query_one("SELECT max(version) FROM schema_migrations", &[]);
        Ok(row.await.map_err(failed)?.get(0))
    }

    async fn has_table(&self, table: &str) -> Result<bool, Trouble> {
        let row = self
            .client
            .query_one("SELECT to_regclass($1::text) IS NOT NULL", &[&table])
            .await;
        Ok(row.map_err(|why| self.failed(&why))?.get(0))
    }

    /// Which of these tables there are not.
    pub(super) async fn missing<'t>(&self, tables: &[&'t str]) -> Result<Vec<&'t str>, Trouble> {
        let mut missing = Vec::new();
        for table in tables {
            if !self.has_table(table).await? {
                missing.push(*table);
            }
        }
        Ok(missing)
    }

    /// Its newest copy of the slot map.
    pub(super) async fn slot_map(&self) -> Result<Option<Copy>, Trouble> {
        let newest = "SELECT version, shards FROM slot_maps ORDER BY version DESC LIMIT 1";
        let row = self.client.query_opt(newest, &[]);
        let row = row.await.map_err(|why| self.failed(&why))?;
        Ok(row.map(|row| Copy {
            version: row.get(0),
            slots: row.get(1),
        }))
    }

    /// Rows of each of these accounts.
    pub(super) async fn rows(&self, accounts: &Range<u64>) -> Result<BTreeMap<u64, u64>, Trouble> {
        let bounds = [accounts.start.cast_signed(), accounts.end.cast_signed()];
        let select = "SELECT account_id, count(*) FROM events WHERE account_id >= $1 AND account_id < $2 \
             GROUP BY account_id";
        let rows = self.client.query(select, &[&bounds[0], &bounds[1]]).await;
        let rows = rows.map_err(|why| self.failed(&why))?;
        let pair = |row: &tokio_postgres::Row| {
            let (account, count): (i64, i64) = (row.get(0), row.get(1));
            (account.cast_unsigned(), count.cast_unsigned())
        };
        Ok(rows.iter().map(pair).collect())
    }

    /// Locks every watermark until this connection is closed: what commits there waits, what reads does not.
    pub(super) async fn hold_watermarks(&self) -> Result<(), Trouble> {
        let hold = "BEGIN; SELECT FROM watermarks ORDER BY log_id, partition FOR UPDATE";
        let held = self.client.batch_execute(hold).await;
        held.map_err(|why| self.failed(&why))
    }

    /// A setting of the server beside the value that it should have; none where it knows no such setting.
    pub(super) async fn setting(&self, name: &str, wanted: &str) -> Result<Option<Setting>, Trouble> {
        let select = "SELECT current_setting(name), setting, coalesce(unit, ''), vartype, source \
                      FROM pg_settings WHERE name = lower($1)";
        let row = self.client.query_opt(select, &[&name]).await;
        let Some(row) = row.map_err(|why| self.failed(&why))? else {
            return Ok(None);
        };
        let (shown, raw, unit, kind, source): (String, String, String, String, String) =
            (row.get(0), row.get(1), row.get(2), row.get(3), row.get(4));
        let is_same = match like(&unit, &kind, wanted) {
            Some(compare) => {
                let found = if compare.of_raw { &raw } else { &shown };
                let row = self.client.query_one(compare.select, &[found, &wanted]).await;
                row.map_err(|why| self.failed(&why))?.get(0)
            }
            None => shown == wanted,
        };
        Ok(Some(Setting {
            shown,
            source,
            is_same,
        }))
    }

    /// Every account that it has rows of, at most [`ACCOUNTS_AT_MOST`], by the index alone.
    pub(super) async fn accounts(&self) -> Result<Vec<u64>, Trouble> {
        let select = "WITH RECURSIVE found AS ( \
               (SELECT account_id FROM events ORDER BY account_id LIMIT 1) \
               UNION ALL \
               SELECT (SELECT account_id FROM events WHERE account_id > found.account_id \
                       ORDER BY account_id LIMIT 1) \
               FROM found WHERE found.account_id IS NOT NULL) \
             SELECT account_id FROM found WHERE account_id IS NOT NULL LIMIT $1";
        let rows = self.client.query(select, &[&ACCOUNTS_AT_MOST]).await;
        let rows = rows.map_err(|why| self.failed(&why))?;
        Ok(rows
            .iter()
            .map(|row| row.get::<_, i64>(0).cast_unsigned())
            .collect())
    }
}

/// The number of the shard that an account lives on.
pub(super) fn home(map: &SlotMap, account: u64) -> Option<u16> {
    Some(map.shard_of(AccountId::new(account).ok()?).0)
}

fn words(why: &tokio_postgres::Error) -> String {
    why.as_db_error()
        .map_or_else(|| why.to_string(), |error| error.message().to_owned())
}
