//! A small disk that a server's folder lies on, to be filled and emptied.
//!
//! It is a tmpfs in a mount namespace of its own: no other process sees it, and it is gone with the process that holds
//! it, whatever becomes of the test. Who is not root makes it in a user namespace; where the kernel permits neither,
//! the test fails and says so.

use super::{
    eventually,
    process::{Process, User},
};
use std::{fs, io::Write, path::PathBuf, process::Command};

/// A disk, and the process that holds it.
pub(crate) struct Disk {
    holder: Process,
    /// Where entered commands find it.
    pub(crate) path: PathBuf,
    _folder: tempfile::TempDir,
}

const FILLER: &str = "filler";

impl Disk {
    pub(crate) fn new(megabytes: u32) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("vvbill-disk-")
            .tempdir_in("/tmp")
            .unwrap();
        let path = folder.path().join("disk");
        fs::create_dir(&path).unwrap();
        let mut shell = Command::new("setpriv");
        shell.args(["--pdeathsig", "KILL", "--", "unshare"]);
        if !rustix::process::geteuid().is_root() {
            shell.args(["--user", "--map-root-user"]);
        }
        let script =
            r#"mount -t tmpfs -o size="$2",mode=777 none "$1" && touch "$1/ready" && exec sleep infinity"#;
        shell
            .args(["--mount", "--", "sh", "-c", script, "disk"])
            .arg(&path)
            .arg(format!("{megabytes}m"));
        let mut disk = Self {
            holder: Process::start("disk", shell, &folder.path().join("disk.log")),
            path,
            _folder: folder,
        };
        eventually("a tmpfs can be mounted in a namespace", 10, || {
            // Where it can't be, the holder has ended and its log says why.
            disk.holder.assert_alive();
            disk.seen().join("ready").exists().then_some(())
        });
        disk
    }

    /// `command`, as a process that sees the disk.
    pub(crate) fn enter(&self, user: User, command: &Command) -> Command {
        let mut entering = Command::new("nsenter");
        entering.args(["--target", &self.holder.pid().to_string(), "--mount"]);
        if !rustix::process::geteuid().is_root() {
            entering.args(["--user", "--preserve-credentials"]);
            if user == User::Unprivileged {
                // In the holder's user namespace we look like root.
                entering.args(["--", "unshare", "--user", "--map-user", "1000"]);
            }
        }
        entering
            .arg("--")
            .arg(command.get_program())
            .args(command.get_args());
        entering
    }

    /// The disk as this process sees it.
    fn seen(&self) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.holder.pid()));
        root.join(self.path.strip_prefix("/").unwrap())
    }

    /// Takes all that is left but so many kilobytes.
    pub(crate) fn fill(&self, leave_kilobytes: usize) {
        let mut filler = fs::File::create(self.seen().join(FILLER)).unwrap();
        let block = vec![1; 4 << 10];
        while filler.write_all(&block).is_ok() {}
        let full = filler.metadata().unwrap().len();
        filler
            .set_len(full.saturating_sub(leave_kilobytes as u64 * 1_024))
            .unwrap();
    }

    pub(crate) fn free(&self) {
        fs::remove_file(self.seen().join(FILLER)).unwrap();
    }
}
