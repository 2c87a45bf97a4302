//! A Postgres server, as an unprivileged user when the tests run as root.

use super::{
    disk::Disk,
    eventually, free_port,
    process::{Process, User, command},
};
use rustix::process::Signal;
use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, process::Command};

/// A server and its folder.
pub(crate) struct Postgres {
    process: Process,
    _folder: tempfile::TempDir,
    place: Place,
    port: u16,
}

fn program(name: &str) -> String {
    let mut found: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .map(|versions| {
            versions
                .map(|version| version.unwrap().path().join("bin").join(name))
                .collect()
        })
        .unwrap_or_default();
    found.sort();
    match found.pop() {
        Some(path) => path.display().to_string(),
        None => name.to_owned(),
    }
}

struct Place {
    data: PathBuf,
    log: PathBuf,
    disk: Option<Disk>,
}

impl Place {
    fn enter(&self, command: Command) -> Command {
        match &self.disk {
            Some(disk) => disk.enter(User::Unprivileged, &command),
            None => command,
        }
    }

    fn launch(&self, port: u16) -> Process {
        let mut server = command(User::Unprivileged, &program("postgres"));
        server
            .arg("-D")
            .arg(&self.data)
            .args(["-p", &port.to_string(), "-h", "127.0.0.1", "-k", ""]);
        // Tests kill our processes, not the machine: what the kernel has is safe.
        for setting in ["fsync=off", "shared_buffers=32MB", "max_connections=60"] {
            server.args(["-c", setting]);
        }
        if self.disk.is_some() {
            server.args(["-c", "max_wal_size=32MB", "-c", "min_wal_size=32MB"]);
        }
        Process::start("Postgres", self.enter(server), &self.log)
    }
}

impl Postgres {
    pub(crate) fn start() -> Self {
        Self::start_on(None)
    }

    /// With its data on a disk of its own, where one is given.
    pub(crate) fn start_on(disk: Option<Disk>) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("vvbill-postgres-")
            .tempdir_in("/tmp")
            .unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let root = disk.as_ref().map_or(folder.path(), |disk| &disk.path);
        let place = Place {
            data: root.join("data"),
            log: folder.path().join("postgres.log"),
            disk,
        };
        let mut initdb = command(User::Unprivileged, &program("initdb"));
        initdb
            .args([
                "--auth",
                "trust",
                "--username",
                "postgres",
                "--no-sync",
                "--pgdata",
            ])
            .arg(&place.data);
        let made = place
            .enter(initdb)
            .output()
            .expect("initdb not found: run `cargo xtask setup`");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let port = free_port();
        let server = Self {
            process: place.launch(port),
            _folder: folder,
            place,
            port,
        };
        server.wait_until_ready();
        server
    }

    fn wait_until_ready(&self) {
        eventually("Postgres answers", 30, || self.connect("postgres").ok());
    }

    pub(crate) fn dsn(&self, database: &str) -> String {
        dsn(self.port, database)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// To every process of the server.
    pub(crate) fn signal(&self, signal: Signal) {
        self.process.signal_all(signal);
    }

    /// Ends in order, as for a backup.
    pub(crate) fn stop(&mut self) {
        self.process.signal(Signal::INT);
        self.process.wait(20);
    }

    /// No server process is told: they end as their connections and the postmaster are gone.
    pub(crate) fn kill(&mut self) {
        self.process.signal_all(Signal::KILL);
        self.process.kill();
    }

    pub(crate) fn restart(&mut self) {
        self.process = self.place.launch(self.port);
        self.wait_until_ready();
    }

    /// The data folder, where it lies on no disk of its own.
    pub(crate) fn data(&self) -> PathBuf {
        self.place.data.clone()
    }

    /// The disk of its own.
    pub(crate) fn disk(&self) -> &Disk {
        self.place.disk.as_ref().expect("it was started on a disk")
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.process.has_ended()
    }

    /// A server that gave up is started again, as its keeper does.
    pub(crate) fn restart_if_ended(&mut self) -> bool {
        let ended = self.process.has_ended();
        if ended {
            self.restart();
        }
        ended
    }

    pub(crate) fn connect(&self, database: &str) -> Result<Database, tokio_postgres::Error> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build().unwrap();
        let client = runtime.block_on(async {
            let (client, connection) =
                tokio_postgres::connect(&self.dsn(database), tokio_postgres::NoTls).await?;
            tokio::spawn(connection);
            Ok::<_, tokio_postgres::Error>(client)
        })?;
        Ok(Database { runtime, client })
    }
}

/// A connection string of a server, or of a line to it.
pub(crate) fn dsn(port: u16, database: &str) -> String {
    format!("host=127.0.0.1 port={port} user=postgres dbname={database}")
}

/// A connection that blocks.
pub(crate) struct Database {
    runtime: tokio::runtime::Runtime,
    client: tokio_postgres::Client,
}

impl Database {
    pub(crate) fn execute(&self, sql: &str) {
        self.runtime.block_on(self.client.batch_execute(sql)).unwrap();
    }

    pub(crate) fn query(&self, sql: &str) -> Vec<tokio_postgres::Row> {
        self.runtime.block_on(self.client.query(sql, &[])).unwrap()
    }

    /// One number.
    pub(crate) fn number(&self, sql: &str) -> i64 {
        self.query(sql)[0].get(0)
    }
}
