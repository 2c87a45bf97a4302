//! `etcd_member`: one of the three etcd members in which Patroni keeps who leads.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use super::Machine;
use super::launch::{Launch, Stop};
use super::platform::known;
use super::server::{Common, File, Server, Site};
use crate::provider::{ProviderError, Readiness};
use crate::resource::Ref;

/// One member.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EtcdMember {
    /// Name, folder and whether it runs.
    #[serde(flatten)]
    pub common: Common,
    /// Where clients reach it.
    pub port: u16,
    /// Where the members reach one another, by name, its own among them. They are fixed once the cluster
    /// is made.
    pub peer_ports: BTreeMap<String, u16>,
    /// The folder of its data.
    pub data: Ref<PathBuf>,
}

/// Where it is reached.
#[derive(Debug, Serialize)]
pub(super) struct Outputs {
    /// `HOST:PORT`, for clients.
    pub endpoint: String,
}

impl Server for EtcdMember {
    const KIND: &'static str = "etcd_member";
    const REPLACE_ON: &'static [&'static str] = &["name", "folder", "host", "port", "peer_ports"];
    const STABLE_OUTPUTS: &'static [&'static str] = &["endpoint"];
    const STOP: Stop = Stop {
        signal: Signal::TERM,
        limit: Duration::from_secs(10),
    };
    type Outputs = Outputs;

    fn common(&self) -> &Common {
        &self.common
    }

    fn common_mut(&mut self) -> &mut Common {
        &mut self.common
    }

    fn ports(&self) -> Vec<u16> {
        let peer = self.peer_ports.get(&self.common.name).copied();
        [Some(self.port), peer].into_iter().flatten().collect()
    }

    fn files(&self, _site: &Site) -> Result<Vec<File>, ProviderError> {
        Ok(Vec::new())
    }

    fn launch(&self, _machine: &Machine, _site: &Site) -> Result<Launch, ProviderError> {
        let name = &self.common.name;
        let url = |port: u16| format!("http://{}", self.common.endpoint(port));
        let client = url(self.port);
        let peer = self.peer_ports.get(name).copied().map(url).unwrap_or_default();
        let members = self.peer_ports.iter();
        let members: Vec<String> = members
            .map(|(name, port)| format!("{name}={}", url(*port)))
            .collect();
        let options = [
            ("name", name.clone()),
            (
                "data-dir",
                known(&self.data, "data")?.join("etcd").display().to_string(),
            ),
            ("listen-client-urls", client.clone()),
            ("advertise-client-urls", client),
            ("listen-peer-urls", peer.clone()),
            ("initial-advertise-peer-urls", peer),
            ("initial-cluster", members.join(",")),
            ("initial-cluster-state", "new".into()),
            // Members of another platform on this machine can't be taken for ours.
            (
                "initial-cluster-token",
                known(&self.common.folder, "folder")?.display().to_string(),
            ),
            // The history of a lease that is renewed every second is of no use to anyone.
            ("auto-compaction-mode", "periodic".into()),
            ("auto-compaction-retention", "10m".into()),
            ("logger", "zap".into()),
            ("log-outputs", "stderr".into()),
        ];
        let arguments = options
            .into_iter()
            .map(|(name, value)| format!("--{name}={value}").into());
        Ok(Launch {
            program: self.common.program("etcd")?,
            arguments: arguments.collect(),
            environment: Vec::new(),
        })
    }

    /// Ready when it has a quorum: without one it answers 503.
    async fn health(&self, _site: &Site) -> Result<Readiness, ProviderError> {
        super::http::ready(format!("http://{}/health", self.common.endpoint(self.port))).await
    }

    fn outputs(&self, _site: &Site) -> Outputs {
        Outputs {
            endpoint: self.common.endpoint(self.port),
        }
    }

    fn restarts_one_by_one(&self) -> Option<String> {
        Some("restart".into())
    }
}
