//! This machine as a target: servers as detached processes on the loopback, each kind in its file.
//!
//! A resource is known by the path of its folder, `<platform>/<kind>/<name>`, which holds what it was
//! last asked to be. A process is found by its record or, should that be missing, by a marker in its
//! environment. Nothing here decides what to do, writes state or prints.

mod api_key;
mod data_folder;
mod doctor;
mod etcd;
mod etcd_member;
mod http;
mod ingest_migration;
mod ingest_process;
mod kafka_broker;
mod kafka_cluster;
pub mod kafka_distribution;
mod kafka_mirror;
mod kafka_topic;
mod launch;
mod machine;
mod marker;
mod patroni_cluster;
mod patroni_distribution;
mod patroni_member;
mod platform;
mod platform_folder;
mod port;
mod postgres_database;
mod postgres_server;
mod prometheus_server;
mod record;
mod redis_sentinel;
mod redis_server;
mod region;
mod secret_file;
mod server;
mod template;

pub use api_key::ApiKey;
pub use data_folder::DataFolder;
pub use doctor::{Check, Problem, doctor, fetch_patroni};
pub use etcd_member::EtcdMember;
pub use ingest_migration::IngestMigration;
pub use ingest_process::{Backends, IngestProcess, cut_over};
pub use kafka_broker::KafkaBroker;
pub use kafka_cluster::KafkaCluster;
pub use kafka_distribution::KafkaDistribution;
pub use kafka_mirror::KafkaMirror;
pub use kafka_topic::KafkaTopic;
pub use machine::Machine;
pub use marker::Process;
pub use patroni_cluster::PatroniCluster;
pub use patroni_distribution::{PatroniDistribution, VERSION as PATRONI_VERSION};
pub use patroni_member::PatroniMember;
pub use platform_folder::PlatformFolder;
pub use postgres_database::PostgresDatabase;
pub use postgres_server::{PostgresServer, copy_again, promote};
pub use prometheus_server::{PrometheusServer, rules_beside};
pub use redis_sentinel::RedisSentinel;
pub use redis_server::RedisServer;
pub use region::{Place, Runs, active as active_region, set_active as set_active_region};
pub use secret_file::SecretFile;
pub use server::Common;

use std::path::{Path, PathBuf};

use self::server::{Running, Server};
use super::{Kind, ProviderError, Typed};
use crate::resource::Address;

/// The first part of the addresses of what this provider makes.
pub const NAME: &str = "local";

/// One line a kind.
const KINDS: &[Kind<Machine>] = &[
    Kind::of::<PlatformFolder>(),
    Kind::of::<DataFolder>(),
    Kind::of::<SecretFile>(),
    Kind::of::<ApiKey>(),
    Kind::of::<KafkaDistribution>(),
    Kind::of::<KafkaCluster>(),
    Kind::of::<Running<KafkaBroker>>(),
    Kind::of::<KafkaTopic>(),
    Kind::of::<Running<KafkaMirror>>(),
    Kind::of::<Running<RedisServer>>(),
    Kind::of::<Running<RedisSentinel>>(),
    Kind::of::<Running<PostgresServer>>(),
    Kind::of::<Running<EtcdMember>>(),
    Kind::of::<PatroniDistribution>(),
    Kind::of::<PatroniCluster>(),
    Kind::of::<Running<PatroniMember>>(),
    Kind::of::<PostgresDatabase>(),
    Kind::of::<IngestMigration>(),
    Kind::of::<Running<IngestProcess>>(),
    Kind::of::<Running<PrometheusServer>>(),
];

/// The local target on `machine`.
pub fn provider(machine: Machine) -> Typed<Machine> {
    Typed {
        name: NAME,
        cloud: machine,
        kinds: KINDS,
    }
}

/// The process of the resource `id`, if it has one and it runs.
pub fn process(id: &str) -> Option<Process> {
    marker::find(Path::new(id))
}

/// Ends the process of a server in its own good order and leaves all else as it is: an update starts it again.
///
/// # Errors
/// When the kind has no process, or it doesn't end.
pub async fn halt(address: &Address, id: &str) -> Result<(), ProviderError> {
    let how = match address.kind() {
        KafkaBroker::KIND => KafkaBroker::STOP,
        KafkaMirror::KIND => KafkaMirror::STOP,
        RedisServer::KIND => RedisServer::STOP,
        RedisSentinel::KIND => RedisSentinel::STOP,
        PostgresServer::KIND => PostgresServer::STOP,
        PatroniMember::KIND => PatroniMember::STOP,
        EtcdMember::KIND => EtcdMember::STOP,
        IngestProcess::KIND => IngestProcess::STOP,
        PrometheusServer::KIND => PrometheusServer::STOP,
        kind => return Err(ProviderError::refused(format!("a {kind} has no process to stop"))),
    };
    launch::stop(Path::new(id), how).await
}

/// How much of a server is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kill {
    /// Its process and all that it has started.
    Everything,
    /// Of a member of a shard, its Postgres alone: Patroni goes on.
    Postgres,
}

/// Kills a server at once, as a crash would, and leaves all else as it is: an update starts it again. What is not
/// there is killed already.
///
/// # Errors
/// When the kind has no such process, or it doesn't end.
pub async fn kill(address: &Address, id: &str, what: Kill) -> Result<(), ProviderError> {
    let home = Path::new(id);
    match (address.kind(), what) {
        (PatroniMember::KIND, Kill::Postgres) => launch::kill(&home.join(PatroniMember::POSTGRES)).await,
        (
            KafkaBroker::KIND
            | KafkaMirror::KIND
            | RedisServer::KIND
            | RedisSentinel::KIND
            | PostgresServer::KIND
            | EtcdMember::KIND
            | PatroniMember::KIND
            | IngestProcess::KIND
            | PrometheusServer::KIND,
            Kill::Everything,
        ) => launch::kill(home).await,
        (kind, _) => Err(ProviderError::refused(format!("a {kind} has no process to kill"))),
    }
}

/// The logs of the resource `id`, the present one last; none for what has no process.
pub fn logs(id: &str) -> Vec<PathBuf> {
    let home = Path::new(id);
    let log = || {
        let (kind, name) = (home.parent()?.file_name()?.to_str()?, home.file_name()?.to_str()?);
        let platform = home.parent()?.parent()?;
        Some(platform.join("logs").join(format!("{kind}-{name}.log")))
    };
    log().into_iter().filter(|log| log.is_file()).collect()
}
