//! `patroni_member`: Patroni with the Postgres that it runs, one member of a shard.
//!
//! vvbill starts and stops Patroni alone; Patroni decides whether its Postgres leads, and a fence beside it ends
//! that Postgres when Patroni dies (`templates/local/member.py`).

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Machine;
use super::etcd;
use super::http;
use super::launch::{Launch, Stop};
use super::patroni_cluster::{key, standing};
use super::platform::{failed, known};
use super::postgres_server::{SUPERUSER, initdb, programs};
use super::server::{Common, File, Server, Site, secret};
use super::template::render;
use crate::provider::{ProviderError, Readiness};
use crate::resource::Ref;

/// One member of a shard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PatroniMember {
    /// Name, folder and whether it runs.
    #[serde(flatten)]
    pub common: Common,
    /// Where its Postgres listens.
    pub port: u16,
    /// Where Patroni's REST API listens.
    pub rest_port: u16,
    /// The shard that it belongs to.
    pub scope: Ref<String>,
    /// etcd's members, by name.
    pub etcd: BTreeMap<String, Ref<String>>,
    /// The major version that is wanted; where it is not installed, the newest that is.
    pub version: String,
    /// The folder of its data.
    pub data: Ref<PathBuf>,
    /// The secret of the superuser, `postgres`, the same on every member.
    pub password_file: Ref<PathBuf>,
    /// The Python that Patroni runs on.
    pub python: Ref<PathBuf>,
    /// The folder of Patroni and what it needs.
    pub packages: Ref<PathBuf>,
    /// It makes the shard's first cluster, which the others copy, where the shard has none.
    pub makes_cluster: bool,
}

/// Where it is reached.
#[derive(Debug, Serialize)]
pub(super) struct Outputs {
    /// `HOST:PORT` of Postgres.
    pub endpoint: String,
    /// Postgres's port alone.
    pub port: u16,
    /// `HOST:PORT` of Patroni's REST API.
    pub rest: String,
    /// The file with the superuser's password.
    pub password_file: PathBuf,
}

impl PatroniMember {
    /// Below its home: the marker of its Postgres (`templates/local/member.py`).
    pub(super) const POSTGRES: &str = "postgres";

    fn cluster(&self) -> Result<PathBuf, ProviderError> {
        Ok(known(&self.data, "data")?.join("cluster"))
    }

    fn programs(&self) -> Result<PathBuf, ProviderError> {
        programs(&self.common, &self.cluster()?, &self.version)
    }

    fn passwords(site: &Site) -> PathBuf {
        site.home.join("pgpass")
    }

    /// The values with which a replica could not start if the primary's were larger. Postgres notes them in
    /// the cluster, where `initdb` leaves its own defaults, and a restart would be due at once.
    async fn sizes(&self, scope: &str) -> Result<Vec<String>, ProviderError> {
        const NOTED: &[&str] = &[
            "max_connections",
            "max_locks_per_transaction",
            "max_prepared_transactions",
            "max_wal_senders",
            "max_worker_processes",
        ];
        let text = etcd::read(&self.etcd, &key(scope, "config"))
            .await?
            .unwrap_or_default();
        let configuration: Value = serde_json::from_str(&text).unwrap_or_default();
        let value = |name: &str| {
            let found = configuration.pointer(&format!("/postgresql/parameters/{name}"))?;
            Some(found.as_str().map_or_else(|| found.to_string(), str::to_owned))
        };
        let pairs = NOTED
            .iter()
            .filter_map(|name| Some(format!("{name}={}", value(name)?)));
        Ok(pairs.collect())
    }
}

impl Server for PatroniMember {
    const KIND: &'static str = "patroni_member";
    const REPLACE_ON: &'static [&'static str] = &["name", "folder", "host", "port", "rest_port"];
    const STABLE_OUTPUTS: &'static [&'static str] = &["endpoint", "port", "rest"];
    /// It stops its Postgres first, in good order, and hands the lead over.
    const STOP: Stop = Stop {
        signal: Signal::TERM,
        limit: Duration::from_secs(60),
    };
    const DEADLINE: Duration = Duration::from_secs(180);
    type Outputs = Outputs;

    fn common(&self) -> &Common {
        &self.common
    }

    fn common_mut(&mut self) -> &mut Common {
        &mut self.common
    }

    fn ports(&self) -> Vec<u16> {
        vec![self.port, self.rest_port]
    }

    fn files(&self, site: &Site) -> Result<Vec<File>, ProviderError> {
        let host = self.common.host;
        let etcd: Vec<&String> = self
            .etcd
            .values()
            .map(|member| known(member, "etcd"))
            .collect::<Result<_, _>>()?;
        let values = json!({
            "scope": known(&self.scope, "scope")?,
            "name": self.common.name,
            "etcd": etcd,
            "rest": self.common.endpoint(self.rest_port),
            "endpoint": self.common.endpoint(self.port),
            "cluster": self.cluster()?,
            "programs": self.programs()?,
            "passwords": Self::passwords(site),
            "superuser": SUPERUSER,
            "host": host,
            "bits": if host.is_ipv4() { 32 } else { 128 },
        });
        let password = secret(&self.password_file)?
            .replace('\\', "\\\\")
            .replace(':', "\\:");
        Ok(vec![
            File::new(site.home.join("patroni.yml"), render("patroni.yml", &values)?),
            File::new(site.home.join("member.py"), render("member.py", &json!({}))?),
            File::new(Self::passwords(site), format!("*:*:*:{SUPERUSER}:{password}\n")),
        ])
    }

    /// Makes the shard's first cluster; one that the shard has already is copied from its leader by Patroni.
    async fn prepare(&self, _machine: &Machine, site: &Site) -> Result<(), ProviderError> {
        let (cluster, scope) = (self.cluster()?, known(&self.scope, "scope")?);
        if !self.makes_cluster || cluster.exists() {
            return Ok(());
        }
        if etcd::read(&self.etcd, &key(scope, "initialize")).await?.is_some() {
            return Ok(());
        }
        let programs = self.programs()?;
        let fresh = initdb(&site.platform, &programs, &cluster, &self.password_file).await?;
        let mut arguments = vec!["--single".to_owned(), "-D".into(), fresh.display().to_string()];
        for size in self.sizes(scope).await? {
            arguments.extend(["-c".to_owned(), size]);
        }
        arguments.push("postgres".into());
        // With no statement to read it only opens the cluster, notes the sizes and closes it.
        let program = programs.join("postgres");
        site.platform
            .run(&program, &arguments, &[], Duration::from_secs(60))
            .await?;
        fs::rename(&fresh, &cluster).map_err(|why| failed("move into place", &cluster, &why))
    }

    fn launch(&self, _machine: &Machine, site: &Site) -> Result<Launch, ProviderError> {
        let variable = |name: &str, value: String| (name.to_owned(), value);
        Ok(Launch {
            program: known(&self.python, "python")?.clone(),
            arguments: vec![
                site.home.join("member.py").into(),
                site.home.join("patroni.yml").into(),
            ],
            environment: vec![
                variable(
                    "PYTHONPATH",
                    known(&self.packages, "packages")?.display().to_string(),
                ),
                variable("PYTHONDONTWRITEBYTECODE", "1".into()),
                variable("PYTHONUNBUFFERED", "1".into()),
                variable("PGPASSFILE", Self::passwords(site).display().to_string()),
            ],
        })
    }

    async fn health(&self, _site: &Site) -> Result<Readiness, ProviderError> {
        let url = format!("http://{}/patroni", self.common.endpoint(self.rest_port));
        let answer = match http::get(url).await? {
            Ok(answer) => answer,
            Err(why) => return Ok(Readiness::Pending(why)),
        };
        let member: Value = serde_json::from_str(&answer).unwrap_or_default();
        Ok(match standing(&member) {
            Ok(()) => Readiness::Ready,
            Err(why) => Readiness::Pending(why),
        })
    }

    fn outputs(&self, _site: &Site) -> Outputs {
        Outputs {
            endpoint: self.common.endpoint(self.port),
            port: self.port,
            rest: self.common.endpoint(self.rest_port),
            password_file: self.password_file.known().cloned().unwrap_or_default(),
        }
    }

    /// The members of one shard; the first that waits for its turn may be the one that leads.
    fn restarts_one_by_one(&self) -> Option<String> {
        self.scope.known().cloned()
    }
}
