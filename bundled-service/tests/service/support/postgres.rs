//! A Postgres server, as an unprivileged user when the tests run as root.

use super::{
    eventually, free_port,
    process::{Process, User, command},
};
use rustix::process::Signal;
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// A server and its folder.
pub(crate) struct Postgres {
    process: Process,
    folder: tempfile::TempDir,
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

impl Postgres {
    pub(crate) fn start() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("vvbill-postgres-")
            .tempdir_in("/tmp")
            .unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let data = folder.path().join("data");
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
            .arg(&data);
        let made = initdb
            .output()
            .expect("initdb not found: run `cargo xtask setup`");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let port = free_port();
        let server = Self {
            process: Self::launch(folder.path(), port),
            folder,
            port,
        };
        server.wait_until_ready();
        server
    }

    fn launch(folder: &Path, port: u16) -> Process {
        let mut server = command(User::Unprivileged, &program("postgres"));
        server.arg("-D").arg(folder.join("data")).args([
            "-p",
            &port.to_string(),
            "-h",
            "127.0.0.1",
            "-k",
            "",
        ]);
        // Tests kill our processes, not the machine: what the kernel has is safe.
        for setting in ["fsync=off", "shared_buffers=32MB", "max_connections=60"] {
            server.args(["-c", setting]);
        }
        Process::start("Postgres", server, &folder.join("postgres.log"))
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
        let _ = fs::remove_file(self.data().join("postmaster.pid"));
        self.process = Self::launch(self.folder.path(), self.port);
        self.wait_until_ready();
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
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
