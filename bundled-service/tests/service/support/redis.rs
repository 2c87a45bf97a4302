//! A Redis server.

use super::{
    disk::Disk,
    eventually, free_port,
    process::{Process, User, command},
};
use rustix::process::Signal;

/// A server and its folder.
pub(crate) struct Redis {
    process: Process,
    folder: tempfile::TempDir,
    disk: Option<Disk>,
    pub(crate) port: u16,
}

impl Redis {
    pub(crate) fn start() -> Self {
        Self::start_on(None)
    }

    /// With its append-only file on a disk of its own, where one is given; without one it keeps no file.
    pub(crate) fn start_on(disk: Option<Disk>) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("vvbill-redis-")
            .tempdir()
            .unwrap();
        let port = free_port();
        let redis = Self {
            process: Self::launch(&folder, disk.as_ref(), port),
            folder,
            disk,
            port,
        };
        redis.wait_until_ready();
        redis
    }

    fn launch(folder: &tempfile::TempDir, disk: Option<&Disk>, port: u16) -> Process {
        let mut server = command(User::Same, "redis-server");
        server.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
        server.args(["--maxmemory", "256mb", "--maxmemory-policy", "noeviction"]);
        let append = if disk.is_some() { "yes" } else { "no" };
        server.args(["--appendonly", append, "--dir"]);
        server.arg(disk.map_or(folder.path(), |disk| &disk.path));
        let server = match disk {
            Some(disk) => disk.enter(User::Same, &server),
            None => server,
        };
        Process::start("Redis", server, &folder.path().join("redis.log"))
    }

    /// The disk of its own.
    pub(crate) fn disk(&self) -> &Disk {
        self.disk.as_ref().expect("it was started on a disk")
    }

    fn wait_until_ready(&self) {
        eventually("Redis answers", 20, || self.ask::<String>(&["PING"]).ok());
    }

    pub(crate) fn ask<T: redis::FromRedisValue>(&self, words: &[&str]) -> redis::RedisResult<T> {
        let client = redis::Client::open(("127.0.0.1", self.port))?;
        let mut command = redis::cmd(words[0]);
        for word in &words[1..] {
            command.arg(word);
        }
        command.query(&mut client.get_connection()?)
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    /// A restart comes back to what it holds now.
    pub(crate) fn save(&self) {
        let _: String = self.ask(&["SAVE"]).unwrap();
    }

    /// Comes back empty, or as it was saved.
    pub(crate) fn restart(&mut self) {
        self.process.kill();
        self.process = Self::launch(&self.folder, self.disk.as_ref(), self.port);
        self.wait_until_ready();
    }
}

/// A replica of a Redis, and three Sentinels that watch over both.
pub(crate) struct Sentinels {
    pub(crate) replica: Redis,
    sentinels: Vec<(Process, u16)>,
    _folder: tempfile::TempDir,
}

impl Sentinels {
    /// `master` is the port at which it is found: its own, or that of a line to it.
    pub(crate) fn watch(master: u16) -> Self {
        let replica = Redis::start();
        let _: String = replica
            .ask(&["REPLICAOF", "127.0.0.1", &master.to_string()])
            .unwrap();
        let folder = tempfile::Builder::new()
            .prefix("vvbill-sentinel-")
            .tempdir()
            .unwrap();
        let sentinels = (0..3)
            .map(|number| Self::launch(&folder, number, master))
            .collect();
        let watching = Self {
            replica,
            sentinels,
            _folder: folder,
        };
        eventually("the Sentinels know the replica and each other", 30, || {
            let text: String = watching.ask(&["SENTINEL", "CKQUORUM", "mymaster"])?;
            let info: String = watching.ask(&["INFO", "sentinel"])?;
            (text.starts_with("OK 3") && info.contains("slaves=1")).then_some(())
        });
        watching
    }

    fn launch(folder: &tempfile::TempDir, number: usize, master: u16) -> (Process, u16) {
        let port = free_port();
        let path = folder.path().join(format!("sentinel-{number}.conf"));
        let settings = format!(
            "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor mymaster 127.0.0.1 {master} 2\n\
             sentinel down-after-milliseconds mymaster 1000\nsentinel failover-timeout mymaster 5000\n",
            folder.path().display()
        );
        std::fs::write(&path, settings).unwrap();
        let mut server = command(User::Same, "redis-sentinel");
        server.arg(&path);
        let log = folder.path().join(format!("sentinel-{number}.log"));
        (Process::start("Sentinel", server, &log), port)
    }

    fn ask<T: redis::FromRedisValue>(&self, words: &[&str]) -> Option<T> {
        let client = redis::Client::open(("127.0.0.1", self.sentinels[0].1)).ok()?;
        let mut command = redis::cmd(words[0]);
        for word in &words[1..] {
            command.arg(word);
        }
        command.query(&mut client.get_connection().ok()?).ok()
    }

    pub(crate) fn addresses(&self) -> String {
        let addresses = self.sentinels.iter().map(|(_, port)| format!("127.0.0.1:{port}"));
        addresses.collect::<Vec<_>>().join(",")
    }
}
