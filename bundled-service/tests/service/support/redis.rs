//! A Redis server.

use super::{
    eventually, free_port,
    process::{Process, User, command},
};

/// A server and its folder.
pub(crate) struct Redis {
    process: Process,
    folder: tempfile::TempDir,
    pub(crate) port: u16,
}

impl Redis {
    pub(crate) fn start() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("vvbill-redis-")
            .tempdir()
            .unwrap();
        let port = free_port();
        let redis = Self {
            process: Self::launch(&folder, port),
            folder,
            port,
        };
        redis.wait_until_ready();
        redis
    }

    fn launch(folder: &tempfile::TempDir, port: u16) -> Process {
        let mut server = command(User::Same, "redis-server");
        server.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
        server.args(["--appendonly", "no", "--maxmemory", "256mb"]);
        server
            .args(["--maxmemory-policy", "noeviction", "--dir"])
            .arg(folder.path());
        Process::start("Redis", server, &folder.path().join("redis.log"))
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

    /// Comes back empty.
    pub(crate) fn restart(&mut self) {
        self.process.kill();
        self.process = Self::launch(&self.folder, self.port);
        self.wait_until_ready();
    }
}
