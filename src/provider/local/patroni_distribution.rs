//! `patroni_distribution`: Patroni and the Python packages that it needs, from PyPI, each checked against its
//! pinned digest.
//!
//! They are kept in a cache of the user's (`$XDG_CACHE_HOME/vvbill/patroni/<version>-<python>`) and copied into
//! the platform's folder only where the servers' user can't read that. Nothing is installed into the system.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Machine;
use super::machine::{cache, package};
use super::platform::{Owner, Platform, failed};
use super::record;
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, Ref};

/// The version whose packages are pinned.
pub const VERSION: &str = "4.1.5";
/// A requirements file of pip's, with the digests of every file of each package.
const PACKAGES: &str = include_str!("patroni_packages.txt");

/// Patroni of one version, ready to be started.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PatroniDistribution {
    /// `4.1.5`.
    pub version: String,
    /// The platform's folder.
    pub folder: Ref<PathBuf>,
    /// The Python that it runs on; null: the first one that the servers' user can run.
    pub python: Option<PathBuf>,
}

/// Where it is.
#[derive(Debug, Serialize, Deserialize)]
pub struct Outputs {
    /// The Python that it runs on.
    pub python: PathBuf,
    /// The folder of packages.
    pub packages: PathBuf,
}

/// The cache of this user: `$XDG_CACHE_HOME/vvbill/patroni` or `~/.cache/vvbill/patroni`.
pub(super) fn default_folder() -> PathBuf {
    cache("patroni")
}

/// A Python that can make virtual environments and that `owner` can run: `wanted`, or the first one in PATH.
pub(super) fn python(owner: Option<Owner>, wanted: Option<&Path>) -> Result<PathBuf, ProviderError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = std::env::split_paths(&path)
        .chain(["/usr/bin".into(), "/usr/local/bin".into()])
        .map(|folder| folder.join("python3"));
    let candidates: Vec<PathBuf> = match wanted {
        Some(wanted) => vec![wanted.to_path_buf()],
        None => usual.collect(),
    };
    candidates
        .into_iter()
        .filter(|python| python.is_file() && owner.is_none_or(|owner| owner.can_read(python)))
        .find(|python| tag(python).is_ok())
        .ok_or_else(|| {
            ProviderError::refused(
                "no python3 with the modules venv and ensurepip that the servers' user can run is found",
            )
            .with_hint(format!(
                "install it ({}), or name one in `local.programs.python3`",
                package("python3")
            ))
        })
}

/// Which Python it is, as its compiled files are called: `cpython-311`.
fn tag(python: &Path) -> Result<String, ProviderError> {
    let code = "import sys, venv, ensurepip; print(sys.implementation.cache_tag)";
    run(Command::new(python).args(["-I", "-c", code])).map(|text| text.trim().to_owned())
}

/// The folder in `cache` that Patroni is in, or will be, for `python`.
fn place(cache: &Path, python: &Path) -> Result<PathBuf, ProviderError> {
    Ok(cache.join(format!("{VERSION}-{}", tag(python)?)))
}

/// The folder of Patroni's packages for `python`, where it is there whole.
pub(super) fn cached(cache: &Path, python: &Path) -> Option<PathBuf> {
    place(cache, python).ok().filter(|place| place.is_dir())
}

/// Makes sure that Patroni is in `cache` for `python`, and answers with the folder that holds it. What is there
/// whole is left alone. Blocks; two may do so at once.
pub(super) fn ensure(cache: &Path, python: &Path) -> Result<PathBuf, ProviderError> {
    let place = place(cache, python)?;
    if place.is_dir() {
        return Ok(place);
    }
    fs::create_dir_all(cache).map_err(|why| failed("make", cache, &why))?;
    let work = tempfile::Builder::new()
        .prefix(".part-")
        .tempdir_in(cache)
        .map_err(|why| failed("write into", cache, &why))?;
    let (environment, packages) = (work.path().join("environment"), work.path().join("packages"));
    let list = work.path().join("packages.txt");
    fs::write(&list, PACKAGES).map_err(|why| failed("write", &list, &why))?;
    run(Command::new(python).args(["-m", "venv"]).arg(&environment))?;
    let mut pip = Command::new(environment.join("bin/python"));
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--require-hashes",
    ])
    .arg("--target")
    .arg(&packages)
    .arg("--requirement")
    .arg(&list);
    run(&mut pip).map_err(|why| {
        why.with_hint("check the network, or name a mirror of PyPI in PIP_INDEX_URL, as pip reads it")
    })?;
    match fs::rename(&packages, &place) {
        // Another run was quicker.
        Err(_) if place.is_dir() => Ok(place),
        other => other
            .map(|()| place.clone())
            .map_err(|why| failed("move into place", &place, &why)),
    }
}

fn run(command: &mut Command) -> Result<String, ProviderError> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(std::process::Stdio::null())
        .output()
        .map_err(|why| ProviderError::refused(format!("{name} can't be run: {why}")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last: Vec<&str> = said.lines().rev().take(6).collect();
    let last: Vec<&str> = last.into_iter().rev().collect();
    Err(ProviderError::refused(format!(
        "{name} ended with {}: {}",
        output.status,
        last.join("\n")
    )))
}

impl PatroniDistribution {
    /// Copies `from` into the platform, for its owner alone.
    fn copy(platform: &Platform, from: &Path, to: &Path) -> Result<(), ProviderError> {
        platform.make_folder(to)?;
        for entry in fs::read_dir(from).map_err(|why| failed("read", from, &why))? {
            let entry = entry.map_err(|why| failed("read", from, &why))?;
            let (source, copy) = (entry.path(), to.join(entry.file_name()));
            if source.is_dir() {
                Self::copy(platform, &source, &copy)?;
            } else {
                fs::copy(&source, &copy).map_err(|why| failed("copy", &source, &why))?;
                platform.claim(&copy, 0o600)?;
            }
        }
        Ok(())
    }

    /// The packages where the owner can read them: in the cache, or copied beside `home`'s record.
    fn readable(platform: &Platform, cached: PathBuf, home: &Path) -> Result<PathBuf, ProviderError> {
        if platform.can_read(&cached.join("patroni/__main__.py")) {
            return Ok(cached);
        }
        let packages = home.join("packages");
        let part = home.join("packages.part");
        if !packages.is_dir() {
            fs::remove_dir_all(&part).ok();
            Self::copy(platform, &cached, &part)?;
            fs::rename(&part, &packages).map_err(|why| failed("move into place", &packages, &why))?;
        }
        Ok(packages)
    }
}

impl Resource for PatroniDistribution {
    const KIND: &'static str = "patroni_distribution";
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
        let is_whole = |outputs: &Outputs| {
            outputs.python.is_file() && outputs.packages.join("patroni/__main__.py").is_file()
        };
        Ok(found.zip(outputs).filter(|(_, outputs)| is_whole(outputs)))
    }

    async fn find(&self, _machine: &Machine, _token: &str) -> Result<Option<String>, ProviderError> {
        let Ok(platform) = Platform::of(&self.folder) else {
            return Ok(None);
        };
        let home = platform.home(Self::KIND, "patroni");
        Ok(record::exists(&home).then(|| home.display().to_string()))
    }

    async fn create(&self, machine: &Machine, _token: &str) -> Result<String, ProviderError> {
        if self.version != VERSION {
            return Err(ProviderError::refused(format!(
                "Patroni {} is not the version whose packages are pinned, {VERSION}",
                self.version
            )));
        }
        let platform = Platform::of(&self.folder)?;
        let home = platform.home(Self::KIND, "patroni");
        let python = python(platform.owner, self.python.as_deref())?;
        let (cache, with) = (machine.packages.clone(), python.clone());
        let cached = tokio::task::spawn_blocking(move || ensure(&cache, &with))
            .await
            .map_err(|why| ProviderError::unknown(format!("the installation broke off: {why}")))??;
        let packages = Self::readable(&platform, cached, &home)?;
        let text = serde_json::to_vec(&Outputs { python, packages }).expect("a path is plain JSON");
        platform.write(&home.join("outputs.json"), &text, 0o600)?;
        record::write(&platform, &home, self)?;
        Ok(home.display().to_string())
    }

    async fn readiness(&self, machine: &Machine, id: &str) -> Result<Readiness, ProviderError> {
        Ok(match Self::observe(machine, id).await? {
            Some(_) => Readiness::Ready,
            None => Readiness::Failed(format!("Python or packages are missing in what {id} names")),
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
    fn every_package_is_pinned_by_version_and_digest() {
        let packages: Vec<&str> = PACKAGES.lines().filter(|line| !line.starts_with(' ')).collect();
        assert!(packages.len() > 10);
        assert!(packages.contains(&&*format!("patroni=={VERSION} \\")));
        assert!(
            packages
                .iter()
                .all(|line| line.contains("==") && line.ends_with(" \\"))
        );
        let digests = PACKAGES
            .lines()
            .filter_map(|line| line.trim().strip_prefix("--hash=sha256:"));
        assert!(
            digests
                .map(|digest| digest.trim_end_matches(" \\").len())
                .all(|length| length == 64)
        );
    }
}
