//! `kafka_cluster`: the identity that the brokers' data is bound to. Random and made once: a cluster
//! made anew is another one, and what was derived from the old one's offsets must notice.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Machine;
use super::platform::{Platform, failed};
use super::record;
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, Ref};

/// The cluster that the brokers form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KafkaCluster {
    /// Unique in the platform.
    pub name: String,
    /// The platform's folder.
    pub folder: Ref<PathBuf>,
}

/// Its identity.
#[derive(Debug, Serialize)]
pub struct Outputs {
    /// 22 characters, as Kafka writes a UUID.
    pub cluster_id: String,
}

/// A UUID in Kafka's form: URL-safe base64 without padding, and no leading dash, which its tools
/// would take for a flag.
fn kafka_uuid(id: Uuid) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let number = id.as_u128();
    let digit = |shift: u32| char::from(DIGITS[(number >> shift & 63) as usize]);
    let mut text: String = (0..21).map(|index| digit(122 - 6 * index)).collect();
    text.push(char::from(DIGITS[((number & 3) << 4) as usize]));
    text.replacen('-', "A", usize::from(text.starts_with('-')))
}

fn identity(home: &Path) -> Option<String> {
    Some(
        fs::read_to_string(home.join("cluster_id"))
            .ok()?
            .trim()
            .to_string(),
    )
}

impl Resource for KafkaCluster {
    const KIND: &'static str = "kafka_cluster";
    const REPLACE_ON: &'static [&'static str] = &["name", "folder"];
    const STABLE_OUTPUTS: &'static [&'static str] = &["cluster_id"];
    const FOUND_BY: FoundBy = FoundBy::Composite;
    type Cloud = Machine;
    type Outputs = Outputs;

    async fn observe(_machine: &Machine, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let found = record::read(Path::new(id))?;
        Ok(found
            .zip(identity(Path::new(id)))
            .map(|(found, cluster_id)| (found, Outputs { cluster_id })))
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
        if identity(&home).is_none() {
            platform.write(
                &home.join("cluster_id"),
                kafka_uuid(Uuid::new_v4()).as_bytes(),
                0o600,
            )?;
        }
        record::write(&platform, &home, self)?;
        Ok(home.display().to_string())
    }

    async fn readiness(&self, _machine: &Machine, id: &str) -> Result<Readiness, ProviderError> {
        Ok(match identity(Path::new(id)) {
            Some(_) => Readiness::Ready,
            None => {
                Readiness::Failed(failed("find", Path::new(id), &std::io::ErrorKind::NotFound.into()).message)
            }
        })
    }

    async fn update(&self, machine: &Machine, _id: &str, _changes: &[Change]) -> Result<(), ProviderError> {
        self.create(machine, "").await.map(|_| ())
    }

    async fn delete(_machine: &Machine, id: &str) -> Result<(), ProviderError> {
        record::remove(Path::new(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_written_as_kafka_writes_it() {
        // org.apache.kafka.common.Uuid.fromString of each gives back the number.
        assert_eq!(kafka_uuid(Uuid::from_u128(0)), "AAAAAAAAAAAAAAAAAAAAAA");
        assert_eq!(kafka_uuid(Uuid::from_u128(1)), "AAAAAAAAAAAAAAAAAAAAAQ");
        assert_eq!(kafka_uuid(Uuid::from_u128(u128::MAX)), "_____________________w");
    }
}
