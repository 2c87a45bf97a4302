//! A child process that ends with its guard, and with the test process whatever becomes of it.

use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs::File,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{LazyLock, Mutex, mpsc},
};

/// Killed when dropped.
pub(crate) struct Process {
    child: Child,
    name: String,
    log: std::path::PathBuf,
}

type Job = (Command, mpsc::Sender<std::io::Result<Child>>);

/// The kernel ends children with the thread that started them: this one lives as long as the test
/// process.
static STARTER: LazyLock<Mutex<mpsc::Sender<Job>>> = LazyLock::new(|| {
    let (sender, jobs) = mpsc::channel::<Job>();
    std::thread::spawn(move || {
        for (mut command, answer) in jobs {
            let _ = answer.send(command.spawn());
        }
    });
    Mutex::new(sender)
});

/// Who a server runs as, where it refuses to run as root.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum User {
    Same,
    Unprivileged,
}

/// `setpriv` ties the process to us. When we are root and the server must not be, an outer one drops
/// that first: the tie would not outlive a change of user.
pub(crate) fn command(user: User, program: &str) -> Command {
    let mut command = Command::new("setpriv");
    if user == User::Unprivileged && rustix::process::geteuid().is_root() {
        command.args([
            "--reuid",
            "nobody",
            "--regid",
            "nogroup",
            "--clear-groups",
            "--",
            "setpriv",
        ]);
    }
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

impl Process {
    /// Starts it with both outputs in a log file.
    pub(crate) fn start(name: &str, mut command: Command, log: &Path) -> Self {
        let file = File::options().create(true).append(true).open(log).unwrap();
        command
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file);
        let (sender, answer) = mpsc::channel();
        STARTER.lock().unwrap().send((command, sender)).unwrap();
        let child = answer.recv().unwrap();
        let child = child.unwrap_or_else(|error| panic!("{name}: {error}: run `cargo xtask setup`"));
        Self {
            child,
            name: name.to_owned(),
            log: log.to_owned(),
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// To it and to its children.
    pub(crate) fn signal_all(&self, signal: Signal) {
        let parent = self.child.id();
        let children = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
        let children = children.unwrap_or_default();
        for child in children.split_whitespace().filter_map(|pid| pid.parse().ok()) {
            // It may have ended by now.
            let _ = Pid::from_raw(child).map(|pid| kill_process(pid, signal));
        }
        self.signal(signal);
    }

    /// Has it ended by itself?
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// SIGKILL, and waits for the end.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub(crate) fn wait(&mut self, seconds: u64) -> ExitStatus {
        super::eventually(&format!("{} ends", self.name), seconds, || {
            self.child.try_wait().unwrap()
        })
    }

    /// Fails with the log's end when the process is not alive any more.
    pub(crate) fn assert_alive(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!("{} ended with {status}:\n{}", self.name, self.log_text());
        }
    }

    pub(crate) fn log_text(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let text = self.log_text();
            let start = text.len().saturating_sub(4_000);
            let start = text
                .char_indices()
                .map(|(at, _)| at)
                .find(|&at| at >= start)
                .unwrap_or(0);
            eprintln!("--- end of the log of {}:\n{}", self.name, &text[start..]);
        }
    }
}
