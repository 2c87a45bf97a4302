//! The shards: one Postgres server each, with one database.

use std::collections::BTreeMap;

use super::{Error, Group, Layout, kind, names};
use crate::provider::local::{PostgresDatabase, PostgresServer};
use crate::resource::{Address, Ref};
use crate::spec::{Aurora, SecretReference};

const SECTION: &str = "aurora";

impl Layout<'_> {
    pub(super) fn shards(&mut self) -> Result<(), Error> {
        let Some(aurora) = &self.spec.aurora else {
            return Ok(());
        };
        if aurora.replicas_per_shard > 0 {
            return Err(Error::Unusable {
                field: "aurora.replicas_per_shard".into(),
                why: "this version runs shards without replicas on this machine".into(),
                fix: "set it to 0".into(),
            });
        }
        let settings = settings(aurora)?;
        let superuser = self.secret("postgres", &SecretReference::Managed, SECTION, "aurora")?;
        let owner = self.secret(
            "shards",
            &aurora.master_password,
            SECTION,
            "aurora.master_password",
        )?;
        for (index, name) in (0..).zip(names("shard", aurora.shards, 0)) {
            self.shard(aurora, &name, index, &settings, &superuser, &owner)?;
        }
        Ok(())
    }

    fn shard(
        &mut self,
        aurora: &Aurora,
        name: &str,
        index: u32,
        settings: &BTreeMap<String, String>,
        superuser: &Address,
        owner: &Address,
    ) -> Result<(), Error> {
        let server = PostgresServer {
            common: self.common(name, &["postgres"]),
            port: self.port(name, Group::Shards, index)?,
            version: aurora.engine_version.split('.').next().unwrap_or_default().into(),
            data: self.data(name, SECTION, "aurora.shards"),
            password_file: Ref::output(superuser, "path"),
            settings: settings.clone(),
        };
        let server = self.add(kind::POSTGRES_SERVER, name, &server, SECTION, "aurora.shards");
        let database = PostgresDatabase {
            name: name.into(),
            folder: self.folder(),
            host: self.host(),
            port: Ref::output(&server, "port"),
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
        Ok(())
    }
}

/// What the plan sets, over what no ledger does without.
fn settings(aurora: &Aurora) -> Result<BTreeMap<String, String>, Error> {
    let mut settings: BTreeMap<String, String> = [
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_string(), value.to_string()))
    .collect();
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
