//! A single broker in KRaft mode, from the jars that the set-up keeps.

use super::{
    disk::Disk,
    eventually, free_port,
    line::Line,
    process::{Process, User, command},
};
use rustix::process::Signal;
use std::{fs, path::PathBuf, process::Command};
use vvbill_ingest::log_identity::{LogIdentity, LogIdentityError};

const VERSION: &str = "4.3.1";

/// A broker and its folder. Whoever asks at the line is told the line's address, as that of the broker.
pub(crate) struct Kafka {
    process: Process,
    folder: tempfile::TempDir,
    port: u16,
    pub(crate) line: Line,
    disk: Option<Disk>,
}

fn class_path() -> String {
    let cache = std::env::var("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || PathBuf::from(std::env::var("HOME").unwrap()).join(".cache");
    let libs = cache
        .unwrap_or_else(|_| home())
        .join(format!("vvbill/kafka/{VERSION}/libs"));
    assert!(
        libs.is_dir(),
        "{} not found: run `cargo xtask setup`",
        libs.display()
    );
    format!("{}/*", libs.display())
}

fn enter(disk: Option<&Disk>, command: Command) -> Command {
    match disk {
        Some(disk) => disk.enter(User::Same, &command),
        None => command,
    }
}

impl Kafka {
    pub(crate) fn start() -> Self {
        Self::start_on(None)
    }

    /// With its log on a disk of its own, where one is given.
    pub(crate) fn start_on(disk: Option<Disk>) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("vvbill-kafka-")
            .tempdir()
            .unwrap();
        let (port, controller, behind) = (free_port(), free_port(), free_port());
        let line = Line::to(behind);
        let root = disk.as_ref().map_or(folder.path(), |disk| &disk.path).display();
        let properties = format!(
            "process.roles=broker,controller\nnode.id=1\ncontroller.listener.names=CONTROLLER\n\
             controller.quorum.voters=1@127.0.0.1:{controller}\n\
             listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller},\
             LINE://127.0.0.1:{behind}\n\
             advertised.listeners=PLAINTEXT://127.0.0.1:{port},LINE://{}\n\
             listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,LINE:PLAINTEXT\n\
             log.dirs={root}/data\noffsets.topic.replication.factor=1\n\
             offsets.topic.num.partitions=4\n\
             transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n\
             group.initial.rebalance.delay.ms=0\ngroup.min.session.timeout.ms=1000\n\
             auto.create.topics.enable=false\nmessage.max.bytes=2097152\n",
            line.address()
        );
        let path = folder.path().join("server.properties");
        fs::write(&path, properties).unwrap();
        let log4j = "Configuration:\n  name: console\n  Appenders:\n    Console:\n      name: out\n\
                     \x20 Loggers:\n    Root:\n      level: warn\n      AppenderRef:\n        ref: out\n";
        fs::write(folder.path().join("log4j2.yaml"), log4j).unwrap();
        let mut format = Command::new("java");
        format
            .args(["-cp", &class_path(), "kafka.tools.StorageTool", "format", "-t"])
            .arg("dGhlLXRlc3QtY2x1c3Rlcg")
            .arg("-c")
            .arg(&path);
        let format = enter(disk.as_ref(), format)
            .output()
            .expect("java not found: run `cargo xtask setup`");
        assert!(
            format.status.success(),
            "{}",
            String::from_utf8_lossy(&format.stderr)
        );
        let process = Self::launch(folder.path(), disk.as_ref());
        let mut kafka = Self {
            process,
            folder,
            port,
            line,
            disk,
        };
        kafka.wait_until_ready();
        kafka
    }

    fn launch(folder: &std::path::Path, disk: Option<&Disk>) -> Process {
        let mut java = command(User::Same, "java");
        java.args([
            "-Xms128m",
            "-Xmx256m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
        ]);
        java.arg(format!("-Djava.io.tmpdir={}", folder.display()))
            .args(["-cp", &class_path(), "kafka.Kafka"])
            .arg(folder.join("server.properties"));
        Process::start("Kafka", enter(disk, java), &folder.join("kafka.log"))
    }

    fn wait_until_ready(&mut self) {
        let brokers = self.brokers();
        eventually("Kafka answers", 60, || {
            self.process.assert_alive();
            match LogIdentity::fetch_once(&brokers, "no-such-topic") {
                Err(LogIdentityError::NoTopic(_)) => Some(()),
                _ => None,
            }
        });
    }

    pub(crate) fn brokers(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    pub(crate) fn restart(&mut self) {
        self.process = Self::launch(self.folder.path(), self.disk.as_ref());
        self.wait_until_ready();
    }

    /// The disk of its own.
    pub(crate) fn disk(&self) -> &Disk {
        self.disk.as_ref().expect("it was started on a disk")
    }

    /// A broker that gave up is started again, as its keeper does.
    pub(crate) fn restart_if_ended(&mut self) -> bool {
        let ended = self.process.has_ended();
        if ended {
            self.restart();
        }
        ended
    }
}
