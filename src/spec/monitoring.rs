//! Prometheus.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::units::{Bytes, Duration, Port};

/// A Prometheus that scrapes the platform and evaluates its alerts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Monitoring {
    /// Time between two scrapes. Default 15s.
    pub scrape_interval: Duration,
    /// Time between two evaluations of the alerts. Default 15s.
    pub evaluation_interval: Duration,
    /// How long samples are kept. Default 15d, as in Prometheus.
    pub retention: Duration,
    /// Volume on Kubernetes. Default 50GiB.
    pub storage: Bytes,
    /// Port of Prometheus. On the local target `local.ports` and `local.port_base` decide. Default 9090.
    pub port: Port,
    /// Dashboards for Grafana. Default true.
    pub dashboards: bool,
}

impl Default for Monitoring {
    fn default() -> Self {
        Self {
            scrape_interval: Duration::from_secs(15),
            evaluation_interval: Duration::from_secs(15),
            retention: Duration::from_secs(15 * 86_400),
            storage: Bytes::from_gib(50),
            port: Port::known(9_090),
            dashboards: true,
        }
    }
}
