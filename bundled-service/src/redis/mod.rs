//! Redis: usage of events that Postgres does not have yet, and totals that were asked for lately.
//!
//! It is disposable. Every key of a shard carries the shard's generation (kept in Postgres): what an
//! earlier life of Redis holds is never read again. Each change is one script with its guards. It
//! never decides that an event is a duplicate, and flushing never reads it back.
//!
//! Keys of shard 0, all with the hash tag `{s0}`: `vv:{s0}:generation`, and under
//! `vv:{s0}:<generation>:`
//!
//! | key | holds |
//! |---|---|
//! | `next` | partition → the offset that the next batch must start at |
//! | `epoch` | partition → its owner's epoch |
//! | `done` | partition → what is committed and reflected in totals |
//! | `pending` | `partition:from` → `to` of each batch that is not committed |
//! | `bytes` | bytes of those batches |
//! | `b:<partition>:<to>` | the batch: `rows`, `size`, and account → its deltas |
//! | `t:<account>` | totals: `metric\|hour` → `version:quantity:events`; `#from`, `#to` the hours covered |

mod connection;
mod life;
mod pack;
mod reader;
mod writer;

pub use connection::Connector;
pub use life::{Live, Lives, Raising};
pub use reader::UsageReader;
pub use writer::{Claimed, Stored, Writer, complete};

use redis::{Script, Value};
use std::sync::LazyLock;

/// Redis failed, or is not what it was: this life of it is over for us.
#[derive(Debug, thiserror::Error)]
pub enum RedisError {
    #[error("Redis: {0}")]
    Server(#[from] redis::RedisError),
    #[error("{address} is a {role}, not the master")]
    NotMaster { address: String, role: String },
    #[error("what Redis holds can't be trusted ({0})")]
    Lost(&'static str),
    #[error("another process has raised the generation")]
    Stale,
    #[error("another worker owns the partition")]
    Fenced,
    #[error("Redis is away")]
    Away,
    #[error(transparent)]
    Ledger(#[from] crate::postgres::LedgerError),
    #[error(transparent)]
    Secret(#[from] crate::config::SecretError),
}

impl RedisError {
    /// Does this end the life of Redis that it happened in?
    fn ends_life(&self) -> bool {
        matches!(self, Self::Server(_) | Self::NotMaster { .. } | Self::Lost(_))
    }
}

static CLAIM: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/claim.lua")));
static STORE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/store.lua")));
static COMPLETE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/complete.lua")));
static READ: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/read.lua")));
static LOAD: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/load.lua")));

fn generation_key(shard: usize) -> String {
    format!("vv:{{s{shard}}}:generation")
}

fn prefix(shard: usize, generation: i64) -> String {
    format!("vv:{{s{shard}}}:{generation}:")
}

/// A script's answer: its first word, and the rest.
fn verdict(answer: Value) -> Result<(String, Vec<Value>), RedisError> {
    let Value::Array(mut items) = answer else {
        return Err(RedisError::Lost(
            "a script answered with something else than a list",
        ));
    };
    if items.is_empty() {
        return Err(RedisError::Lost("a script answered with nothing"));
    }
    let rest = items.split_off(1);
    let word: String = redis::from_redis_value(items.remove(0)).map_err(redis::RedisError::from)?;
    match word.as_str() {
        "STALE" => Err(RedisError::Stale),
        "FENCED" => Err(RedisError::Fenced),
        "NIL" => Err(RedisError::Lost("a key is missing")),
        "GAP" => Err(RedisError::Lost("a batch was committed without it")),
        "AHEAD" => Err(RedisError::Lost(
            "it heard of a batch that Postgres does not have: Postgres is back at an earlier state",
        )),
        _ => Ok((word, rest)),
    }
}
