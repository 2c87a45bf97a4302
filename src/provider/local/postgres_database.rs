//! `postgres_database`: a database with the role that owns it, and the file that says how to reach it.
//!
//! Deleting it takes it out of vvbill's hands; its tables stay in the server's data folder, and
//! creating it again finds them.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Machine;
use super::marker::marked;
use super::platform::{Platform, known};
use super::postgres_server::{SUPERUSER, connect, full};
use super::record;
use super::server::secret;
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, Ref};

/// A database on one server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PostgresDatabase {
    /// Unique in the platform: the shard's name.
    pub name: String,
    /// The platform's folder.
    pub folder: Ref<PathBuf>,
    /// The server's address.
    pub host: IpAddr,
    /// The server's port.
    pub port: Ref<u16>,
    /// The ports of the shard's other members, by their names, where Patroni decides who of all takes writes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub other_ports: BTreeMap<String, Ref<u16>>,
    /// The secret of the server's superuser.
    pub superuser_password_file: Ref<PathBuf>,
    /// The database's name on the server.
    pub database: String,
    /// The role that owns it; it may do nothing else.
    pub owner: String,
    /// The secret of that role.
    pub password_file: Ref<PathBuf>,
}

/// How to reach it.
#[derive(Debug, Serialize)]
pub struct Outputs {
    /// `file:PATH` of a file that holds the connection string, password included.
    pub connection: String,
    /// The database's name.
    pub database: String,
    /// The role that owns it.
    pub owner: String,
    /// `file:PATH` of that role's password.
    pub password: String,
}

impl PostgresDatabase {
    fn outputs(&self, home: &Path) -> Outputs {
        let password_file = self.password_file.known().cloned().unwrap_or_default();
        Outputs {
            connection: format!("file:{}", home.join("connection").display()),
            database: self.database.clone(),
            owner: self.owner.clone(),
            password: format!("file:{}", password_file.display()),
        }
    }

    fn ports(&self) -> Result<Vec<u16>, ProviderError> {
        [&self.port]
            .into_iter()
            .chain(self.other_ports.values())
            .map(|port| known(port, "port").copied())
            .collect()
    }

    /// How clients reach it, password included.
    fn connection(&self, password: &str) -> Result<String, ProviderError> {
        let ports = self.ports()?;
        let servers: Vec<String> = ports
            .iter()
            .map(|port| SocketAddr::new(self.host, *port).to_string())
            .collect();
        // Whoever leads now: the others are replicas, which take no writes.
        let target = match ports.len() {
            1 => "",
            _ => "?target_session_attrs=read-write",
        };
        Ok(format!(
            "postgresql://{}:{password}@{}/{}{target}",
            self.owner,
            servers.join(","),
            self.database
        ))
    }

    async fn superuser(&self) -> Result<tokio_postgres::Client, ProviderError> {
        let password = secret(&self.superuser_password_file)?;
        connect(self.host, &self.ports()?, SUPERUSER, &password, "postgres")
            .await
            .map_err(|why| self.failed(&why))
    }

    fn failed(&self, why: &tokio_postgres::Error) -> ProviderError {
        let message = format!("database {} of {}: {}", self.database, self.name, full(why));
        match why.as_db_error() {
            Some(answer) if !answer.code().code().starts_with("57") => ProviderError::refused(message),
            _ => ProviderError::transient(message),
        }
    }

    async fn exists(&self) -> Result<bool, ProviderError> {
        let found = self
            .superuser()
            .await?
            .query_opt("select 1 from pg_database where datname = $1", &[&self.database])
            .await
            .map_err(|why| self.failed(&why))?;
        Ok(found.is_some())
    }

    /// The role and the database.
    async fn bring(&self, client: &tokio_postgres::Client, password: &str) -> Result<(), ProviderError> {
        let (owner, database) = (quoted(&self.owner), quoted(&self.database));
        let has_role = client
            .query_opt("select 1 from pg_roles where rolname = $1", &[&self.owner])
            .await
            .map_err(|why| self.failed(&why))?
            .is_some();
        let verb = if has_role { "alter" } else { "create" };
        let role = format!("{verb} role {owner} login password {}", literal(password));
        client
            .batch_execute(&role)
            .await
            .map_err(|why| self.failed(&why))?;
        if !self.exists().await? {
            let statement = format!("create database {database} owner {owner}");
            client
                .batch_execute(&statement)
                .await
                .map_err(|why| self.failed(&why))?;
        }
        Ok(())
    }

    async fn make(&self, platform: &Platform, home: &Path) -> Result<(), ProviderError> {
        let client = self.superuser().await?;
        let password = secret(&self.password_file)?;
        // A copy gets both from its primary.
        let is_copy = client.query_one("select pg_is_in_recovery()", &[]).await;
        if !is_copy.map_err(|why| self.failed(&why))?.get::<_, bool>(0) {
            self.bring(&client, &password).await?;
        }
        let connection = self.connection(&password)?;
        platform.write(&home.join("connection"), connection.as_bytes(), 0o600)?;
        record::write(platform, home, self)
    }
}

/// An identifier; those that the plan names are letters, digits and underscores, but it costs nothing.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Whether a server that the database of `home` is on runs.
fn server_runs(home: &Path, database: &PostgresDatabase) -> bool {
    let Some(platform) = home.parent().and_then(Path::parent) else {
        return false;
    };
    let alone = platform.join("postgres_server").join(&database.name);
    let members = platform.join("patroni_member");
    let mut others = database.other_ports.keys().map(|name| members.join(name));
    !marked(&alone).is_empty() || others.any(|home| !marked(&home).is_empty())
}

impl Resource for PostgresDatabase {
    const KIND: &'static str = "postgres_database";
    const REPLACE_ON: &'static [&'static str] = &["name", "folder", "database", "owner"];
    const STABLE_OUTPUTS: &'static [&'static str] = &["connection", "database", "owner"];
    const FOUND_BY: FoundBy = FoundBy::Composite;
    type Cloud = Machine;
    type Outputs = Outputs;

    /// With its server down, the database lies in the data folder as it was last seen.
    async fn observe(_machine: &Machine, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let home = Path::new(id);
        let Some(found) = record::read::<Self>(home)?.filter(|_| home.join("connection").is_file()) else {
            return Ok(None);
        };
        if server_runs(home, &found) {
            match found.exists().await {
                Ok(false) => return Ok(None),
                Ok(true) => {}
                Err(why) => {
                    tracing::warn!(database = found.name, %why, "as last seen: its server does not answer")
                }
            }
        }
        let outputs = found.outputs(home);
        Ok(Some((found, outputs)))
    }

    async fn find(&self, _machine: &Machine, _token: &str) -> Result<Option<String>, ProviderError> {
        let Ok(platform) = Platform::of(&self.folder) else {
            return Ok(None);
        };
        let home = platform.home(Self::KIND, &self.name);
        Ok(record::exists(&home).then(|| home.display().to_string()))
    }

    async fn create(&self, _machine: &Machine, _token: &str) -> Result<String, ProviderError> {
        let platform = Platform::of(&self.folder)?;
        let home = platform.home(Self::KIND, &self.name);
        self.make(&platform, &home).await?;
        Ok(home.display().to_string())
    }

    async fn readiness(&self, _machine: &Machine, _id: &str) -> Result<Readiness, ProviderError> {
        let password = secret(&self.password_file)?;
        Ok(
            match connect(self.host, &self.ports()?, &self.owner, &password, &self.database).await {
                Ok(_) => Readiness::Ready,
                Err(why) => Readiness::Pending(full(&why)),
            },
        )
    }

    async fn update(&self, _machine: &Machine, id: &str, _changes: &[Change]) -> Result<(), ProviderError> {
        self.make(&Platform::of(&self.folder)?, Path::new(id)).await
    }

    /// Its tables are part of the server's data and go with that, never with this.
    async fn delete(_machine: &Machine, id: &str) -> Result<(), ProviderError> {
        record::remove(Path::new(id))
    }
}
