//! `api_key`: a key of the ingestion API, made once, and the file in which the service finds its digest.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::Machine;
use super::platform::Platform;
use super::record;
use super::secret_file::random_secret;
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, Ref};

/// A key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Unique in the platform; stands in the key file too.
    pub name: String,
    /// The platform's folder.
    pub folder: Ref<PathBuf>,
    /// Accounts that it is good for: `*`, or ranges as `1-1000,5000`.
    pub accounts: String,
    /// What it may do: `read`, `write`.
    pub roles: Vec<String>,
}

/// Where it is.
#[derive(Debug, Serialize)]
pub struct Outputs {
    /// `file:PATH` of the key itself, mode 0600.
    pub reference: String,
    /// The file that the service reads: digests, no keys.
    pub key_file: PathBuf,
}

impl ApiKey {
    fn write(&self, platform: &Platform, home: &Path, key: &str) -> Result<(), ProviderError> {
        let digest: String = Sha256::digest(key)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let line = json!({
            "name": self.name,
            "sha256": digest,
            "accounts": self.accounts,
            "roles": self.roles,
        });
        platform.write(&home.join("keys.jsonl"), format!("{line}\n").as_bytes(), 0o600)?;
        record::write(platform, home, self)
    }
}

impl Resource for ApiKey {
    const KIND: &'static str = "api_key";
    const REPLACE_ON: &'static [&'static str] = &["name", "folder"];
    const STABLE_OUTPUTS: &'static [&'static str] = &["reference", "key_file"];
    const FOUND_BY: FoundBy = FoundBy::Composite;
    type Cloud = Machine;
    type Outputs = Outputs;

    async fn observe(_machine: &Machine, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let home = Path::new(id);
        let (key, key_file) = (home.join("key"), home.join("keys.jsonl"));
        let found = record::read(home)?.filter(|_| key.is_file() && key_file.is_file());
        Ok(found.map(|found| {
            let reference = format!("file:{}", key.display());
            (found, Outputs { reference, key_file })
        }))
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
        let path = home.join("key");
        let key = match std::fs::read_to_string(&path) {
            Ok(key) => key,
            Err(_) => {
                let key = format!("vvb_{}", random_secret());
                platform.write(&path, key.as_bytes(), 0o600)?;
                key
            }
        };
        self.write(&platform, &home, key.trim())?;
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
