//! Tuning of the nodes' operating system and of gunicorn.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::units::{Duration, WorkerCount};

/// Kernel settings and limits of the nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OperatingSystem {
    /// What the settings are for. Unset: the node groups' own system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distribution: Option<Distribution>,
    /// Kernel settings, by name, such as `net.core.somaxconn`.
    pub sysctl: BTreeMap<String, String>,
    /// Limits of each process, for `limits.conf`.
    pub limits: Limits,
}

/// A Linux distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Distribution {
    #[serde(rename = "amazon-linux-2")]
    AmazonLinux2,
    #[serde(rename = "amazon-linux-2023")]
    AmazonLinux2023,
    #[serde(rename = "ubuntu")]
    Ubuntu,
}

/// Limits of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Open files; at most `fs.nr_open`. Unset: the system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_files: Option<u64>,
    /// Processes and threads of a user. Unset: the system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processes: Option<u64>,
}

/// The application's HTTP server, as `gunicorn.conf.py` has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Gunicorn {
    /// Worker processes in each pod: a number, or `cpu*2+1`. Default 1, as in gunicorn.
    pub workers: WorkerCount,
    /// Class of a worker. Default `uvicorn_worker.UvicornWorker`.
    pub worker_class: String,
    /// Connections of each worker. Default 1000, as in gunicorn.
    pub worker_connections: u32,
    /// A worker silent for so long is killed. Default 30s, as in gunicorn.
    pub timeout: Duration,
    /// How long an idle connection is kept. Default 2s, as in gunicorn.
    pub keepalive: Duration,
    /// Time to stop in; at most the pod's `termination_grace`. Default 30s, as in gunicorn.
    pub graceful_timeout: Duration,
    /// Requests after which a worker is replaced; 0: never. Default 0, as in gunicorn.
    pub max_requests: u32,
    /// Spread of `max_requests`, so that workers don't all go at once. Default 0, as in gunicorn.
    pub max_requests_jitter: u32,
    /// Loads the application before workers fork. Default false, as in gunicorn.
    pub preload_app: bool,
    /// File of the access log; `-` is standard output. Unset: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_log: Option<String>,
    /// File of the error log; `-` is standard error. Default `-`.
    pub error_log: String,
    /// Default `info`, as in gunicorn.
    pub log_level: LogLevel,
}

impl Default for Gunicorn {
    fn default() -> Self {
        Self {
            workers: WorkerCount::Fixed(1),
            worker_class: "uvicorn_worker.UvicornWorker".to_owned(),
            worker_connections: 1_000,
            timeout: Duration::from_secs(30),
            keepalive: Duration::from_secs(2),
            graceful_timeout: Duration::from_secs(30),
            max_requests: 0,
            max_requests_jitter: 0,
            preload_app: false,
            access_log: None,
            error_log: "-".to_owned(),
            log_level: LogLevel::Info,
        }
    }
}

/// How much is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    Debug,
    #[default]
    Info,
    Warning,
    Error,
    Critical,
}
