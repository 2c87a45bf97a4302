//! What all server processes share: configuration files, one detached process, health.
//!
//! A kind says how it is configured, prepared, started and asked for its health ([`Server`]); this
//! module makes a [`Resource`] of that.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use super::Machine;
use super::launch::{Launch, Lock, Stop, end_rest, last_lines, start, stop};
use super::machine::program;
use super::marker::{find, marked};
use super::platform::{Platform, failed, known};
use super::port::ensure_free;
use super::record;
use super::region::Place;
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, Ref};

/// What every server has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Common {
    /// Unique among the servers of its kind.
    pub name: String,
    /// The platform's folder.
    pub folder: Ref<PathBuf>,
    /// The address that it listens on, one of the loopback's.
    pub host: IpAddr,
    /// Programs that are not to be looked for in the usual places, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub programs: BTreeMap<String, PathBuf>,
    /// Where it belongs, on a platform of two regions; null: it runs whichever takes events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// A plan wants it true; false where no process runs that should, or one that shouldn't.
    pub running: bool,
    /// A plan wants it true; false where the running process, or its files, have another configuration.
    pub configured: bool,
}

impl Common {
    /// What a plan asks of the server `name`.
    pub fn new(name: &str, folder: Ref<PathBuf>, host: IpAddr) -> Self {
        Self {
            name: name.into(),
            folder,
            host,
            programs: BTreeMap::new(),
            place: None,
            running: true,
            configured: true,
        }
    }

    /// `host:port`, as clients write it.
    pub(super) fn endpoint(&self, port: u16) -> String {
        SocketAddr::new(self.host, port).to_string()
    }

    /// The program called `name`: the plan's own, else where it is usually found.
    pub(super) fn program(&self, name: &str) -> Result<PathBuf, ProviderError> {
        match self.programs.get(name) {
            Some(path) => Ok(path.clone()),
            None => program(name),
        }
    }
}

/// Where one server's things are.
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub(super) platform: Platform,
    /// The folder of its own; its path is the id.
    pub(super) home: PathBuf,
    pub(super) log: PathBuf,
}

/// A file that a server reads when it starts.
#[derive(Clone, Debug)]
pub(super) struct File {
    pub(super) path: PathBuf,
    pub(super) content: String,
    /// The server writes to it itself, and [`Server::merge`] keeps what it wrote.
    pub(super) rewritten_by_server: bool,
}

impl File {
    pub(super) fn new(path: PathBuf, content: String) -> Self {
        Self {
            path,
            content,
            rewritten_by_server: false,
        }
    }
}

/// A kind of server.
pub(super) trait Server: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    const KIND: &'static str;
    const REPLACE_ON: &'static [&'static str];
    /// Outputs that follow from properties whose change replaces it.
    const STABLE_OUTPUTS: &'static [&'static str];
    const STOP: Stop;
    const DEADLINE: Duration = Duration::from_secs(120);
    type Outputs: Serialize;

    fn common(&self) -> &Common;
    fn common_mut(&mut self) -> &mut Common;
    /// The ports it listens on, checked before it is started.
    fn ports(&self) -> Vec<u16>;
    /// The files that it reads. The same properties always give the same files.
    fn files(&self, site: &Site) -> Result<Vec<File>, ProviderError>;
    /// What to write in place of a file that the server rewrites: `fresh`, and what must be kept.
    fn merge(&self, _existing: Option<&str>, fresh: &str) -> impl Future<Output = String> + Send {
        let fresh = fresh.to_string();
        async { fresh }
    }
    /// What must be done before its first start; done again, it changes nothing.
    fn prepare(
        &self,
        _machine: &Machine,
        _site: &Site,
    ) -> impl Future<Output = Result<(), ProviderError>> + Send {
        async { Ok(()) }
    }
    /// How it is started.
    fn launch(&self, machine: &Machine, site: &Site) -> Result<Launch, ProviderError>;
    /// Whether the running process can be depended on.
    fn health(&self, site: &Site) -> impl Future<Output = Result<Readiness, ProviderError>> + Send;
    /// What others may refer to.
    fn outputs(&self, site: &Site) -> Self::Outputs;
    /// Servers that must not be restarted at the same time as this one share a name here.
    fn restarts_one_by_one(&self) -> Option<String> {
        None
    }
}

/// A [`Server`] as a [`Resource`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Running<S>(pub(super) S);

impl<S: Server> Running<S> {
    fn site(&self) -> Result<Site, ProviderError> {
        let common = self.0.common();
        let platform = Platform::of(&common.folder)?;
        Ok(Site {
            home: platform.home(S::KIND, &common.name),
            log: platform.log(S::KIND, &common.name),
            platform,
        })
    }

    /// Digest of all that a restart is needed for when it changes.
    fn configuration(&self, machine: &Machine, site: &Site) -> Result<String, ProviderError> {
        let launch = self.0.launch(machine, site)?;
        let mut digest = Sha256::new();
        for file in self.0.files(site)? {
            digest.update(file.path.as_os_str().as_encoded_bytes());
            digest.update(file.content.as_bytes());
        }
        digest.update(format!("{:?}", launch.arguments));
        digest.update(format!("{:?}", launch.environment));
        let digest = digest.finalize();
        Ok(digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect())
    }

    /// Its region's turn has not come, or is over: no process of it is to run.
    fn waits(&self, site: &Site) -> bool {
        let place = self.0.common().place.as_ref();
        place.is_some_and(|place| !place.is_on(&site.platform.folder))
    }

    /// Brings files and process to what the properties say. The caller holds the lock.
    async fn bring_up(&self, machine: &Machine, site: &Site) -> Result<(), ProviderError> {
        if self.waits(site) {
            return stop(&site.home, S::STOP).await;
        }
        let configuration = self.configuration(machine, site)?;
        if let Some(process) = find(&site.home) {
            if process.configuration == configuration && self.files_intact(site)? {
                return Ok(());
            }
            stop(&site.home, S::STOP).await?;
        } else {
            end_rest(&site.home, S::STOP).await?;
        }
        for port in self.0.ports() {
            ensure_free(self.0.common().host, port)?;
        }
        self.0.prepare(machine, site).await?;
        for file in self.0.files(site)? {
            let content = match file.rewritten_by_server {
                true => {
                    self.0
                        .merge(fs::read_to_string(&file.path).ok().as_deref(), &file.content)
                        .await
                }
                false => file.content,
            };
            site.platform.write(&file.path, content.as_bytes(), 0o600)?;
        }
        let launch = self.0.launch(machine, site)?;
        start(&site.platform, &site.home, &site.log, &launch, &configuration).map(|_| ())
    }

    fn files_intact(&self, site: &Site) -> Result<bool, ProviderError> {
        let files = self.0.files(site)?;
        Ok(files
            .iter()
            .filter(|file| !file.rewritten_by_server)
            .all(|file| fs::read(&file.path).is_ok_and(|found| found == file.content.as_bytes())))
    }

    async fn until_ready(&self, machine: &Machine, id: &str) -> Result<(), ProviderError> {
        loop {
            match self.readiness(machine, id).await? {
                Readiness::Ready => return Ok(()),
                Readiness::Failed(why) => return Err(ProviderError::refused(why)),
                Readiness::Pending(_) => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        }
    }
}

fn lock_of(home: &Path) -> PathBuf {
    home.with_extension("lock")
}

const LOCK_LIMIT: Duration = Duration::from_secs(30);

impl<S: Server> Resource for Running<S> {
    const KIND: &'static str = S::KIND;
    const REPLACE_ON: &'static [&'static str] = S::REPLACE_ON;
    const STABLE_OUTPUTS: &'static [&'static str] = S::STABLE_OUTPUTS;
    const FOUND_BY: FoundBy = FoundBy::Composite;
    const DEADLINE: Duration = S::DEADLINE;
    type Cloud = Machine;
    type Outputs = S::Outputs;

    async fn observe(machine: &Machine, id: &str) -> Result<Option<(Self, S::Outputs)>, ProviderError> {
        let home = Path::new(id);
        let Some(stored) = record::read::<S>(home)? else {
            return Ok(None);
        };
        let mut found = Self(stored);
        let site = found.site()?;
        let process = find(home);
        if found.waits(&site) {
            found.0.common_mut().running = process.is_none();
            found.0.common_mut().configured = true;
            let outputs = found.0.outputs(&site);
            return Ok(Some((found, outputs)));
        }
        let wanted = found.configuration(machine, &site)?;
        let common = found.0.common_mut();
        common.running = process.is_some();
        common.configured = process.is_none_or(|process| process.configuration == wanted);
        if !found.files_intact(&site)? {
            found.0.common_mut().configured = false;
        }
        let outputs = found.0.outputs(&site);
        Ok(Some((found, outputs)))
    }

    async fn find(&self, _machine: &Machine, _token: &str) -> Result<Option<String>, ProviderError> {
        let Ok(site) = self.site() else {
            return Ok(None);
        };
        let exists = record::exists(&site.home) || !marked(&site.home).is_empty();
        Ok(exists.then(|| site.home.display().to_string()))
    }

    async fn create(&self, machine: &Machine, _token: &str) -> Result<String, ProviderError> {
        let site = self.site()?;
        let _lock = Lock::take(&site.platform, &lock_of(&site.home), LOCK_LIMIT).await?;
        if find(&site.home).is_none() && !self.waits(&site) {
            end_rest(&site.home, S::STOP).await?;
            for port in self.0.ports() {
                ensure_free(self.0.common().host, port)?;
            }
        }
        record::write(&site.platform, &site.home, &self.0)?;
        self.bring_up(machine, &site).await?;
        Ok(site.home.display().to_string())
    }

    async fn readiness(&self, _machine: &Machine, _id: &str) -> Result<Readiness, ProviderError> {
        let site = self.site()?;
        if self.waits(&site) {
            return Ok(Readiness::Ready);
        }
        if find(&site.home).is_none() {
            return Ok(Readiness::Failed(format!(
                "{} {} has ended; {}",
                S::KIND,
                self.0.common().name,
                last_lines(&site.log)
            )));
        }
        self.0.health(&site).await
    }

    async fn update(&self, machine: &Machine, id: &str, _changes: &[Change]) -> Result<(), ProviderError> {
        let site = self.site()?;
        let turn = match self.0.restarts_one_by_one() {
            Some(group) => {
                let path = site.platform.folder.join(S::KIND).join(format!("{group}.turn"));
                Some(Lock::take(&site.platform, &path, S::DEADLINE).await?)
            }
            None => None,
        };
        let ran = find(&site.home).is_some();
        {
            let _lock = Lock::take(&site.platform, &lock_of(&site.home), LOCK_LIMIT).await?;
            record::write(&site.platform, &site.home, &self.0)?;
            self.bring_up(machine, &site).await?;
        }
        // One that was down is likely not the only one, and they may need one another to become ready.
        if turn.is_some() && ran && !self.waits(&site) {
            self.until_ready(machine, id).await?;
        }
        Ok(())
    }

    async fn delete(_machine: &Machine, id: &str) -> Result<(), ProviderError> {
        let home = Path::new(id);
        let Some(folder) = home
            .parent()
            .and_then(Path::parent)
            .filter(|folder| folder.is_dir())
        else {
            return Ok(());
        };
        let platform = Platform::open(folder)?;
        let lock = lock_of(home);
        let _lock = Lock::take(&platform, &lock, LOCK_LIMIT).await?;
        stop(home, S::STOP).await?;
        record::remove(home)?;
        fs::remove_file(&lock).map_err(|why| failed("remove", &lock, &why))
    }
}

/// The same where there may be none.
pub(super) fn optional_secret(path: Option<&Ref<PathBuf>>) -> Result<Option<String>, ProviderError> {
    path.map(secret).transpose()
}

/// Reads a secret that a `secret_file` made. Never put into a record, a log or an error.
pub(super) fn secret(path: &Ref<PathBuf>) -> Result<String, ProviderError> {
    let path = known(path, "password_file")?;
    fs::read_to_string(path)
        .map(|text| text.trim().to_string())
        .map_err(|why| failed("read", path, &why))
}
