//! What a machine needs so that a plan can run on it: each need looked at, with what to do about it.
//!
//! Looks only. Starts the programs for their versions, and nothing else.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::geteuid;
use serde_json::Value;

use super::Machine;
use super::kafka_distribution::{VERSION, is_cached};
use super::machine::{ingest_program, package, postgres_programs, program};
use super::marker::marked;
use super::patroni_distribution::{PatroniDistribution, VERSION as PATRONI, cached, ensure, python};
use super::platform::Owner;
use super::platform_folder::{PlatformFolder, elsewhere};
use super::port::{Holder, ensure_free, holder};
use crate::provider::{ProviderError, Resource};
use crate::resource::Desired;

/// One need.
#[derive(Clone, Debug)]
pub struct Check {
    /// What was looked at: `java`, `port 19092 (kafka-1)`.
    pub name: String,
    /// What was found (a version, a path), or what is wrong.
    pub found: Result<String, Problem>,
    /// Whether the plan can't run without it.
    pub needed: bool,
}

/// What is wrong and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub fix: String,
}

impl Problem {
    fn new(message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            fix: fix.into(),
        }
    }
}

impl From<ProviderError> for Problem {
    fn from(error: ProviderError) -> Self {
        Self::new(error.message, error.hint.unwrap_or_default())
    }
}

/// Everything that `desired` needs of this machine; with nothing desired, what any plan would.
pub fn doctor(machine: &Machine, desired: &[Desired]) -> Vec<Check> {
    let wanted = |kind: &str| desired.is_empty() || desired.iter().any(|one| one.address.kind() == kind);
    let mut checks = Vec::new();
    let mut check = |name: &str, needed: bool, found: Result<String, Problem>| {
        checks.push(Check {
            name: name.into(),
            found,
            needed,
        });
    };
    check("java 17 or later", wanted("kafka_broker"), java());
    check("Kafka's jars", wanted("kafka_broker"), jars(machine));
    check("redis-server", wanted("redis_server"), version("redis-server"));
    check(
        "redis-sentinel",
        wanted("redis_sentinel"),
        version("redis-sentinel"),
    );
    // Only plans whose shards have replicas need these.
    let members = desired.iter().any(|one| one.address.kind() == "patroni_member");
    check("postgres", wanted("postgres_server") || members, postgres());
    check("etcd", members, version("etcd"));
    let python = patroni_python(desired);
    check(
        "Patroni",
        members,
        patroni(machine, python.as_ref().ok().cloned()),
    );
    check(
        "python3 with venv",
        members,
        python.map(|path| path.display().to_string()).map_err(Into::into),
    );
    check("prometheus", wanted("prometheus_server"), version("prometheus"));
    let ingest = ingest_program(own_ingest_program(desired).as_deref());
    check(
        "vvbill-ingest",
        wanted("ingest_process"),
        ingest.map(|path| path.display().to_string()).map_err(Into::into),
    );
    for tool in ["setsid", "setpriv"] {
        check(tool, true, version(tool));
    }
    check("memory", false, memory(desired));
    let folder = typed_folder(desired);
    check("user for servers", true, user(&folder));
    let wanted_folder = machine.project.join(&folder.path);
    check("folder", true, reachable(&folder, &wanted_folder));
    check("disk", false, disk(&wanted_folder));
    for (name, host, port) in ports(desired) {
        check(
            &format!("port {port} ({name})"),
            true,
            free(&name, host, port, &wanted_folder),
        );
    }
    checks
}

fn java() -> Result<String, Problem> {
    let path = program("java")?;
    let text = first_line(&path, "-version")?;
    let number = text
        .split('"')
        .nth(1)
        .and_then(|version| version.split(['.', '-', '+']).next()?.parse::<u32>().ok());
    match number {
        Some(number) if number >= 17 => Ok(format!("{text}, {}", path.display())),
        _ => Err(Problem::new(
            format!("{} is `{text}`, and Kafka 4 needs 17", path.display()),
            package("java"),
        )),
    }
}

fn jars(machine: &Machine) -> Result<String, Problem> {
    let folder = machine.cache.join(VERSION).join("libs");
    match is_cached(VERSION, &machine.cache) {
        true => Ok(format!("{VERSION}, {}", folder.display())),
        false => Err(Problem::new(
            format!("not all jars of Kafka {VERSION} are in {}", folder.display()),
            "`vvbill doctor --install` downloads them; `apply` does too",
        )),
    }
}

/// Fetches Patroni where `desired` has it and it is missing; the folder that it is in.
pub fn fetch_patroni(machine: &Machine, desired: &[Desired]) -> Result<Option<PathBuf>, ProviderError> {
    match desired
        .iter()
        .any(|one| one.address.kind() == PatroniDistribution::KIND)
    {
        true => ensure(&machine.packages, &patroni_python(desired)?).map(Some),
        false => Ok(None),
    }
}

/// The Python that Patroni would run on.
fn patroni_python(desired: &[Desired]) -> Result<PathBuf, ProviderError> {
    let mut distributions = desired
        .iter()
        .filter(|one| one.address.kind() == PatroniDistribution::KIND);
    let own = distributions.find_map(|one| one.properties.get("python")?.as_str().map(PathBuf::from));
    python(typed_folder(desired).owner()?, own.as_deref())
}

fn patroni(machine: &Machine, python: Option<PathBuf>) -> Result<String, Problem> {
    match python.and_then(|python| cached(&machine.packages, &python)) {
        Some(folder) => Ok(folder.display().to_string()),
        None => Err(Problem::new(
            format!("Patroni {PATRONI} is not in {}", machine.packages.display()),
            "`vvbill doctor PLAN --install` fetches it from PyPI; `apply` does too",
        )),
    }
}

fn version(name: &str) -> Result<String, Problem> {
    let path = program(name)?;
    Ok(format!("{}, {}", first_line(&path, "--version")?, path.display()))
}

fn postgres() -> Result<String, Problem> {
    let path = postgres_programs(None)?.join("postgres");
    Ok(format!("{}, {}", first_line(&path, "--version")?, path.display()))
}

/// The first line that the program prints about itself.
fn first_line(path: &Path, argument: &str) -> Result<String, Problem> {
    let output = Command::new(path).arg(argument).output().map_err(|why| {
        Problem::new(
            format!("{} can't be run: {why}", path.display()),
            "install it anew",
        )
    })?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    Ok(text
        .lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default()
        .trim()
        .to_string())
}

fn own_ingest_program(desired: &[Desired]) -> Option<PathBuf> {
    let own = |one: &Desired| {
        Some(
            one.properties
                .pointer("/programs/vvbill-ingest")?
                .as_str()?
                .into(),
        )
    };
    desired.iter().find_map(own)
}

/// What the servers are allowed to take, against what is there.
fn memory(desired: &[Desired]) -> Result<String, Problem> {
    let number = |one: &Desired, pointer: &str| -> u64 {
        let value = one.properties.pointer(pointer);
        value
            .and_then(|value| value.as_u64().or_else(|| value.as_str()?.parse().ok()))
            .unwrap_or(0)
    };
    // A JVM takes about 150 MiB beyond its heap; the others were measured idle.
    let needed_mib: u64 = desired
        .iter()
        .map(|one| match one.address.kind() {
            "kafka_broker" => number(one, "/heap_mib") + 150,
            "redis_server" => number(one, "/settings/maxmemory") >> 20,
            "postgres_server" => 200,
            "patroni_member" => 270,
            "etcd_member" => 60,
            "ingest_process" => 256,
            "prometheus_server" => 150,
            _ => 0,
        })
        .sum();
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let available = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let available_kib: u64 = available
        .and_then(|text| text.split_whitespace().next()?.parse().ok())
        .unwrap_or(0);
    let found = format!(
        "{} MiB free, at most about {needed_mib} MiB needed",
        available_kib >> 10
    );
    match available_kib >> 10 >= needed_mib {
        true => Ok(found),
        false => Err(Problem::new(
            found,
            "lower `kafka.heap.max` and `buffer.maxmemory`, or end other programs",
        )),
    }
}

fn typed_folder(desired: &[Desired]) -> PlatformFolder {
    let found = desired
        .iter()
        .find(|one| one.address.kind() == PlatformFolder::KIND);
    found
        .and_then(|one| serde_json::from_value(one.properties.clone()).ok())
        .unwrap_or(PlatformFolder {
            path: ".vvbill/local/plan".into(),
            run_as: None,
        })
}

fn user(folder: &PlatformFolder) -> Result<String, Problem> {
    Ok(match folder.owner()? {
        Some(Owner { user, group }) => format!("user {user}, group {group}: root starts no server as itself"),
        None => format!("user {}, who runs vvbill", geteuid().as_raw()),
    })
}

fn reachable(folder: &PlatformFolder, wanted: &Path) -> Result<String, Problem> {
    let owner = folder.owner()?;
    let parent = existing(wanted.parent().unwrap_or(Path::new("/")));
    if owner.is_none_or(|owner| owner.can_read(parent)) {
        return Ok(wanted.display().to_string());
    }
    let place = elsewhere(wanted);
    Ok(format!(
        "{}, because the servers' user can't reach {}",
        place.display(),
        wanted.display()
    ))
}

fn existing(path: &Path) -> &Path {
    path.ancestors()
        .find(|path| path.exists())
        .unwrap_or(Path::new("/"))
}

fn disk(wanted: &Path) -> Result<String, Problem> {
    let place = existing(wanted);
    let free = rustix::fs::statvfs(place)
        .map(|found| found.f_bavail * found.f_frsize)
        .unwrap_or(0);
    let found = format!("{} MiB free at {}", free >> 20, place.display());
    match free >> 30 >= 2 {
        true => Ok(found),
        false => Err(Problem::new(
            found,
            "free 2 GiB, or set `local.folder` to a place that has them",
        )),
    }
}

/// Every port that is listened on: by whom, at which address.
fn ports(desired: &[Desired]) -> Vec<(String, IpAddr, u16)> {
    let port = |value: &Value| u16::try_from(value.as_u64()?).ok();
    let mut all: BTreeMap<u16, (String, IpAddr)> = BTreeMap::new();
    for one in desired {
        let Some(host) = one
            .properties
            .get("host")
            .and_then(|host| host.as_str()?.parse().ok())
        else {
            continue;
        };
        let properties = &one.properties;
        let controller = properties.get("node_id").map(|node| format!("/voters/{node}"));
        let own = [
            Some("/port".to_string()),
            Some("/jmx_port".to_string()),
            Some("/rest_port".to_string()),
            Some(format!("/peer_ports/{}", one.address.name())),
            controller,
        ];
        for number in own
            .iter()
            .flatten()
            .filter_map(|pointer| port(properties.pointer(pointer)?))
        {
            all.insert(number, (one.address.name().to_string(), host));
        }
    }
    all.into_iter()
        .map(|(port, (name, host))| (name, host, port))
        .collect()
}

fn free(name: &str, host: IpAddr, port: u16, wanted: &Path) -> Result<String, Problem> {
    let Err(error) = ensure_free(host, port) else {
        return Ok("free".into());
    };
    let platform = wanted.canonicalize().unwrap_or_else(|_| wanted.to_path_buf());
    let ours = marked(&platform);
    match holder(port) {
        Some(Holder::Process(pid)) if ours.iter().any(|(_, process)| process.pid == pid) => {
            Ok(format!("taken by {name} itself, pid {pid}"))
        }
        _ => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::net::{Ipv4Addr, TcpListener};

    use serde_json::json;

    use super::*;
    use crate::resource::Address;

    #[test]
    fn a_taken_port_is_a_problem_with_a_fix_and_every_port_is_looked_at() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let taken = listener.local_addr().unwrap().port();
        let broker = Desired {
            address: Address::new("local", "global", "kafka_broker", "kafka-1"),
            properties: json!({ "host": "127.0.0.1", "port": taken, "node_id": 1, "voters": { "1": 1, "2": 2 } }),
            depends_on: Default::default(),
            protect: false,
            section: "kafka".into(),
            origin: "kafka".into(),
        };
        let checks = doctor(&Machine::new(Path::new("/tmp")), &[broker]);
        let ports: Vec<&Check> = checks
            .iter()
            .filter(|check| check.name.starts_with("port "))
            .collect();
        assert_eq!(ports.len(), 2, "its own and its controller's, not the other's");
        let problem = ports.iter().find_map(|check| check.found.as_ref().err()).unwrap();
        assert!(problem.message.contains("is taken by pid") && !problem.fix.is_empty());
        assert!(
            checks
                .iter()
                .any(|check| check.name == "redis-server" && !check.needed)
        );
    }
}
