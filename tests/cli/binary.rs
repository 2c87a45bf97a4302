//! Runs `vvbill` in a folder of its own, without a terminal and without the caller's environment.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

/// A folder in which `vvbill` runs; gone when dropped.
pub(crate) struct Folder(TempDir);

/// What one run printed and how it ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) arguments: String,
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The command, ready to be changed and started.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.command_of(Path::new(env!("CARGO_BIN_EXE_vvbill")));
        command.args(arguments);
        command
    }

    /// Any program, in this folder and without the caller's environment.
    pub(crate) fn command_of(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        // Findings about versions that run out of support are as on 1 January 2026.
        command
            .current_dir(self.0.path())
            .stdin(Stdio::null())
            .env("SOURCE_DATE_EPOCH", "1767225600");
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("VVBILL_")
                || ["NO_COLOR", "CI", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS"].contains(&name.as_str())
            {
                command.env_remove(name);
            }
        }
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        self.finish(arguments, self.command(arguments).output().unwrap())
    }

    /// Starts it with both streams piped.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    pub(crate) fn finish(&self, arguments: &[&str], output: Output) -> Run {
        Run {
            arguments: arguments.join(" "),
            code: output.status.code().unwrap_or(-1),
            stdout: self.without_folder(&output.stdout),
            stderr: self.without_folder(&output.stderr),
        }
    }

    /// The text with this folder's own name taken out, so that it is the same in each run.
    fn without_folder(&self, bytes: &[u8]) -> String {
        let text = std::str::from_utf8(bytes).expect("vvbill prints UTF-8");
        text.replace(
            &*self.0.path().canonicalize().unwrap().to_string_lossy(),
            "[folder]",
        )
        .replace(&*self.0.path().to_string_lossy(), "[folder]")
    }
}

impl Run {
    /// Everything a user sees, for a snapshot.
    pub(crate) fn transcript(&self) -> String {
        let section = |name: &str, text: &str| match text {
            "" => String::new(),
            text => format!("--- {name} ---\n{text}"),
        };
        format!(
            "$ vvbill {}\nexit code: {}\n{}{}",
            self.arguments,
            self.code,
            section("stdout", &self.stdout),
            section("stderr", &self.stderr)
        )
    }

    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}", self.transcript());
        self
    }
}

/// The repository's own plan of this name.
pub(crate) fn repository_plan(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("plans").join(name)
}
