//! Starting a detached process exactly once, and stopping it in bounded time.
//!
//! "Exactly once" rests on a file lock that is held from the look for a running process until the new
//! one is recorded. The lock's descriptor is close-on-exec and a fork shares it, so should vvbill be
//! killed on the way, the lock goes only when the child has become the server, visible by its marker.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open, pidfd_send_signal};

use super::marker::{CONFIGURATION_MARKER, MARKER, Process, find, marked, record, tree};
use super::platform::{Platform, failed};
use crate::provider::ProviderError;

/// How to start a server.
#[derive(Clone, Debug, Default)]
pub(super) struct Launch {
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<OsString>,
    pub(super) environment: Vec<(String, String)>,
}

/// How to stop it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stop {
    /// What it takes as the request to end in good order.
    pub(super) signal: Signal,
    /// How long that may take before it is killed.
    pub(super) limit: Duration,
}

/// Held while deciding about one thing; goes when dropped.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "the lock lasts as long as the file is open")] File);

impl Lock {
    /// Waits until nobody else holds the lock at `path`, at most `limit`.
    pub(super) async fn take(
        platform: &Platform,
        path: &Path,
        limit: Duration,
    ) -> Result<Self, ProviderError> {
        platform.make_folder(path.parent().expect("a lock lies in the platform's folder"))?;
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .map_err(|why| failed("open", path, &why))?;
        let start = Instant::now();
        while let Err(why) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
            if why != rustix::io::Errno::WOULDBLOCK {
                return Err(failed("lock", path, &why.into()));
            }
            if start.elapsed() > limit {
                return Err(ProviderError::transient(format!(
                    "another vvbill is at work on {}",
                    path.parent().unwrap_or(path).display()
                )));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(Self(file))
    }
}

/// Starts the process of the resource in `home` and records it. The caller holds the home's lock and
/// has seen that none runs.
pub(super) fn start(
    platform: &Platform,
    home: &Path,
    log: &Path,
    launch: &Launch,
    configuration: &str,
) -> Result<Process, ProviderError> {
    platform.make_folder(log.parent().expect("a log lies in a folder"))?;
    let output = OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .map_err(|why| failed("open", log, &why))?;
    platform.claim(log, 0o600)?;
    let errors = output.try_clone().map_err(|why| failed("open", log, &why))?;
    // A session of its own: no signal of vvbill's terminal reaches it.
    let mut command = Command::new("setsid");
    command.arg(&launch.program).args(&launch.arguments);
    command
        .env_clear()
        .envs(platform.environment())
        .envs(launch.environment.iter().cloned());
    command
        .env(MARKER, home)
        .env(CONFIGURATION_MARKER, configuration)
        .current_dir(home);
    command.stdin(Stdio::null()).stdout(output).stderr(errors);
    if let Some(owner) = platform.owner {
        command.uid(owner.user).gid(owner.group);
    }
    let child = command.spawn().map_err(|why| {
        ProviderError::refused(format!("{} can't be started: {why}", launch.program.display()))
    })?;
    let pid = i32::try_from(child.id()).expect("a process number fits in 31 bits");
    let process = Process::read(pid, configuration).ok_or_else(|| {
        ProviderError::refused(format!(
            "{} ended at once: {}",
            launch.program.display(),
            last_lines(log)
        ))
    })?;
    let text = serde_json::to_vec(&process).expect("a process record is plain JSON");
    platform.write(&record(home), &text, 0o600)?;
    tracing::debug!(home = %home.display(), pid, "started");
    Ok(process)
}

/// Ends the process of the resource in `home`, if one runs: first asks, then, at the limit, kills.
pub(super) async fn stop(home: &Path, how: Stop) -> Result<(), ProviderError> {
    while let Some(process) = find(home) {
        end(&process, how).await?;
    }
    end_rest(home, how).await?;
    match fs::remove_file(record(home)) {
        Err(why) if why.kind() != std::io::ErrorKind::NotFound => Err(failed("remove", &record(home), &why)),
        _ => Ok(()),
    }
}

/// Kills what carries the marker `prefix`, or one under it, with all that it has started: nothing of it gets to
/// say goodbye.
pub(super) async fn kill(prefix: &Path) -> Result<(), ProviderError> {
    const LIMIT: Duration = Duration::from_secs(10);
    let start = Instant::now();
    loop {
        let left = tree(prefix);
        if left.is_empty() {
            return Ok(());
        }
        if start.elapsed() > LIMIT {
            let pids: Vec<String> = left.iter().map(|process| process.pid.to_string()).collect();
            return Err(ProviderError::transient(format!(
                "pids {} do not end even when killed",
                pids.join(", ")
            )));
        }
        for process in &left {
            signal(process, Signal::KILL)?;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until what a dead process of `home` has started, and what is marked as lying below `home`, has
/// ended by itself; what has not within a while is ended.
pub(super) async fn end_rest(home: &Path, how: Stop) -> Result<(), ProviderError> {
    const ALONE: Duration = Duration::from_secs(15);
    for (_, process) in marked(home) {
        if !gone_within(&process, ALONE).await {
            end(&process, how).await?;
        }
    }
    Ok(())
}

/// Ends `process` and its group.
pub(super) async fn end(process: &Process, how: Stop) -> Result<(), ProviderError> {
    signal(process, how.signal)?;
    if gone_within(process, how.limit).await {
        return Ok(());
    }
    tracing::warn!(
        pid = process.pid,
        seconds = how.limit.as_secs(),
        "did not end when asked: killed"
    );
    signal(process, Signal::KILL)?;
    if let Some(group) = Pid::from_raw(process.pid) {
        // Its children, where it leaves some; none left is as good.
        let _ = kill_process_group(group, Signal::KILL);
    }
    if gone_within(process, Duration::from_secs(10)).await {
        return Ok(());
    }
    Err(ProviderError::transient(format!(
        "pid {} does not end even when killed",
        process.pid
    )))
}

/// Through a descriptor of the process, so that a number given anew is never hit.
pub(super) fn signal(process: &Process, signal: Signal) -> Result<(), ProviderError> {
    let pid = Pid::from_raw(process.pid).expect("a process has a number");
    let Ok(descriptor) = pidfd_open(pid, PidfdFlags::empty()) else {
        return Ok(());
    };
    if !process.runs() {
        return Ok(());
    }
    match pidfd_send_signal(&descriptor, signal) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(why) => Err(
            ProviderError::refused(format!("can't signal pid {}: {why}", process.pid))
                .with_hint("run vvbill as the user who applied the plan"),
        ),
    }
}

async fn gone_within(process: &Process, limit: Duration) -> bool {
    let start = Instant::now();
    while process.runs() {
        if start.elapsed() > limit {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    true
}

/// The end of a log, for an error message.
pub(super) fn last_lines(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let start = text.len().saturating_sub(4096);
    let text = String::from_utf8_lossy(&text[start..]);
    let lines: Vec<&str> = text.lines().rev().take(6).collect();
    let lines: Vec<&str> = lines.into_iter().rev().collect();
    match lines.is_empty() {
        true => format!("its log {} is empty", log.display()),
        false => format!("the end of {} says:\n{}", log.display(), lines.join("\n")),
    }
}
