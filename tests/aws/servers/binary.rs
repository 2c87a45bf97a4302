//! The program itself on a fake AWS.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::fake::Fake;

/// A folder to work in, and the AWS that it sees.
pub struct Site<'a> {
    pub fake: &'a Fake,
    pub folder: tempfile::TempDir,
}

impl<'a> Site<'a> {
    pub fn new(fake: &'a Fake) -> Self {
        Self {
            fake,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// `vvbill ARGUMENTS`, in the folder; a date is pinned, as rules go by it.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vvbill"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("HOME", self.folder.path())
            .env("SOURCE_DATE_EPOCH", "1795564800")
            .env("AWS_ENDPOINT_URL", &self.fake.url)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_REGION", "us-east-1");
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }
}

/// One of the plans that come with vvbill.
pub fn plan(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("plans").join(name)
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
