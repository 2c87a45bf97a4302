//! `prometheus_server`: Prometheus, scraping what runs on this machine.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Machine;
use super::launch::{Launch, Stop, signal};
use super::machine::program;
use super::marker::find;
use super::platform::known;
use super::server::{Common, File, Server, Site};
use super::template::render;
use crate::provider::{ProviderError, Readiness};
use crate::resource::Ref;

/// Prometheus.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PrometheusServer {
    /// Name, folder and whether it runs.
    #[serde(flatten)]
    pub common: Common,
    /// Where it listens; it scrapes itself too.
    pub port: u16,
    /// The folder of its data.
    pub data: Ref<PathBuf>,
    /// How often it scrapes.
    pub scrape_interval_ms: u64,
    /// How often it evaluates the rules.
    pub evaluation_interval_ms: u64,
    /// How long it keeps what it scraped.
    pub retention_seconds: u64,
    /// What it scrapes: job → process → `host:port`.
    pub targets: BTreeMap<String, BTreeMap<String, Ref<String>>>,
    /// The alerting rules, as the text of a rules file; null: none.
    pub rules: Option<String>,
}

/// Where it is reached.
#[derive(Debug, Serialize)]
pub(super) struct Outputs {
    /// `http://127.0.0.1:PORT`.
    pub url: String,
}

/// Where rules lie that somebody loads for a while beside the plan's.
const BESIDE: &str = "rules-beside.yml";

/// Loads a rules file into the server `id` beside the plan's rules; without a text, takes it away again. What the
/// plan asks of the server stays as it is.
///
/// # Errors
/// When it doesn't run, or its folder can't be written.
pub async fn rules_beside(id: &str, text: Option<&str>) -> Result<(), ProviderError> {
    let home = Path::new(id);
    let path = home.join(BESIDE);
    let failed = |why: std::io::Error| {
        ProviderError::refused(format!("{} can't be written: {why}", path.display()))
            .with_hint("run vvbill as the user who applied the plan")
    };
    match text {
        Some(text) => {
            // Rules are no secret, and the server may run as somebody else.
            let fresh = home.join(format!("{BESIDE}.new"));
            fs::write(&fresh, text).map_err(failed)?;
            fs::set_permissions(&fresh, fs::Permissions::from_mode(0o644)).map_err(failed)?;
            fs::rename(&fresh, &path).map_err(failed)?;
        }
        None => match fs::remove_file(&path) {
            Err(why) if why.kind() != std::io::ErrorKind::NotFound => return Err(failed(why)),
            _ => {}
        },
    }
    let process =
        find(home).ok_or_else(|| ProviderError::refused(format!("the Prometheus in {id} does not run")))?;
    signal(&process, Signal::HUP)
}

impl PrometheusServer {
    fn jobs(&self) -> Result<Vec<Value>, ProviderError> {
        let mut jobs = vec![json!({ "name": "prometheus", "targets": [format!("127.0.0.1:{}", self.port)] })];
        for (name, targets) in &self.targets {
            let targets: Vec<&String> = targets
                .values()
                .map(|target| known(target, "targets"))
                .collect::<Result<_, _>>()?;
            jobs.push(json!({ "name": name, "targets": targets }));
        }
        Ok(jobs)
    }
}

impl Server for PrometheusServer {
    const KIND: &'static str = "prometheus_server";
    const REPLACE_ON: &'static [&'static str] = &["name", "folder", "host", "port"];
    const STABLE_OUTPUTS: &'static [&'static str] = &["url"];
    const STOP: Stop = Stop {
        signal: Signal::TERM,
        limit: Duration::from_secs(20),
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

    fn files(&self, site: &Site) -> Result<Vec<File>, ProviderError> {
        let values = json!({
            "home": site.home,
            "scrape_interval_ms": self.scrape_interval_ms,
            "evaluation_interval_ms": self.evaluation_interval_ms,
            "rules": self.rules.is_some(),
            "beside": BESIDE,
            "jobs": self.jobs()?,
        });
        let mut files = vec![File::new(
            site.home.join("prometheus.yml"),
            render("prometheus.yml", &values)?,
        )];
        files.extend(
            self.rules
                .iter()
                .map(|rules| File::new(site.home.join("rules.yml"), rules.clone())),
        );
        Ok(files)
    }

    fn launch(&self, _machine: &Machine, site: &Site) -> Result<Launch, ProviderError> {
        let arguments = [
            format!("--config.file={}", site.home.join("prometheus.yml").display()),
            format!("--storage.tsdb.path={}", known(&self.data, "data")?.display()),
            format!("--storage.tsdb.retention.time={}s", self.retention_seconds),
            format!("--web.listen-address=127.0.0.1:{}", self.port),
        ];
        Ok(Launch {
            program: program("prometheus")?,
            arguments: arguments.into_iter().map(Into::into).collect(),
            environment: Vec::new(),
        })
    }

    async fn health(&self, _site: &Site) -> Result<Readiness, ProviderError> {
        super::http::ready(format!("http://127.0.0.1:{}/-/ready", self.port)).await
    }

    fn outputs(&self, _site: &Site) -> Outputs {
        Outputs {
            url: format!("http://127.0.0.1:{}", self.port),
        }
    }
}
