//! The folder that everything of one platform lives in, and the user that its servers run as.
//!
//! A server is started as the owner of that folder, so nothing here is run as root unless the folder
//! itself belongs to root. Knows files and users; starts only short-lived commands.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::geteuid;

use super::marker::COMMAND_MARKER;
use crate::provider::ProviderError;
use crate::resource::Ref;

/// One platform on this machine.
#[derive(Clone, Debug)]
pub(super) struct Platform {
    /// Its folder, absolute.
    pub(super) folder: PathBuf,
    /// Whom its files belong to and its servers run as; `None`: as whoever runs vvbill.
    pub(super) owner: Option<Owner>,
}

/// A user and its group, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) user: u32,
    pub(super) group: u32,
}

impl Platform {
    /// The platform in `folder`, which exists.
    pub(super) fn open(folder: &Path) -> Result<Self, ProviderError> {
        let metadata = fs::metadata(folder).map_err(|why| {
            ProviderError::refused(format!("the platform's folder {}: {why}", folder.display()))
        })?;
        let other = geteuid().is_root() && metadata.uid() != 0;
        Ok(Self {
            folder: folder.to_path_buf(),
            owner: other.then(|| Owner {
                user: metadata.uid(),
                group: metadata.gid(),
            }),
        })
    }

    /// The platform that a resource's `folder` property names.
    pub(super) fn of(folder: &Ref<PathBuf>) -> Result<Self, ProviderError> {
        Self::open(known(folder, "folder")?)
    }

    /// Where the resource `name` keeps what is its own; also its id.
    pub(super) fn home(&self, kind: &str, name: &str) -> PathBuf {
        self.folder.join(kind).join(name)
    }

    /// The log of a process.
    pub(super) fn log(&self, kind: &str, name: &str) -> PathBuf {
        self.folder.join("logs").join(format!("{kind}-{name}.log"))
    }

    /// Makes `folder` and what lies between it and the platform's, each private to the owner.
    pub(super) fn make_folder(&self, folder: &Path) -> Result<(), ProviderError> {
        if folder.is_dir() {
            return Ok(());
        }
        if let Some(parent) = folder.parent().filter(|parent| parent.starts_with(&self.folder)) {
            self.make_folder(parent)?;
        }
        match fs::create_dir(folder) {
            Err(why) if why.kind() == io::ErrorKind::AlreadyExists => {}
            other => other.map_err(|why| failed("make", folder, &why))?,
        }
        self.claim(folder, 0o700)
    }

    /// Replaces `path` by `content` in one step: a reader or a crash sees the old or the new one.
    pub(super) fn write(&self, path: &Path, content: &[u8], mode: u32) -> Result<(), ProviderError> {
        let folder = path.parent().expect("a file of the platform lies in its folder");
        self.make_folder(folder)?;
        let write = || -> io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(content)?;
            file.as_file().set_permissions(Permissions::from_mode(mode))?;
            if let Some(owner) = self.owner {
                std::os::unix::fs::fchown(file.as_file(), Some(owner.user), Some(owner.group))?;
            }
            file.as_file().sync_all()?;
            file.persist(path)?;
            fs::File::open(folder)?.sync_all()
        };
        write().map_err(|why| failed("write", path, &why))
    }

    /// Hands `path` to the owner.
    pub(super) fn claim(&self, path: &Path, mode: u32) -> Result<(), ProviderError> {
        let claim = || -> io::Result<()> {
            fs::set_permissions(path, Permissions::from_mode(mode))?;
            match self.owner {
                Some(owner) => std::os::unix::fs::chown(path, Some(owner.user), Some(owner.group)),
                None => Ok(()),
            }
        };
        claim().map_err(|why| failed("hand over", path, &why))
    }

    /// Whether the owner can read `path`, itself and every folder above it considered.
    pub(super) fn can_read(&self, path: &Path) -> bool {
        self.owner.is_none_or(|owner| owner.can_read(path))
    }

    /// Runs a short-lived command as the owner and waits for it. It ends with vvbill, should that be
    /// killed, so that no half-done work goes on behind the back of the next run.
    pub(super) async fn run<A: AsRef<OsStr>>(
        &self,
        program: &Path,
        arguments: &[A],
        environment: &[(String, String)],
        limit: Duration,
    ) -> Result<String, ProviderError> {
        let name = program.display();
        let mut command = tokio::process::Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--"])
            .arg(program)
            .args(arguments);
        command
            .env_clear()
            .envs(self.environment())
            .envs(environment.iter().cloned());
        command
            .env(COMMAND_MARKER, &self.folder)
            .current_dir(&self.folder);
        command.stdin(std::process::Stdio::null()).kill_on_drop(true);
        if let Some(owner) = self.owner {
            command.uid(owner.user).gid(owner.group);
        }
        let output = tokio::time::timeout(limit, command.output())
            .await
            .map_err(|_| ProviderError::unknown(format!("{name} did not end within {} s", limit.as_secs())))?
            .map_err(|why| ProviderError::refused(format!("{name} can't be run: {why}")))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_string();
        if output.status.success() {
            return Ok(text(&output.stdout));
        }
        let said = [text(&output.stderr), text(&output.stdout)].join("\n");
        let last: Vec<&str> = said.trim().lines().rev().take(12).collect();
        let last: Vec<&str> = last.into_iter().rev().collect();
        Err(ProviderError::refused(format!(
            "{name} ended with {}: {}",
            output.status,
            last.join("\n")
        )))
    }

    /// What every process of the platform finds in its environment, and nothing of vvbill's own.
    pub(super) fn environment(&self) -> Vec<(String, String)> {
        let path = std::env::var("PATH").unwrap_or_else(|_| "/usr/local/bin:/usr/bin:/bin".into());
        let mut environment = vec![
            ("PATH".to_string(), path),
            ("HOME".to_string(), self.folder.display().to_string()),
            ("LC_ALL".to_string(), "C.UTF-8".to_string()),
        ];
        environment.extend(
            std::env::var("JAVA_HOME")
                .ok()
                .map(|home| ("JAVA_HOME".to_string(), home)),
        );
        environment
    }
}

impl Owner {
    /// The user called `name`, as the system's name service knows it.
    pub(super) fn named(name: &str) -> Option<Self> {
        let output = std::process::Command::new("getent")
            .args(["passwd", name])
            .output()
            .ok()?;
        let line = String::from_utf8(output.stdout).ok()?;
        let mut fields = line.trim().split(':').skip(2);
        Some(Self {
            user: fields.next()?.parse().ok()?,
            group: fields.next()?.parse().ok()?,
        })
    }

    /// Whether it can read `path` (a folder: enter it), and enter every folder above.
    pub(super) fn can_read(self, path: &Path) -> bool {
        let Ok(path) = path.canonicalize() else {
            return false;
        };
        path.ancestors().all(|part| {
            fs::metadata(part).is_ok_and(|metadata| {
                let needed = if metadata.is_dir() { 0o1 } else { 0o4 };
                let shift = match (metadata.uid() == self.user, metadata.gid() == self.group) {
                    (true, _) => 6,
                    (false, true) => 3,
                    (false, false) => 0,
                };
                metadata.mode() >> shift & needed != 0
            })
        })
    }
}

/// The value of a reference; inside a verb the engine has resolved it.
pub(super) fn known<'a, T>(reference: &'a Ref<T>, field: &str) -> Result<&'a T, ProviderError> {
    reference.known().ok_or_else(|| {
        ProviderError::refused(format!(
            "`{field}` is not known: what it refers to does not stand"
        ))
    })
}

/// A file operation that failed.
pub(super) fn failed(verb: &str, path: &Path, why: &io::Error) -> ProviderError {
    let error = ProviderError::refused(format!("can't {verb} {}: {why}", path.display()));
    match why.kind() {
        io::ErrorKind::StorageFull => error.with_hint("free some disk space, then apply again"),
        io::ErrorKind::PermissionDenied => error.with_hint(
            "give the user who runs vvbill the right to it, or set `local.folder` to another place",
        ),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_user_that_may_not_enter_a_parent_folder_can_not_read_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "x").unwrap();
        let stranger = Owner {
            user: 54321,
            group: 54321,
        };
        let myself = fs::metadata(&file).unwrap();
        let myself = Owner {
            user: myself.uid(),
            group: myself.gid(),
        };

        fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
        assert!(!stranger.can_read(&file));
        assert!(myself.can_read(&file));
        fs::set_permissions(folder.path(), Permissions::from_mode(0o711)).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        assert!(stranger.can_read(&file));
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        assert!(!stranger.can_read(&file));
    }

    #[test]
    fn a_replaced_file_is_whole_and_has_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        let platform = Platform::open(folder.path()).unwrap();
        let path = folder.path().join("secrets/one");
        platform.write(&path, b"first", 0o600).unwrap();
        platform.write(&path, b"second", 0o600).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }
}
