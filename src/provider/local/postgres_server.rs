//! `postgres_server`: a Postgres process, one shard.

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres::{Client, NoTls};

use super::Machine;
use super::launch::{Launch, Stop, stop};
use super::machine::postgres_programs;
use super::platform::{Platform, failed, known};
use super::record;
use super::server::{Common, File, Server, Site, secret};
use super::template::{lines, render};
use crate::provider::{ProviderError, Readiness};
use crate::resource::Ref;

/// The role that owns a server.
pub(super) const SUPERUSER: &str = "postgres";

/// One Postgres server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PostgresServer {
    /// Name, folder and whether it runs.
    #[serde(flatten)]
    pub common: Common,
    /// Where it listens.
    pub port: u16,
    /// The major version that is wanted; where it is not installed, the newest that is.
    pub version: String,
    /// The folder of its data.
    pub data: Ref<PathBuf>,
    /// The secret of its superuser, `postgres`.
    pub password_file: Ref<PathBuf>,
    /// What `postgresql.conf` says beyond where it listens.
    pub settings: BTreeMap<String, String>,
    /// The port of the server that it is a streaming copy of until it is promoted; null: of none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy_of: Option<Ref<u16>>,
}

/// Whether a server is a primary, or a copy that its primary sends what it writes.
const STREAMS: &str = "select not pg_is_in_recovery() \
     or exists (select from pg_stat_wal_receiver where status = 'streaming')";
/// How long a copy of a shard may take to be made.
const COPY_WITHIN: Duration = Duration::from_secs(600);

/// Where it is reached.
#[derive(Debug, Serialize)]
pub(super) struct Outputs {
    /// `HOST:PORT`.
    pub endpoint: String,
    /// The port alone.
    pub port: u16,
    /// The file with the superuser's password.
    pub password_file: PathBuf,
}

impl PostgresServer {
    fn cluster(&self) -> Result<PathBuf, ProviderError> {
        Ok(known(&self.data, "data")?.join("cluster"))
    }

    /// A copy of what the server at `port` has, beside the place of the cluster; as a `standby` it goes on to follow
    /// that server when it is started.
    async fn copy(&self, platform: &Platform, port: u16, standby: bool) -> Result<PathBuf, ProviderError> {
        let fresh = self.cluster()?.with_extension("new");
        if fresh.exists() {
            fs::remove_dir_all(&fresh).map_err(|why| failed("remove", &fresh, &why))?;
        }
        let mut arguments = vec![
            format!("--pgdata={}", fresh.display()),
            format!("--host={}", self.common.host),
            format!("--port={port}"),
            format!("--username={SUPERUSER}"),
            "--checkpoint=fast".into(),
            "--wal-method=stream".into(),
            "--no-password".into(),
        ];
        if standby {
            arguments.push("--write-recovery-conf".into());
        }
        let password = ("PGPASSWORD".to_owned(), secret(&self.password_file)?);
        let program = self.programs()?.join("pg_basebackup");
        platform
            .run(&program, &arguments, &[password], COPY_WITHIN)
            .await?;
        Ok(fresh)
    }

    fn programs(&self) -> Result<PathBuf, ProviderError> {
        programs(&self.common, &self.cluster()?, &self.version)
    }
}

impl Server for PostgresServer {
    const KIND: &'static str = "postgres_server";
    const REPLACE_ON: &'static [&'static str] = &["name", "folder", "host", "port"];
    const STABLE_OUTPUTS: &'static [&'static str] = &["endpoint", "port"];
    /// SIGINT is Postgres's fast shutdown: sessions end, everything is written.
    const STOP: Stop = Stop {
        signal: Signal::INT,
        limit: Duration::from_secs(60),
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
        let host = self.common.host;
        let values = json!({
            "host": host,
            "bits": if host.is_ipv4() { 32 } else { 128 },
            "port": self.port,
            "home": site.home,
            "settings": lines(&self.settings),
        });
        Ok(vec![
            File::new(
                site.home.join("postgresql.conf"),
                render("postgresql.conf", &values)?,
            ),
            File::new(site.home.join("pg_hba.conf"), render("pg_hba.conf", &values)?),
        ])
    }

    /// Makes the cluster beside its place and moves it there whole, so that an interrupted run leaves none.
    async fn prepare(&self, _machine: &Machine, site: &Site) -> Result<(), ProviderError> {
        let cluster = self.cluster()?;
        if cluster.exists() {
            return Ok(());
        }
        let fresh = match &self.copy_of {
            Some(port) => self.copy(&site.platform, *known(port, "copy_of")?, true).await?,
            None => initdb(&site.platform, &self.programs()?, &cluster, &self.password_file).await?,
        };
        fs::rename(&fresh, &cluster).map_err(|why| failed("move into place", &cluster, &why))
    }

    fn launch(&self, _machine: &Machine, site: &Site) -> Result<Launch, ProviderError> {
        let configuration = site.home.join("postgresql.conf");
        Ok(Launch {
            program: self.programs()?.join("postgres"),
            arguments: vec![
                "-D".into(),
                self.cluster()?.into(),
                "-c".into(),
                format!("config_file={}", configuration.display()).into(),
            ],
            environment: Vec::new(),
        })
    }

    async fn health(&self, _site: &Site) -> Result<Readiness, ProviderError> {
        let password = secret(&self.password_file)?;
        let answer = async {
            let client = connect(self.common.host, &[self.port], SUPERUSER, &password, "postgres").await?;
            client.query_one(STREAMS, &[]).await
        };
        Ok(match answer.await {
            Ok(row) if row.get::<_, bool>(0) => Readiness::Ready,
            Ok(_) => Readiness::Pending("its primary sends it nothing yet".into()),
            Err(why) => Readiness::Pending(format!("does not answer yet: {}", full(&why))),
        })
    }

    fn outputs(&self, _site: &Site) -> Outputs {
        Outputs {
            endpoint: self.common.endpoint(self.port),
            port: self.port,
            password_file: self.password_file.known().cloned().unwrap_or_default(),
        }
    }
}

fn at(id: &str) -> Result<(PostgresServer, Site), ProviderError> {
    let home = Path::new(id);
    let server = record::read::<PostgresServer>(home)?;
    let server =
        server.ok_or_else(|| ProviderError::refused(format!("no Postgres server is recorded in {id}")))?;
    let platform = Platform::of(&server.common.folder)?;
    let site = Site {
        log: platform.log(PostgresServer::KIND, &server.common.name),
        home: home.to_path_buf(),
        platform,
    };
    Ok((server, site))
}

/// Makes the streaming copy `id` a primary; one that is already stays as it is. Answers when it takes writes.
///
/// # Errors
/// When it doesn't answer, or is none within a minute.
pub async fn promote(id: &str) -> Result<(), ProviderError> {
    let (server, _) = at(id)?;
    let name = &server.common.name;
    let said = |why: tokio_postgres::Error| {
        ProviderError::transient(format!("{name} can't be promoted: {}", full(&why)))
    };
    let password = secret(&server.password_file)?;
    let connected = connect(
        server.common.host,
        &[server.port],
        SUPERUSER,
        &password,
        "postgres",
    )
    .await;
    let client = connected.map_err(said)?;
    let promote = "select case when pg_is_in_recovery() then pg_promote(true, 60) else true end";
    let row = client.query_one(promote, &[]).await.map_err(said)?;
    match row.get(0) {
        true => Ok(()),
        false => Err(ProviderError::transient(format!(
            "{name} is no primary after a minute"
        ))),
    }
}

/// Replaces what the server `id` has by a copy of what `source` has, which runs; it is left stopped. As a `standby`
/// it will follow that server.
///
/// # Errors
/// When the source can't be copied: what was there is left as it is then.
pub async fn copy_again(id: &str, source: &str, standby: bool) -> Result<(), ProviderError> {
    let ((server, site), (source, _)) = (at(id)?, at(source)?);
    stop(&site.home, PostgresServer::STOP).await?;
    let fresh = server.copy(&site.platform, source.port, standby).await?;
    let cluster = server.cluster()?;
    let old = cluster.with_extension("old");
    if old.exists() {
        fs::remove_dir_all(&old).map_err(|why| failed("remove", &old, &why))?;
    }
    if cluster.exists() {
        fs::rename(&cluster, &old).map_err(|why| failed("move away", &cluster, &why))?;
    }
    fs::rename(&fresh, &cluster).map_err(|why| failed("move into place", &cluster, &why))?;
    match fs::remove_dir_all(&old) {
        Err(why) if why.kind() != std::io::ErrorKind::NotFound => Err(failed("remove", &old, &why)),
        _ => Ok(()),
    }
}

/// The folder of the programs that fit the data in `cluster`; where there is none, those of `version`.
pub(super) fn programs(common: &Common, cluster: &Path, version: &str) -> Result<PathBuf, ProviderError> {
    let own = common
        .programs
        .get("postgres")
        .and_then(|program| program.parent());
    if let Some(folder) = own {
        return Ok(folder.to_path_buf());
    }
    match fs::read_to_string(cluster.join("PG_VERSION")) {
        Ok(version) => postgres_programs(Some(version.trim())),
        Err(_) => postgres_programs(Some(version)).or_else(|_| postgres_programs(None)),
    }
}

/// Makes a fresh cluster beside `cluster`, for the caller to move there; the folder it is in.
pub(super) async fn initdb(
    platform: &Platform,
    programs: &Path,
    cluster: &Path,
    password_file: &Ref<PathBuf>,
) -> Result<PathBuf, ProviderError> {
    let fresh = cluster.with_extension("new");
    if fresh.exists() {
        fs::remove_dir_all(&fresh).map_err(|why| failed("remove", &fresh, &why))?;
    }
    let arguments = [
        format!("--pgdata={}", fresh.display()),
        format!("--username={SUPERUSER}"),
        format!("--pwfile={}", known(password_file, "password_file")?.display()),
        "--auth=scram-sha-256".into(),
        "--encoding=UTF8".into(),
        "--locale=C.UTF-8".into(),
        "--data-checksums".into(),
        "--no-instructions".into(),
    ];
    let program = programs.join("initdb");
    platform
        .run(&program, &arguments, &[], Duration::from_secs(90))
        .await?;
    Ok(fresh)
}

/// A connection to the server at one of `ports`: to the one that takes writes, where there are several.
pub(super) async fn connect(
    host: IpAddr,
    ports: &[u16],
    user: &str,
    password: &str,
    database: &str,
) -> Result<Client, tokio_postgres::Error> {
    let mut config = tokio_postgres::Config::new();
    for port in ports {
        config.host(host.to_string()).port(*port);
    }
    if ports.len() > 1 {
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    let (client, connection) = config
        .user(user)
        .password(password)
        .dbname(database)
        .connect_timeout(Duration::from_secs(5))
        .application_name("vvbill")
        .connect(NoTls)
        .await?;
    // Ends when the client is dropped.
    tokio::spawn(async move {
        if let Err(why) = connection.await {
            tracing::debug!(%why, "a connection to Postgres broke off");
        }
    });
    Ok(client)
}

/// The error with what lies behind it, which tokio-postgres's own text leaves out.
pub(super) fn full(why: &tokio_postgres::Error) -> String {
    match why.as_db_error() {
        Some(answer) => answer.message().to_string(),
        None => std::error::Error::source(why)
            .map_or_else(|| why.to_string(), |source| format!("{why}: {source}")),
    }
}
