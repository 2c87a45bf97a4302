//! `data_folder`: what one server keeps. A resource of its own, so that the server can go and come
//! back while its data stays.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Machine;
use super::platform::Platform;
use super::record;
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, Ref};

/// A server's data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataFolder {
    /// Unique in the platform.
    pub name: String,
    /// The platform's folder.
    pub folder: Ref<PathBuf>,
}

/// Where it is.
#[derive(Debug, Serialize)]
pub struct Outputs {
    /// The folder, absolute, owned by the servers' user.
    pub path: PathBuf,
}

impl Resource for DataFolder {
    const KIND: &'static str = "data_folder";
    const REPLACE_ON: &'static [&'static str] = &["name", "folder"];
    const STABLE_OUTPUTS: &'static [&'static str] = &["path"];
    const FOUND_BY: FoundBy = FoundBy::Composite;
    type Cloud = Machine;
    type Outputs = Outputs;

    async fn observe(_machine: &Machine, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let path = Path::new(id).join("data");
        let found = record::read(Path::new(id))?.filter(|_| path.is_dir());
        Ok(found.map(|found| (found, Outputs { path })))
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
        platform.make_folder(&home.join("data"))?;
        record::write(&platform, &home, self)?;
        Ok(home.display().to_string())
    }

    async fn readiness(&self, _machine: &Machine, _id: &str) -> Result<Readiness, ProviderError> {
        Ok(Readiness::Ready)
    }

    async fn update(&self, machine: &Machine, _id: &str, _changes: &[Change]) -> Result<(), ProviderError> {
        self.create(machine, "").await.map(|_| ())
    }

    async fn delete(_machine: &Machine, id: &str) -> Result<(), ProviderError> {
        record::remove(Path::new(id))
    }
}
