//! This machine: where relative paths start, where caches are, where programs are found.

use std::path::{Path, PathBuf};

use super::{kafka_distribution, patroni_distribution};
use crate::provider::ProviderError;

/// What the local verbs work with.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Where a plan's relative paths start: vvbill's working folder.
    pub project: PathBuf,
    /// The cache of Kafka's jars.
    pub cache: PathBuf,
    /// Maven Central or a mirror of it.
    pub repository: String,
    /// The cache of Patroni and the Python packages that it needs.
    pub packages: PathBuf,
}

impl Machine {
    /// With caches and mirror as the environment names them.
    pub fn new(project: &Path) -> Self {
        Self {
            project: project.to_path_buf(),
            cache: kafka_distribution::default_folder(),
            repository: kafka_distribution::repository(),
            packages: patroni_distribution::default_folder(),
        }
    }
}

/// Where this user's downloads for `what` are kept: `$XDG_CACHE_HOME/vvbill/WHAT` or `~/.cache/vvbill/WHAT`.
pub(super) fn cache(what: &str) -> PathBuf {
    let variable = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    variable("XDG_CACHE_HOME")
        .or_else(|| variable("HOME").map(|home| home.join(".cache")))
        .unwrap_or_else(|| "/var/tmp".into())
        .join("vvbill")
        .join(what)
}

/// The path of an installed program.
pub(super) fn program(name: &str) -> Result<PathBuf, ProviderError> {
    if name == "java"
        && let Some(java) = std::env::var_os("JAVA_HOME").map(|home| PathBuf::from(home).join("bin/java"))
        && java.is_file()
    {
        return Ok(java);
    }
    look_up(name).ok_or_else(|| {
        ProviderError::refused(format!("{name} not found in PATH")).with_hint(format!(
            "install it ({}); `vvbill doctor` checks all of them",
            package(name)
        ))
    })
}

/// The same, without an error.
pub(super) fn look_up(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
}

/// The Debian package that has `program`.
pub(super) fn package(program: &str) -> &'static str {
    match program {
        "java" => "apt-get install openjdk-17-jre-headless",
        "redis-server" => "apt-get install redis-server",
        "redis-sentinel" => "apt-get install redis-sentinel",
        "postgres" => "apt-get install postgresql",
        "prometheus" => "apt-get install prometheus",
        "etcd" => "apt-get install etcd-server",
        "python3" => "apt-get install python3-venv",
        _ => "see the README",
    }
}

/// The folder of Postgres's programs, of the version `major` where that is given, else the newest.
pub(super) fn postgres_programs(major: Option<&str>) -> Result<PathBuf, ProviderError> {
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let version: u32 = entry.file_name().to_str()?.parse().ok()?;
            let programs = entry.path().join("bin");
            programs.join("postgres").is_file().then_some((version, programs))
        })
        .collect();
    found.sort();
    let installed = found
        .iter()
        .rev()
        .find(|(version, _)| major.is_none_or(|major| major == version.to_string()))
        .map(|(_, programs)| programs.clone());
    let in_path =
        || look_up("postgres").and_then(|program| Some(program.canonicalize().ok()?.parent()?.to_path_buf()));
    installed.or_else(in_path).ok_or_else(|| {
        let version = major.map(|major| format!(" {major}")).unwrap_or_default();
        ProviderError::refused(format!("the programs of Postgres{version} are not found"))
            .with_hint(format!("install them ({})", package("postgres")))
    })
}

/// `vvbill-ingest`: the plan's own, or beside vvbill, or in PATH.
pub(super) fn ingest_program(wanted: Option<&Path>) -> Result<PathBuf, ProviderError> {
    if let Some(wanted) = wanted {
        return wanted.canonicalize().map_err(|why| {
            ProviderError::refused(format!("{} can't be run: {why}", wanted.display()))
                .with_hint("correct `local.ingest_binary`, or leave it out")
        });
    }
    let beside = std::env::current_exe().ok().into_iter().flat_map(|executable| {
        // A test's own program lies one folder deeper than what it tests.
        let folders: Vec<PathBuf> = executable
            .ancestors()
            .skip(1)
            .take(2)
            .map(PathBuf::from)
            .collect();
        folders.into_iter().map(|folder| folder.join("vvbill-ingest"))
    });
    beside
        .chain(look_up("vvbill-ingest"))
        .find(|candidate| candidate.is_file())
        .ok_or_else(|| {
            ProviderError::refused("vvbill-ingest is neither beside vvbill nor in PATH")
                .with_hint("build it (`cargo build -p vvbill-ingest`), or name it in `local.ingest_binary`")
        })
}
