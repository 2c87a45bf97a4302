//! The shards, each with one database: one Postgres server, or, with replicas, the members of `members.rs`.

use std::collections::BTreeMap;

use super::{Error, Group, Layout, kind, names, second};
use crate::provider::local::{PostgresDatabase, PostgresServer};
use crate::resource::{Address, Ref};
use crate::spec::{Aurora, SecretReference, Spec};

const SECTION: &str = "aurora";

impl Layout<'_> {
    pub(super) fn shards(&mut self) -> Result<(), Error> {
        let Some(aurora) = &self.spec.aurora else {
            return Ok(());
        };
        let settings = settings(self.spec, aurora)?;
        let superuser = self.secret("postgres", &SecretReference::Managed, SECTION, "aurora")?;
        let owner = self.secret(
            "shards",
            &aurora.master_password,
            SECTION,
            "aurora.master_password",
        )?;
        if aurora.replicas_per_shard > 0 {
            self.etcd()?;
        }
        for (number, name) in (0..).zip(names("shard", aurora.shards, 0)) {
            let servers = match aurora.replicas_per_shard {
                0 => vec![self.server(aurora, &name, number, &settings, &superuser)?],
                _ => self.members(aurora, number, &settings, &superuser)?,
            };
            self.database(aurora, &name, &servers, &superuser, &owner);
        }
        Ok(())
    }

    fn server(
        &mut self,
        aurora: &Aurora,
        name: &str,
        index: u32,
        settings: &BTreeMap<String, String>,
        superuser: &Address,
    ) -> Result<Address, Error> {
        let server = PostgresServer {
            common: self.common(name, &["postgres"]),
            port: self.port(name, Group::Shards, index)?,
            version: aurora.engine_version.split('.').next().unwrap_or_default().into(),
            data: self.data(name, SECTION, "aurora.shards"),
            password_file: Ref::output(superuser, "path"),
            settings: settings.clone(),
            copy_of: None,
        };
        Ok(self.add(kind::POSTGRES_SERVER, name, &server, SECTION, "aurora.shards"))
    }

    /// The database of the shard that runs on `servers`.
    fn database(
        &mut self,
        aurora: &Aurora,
        name: &str,
        servers: &[Address],
        superuser: &Address,
        owner: &Address,
    ) {
        let port = |server: &Address| Ref::output(server, "port");
        let database = PostgresDatabase {
            name: name.into(),
            folder: self.folder(),
            host: self.host(),
            port: port(&servers[0]),
            other_ports: servers[1..]
                .iter()
                .map(|server| (server.name().to_owned(), port(server)))
                .collect(),
            superuser_password_file: Ref::output(superuser, "path"),
            database: aurora.database_name.clone(),
            owner: aurora.master_username.clone(),
            password_file: Ref::output(owner, "path"),
        };
        self.add(
            kind::POSTGRES_DATABASE,
            name,
            &database,
            SECTION,
            "aurora.database_name",
        );
    }
}

/// What the plan sets, over what no ledger does without.
pub(super) fn settings(spec: &Spec, aurora: &Aurora) -> Result<BTreeMap<String, String>, Error> {
    let mut settings: BTreeMap<String, String> = [
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_string(), value.to_string()))
    .collect();
    if second::of(spec).is_some() {
        // So far a copy in the second region may fall behind, or be away, without being made anew.
        settings.insert("wal_keep_size".into(), "512MB".into());
    }
    for (name, value) in &aurora.parameters {
        if value.contains('{') {
            return Err(Error::Unusable {
                field: format!("aurora.parameters.{name}"),
                why: "a formula over an instance class means nothing on this machine".into(),
                fix: "write a value, such as `128MB`".into(),
            });
        }
        settings.insert(name.clone(), value.clone());
    }
    Ok(settings)
}
