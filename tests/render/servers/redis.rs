//! redis-server and redis-sentinel start from the rendered files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use redis::{Connection, RedisResult, cmd};
use vvbill::render::Format;

use crate::plans::{folder, plan};

const PASSWORD: &str = "a-password-of-this-test";
const LIMIT: Duration = Duration::from_secs(60);

/// Ends with the test, by its own process number.
struct Server {
    child: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Starts `program` in a folder of its own, with a copy of the file and its secret, on a port of this machine.
    fn start(
        home: &Path,
        program: &str,
        file: &str,
        text: &str,
        secret: (&str, &str),
        more: &[&str],
    ) -> Self {
        fs::create_dir_all(home).unwrap();
        fs::write(home.join(file), text).unwrap();
        fs::write(home.join(secret.0), secret.1).unwrap();
        let log = fs::File::create(home.join("log")).unwrap();
        let port = free_port();
        let child = Command::new(program)
            .args([file, "--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(more)
            .current_dir(home)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|why| panic!("{program} can't be started: {why}; run `cargo xtask setup`"));
        Self { child, port }
    }

    fn connect(&self, password: Option<&str>) -> RedisResult<Connection> {
        let secret = password.map(|it| format!(":{it}@")).unwrap_or_default();
        redis::Client::open(format!("redis://{secret}127.0.0.1:{}/", self.port))?.get_connection()
    }
}

/// A port that was free a moment ago, and that no other asker of this process was given.
fn free_port() -> u16 {
    static GIVEN: std::sync::Mutex<BTreeSet<u16>> = std::sync::Mutex::new(BTreeSet::new());
    loop {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        if GIVEN.lock().unwrap().insert(port) {
            return port;
        }
    }
}

/// Master, replicas and Sentinels of a plan.
struct Platform {
    // Before the folder that they run in.
    sentinels: Vec<Server>,
    servers: Vec<Server>,
    password: Option<&'static str>,
    folder: tempfile::TempDir,
}

impl Platform {
    fn start(name: &str) -> Self {
        let (spec, _) = plan(name);
        let buffer = spec.buffer.unwrap();
        let folder = folder(name, &[Format::Redis]);
        let read = |file: &str| fs::read_to_string(folder.path().join("redis").join(file)).unwrap();
        let (redis, sentinel) = (read("redis.conf"), read("sentinel.conf"));
        let password = buffer.auth.as_ref().map(|_| PASSWORD);
        let mut servers: Vec<Server> = Vec::new();
        for number in 0..=buffer.replicas {
            let master = servers.first().map(|master| master.port.to_string());
            let replica_of = match &master {
                Some(port) => vec!["--replicaof", "127.0.0.1", port.as_str()],
                None => Vec::new(),
            };
            let secret = format!("requirepass {PASSWORD}\nmasterauth {PASSWORD}\n");
            servers.push(Server::start(
                &folder.path().join(format!("redis-{number}")),
                "redis-server",
                "redis.conf",
                &redis,
                ("redis-auth.conf", &secret),
                &replica_of,
            ));
        }
        let settings = buffer.sentinel.unwrap();
        let watched = format!("sentinel monitor {} ", settings.master_name);
        // Where the master is, as an operator would write it.
        let text: String = sentinel
            .lines()
            .map(|line| match line.starts_with(&watched) {
                true => format!("{watched}127.0.0.1 {} {}\n", servers[0].port, settings.quorum),
                false => format!("{line}\n"),
            })
            .collect();
        assert_ne!(text, sentinel, "{name}: no line `{watched}`");
        let secret = format!("sentinel auth-pass {} {PASSWORD}\n", settings.master_name);
        let sentinels = (0..settings.count)
            .map(|number| {
                let home = folder.path().join(format!("sentinel-{number}"));
                let secret = ("sentinel-auth.conf", secret.as_str());
                Server::start(&home, "redis-sentinel", "sentinel.conf", &text, secret, &[])
            })
            .collect();
        Self {
            sentinels,
            servers,
            password,
            folder,
        }
    }

    /// Waits until `ready`; what the servers said where it takes too long.
    fn wait(&self, what: &str, ready: impl Fn() -> Option<bool>) {
        let start = Instant::now();
        while ready() != Some(true) {
            if start.elapsed() > LIMIT {
                let logs: Vec<String> = fs::read_dir(self.folder.path())
                    .unwrap()
                    .filter_map(|entry| fs::read_to_string(entry.unwrap().path().join("log")).ok())
                    .collect();
                panic!("{what} took more than {LIMIT:?}:\n{}", logs.join("\n"));
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn is_complete(&self, master_name: &str) -> Option<bool> {
        for sentinel in &self.sentinels {
            let mut connection = sentinel.connect(None).ok()?;
            let known: BTreeMap<String, String> = cmd("SENTINEL")
                .arg("master")
                .arg(master_name)
                .query(&mut connection)
                .ok()?;
            let number = |key: &str| known.get(key)?.parse::<usize>().ok();
            let whole = known.get("flags").map(String::as_str) == Some("master")
                && number("num-slaves") == Some(self.servers.len() - 1)
                && number("num-other-sentinels") == Some(self.sentinels.len() - 1);
            if !whole {
                return Some(false);
            }
            let _: String = cmd("SENTINEL")
                .arg("ckquorum")
                .arg(master_name)
                .query(&mut connection)
                .ok()?;
        }
        Some(true)
    }

    fn master(&self, master_name: &str) -> Option<u16> {
        let mut connection = self.sentinels[0].connect(None).ok()?;
        let (_, port): (String, u16) = cmd("SENTINEL")
            .arg("get-master-addr-by-name")
            .arg(master_name)
            .query(&mut connection)
            .ok()?;
        Some(port)
    }
}

fn setting(connection: &mut Connection, name: &str) -> String {
    let answer: Vec<String> = cmd("CONFIG").arg("GET").arg(name).query(connection).unwrap();
    answer[1].clone()
}

/// Protects: the real programs take both files of each plan, form a quorum, know the master and its replicas, and
/// have the plan's values.
#[test]
fn redis_and_sentinel_form_the_plans_buffer() {
    for (name, policy) in [
        ("specification", "allkeys-lru"),
        ("production", "noeviction"),
        ("local", "noeviction"),
    ] {
        let platform = Platform::start(name);
        let buffer = plan(name).0.buffer.unwrap();
        let sentinel = buffer.sentinel.unwrap();
        platform.wait("the quorum", || platform.is_complete(&sentinel.master_name));
        for server in &platform.servers {
            let mut connection = server.connect(platform.password).unwrap();
            for (setting_name, value) in [
                ("maxmemory", buffer.maxmemory.as_bytes().to_string()),
                ("maxmemory-policy", policy.to_owned()),
                ("appendonly", "yes".to_owned()),
                ("appendfsync", "everysec".to_owned()),
                ("hz", buffer.hz.to_string()),
                ("databases", buffer.databases.to_string()),
                ("slowlog-max-len", buffer.slowlog_max_len.to_string()),
                ("tcp-keepalive", buffer.tcp_keepalive.as_secs().to_string()),
            ] {
                assert_eq!(
                    setting(&mut connection, setting_name),
                    value,
                    "{name}: {setting_name}"
                );
            }
            let saves: Vec<String> = buffer
                .save
                .iter()
                .map(|point| format!("{} {}", point.after.as_secs(), point.changes))
                .collect();
            assert_eq!(setting(&mut connection, "save"), saves.join(" "), "{name}");
        }
    }
}

/// Protects: with the secret in its own file the servers ask for it, Sentinel has it, and a failover works.
#[test]
fn sentinel_moves_the_master_of_production() {
    let mut platform = Platform::start("production");
    let master_name = "mymaster";
    platform.wait("the quorum", || platform.is_complete(master_name));
    let mut stranger = platform.servers[0].connect(None).unwrap();
    let refused = cmd("PING").query::<String>(&mut stranger).unwrap_err();
    assert!(refused.to_string().contains("NOAUTH"), "{refused}");

    let first = platform.servers[0].port;
    platform.servers[0].child.kill().unwrap();
    platform.servers[0].child.wait().unwrap();
    platform.wait("the failover", || Some(platform.master(master_name)? != first));
    let now = platform.master(master_name).unwrap();
    let master = platform.servers.iter().find(|server| server.port == now).unwrap();
    platform.wait("the new master", || {
        let mut connection = master.connect(platform.password).ok()?;
        let stored = cmd("SET").arg("a").arg(1).query::<String>(&mut connection);
        Some(stored.is_ok())
    });
}

/// Protects: neither file holds a secret, the one that stands in the specification included.
#[test]
fn the_files_hold_no_secret() {
    for name in super::PLANS {
        for file in crate::plans::files(name, &[Format::Redis, Format::Compose]) {
            assert!(!file.text.contains("yourpassword"), "{name}: {}", file.path);
        }
    }
}
