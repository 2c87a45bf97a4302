//! `kafka_distribution`: Kafka's jars, from Maven Central, each checked against its pinned digest.
//!
//! They are kept in a cache of the user's (`$XDG_CACHE_HOME/vvbill/kafka/<version>/libs`) and copied
//! into the platform's folder only where the servers' user can't read that.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use ureq::tls::{RootCerts, TlsConfig};

use super::Machine;
use super::machine::cache;
use super::platform::{Platform, failed};
use super::record;
use crate::provider::{ErrorClass, FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, Ref};

/// The version whose jars are pinned.
pub const VERSION: &str = "4.3.1";
/// One line a jar: SHA-256 and path in the repository.
const JARS: &str = include_str!("kafka_jars.txt");
const CENTRAL: &str = "https://repo1.maven.org/maven2";
const DOWNLOADS_AT_ONCE: usize = 8;

/// Kafka of one version, ready to be started.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KafkaDistribution {
    /// `4.3.1`.
    pub version: String,
    /// The platform's folder.
    pub folder: Ref<PathBuf>,
}

/// Where it is.
#[derive(Debug, Serialize, Deserialize)]
pub struct Outputs {
    /// The folder of jars.
    pub libraries: PathBuf,
}

/// The cache of this user: `$XDG_CACHE_HOME/vvbill/kafka` or `~/.cache/vvbill/kafka`.
pub fn default_folder() -> PathBuf {
    cache("kafka")
}

/// Maven Central, or the mirror that `VVBILL_MAVEN_REPOSITORY` names.
pub fn repository() -> String {
    std::env::var("VVBILL_MAVEN_REPOSITORY")
        .ok()
        .filter(|url| !url.is_empty())
        .unwrap_or_else(|| CENTRAL.into())
}

/// True when every jar of `version` is in `folder`, whole.
pub fn is_cached(version: &str, folder: &Path) -> bool {
    let libraries = folder.join(version).join("libs");
    pinned(version).is_ok_and(|jars| jars.iter().all(|jar| jar.is_at(&libraries)))
}

/// Makes sure that the jars of `version` are under `folder` and intact, and answers with the folder
/// that holds them. Downloads what is missing from `repository`. Blocks; two may do so at once.
pub fn ensure(version: &str, folder: &Path, repository: &str) -> Result<PathBuf, ProviderError> {
    let jars = pinned(version)?;
    let libraries = folder.join(version).join("libs");
    fs::create_dir_all(&libraries).map_err(|why| failed("make", &libraries, &why))?;
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(120)))
        .tls_config(
            TlsConfig::builder()
                .root_certs(RootCerts::PlatformVerifier)
                .build(),
        )
        .build()
        .into();
    let queue = Mutex::new(jars.iter());
    let next = || queue.lock().expect("no one panics with the queue").next();
    std::thread::scope(|scope| {
        let bring = || -> Result<(), ProviderError> {
            while let Some(jar) = next() {
                if !jar.is_at(&libraries) {
                    jar.download(&agent, repository, &libraries)?;
                }
            }
            Ok(())
        };
        let threads: Vec<_> = (0..DOWNLOADS_AT_ONCE).map(|_| scope.spawn(bring)).collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().expect("a download does not panic"))
    })?;
    Ok(libraries)
}

struct Jar {
    sha256: &'static str,
    path: &'static str,
}

fn pinned(version: &str) -> Result<Vec<Jar>, ProviderError> {
    if version != VERSION {
        return Err(ProviderError::refused(format!(
            "Kafka {version} is not among the versions whose jars are pinned"
        ))
        .with_hint(format!("set `kafka.version` to {VERSION}")));
    }
    let jars = JARS.lines().filter_map(|line| line.split_once("  "));
    Ok(jars.map(|(sha256, path)| Jar { sha256, path }).collect())
}

impl Jar {
    fn name(&self) -> &'static str {
        self.path.rsplit('/').next().unwrap_or(self.path)
    }

    fn is_at(&self, libraries: &Path) -> bool {
        fs::read(libraries.join(self.name())).is_ok_and(|bytes| self.matches(&bytes))
    }

    fn matches(&self, bytes: &[u8]) -> bool {
        let digest = Sha256::digest(bytes);
        let text: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        text == self.sha256
    }

    fn download(&self, agent: &ureq::Agent, repository: &str, libraries: &Path) -> Result<(), ProviderError> {
        let url = format!("{}/{}", repository.trim_end_matches('/'), self.path);
        let mut last = String::new();
        for attempt in 0..4 {
            std::thread::sleep(Duration::from_millis(500 * attempt));
            match fetch(agent, &url) {
                Ok(bytes) if self.matches(&bytes) => return self.keep(&bytes, libraries),
                Ok(bytes) => {
                    last = format!("its {} bytes are not those whose SHA-256 is pinned", bytes.len())
                }
                Err(why) => last = why,
            }
        }
        Err(ProviderError {
            class: ErrorClass::Refused,
            message: format!("{url} can't be downloaded: {last}"),
            hint: Some(
                "check the network, or name a mirror of Maven Central in VVBILL_MAVEN_REPOSITORY".into(),
            ),
        })
    }

    fn keep(&self, bytes: &[u8], libraries: &Path) -> Result<(), ProviderError> {
        let path = libraries.join(self.name());
        let keep = || -> std::io::Result<()> {
            let mut file = tempfile::Builder::new().prefix(".part-").tempfile_in(libraries)?;
            std::io::Write::write_all(&mut file, bytes)?;
            use std::os::unix::fs::PermissionsExt;
            file.as_file()
                .set_permissions(fs::Permissions::from_mode(0o644))?;
            file.persist(&path)?;
            Ok(())
        };
        keep().map_err(|why| failed("write", &path, &why))
    }
}

fn fetch(agent: &ureq::Agent, url: &str) -> Result<Vec<u8>, String> {
    let mut answer = agent.get(url).call().map_err(|why| why.to_string())?;
    let mut bytes = Vec::new();
    answer
        .body_mut()
        .as_reader()
        .take(64 << 20)
        .read_to_end(&mut bytes)
        .map_err(|why| why.to_string())?;
    Ok(bytes)
}

impl Resource for KafkaDistribution {
    const KIND: &'static str = "kafka_distribution";
    const REPLACE_ON: &'static [&'static str] = &["folder"];
    const FOUND_BY: FoundBy = FoundBy::Composite;
    const DEADLINE: Duration = Duration::from_secs(600);
    type Cloud = Machine;
    type Outputs = Outputs;

    async fn observe(_machine: &Machine, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let home = Path::new(id);
        let found = record::read::<Self>(home)?;
        let outputs: Option<Outputs> = fs::read(home.join("outputs.json"))
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok());
        let whole = |outputs: &Outputs, version: &str| {
            pinned(version).is_ok_and(|jars| {
                jars.iter()
                    .all(|jar| outputs.libraries.join(jar.name()).is_file())
            })
        };
        Ok(found
            .zip(outputs)
            .filter(|(found, outputs)| whole(outputs, &found.version)))
    }

    async fn find(&self, _machine: &Machine, _token: &str) -> Result<Option<String>, ProviderError> {
        let Ok(platform) = Platform::of(&self.folder) else {
            return Ok(None);
        };
        let home = platform.home(Self::KIND, "kafka");
        Ok(record::exists(&home).then(|| home.display().to_string()))
    }

    async fn create(&self, machine: &Machine, _token: &str) -> Result<String, ProviderError> {
        let platform = Platform::of(&self.folder)?;
        let home = platform.home(Self::KIND, "kafka");
        let (version, cache, repository) = (
            self.version.clone(),
            machine.cache.clone(),
            machine.repository.clone(),
        );
        let cached = tokio::task::spawn_blocking(move || ensure(&version, &cache, &repository))
            .await
            .map_err(|why| ProviderError::unknown(format!("the download broke off: {why}")))??;
        let readable = pinned(&self.version)?
            .iter()
            .all(|jar| platform.can_read(&cached.join(jar.name())));
        let libraries = if readable {
            cached
        } else {
            self.copy(&platform, &cached, &home)?
        };
        let text = serde_json::to_vec(&Outputs { libraries }).expect("a path is plain JSON");
        platform.write(&home.join("outputs.json"), &text, 0o600)?;
        record::write(&platform, &home, self)?;
        Ok(home.display().to_string())
    }

    async fn readiness(&self, machine: &Machine, id: &str) -> Result<Readiness, ProviderError> {
        Ok(match Self::observe(machine, id).await? {
            Some(_) => Readiness::Ready,
            None => Readiness::Failed(format!("jars are missing in what {id} names")),
        })
    }

    async fn update(&self, machine: &Machine, _id: &str, _changes: &[Change]) -> Result<(), ProviderError> {
        self.create(machine, "").await.map(|_| ())
    }

    async fn delete(_machine: &Machine, id: &str) -> Result<(), ProviderError> {
        record::remove(Path::new(id))
    }
}

impl KafkaDistribution {
    fn copy(&self, platform: &Platform, from: &Path, home: &Path) -> Result<PathBuf, ProviderError> {
        let libraries = home.join("libs");
        platform.make_folder(&libraries)?;
        for jar in pinned(&self.version)? {
            let (source, copy) = (from.join(jar.name()), libraries.join(jar.name()));
            let part = copy.with_extension("part");
            fs::copy(&source, &part).map_err(|why| failed("copy", &source, &why))?;
            platform.claim(&part, 0o600)?;
            fs::rename(&part, &copy).map_err(|why| failed("write", &copy, &why))?;
        }
        Ok(libraries)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_jar_is_pinned_by_a_whole_digest_and_no_two_share_a_name() {
        let jars = pinned(VERSION).unwrap();
        assert!(jars.len() > 40);
        assert!(
            jars.iter()
                .all(|jar| jar.sha256.len() == 64 && jar.path.ends_with(".jar"))
        );
        let names: BTreeSet<&str> = jars.iter().map(Jar::name).collect();
        assert_eq!(names.len(), jars.len());
        assert!(pinned("3.0.0").is_err());
    }

    #[test]
    fn a_jar_that_was_tampered_with_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let jar = &pinned(VERSION).unwrap()[0];
        fs::write(folder.path().join(jar.name()), b"something else").unwrap();
        assert!(!jar.is_at(folder.path()));
    }
}
