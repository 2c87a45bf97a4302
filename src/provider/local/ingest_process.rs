//! `ingest_process`: the bundled ingestion service in one of its roles.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use super::Machine;
use super::launch::{Launch, Stop};
use super::machine::ingest_program;
use super::platform::{Platform, known};
use super::record;
use super::server::{Common, File, Server, Site};
use crate::provider::{ProviderError, Readiness};
use crate::resource::Ref;

/// Whatever the log holds, its notes and a few rows are all that a cut-over reads and writes.
const CUT_OVER_WITHIN: Duration = Duration::from_secs(60);

/// A process of the service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IngestProcess {
    /// Name, folder and whether it runs.
    #[serde(flatten)]
    pub common: Common,
    /// `api`, `worker` or both.
    pub roles: Vec<String>,
    /// Where it answers HTTP.
    pub port: u16,
    /// What it connects to.
    pub backends: Backends,
    /// The file of API keys; null: it serves without keys.
    pub api_keys: Option<Ref<PathBuf>>,
    /// Further variables of its environment, `VVBILL_INGEST_…` and `RUST_LOG`.
    pub settings: BTreeMap<String, String>,
}

/// What the service connects to. Lists are maps by the resource's name, so that their order is the
/// names'.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Backends {
    /// `host:port` of each broker.
    pub brokers: BTreeMap<String, Ref<String>>,
    /// The topic of events.
    pub topic: Ref<String>,
    /// The topic of what was refused.
    pub dead_letter_topic: Ref<String>,
    /// The workers' consumer group.
    pub group: String,
    /// `file:PATH` of each shard's connection string, by number.
    pub shards: BTreeMap<String, Ref<String>>,
    /// `host:port` of each Redis server.
    pub redis: BTreeMap<String, Ref<String>>,
    /// `host:port` of each Sentinel; none: the first server is the master, always.
    pub sentinels: BTreeMap<String, Ref<String>>,
    /// What they call the master.
    pub master_name: String,
    /// `file:PATH` of Redis's password; null: it wants none.
    pub redis_password: Option<Ref<String>>,
}

/// Where it is reached.
#[derive(Debug, Serialize)]
pub(super) struct Outputs {
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    /// `127.0.0.1:PORT`.
    pub endpoint: String,
}

impl Backends {
    /// As the service's variables.
    pub(super) fn environment(&self) -> Result<Vec<(String, String)>, ProviderError> {
        let joined =
            |map: &BTreeMap<String, Ref<String>>, separator: &str| -> Result<String, ProviderError> {
                let values: Vec<&str> = map
                    .values()
                    .map(|value| known(value, "backends").map(String::as_str))
                    .collect::<Result<_, _>>()?;
                Ok(values.join(separator))
            };
        let variable = |name: &str, value: String| (format!("VVBILL_INGEST_{name}"), value);
        let mut all = vec![
            variable("KAFKA_BROKERS", joined(&self.brokers, ",")?),
            variable("TOPIC", known(&self.topic, "topic")?.clone()),
            variable(
                "DEAD_LETTER_TOPIC",
                known(&self.dead_letter_topic, "dead_letter_topic")?.clone(),
            ),
            variable("GROUP", self.group.clone()),
            variable("SHARDS", joined(&self.shards, ";")?),
        ];
        if self.sentinels.is_empty() {
            let master = self.redis.values().next();
            let master = master.map(|endpoint| known(endpoint, "redis")).transpose()?;
            all.push(variable("REDIS_MODE", "primary-endpoint".into()));
            all.extend(master.map(|endpoint| variable("REDIS", endpoint.clone())));
        } else {
            all.push(variable("REDIS_MODE", "sentinel".into()));
            all.push(variable("REDIS", joined(&self.sentinels, ",")?));
            all.push(variable("REDIS_MASTER_NAME", self.master_name.clone()));
        }
        if let Some(password) = &self.redis_password {
            all.push(variable(
                "REDIS_PASSWORD",
                known(password, "redis_password")?.clone(),
            ));
        }
        Ok(all)
    }
}

/// The program, copied to where the servers' user can run it if that can't be said of the original.
pub(super) fn runnable(
    platform: &Platform,
    wanted: Option<&std::path::Path>,
) -> Result<PathBuf, ProviderError> {
    let program = ingest_program(wanted)?;
    if platform.can_read(&program) {
        return Ok(program);
    }
    let copy = platform.folder.join("bin/vvbill-ingest");
    let modified = |path: &std::path::Path| {
        std::fs::metadata(path)
            .and_then(|metadata| metadata.modified())
            .ok()
    };
    if modified(&copy) < modified(&program) {
        let bytes = std::fs::read(&program).map_err(|why| super::platform::failed("read", &program, &why))?;
        platform.write(&copy, &bytes, 0o700)?;
    }
    Ok(copy)
}

/// Has the shards of the process `id` go on in the log that it reads (`vvbill-ingest cut-over`), by what a mirror
/// has noted in `offset_syncs_topic`; what that said.
///
/// # Errors
/// When the process is not recorded, or the service refuses.
pub async fn cut_over(id: &str, offset_syncs_topic: Option<&str>) -> Result<String, ProviderError> {
    let process = record::read::<IngestProcess>(Path::new(id))?;
    let process = process
        .ok_or_else(|| ProviderError::refused(format!("no process of the service is recorded in {id}")))?;
    let platform = Platform::of(&process.common.folder)?;
    let own = process.common.programs.get("vvbill-ingest").map(PathBuf::as_path);
    let program = runnable(&platform, own)?;
    let mut environment = process.backends.environment()?;
    let topic =
        offset_syncs_topic.map(|topic| ("VVBILL_INGEST_OFFSET_SYNCS_TOPIC".to_owned(), topic.to_owned()));
    environment.extend(topic);
    platform
        .run(&program, &["cut-over"], &environment, CUT_OVER_WITHIN)
        .await
}

impl Server for IngestProcess {
    const KIND: &'static str = "ingest_process";
    const REPLACE_ON: &'static [&'static str] = &["name", "folder", "host", "port"];
    const STABLE_OUTPUTS: &'static [&'static str] = &["url", "endpoint"];
    /// The service's own stop takes at most 30 s.
    const STOP: Stop = Stop {
        signal: Signal::TERM,
        limit: Duration::from_secs(32),
    };
    type Outputs = Outputs;

    fn common(&self) -> &Common {
        &self.common
    }

    fn common_mut(&mut self) -> &mut Common {
        &mut self.common
    }

    fn ports(&self) -> Vec<u16> {
        vec![self.port]
    }

    fn files(&self, _site: &Site) -> Result<Vec<File>, ProviderError> {
        Ok(Vec::new())
    }

    fn launch(&self, _machine: &Machine, site: &Site) -> Result<Launch, ProviderError> {
        let mut environment = self.backends.environment()?;
        environment.push(("VVBILL_INGEST_ROLES".into(), self.roles.join(",")));
        environment.push(("VVBILL_INGEST_LISTEN".into(), format!("127.0.0.1:{}", self.port)));
        environment.push(match &self.api_keys {
            Some(keys) => (
                "VVBILL_INGEST_API_KEYS".into(),
                known(keys, "api_keys")?.display().to_string(),
            ),
            None => ("VVBILL_INGEST_WITHOUT_API_KEYS".into(), "true".into()),
        });
        environment.extend(self.settings.clone());
        Ok(Launch {
            program: runnable(
                &site.platform,
                self.common.programs.get("vvbill-ingest").map(PathBuf::as_path),
            )?,
            arguments: vec!["run".into()],
            environment,
        })
    }

    async fn health(&self, _site: &Site) -> Result<Readiness, ProviderError> {
        super::http::ready(format!("http://127.0.0.1:{}/ready", self.port)).await
    }

    fn outputs(&self, _site: &Site) -> Outputs {
        Outputs {
            url: format!("http://127.0.0.1:{}", self.port),
            endpoint: format!("127.0.0.1:{}", self.port),
        }
    }

    /// One API and one worker stay while the other restarts.
    fn restarts_one_by_one(&self) -> Option<String> {
        Some(self.roles.join("-"))
    }
}
