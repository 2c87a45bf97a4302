//! How a process of a platform is known among all processes: by what stands in its environment.
//!
//! A record of pid, start time and boot is the quick way to find a process; the marker finds it also
//! when vvbill was killed between the start and the record. Reads /proc; starts and ends nothing.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The variable that holds the home of the resource whose process this is.
pub(super) const MARKER: &str = "VVBILL_RESOURCE";
/// The variable that holds the digest of the configuration which the process was started with.
pub(super) const CONFIGURATION_MARKER: &str = "VVBILL_CONFIGURATION";
/// The variable that holds the platform's folder, in short-lived commands.
pub(super) const COMMAND_MARKER: &str = "VVBILL_PLATFORM";

/// A process that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its number, good only together with the two fields that follow.
    pub pid: i32,
    /// When it started, in clock ticks since the machine did.
    pub started_ticks: u64,
    /// Which start of the machine that counts from.
    pub boot: String,
    /// Digest of the configuration it was started with.
    pub configuration: String,
}

impl Process {
    /// The process with number `pid`, if it runs.
    pub(super) fn read(pid: i32, configuration: &str) -> Option<Self> {
        let (state, started_ticks) = stat(pid)?;
        let runs = !matches!(state, 'Z' | 'X');
        if !runs {
            reap(pid);
        }
        runs.then(|| Self {
            pid,
            started_ticks,
            boot: boot(),
            configuration: configuration.into(),
        })
    }

    /// Whether this very process still runs, not another one with its number.
    pub fn runs(&self) -> bool {
        Self::read(self.pid, &self.configuration).as_ref() == Some(self)
    }
}

/// The process of the resource that lives in `home`: by its record, else by its marker.
pub(super) fn find(home: &Path) -> Option<Process> {
    recorded(home).filter(Process::runs).or_else(|| {
        marked(home)
            .into_iter()
            .find(|(marker, _)| marker == home)
            .map(|(_, process)| process)
    })
}

/// What the record in `home` says, whether or not it is still true.
pub(super) fn recorded(home: &Path) -> Option<Process> {
    serde_json::from_slice(&fs::read(record(home)).ok()?).ok()
}

/// Where the record of a resource's process is.
pub(super) fn record(home: &Path) -> PathBuf {
    home.join("process.json")
}

/// Every process whose marker is `prefix` or lies under it, with that marker. Of a process and its
/// own children, which inherit the marker, only the former.
pub(super) fn marked(prefix: &Path) -> Vec<(PathBuf, Process)> {
    let all = carriers(MARKER, prefix);
    let pids: Vec<i32> = all.iter().map(|(_, process)| process.pid).collect();
    all.into_iter()
        .filter(|(_, process)| parent(process.pid).is_none_or(|parent| !pids.contains(&parent)))
        .collect()
}

/// Every process that has `variable` with a path that is `prefix` or lies under it.
pub(super) fn carriers(variable: &str, prefix: &Path) -> Vec<(PathBuf, Process)> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .filter_map(|pid| {
            let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
            let value = |name: &str| {
                environment
                    .split(|byte| *byte == 0)
                    .filter_map(|entry| {
                        std::str::from_utf8(entry)
                            .ok()?
                            .strip_prefix(name)?
                            .strip_prefix('=')
                    })
                    .next()
            };
            let home = PathBuf::from(value(variable)?);
            let configuration = value(CONFIGURATION_MARKER).unwrap_or_default();
            home.starts_with(prefix)
                .then(|| Some((home, Process::read(pid, configuration)?)))?
        })
        .collect()
}

/// What carries the marker `prefix`, or one that lies under it, and all that descends from that: a child may have
/// written over its environment, as those of Postgres do.
pub(super) fn tree(prefix: &Path) -> Vec<Process> {
    let mut found: Vec<Process> = carriers(MARKER, prefix)
        .into_iter()
        .map(|(_, process)| process)
        .collect();
    let parents: Vec<(i32, i32)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .filter_map(|pid| Some((pid, parent(pid)?)))
        .collect();
    let mut next = 0;
    while let Some(above) = found.get(next).map(|process| process.pid) {
        for (pid, _) in parents.iter().filter(|(_, parent)| *parent == above) {
            if !found.iter().any(|process| process.pid == *pid) {
                found.extend(Process::read(*pid, ""));
            }
        }
        next += 1;
    }
    found
}

fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|text| text.trim().to_string())
        .unwrap_or_default()
}

fn parent(pid: i32) -> Option<i32> {
    fields(pid)?.get(1)?.parse().ok()
}

fn stat(pid: i32) -> Option<(char, u64)> {
    let fields = fields(pid)?;
    Some((fields.first()?.chars().next()?, fields.get(19)?.parse().ok()?))
}

/// The fields of /proc/PID/stat from the third (the state) on: the second, in brackets, is free text.
fn fields(pid: i32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(") ")?;
    Some(rest.split_whitespace().map(str::to_string).collect())
}

/// Takes note of the end of a child of our own, so that it leaves the process table.
fn reap(pid: i32) {
    if let Some(pid) = rustix::process::Pid::from_raw(pid) {
        let _ = rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::NOHANG);
    }
}
