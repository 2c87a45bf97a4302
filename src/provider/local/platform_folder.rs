//! `platform_folder`: the folder of the whole platform, in a place that the servers' user can reach.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Signal, geteuid};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Machine;
use super::launch::{Stop, end};
use super::marker::{COMMAND_MARKER, carriers, marked};
use super::platform::{Owner, Platform, failed};
use super::record;
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::Change;

/// Where everything of the platform lies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlatformFolder {
    /// Where it is wanted; a relative path starts at vvbill's working folder.
    pub path: PathBuf,
    /// The user that servers run as when root applies the plan; null: `postgres`, else `nobody`.
    pub run_as: Option<String>,
}

/// Where it is.
#[derive(Debug, Serialize)]
pub struct Outputs {
    /// The folder itself, absolute. Where the servers' user can't reach the wanted place this is
    /// another one, and the wanted place is a symbolic link to it.
    pub path: PathBuf,
    /// The number of the user whom it belongs to.
    pub user_id: u32,
    /// The region that was failed over to; absent while the first takes events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_region: Option<String>,
}

impl PlatformFolder {
    fn wanted(&self, machine: &Machine) -> PathBuf {
        machine.project.join(&self.path)
    }

    /// Whom the platform belongs to; `None`: to whoever runs vvbill.
    pub(super) fn owner(&self) -> Result<Option<Owner>, ProviderError> {
        if !geteuid().is_root() {
            return Ok(None);
        }
        match &self.run_as {
            Some(name) => Owner::named(name).map(Some).ok_or_else(|| {
                ProviderError::refused(format!("there is no user `{name}` to run the servers as"))
                    .with_hint("set `local.run_as` to a user of this machine")
            }),
            None => ["postgres", "nobody"]
                .iter()
                .find_map(|name| Owner::named(name))
                .map(Some)
                .ok_or_else(|| {
                    ProviderError::refused(
                        "servers don't run as root, and there is no user `postgres` or `nobody`",
                    )
                    .with_hint("set `local.run_as` to a user of this machine")
                }),
        }
    }

    /// Makes the folder at `place`, owned by `owner`.
    fn settle(&self, place: &Path, owner: Option<Owner>) -> Result<(), ProviderError> {
        fs::create_dir_all(place).map_err(|why| failed("make", place, &why))?;
        let platform = Platform {
            folder: place.into(),
            owner,
        };
        platform.claim(place, 0o700)?;
        record::write(&platform, place, self)
    }
}

/// Where the platform that is wanted at `wanted` lies when that is out of the servers' reach.
pub(super) fn elsewhere(wanted: &Path) -> PathBuf {
    let digest = Sha256::digest(wanted.as_os_str().as_encoded_bytes());
    let name: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    PathBuf::from(format!("/var/tmp/vvbill-{}", geteuid().as_raw())).join(name)
}

/// Makes the folder above `place`, which every user may pass through and only this one write to.
fn open_way(place: &Path) -> Result<(), ProviderError> {
    let base = place.parent().unwrap_or(Path::new("/var/tmp"));
    match fs::create_dir(base) {
        Err(why) if why.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(failed("make", base, &why));
        }
        _ => {}
    }
    let metadata = fs::symlink_metadata(base).map_err(|why| failed("read", base, &why))?;
    if !metadata.is_dir() || metadata.uid() != geteuid().as_raw() {
        return Err(
            ProviderError::refused(format!("{} is not a folder of ours", base.display()))
                .with_hint("set `local.folder` to a place that the servers' user can reach"),
        );
    }
    fs::set_permissions(base, fs::Permissions::from_mode(0o711)).map_err(|why| failed("open up", base, &why))
}

impl Resource for PlatformFolder {
    const KIND: &'static str = "platform_folder";
    const REPLACE_ON: &'static [&'static str] = &["path", "run_as"];
    const STABLE_OUTPUTS: &'static [&'static str] = &["path", "user_id"];
    const FOUND_BY: FoundBy = FoundBy::Name;
    type Cloud = Machine;
    type Outputs = Outputs;

    async fn observe(_machine: &Machine, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let path = PathBuf::from(id);
        let Some(found) = record::read::<Self>(&path)? else {
            return Ok(None);
        };
        let metadata = fs::metadata(&path).map_err(|why| failed("read", &path, &why))?;
        let user_id = metadata.uid();
        let active_region = super::region::active(&path);
        let outputs = Outputs {
            path,
            user_id,
            active_region,
        };
        Ok(Some((found, outputs)))
    }

    async fn find(&self, machine: &Machine, _token: &str) -> Result<Option<String>, ProviderError> {
        let wanted = self.wanted(machine);
        let places = [wanted.canonicalize().ok(), Some(elsewhere(&wanted))];
        let found = places.into_iter().flatten().find(|place| record::exists(place));
        Ok(found.map(|place| place.display().to_string()))
    }

    async fn create(&self, machine: &Machine, token: &str) -> Result<String, ProviderError> {
        if let Some(found) = self.find(machine, token).await? {
            return Ok(found);
        }
        let wanted = self.wanted(machine);
        let owner = self.owner()?;
        let parent = wanted.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(parent).map_err(|why| failed("make", parent, &why))?;
        if owner.is_none_or(|owner| owner.can_read(parent)) {
            self.settle(&wanted, owner)?;
            let place = wanted
                .canonicalize()
                .map_err(|why| failed("find", &wanted, &why))?;
            return Ok(place.display().to_string());
        }
        let place = elsewhere(&wanted);
        open_way(&place)?;
        if !owner.is_none_or(|owner| owner.can_read(place.parent().unwrap_or(Path::new("/")))) {
            return Err(ProviderError::refused(format!(
                "the servers' user can reach neither {} nor {}",
                wanted.display(),
                place.display()
            ))
            .with_hint(
                "set `local.folder` to a place that this user can reach, or `local.run_as` to another user",
            ));
        }
        self.settle(&place, owner)?;
        match fs::remove_file(&wanted) {
            Err(why) if why.kind() != std::io::ErrorKind::NotFound => {
                return Err(failed("replace by a link", &wanted, &why));
            }
            _ => symlink(&place, &wanted).map_err(|why| failed("link", &wanted, &why))?,
        }
        Ok(place.display().to_string())
    }

    async fn readiness(&self, _machine: &Machine, id: &str) -> Result<Readiness, ProviderError> {
        Ok(match record::exists(Path::new(id)) {
            true => Readiness::Ready,
            false => Readiness::Failed(format!("{id} is gone")),
        })
    }

    async fn update(&self, _machine: &Machine, id: &str, _changes: &[Change]) -> Result<(), ProviderError> {
        record::write(&Platform::open(Path::new(id))?, Path::new(id), self)
    }

    async fn delete(machine: &Machine, id: &str) -> Result<(), ProviderError> {
        let place = Path::new(id);
        let Some(found) = record::read::<Self>(place)? else {
            return Ok(());
        };
        let left = marked(place).into_iter().chain(carriers(COMMAND_MARKER, place));
        for (home, process) in left {
            tracing::warn!(pid = process.pid, home = %home.display(), "still ran when its folder was removed");
            let stop = Stop {
                signal: Signal::TERM,
                limit: Duration::from_secs(5),
            };
            end(&process, stop).await?;
        }
        record::remove(place)?;
        let wanted = found.wanted(machine);
        if fs::read_link(&wanted).is_ok_and(|target| target == place) {
            fs::remove_file(&wanted).map_err(|why| failed("remove", &wanted, &why))?;
        }
        // Only where nothing else is in them.
        for parent in [place.parent(), wanted.parent()].into_iter().flatten() {
            let _ = fs::remove_dir(parent);
        }
        Ok(())
    }
}
