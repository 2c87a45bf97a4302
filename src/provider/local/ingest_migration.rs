//! `ingest_migration`: the service's schema on every shard, brought up to date by the service itself.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Machine;
use super::ingest_process::{Backends, runnable};
use super::platform::Platform;
use super::record;
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, Ref};

/// The schema.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IngestMigration {
    /// The platform's folder.
    pub folder: Ref<PathBuf>,
    /// The service's version, which is vvbill's own: with another one its migrations run again.
    pub version: String,
    /// What the service connects to.
    pub backends: Backends,
    /// The program; null: the one beside vvbill, or in PATH.
    pub program: Option<PathBuf>,
}

/// What others refer to.
#[derive(Debug, Serialize)]
pub struct Outputs {
    /// The version whose migrations ran last.
    pub version: String,
}

const NAME: &str = "schema";

impl Resource for IngestMigration {
    const KIND: &'static str = "ingest_migration";
    const REPLACE_ON: &'static [&'static str] = &["folder"];
    const FOUND_BY: FoundBy = FoundBy::Composite;
    type Cloud = Machine;
    type Outputs = Outputs;

    async fn observe(_machine: &Machine, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let found = record::read::<Self>(Path::new(id))?;
        Ok(found.map(|found| {
            let version = found.version.clone();
            (found, Outputs { version })
        }))
    }

    async fn find(&self, _machine: &Machine, _token: &str) -> Result<Option<String>, ProviderError> {
        let Ok(platform) = Platform::of(&self.folder) else {
            return Ok(None);
        };
        let home = platform.home(Self::KIND, NAME);
        Ok(record::exists(&home).then(|| home.display().to_string()))
    }

    /// Done again, it changes nothing: the service takes a lock and looks what is there.
    async fn create(&self, _machine: &Machine, _token: &str) -> Result<String, ProviderError> {
        let platform = Platform::of(&self.folder)?;
        let home = platform.home(Self::KIND, NAME);
        let program = runnable(&platform, self.program.as_deref())?;
        let environment = self.backends.environment()?;
        platform
            .run(&program, &["migrate"], &environment, Duration::from_secs(100))
            .await?;
        record::write(&platform, &home, self)?;
        Ok(home.display().to_string())
    }

    async fn readiness(&self, _machine: &Machine, _id: &str) -> Result<Readiness, ProviderError> {
        Ok(Readiness::Ready)
    }

    async fn update(&self, machine: &Machine, _id: &str, _changes: &[Change]) -> Result<(), ProviderError> {
        self.create(machine, "").await.map(|_| ())
    }

    /// The tables are part of the database, and go with it.
    async fn delete(_machine: &Machine, id: &str) -> Result<(), ProviderError> {
        record::remove(Path::new(id))
    }
}
