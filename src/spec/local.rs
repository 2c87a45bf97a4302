//! How the plan runs as processes on this machine.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::units::{LoopbackAddress, Port};

/// Folder, address, ports and programs of the local target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Local {
    /// Folder of all data, logs and generated configuration. Unset: `.vvbill/local/<plan name>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// Address that every process binds; loopback only. Default 127.0.0.1.
    pub bind: LoopbackAddress,
    /// First of 64 ports for the processes that `ports` doesn't name: eight each for brokers, controllers, Redis,
    /// Sentinels, shards, APIs, workers and Prometheus. Shards with replicas take 80 more: eight each for etcd and its
    /// peers, 32 each for the shards' members and their Patroni. A second region takes the same from the 160th on.
    /// Default 19000.
    pub port_base: Port,
    /// Ports by process: `kafka-1`, `kafka-controller-1`, `kafka-jmx-1`, `redis-1`, `sentinel-1`, `shard-0`,
    /// `ingest-api-1`, `ingest-worker-1`, `prometheus`; of shards with replicas `shard-0-1`, `patroni-0-1`, `etcd-1`,
    /// `etcd-peer-1`; of the second region the same with its name, `kafka-1-south`.
    #[schemars(extend("propertyNames" = super::units::key_names()))]
    pub ports: BTreeMap<String, Port>,
    /// Programs by name (`java`, `redis-server`, `redis-sentinel`, `postgres`, `initdb`, `etcd`, `python3`, `prometheus`,
    /// `vvbill-ingest`), as paths. Unset ones are looked for in the usual places.
    #[schemars(extend("propertyNames" = super::units::key_names()))]
    pub programs: BTreeMap<String, String>,
    /// Unprivileged user for servers that refuse to run as root. Default `nobody`.
    pub run_as: String,
}

impl Default for Local {
    fn default() -> Self {
        Self {
            folder: None,
            bind: LoopbackAddress::default(),
            port_base: Port::known(19_000),
            ports: BTreeMap::new(),
            programs: BTreeMap::new(),
            run_as: "nobody".to_owned(),
        }
    }
}
