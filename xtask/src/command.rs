//! Programs that a task runs: announced, timed, and failing with their own command line in the message.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::Result;

/// Runs `command` with its output on the terminal, prints what runs and how long it took.
///
/// # Errors
/// When it cannot be started or ends with anything but exit 0.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = describe(command);
    eprintln!("── {line}");
    let started = Instant::now();
    let status = command
        .status()
        .map_err(|error| format!("cannot run `{line}`: {error}"))?;
    let seconds = started.elapsed().as_secs_f64();
    eprintln!("── {seconds:.1} s: {line}");
    if status.success() {
        Ok(())
    } else {
        Err(format!("`{line}` failed: {status}"))
    }
}

/// What `command` writes to stdout, as text; its stderr goes to the terminal.
///
/// # Errors
/// When it cannot be started, fails, or writes something that isn't UTF-8.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let line = describe(command);
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot run `{line}`: {error}"))?;
    if !output.status.success() {
        return Err(format!("`{line}` failed: {}", output.status));
    }
    String::from_utf8(output.stdout).map_err(|_| format!("`{line}` wrote something that isn't UTF-8"))
}

/// The cargo that runs this task, in the workspace's root.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(workspace());
    forget_this_package(&mut command);
    command
}

/// Takes away what `cargo run` tells this program of its own package: build scripts that ask for it would take
/// it for a change, and everything that needs them be compiled anew.
pub(crate) fn forget_this_package(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
}

/// The workspace's root folder.
pub(crate) fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies in the workspace")
}

/// The folder that cargo builds into.
pub(crate) fn target() -> Result<PathBuf> {
    let metadata = read(&mut cargo(&["metadata", "--no-deps", "--format-version", "1"]))?;
    let metadata: serde_json::Value =
        serde_json::from_str(&metadata).map_err(|error| format!("cargo metadata: {error}"))?;
    let folder = metadata["target_directory"]
        .as_str()
        .ok_or("cargo metadata names no target_directory")?;
    Ok(PathBuf::from(folder))
}

/// The folder in which downloaded tools are kept between runs: `${XDG_CACHE_HOME:-~/.cache}/vvbill`.
pub(crate) fn cache() -> Result<PathBuf> {
    let set = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let base = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    base.map(|base| base.join("vvbill"))
        .ok_or_else(|| "set HOME or XDG_CACHE_HOME: tools are cached there".into())
}

/// Where `program` lies on PATH, or in `more` folders beside it.
pub(crate) fn find(program: &str, more: &[PathBuf]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(more.iter().cloned());
    folders
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

fn describe(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut line = program
        .file_name()
        .unwrap_or(OsStr::new("?"))
        .to_string_lossy()
        .into_owned();
    for argument in command.get_args() {
        write!(line, " {}", argument.to_string_lossy()).expect("writing to a String cannot fail");
    }
    line
}
