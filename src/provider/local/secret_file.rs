//! `secret_file`: a random secret, made once, readable by the servers' user only.

use std::fs;
use std::path::{Path, PathBuf};

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::Machine;
use super::platform::Platform;
use super::record;
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, Ref};

/// A secret; its value is in its file and nowhere else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecretFile {
    /// Unique in the platform.
    pub name: String,
    /// The platform's folder.
    pub folder: Ref<PathBuf>,
    /// Where the value comes from, `env:NAME` or `file:PATH`; null: it is made up.
    pub source: Option<String>,
}

impl SecretFile {
    fn value(&self, machine: &Machine) -> Result<String, ProviderError> {
        let Some(source) = &self.source else {
            return Ok(random_secret());
        };
        let missing = |why: String| {
            ProviderError::refused(format!("the secret {} is wanted from {source}: {why}", self.name))
        };
        if let Some(name) = source.strip_prefix("env:") {
            return std::env::var(name).map_err(|why| missing(why.to_string()));
        }
        let path = source.strip_prefix("file:").unwrap_or(source);
        let text = fs::read_to_string(machine.project.join(path)).map_err(|why| missing(why.to_string()))?;
        Ok(text.lines().next().unwrap_or_default().to_string())
    }
}

/// Where it is.
#[derive(Debug, Serialize)]
pub struct Outputs {
    /// The file, mode 0600.
    pub path: PathBuf,
    /// The same as a reference, `file:PATH`.
    pub reference: String,
}

/// A new secret: 48 letters and digits, about 285 bits.
pub(super) fn random_secret() -> String {
    let mut random = rand::rng();
    (0..48)
        .map(|_| char::from(random.sample(rand::distr::Alphanumeric)))
        .collect()
}

impl Resource for SecretFile {
    const KIND: &'static str = "secret_file";
    const REPLACE_ON: &'static [&'static str] = &["name", "folder", "source"];
    const STABLE_OUTPUTS: &'static [&'static str] = &["path", "reference"];
    const FOUND_BY: FoundBy = FoundBy::Composite;
    type Cloud = Machine;
    type Outputs = Outputs;

    async fn observe(_machine: &Machine, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let path = Path::new(id).join("secret");
        let found = record::read(Path::new(id))?.filter(|_| path.is_file());
        Ok(found.map(|found| {
            let reference = format!("file:{}", path.display());
            (found, Outputs { path, reference })
        }))
    }

    async fn find(&self, _machine: &Machine, _token: &str) -> Result<Option<String>, ProviderError> {
        let Ok(platform) = Platform::of(&self.folder) else {
            return Ok(None);
        };
        let home = platform.home(Self::KIND, &self.name);
        Ok(record::exists(&home).then(|| home.display().to_string()))
    }

    async fn create(&self, machine: &Machine, _token: &str) -> Result<String, ProviderError> {
        let platform = Platform::of(&self.folder)?;
        let home = platform.home(Self::KIND, &self.name);
        let path = home.join("secret");
        // One that is there already may be in use by data that outlived the state.
        if fs::metadata(&path).is_err() {
            platform.write(&path, self.value(machine)?.as_bytes(), 0o600)?;
        }
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
