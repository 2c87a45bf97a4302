//! Every setting of `vvbill-ingest`: one type, from flags or `VVBILL_INGEST_*` variables.
//!
//! It only reads arguments and, for secrets, the environment variable or file that is referred to.

use crate::{api::keys::KeyCommand, event::Window};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::{net::SocketAddr, path::PathBuf, str::FromStr, time::Duration};

/// The ingestion service: Kafka is the log, Redis is disposable, Postgres is the ledger.
#[derive(Debug, Parser)]
#[command(name = "vvbill-ingest", version)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    /// Log lines as JSON.
    #[arg(long, global = true, env = "VVBILL_INGEST_LOG_JSON")]
    pub log_json: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs the API, the worker, or both, until SIGTERM.
    Run(Box<Run>),
    /// Brings the schema of every shard up to date, and makes the topics where asked to.
    Migrate(Migrate),
    /// Reads Kafka again and compares it with every shard; exits with 1 where they differ.
    Reconcile(Reconcile),
    /// Has every shard go on in another log, such as the copy of it in another region.
    ///
    /// It finds where the copy holds what each shard has not, and records that as the shard's watermarks. Workers
    /// of the former log write nothing more; those of the new one start there. Done again, it changes nothing.
    CutOver(CutOver),
    /// Makes API keys.
    Key(KeyCommand),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Role {
    Api,
    Worker,
}

#[derive(Debug, Clone, Args)]
pub struct Run {
    /// What to run; repeat it for both.
    #[arg(
        long = "role",
        env = "VVBILL_INGEST_ROLES",
        value_delimiter = ',',
        required = true
    )]
    pub roles: Vec<Role>,
    #[command(flatten)]
    pub kafka: Kafka,
    #[command(flatten)]
    pub postgres: Postgres,
    #[command(flatten)]
    pub redis: Redis,
    #[command(flatten)]
    pub api: Api,
    #[command(flatten)]
    pub worker: Worker,
    /// How long a stop may take before what is unfinished is left to the next owner, in seconds.
    #[arg(long, env = "VVBILL_INGEST_STOP_TIMEOUT_SECONDS", default_value_t = 25)]
    pub stop_timeout_seconds: u64,
}

#[derive(Debug, Clone, Args)]
pub struct Migrate {
    #[command(flatten)]
    pub kafka: Kafka,
    #[command(flatten)]
    pub postgres: Postgres,
    /// Makes the topic and the dead-letter topic when they are missing.
    #[arg(long, env = "VVBILL_INGEST_CREATE_TOPICS")]
    pub create_topics: bool,
    /// Partitions of a topic that is made.
    #[arg(long, env = "VVBILL_INGEST_PARTITIONS", default_value_t = 10)]
    pub partitions: i32,
    /// Replicas of a topic that is made; with 3 or more, two must be in sync.
    #[arg(long, env = "VVBILL_INGEST_REPLICATION", default_value_t = 3)]
    pub replication: i32,
}

#[derive(Debug, Clone, Args)]
pub struct CutOver {
    #[command(flatten)]
    pub kafka: Kafka,
    #[command(flatten)]
    pub postgres: Postgres,
    /// The topic, in the cluster that is entered, in which MirrorMaker 2 notes what it has copied where:
    /// `mm2-offset-syncs.SOURCE.internal`. Without it a log that a shard was never in is read from its
    /// beginning, which is slow and as right.
    #[arg(long, value_name = "TOPIC", env = "VVBILL_INGEST_OFFSET_SYNCS_TOPIC")]
    pub offset_syncs_topic: Option<String>,
    /// What it came to, as JSON on standard output.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Args)]
pub struct Reconcile {
    #[command(flatten)]
    pub kafka: Kafka,
    #[command(flatten)]
    pub postgres: Postgres,
    #[command(flatten)]
    pub window: OccurredWindow,
    /// The account as JSON on standard output.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Args)]
pub struct Kafka {
    /// Bootstrap servers, `host:port`, separated by commas.
    #[arg(long, env = "VVBILL_INGEST_KAFKA_BROKERS")]
    pub kafka_brokers: String,
    #[arg(long, env = "VVBILL_INGEST_TOPIC", default_value = "billing-events")]
    pub topic: String,
    #[arg(
        long,
        env = "VVBILL_INGEST_DEAD_LETTER_TOPIC",
        default_value = "billing-events-dead"
    )]
    pub dead_letter_topic: String,
    /// The consumer group of the workers.
    #[arg(long, env = "VVBILL_INGEST_GROUP", default_value = "vvbill-ingest")]
    pub group: String,
    /// A consumer that is not heard of for this long loses its partitions.
    #[arg(long, env = "VVBILL_INGEST_SESSION_TIMEOUT_MS", default_value_t = 6_000)]
    pub session_timeout_ms: u32,
}

#[derive(Debug, Clone, Args)]
pub struct Postgres {
    /// Connection strings of the shards in order, separated by `;` (or the flag repeated). Each is
    /// `postgresql://…`, `host=… dbname=…`, `env:NAME` or `file:PATH`.
    #[arg(
        long = "shard",
        env = "VVBILL_INGEST_SHARDS",
        value_delimiter = ';',
        required = true
    )]
    pub shards: Vec<Secret>,
    /// Connections to each shard.
    #[arg(long, env = "VVBILL_INGEST_SHARD_CONNECTIONS", default_value_t = 4)]
    pub shard_connections: usize,
    /// A shard that says nothing for this long is asked anew on another connection. A batch that it
    /// may only be slow with gets twice the time at each further try, eight times at most.
    #[arg(long, env = "VVBILL_INGEST_SHARD_TIMEOUT_MS", default_value_t = 10_000)]
    pub shard_timeout_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RedisMode {
    /// The addresses are Sentinels; they say who the master is.
    Sentinel,
    /// The address is the master's, kept right by someone else (ElastiCache).
    PrimaryEndpoint,
}

#[derive(Debug, Clone, Args)]
pub struct Redis {
    #[arg(
        long,
        env = "VVBILL_INGEST_REDIS_MODE",
        value_enum,
        default_value = "primary-endpoint"
    )]
    pub redis_mode: RedisMode,
    /// `host:port` of the Sentinels, or of the primary endpoint.
    #[arg(
        long = "redis",
        env = "VVBILL_INGEST_REDIS",
        value_delimiter = ',',
        default_value = "127.0.0.1:6379"
    )]
    pub redis_addresses: Vec<String>,
    /// What the Sentinels call the master.
    #[arg(long, env = "VVBILL_INGEST_REDIS_MASTER_NAME", default_value = "mymaster")]
    pub redis_master_name: String,
    /// `env:NAME` or `file:PATH`.
    #[arg(long, env = "VVBILL_INGEST_REDIS_PASSWORD")]
    pub redis_password: Option<Secret>,
    /// An answer that takes longer counts as a failure.
    #[arg(long, env = "VVBILL_INGEST_REDIS_TIMEOUT_MS", default_value_t = 2_000)]
    pub redis_timeout_ms: u64,
    /// Most bytes that one shard may keep pending in Redis; batches above it go past Redis.
    #[arg(long, env = "VVBILL_INGEST_PENDING_CAP_BYTES", default_value_t = 128 << 20)]
    pub pending_cap_bytes: u64,
    /// How long an account's totals stay in Redis after they were last asked for, in seconds.
    #[arg(long, env = "VVBILL_INGEST_TOTALS_TTL_SECONDS", default_value_t = 3_600)]
    pub totals_ttl_seconds: u64,
}

#[derive(Debug, Clone, Args)]
pub struct Api {
    /// Where the API, `/health`, `/ready` and `/metrics` listen. A worker without the API role
    /// serves the last three there.
    #[arg(long, env = "VVBILL_INGEST_LISTEN", default_value = "127.0.0.1:8000")]
    pub listen: SocketAddr,
    /// File of API keys: JSON, hashed, each bound to its accounts.
    #[arg(long, env = "VVBILL_INGEST_API_KEYS")]
    pub api_keys: Option<PathBuf>,
    /// Serves without keys; refused unless `listen` is a loopback address.
    #[arg(long, env = "VVBILL_INGEST_WITHOUT_API_KEYS")]
    pub without_api_keys: bool,
    /// Most bytes of a request's body.
    #[arg(long, env = "VVBILL_INGEST_MAX_BODY_BYTES", default_value_t = 4 << 20)]
    pub max_body_bytes: usize,
    /// Most events in one request.
    #[arg(long, env = "VVBILL_INGEST_MAX_BATCH_EVENTS", default_value_t = 10_000)]
    pub max_batch_events: usize,
    /// Most bytes of request bodies that are under way at once; above it the answer is 429.
    #[arg(long, env = "VVBILL_INGEST_API_IN_FLIGHT_BYTES", default_value_t = 64 << 20)]
    pub api_in_flight_bytes: usize,
    /// How long Kafka may take to acknowledge before the answer is 503, or a worker's dead letter is
    /// tried by another producer.
    #[arg(long, env = "VVBILL_INGEST_PRODUCE_TIMEOUT_MS", default_value_t = 10_000)]
    pub produce_timeout_ms: u64,
    /// How long events for one partition are gathered before they go to Kafka: each such batch is a request of its
    /// own.
    #[arg(long, env = "VVBILL_INGEST_PRODUCE_LINGER_MS", default_value_t = 20)]
    pub produce_linger_ms: u64,
    /// How long a client may take to send a request's body before the answer is 408.
    #[arg(long, env = "VVBILL_INGEST_BODY_TIMEOUT_MS", default_value_t = 15_000)]
    pub body_timeout_ms: u64,
    /// A connection that sends no complete request head for this long is closed, in seconds. It
    /// lies above the idle time of a load balancer (60), which must be the first to close.
    #[arg(long, env = "VVBILL_INGEST_IDLE_TIMEOUT_SECONDS", default_value_t = 75)]
    pub idle_timeout_seconds: u64,
    /// Most connections at once; more wait in the listener's backlog.
    #[arg(long, env = "VVBILL_INGEST_MAX_CONNECTIONS", default_value_t = 4_096)]
    pub max_connections: usize,
}

#[derive(Debug, Clone, Args)]
pub struct Worker {
    /// Consumers in this process, each a member of the group on a thread of its own.
    #[arg(long, env = "VVBILL_INGEST_CONSUMERS", default_value_t = 1)]
    pub consumers: usize,
    /// A batch is closed at this many rows…
    #[arg(long, env = "VVBILL_INGEST_BATCH_ROWS", default_value_t = 20_000)]
    pub batch_rows: usize,
    /// …or this many bytes…
    #[arg(long, env = "VVBILL_INGEST_BATCH_BYTES", default_value_t = 4 << 20)]
    pub batch_bytes: usize,
    /// …or, when the batch before it is durable, at this age.
    #[arg(long, env = "VVBILL_INGEST_FLUSH_INTERVAL_MS", default_value_t = 20)]
    pub flush_interval_ms: u64,
    /// A shard without rows gets an empty range this often.
    #[arg(long, env = "VVBILL_INGEST_IDLE_INTERVAL_MS", default_value_t = 2_000)]
    pub idle_interval_ms: u64,
    /// Most bytes of batches in memory; above it the consumers wait. A shard that takes none is not
    /// waited for: over its share, the same for each shard, its rows are dropped from memory, and read
    /// from Kafka again when it is back.
    #[arg(long, env = "VVBILL_INGEST_IN_FLIGHT_BYTES", default_value_t = 160 << 20)]
    pub in_flight_bytes: usize,
    /// Shards that were away catch up with so many partitions at once, each with a reader of its own,
    /// which holds up to four batches and 8 MiB of records.
    #[arg(long, env = "VVBILL_INGEST_CATCH_UP_READERS", default_value_t = 2)]
    pub catch_up_readers: usize,
    /// When a partition is taken, reading starts at the smallest watermark of its shards; one that lies
    /// more than so many records behind another's catches up by itself.
    #[arg(long, env = "VVBILL_INGEST_CATCH_UP_RECORDS", default_value_t = 200_000)]
    pub catch_up_records: i64,
    /// Most kilobytes that each consumer fetches ahead.
    #[arg(long, env = "VVBILL_INGEST_FETCH_AHEAD_KBYTES", default_value_t = 65_536)]
    pub fetch_ahead_kbytes: usize,
    #[command(flatten)]
    pub window: OccurredWindow,
}

#[derive(Debug, Clone, Args)]
pub struct OccurredWindow {
    /// An event that is older than this when Kafka gets it is refused.
    #[arg(long, env = "VVBILL_INGEST_OCCURRED_BEFORE_SECONDS", default_value_t = 34 * 86_400)]
    pub occurred_before_seconds: i64,
    /// An event that is further in the future than this when Kafka gets it is refused.
    #[arg(long, env = "VVBILL_INGEST_OCCURRED_AFTER_SECONDS", default_value_t = 3_600)]
    pub occurred_after_seconds: i64,
}

impl OccurredWindow {
    pub fn window(&self) -> Window {
        Window {
            before_seconds: self.occurred_before_seconds,
            after_seconds: self.occurred_after_seconds,
        }
    }
}

impl Postgres {
    pub fn shard_timeout(&self) -> Duration {
        Duration::from_millis(self.shard_timeout_ms.max(1))
    }
}

impl Redis {
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.redis_timeout_ms)
    }
}

/// A value that may hold a secret: given as it is, as `env:NAME`, or as `file:PATH` (the file's
/// text without the line end). It is never printed.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// The value itself.
    pub fn reveal(&self) -> Result<String, SecretError> {
        if let Some(name) = self.0.strip_prefix("env:") {
            return std::env::var(name).map_err(|_| SecretError::Variable(name.to_owned()));
        }
        if let Some(path) = self.0.strip_prefix("file:") {
            return match std::fs::read_to_string(path) {
                Ok(text) => Ok(text.trim_end_matches(['\r', '\n']).to_owned()),
                Err(source) => Err(SecretError::File {
                    path: path.to_owned(),
                    source,
                }),
            };
        }
        Ok(self.0.clone())
    }
}

impl FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(secret)")
    }
}

/// A secret that is referred to is not there.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("the environment variable {0}, which the configuration refers to, is not set")]
    Variable(String),
    #[error("the file {path}, which the configuration refers to, can't be read: {source}")]
    File { path: String, source: std::io::Error },
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    /// Every flag of every command but `--json` can be given as a variable.
    #[test]
    fn every_flag_has_a_variable() {
        let cli = Cli::command();
        cli.clone().debug_assert();
        for command in cli.get_subcommands() {
            for argument in command.get_arguments() {
                if matches!(argument.get_id().as_str(), "json" | "help" | "version") {
                    continue;
                }
                let variable = argument
                    .get_env()
                    .unwrap_or_else(|| panic!("{}", argument.get_id()));
                assert!(variable.to_str().unwrap().starts_with("VVBILL_INGEST_"));
            }
        }
    }

    /// A secret is read from where it is referred to, and never shown.
    #[test]
    fn secrets_are_references() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dsn");
        std::fs::write(&path, "host=a password=b\n").unwrap();
        let secret: Secret = format!("file:{}", path.display()).parse().unwrap();
        assert_eq!(secret.reveal().unwrap(), "host=a password=b");
        assert_eq!(format!("{secret:?}"), "(secret)");
        let missing: Secret = "env:VVBILL_INGEST_NO_SUCH_VARIABLE".parse().unwrap();
        assert!(
            missing
                .reveal()
                .unwrap_err()
                .to_string()
                .contains("VVBILL_INGEST_NO_SUCH_VARIABLE")
        );
    }
}
