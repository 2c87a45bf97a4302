//! `vvbill` killed at seeded moments of applying and destroying a real platform: whatever it left, the
//! next run goes on from there, and no process is there twice or without an owner.

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use super::stage::{Stage, marked};

/// The local plan with one broker, one replica and one shard; its ports start where 64 are free.
const SMALL: &str = "
extends: local.yaml
metadata: { name: small }
kafka:
  brokers: 1
  default_replication_factor: 1
  min_insync_replicas: 1
  offsets_topic_replication_factor: 1
  transaction_state_replication_factor: 1
  transaction_state_min_isr: 1
  heap: { initial: 64MiB, max: 256MiB }
buffer: { replicas: 1 }
aurora: { shards: 1 }
ingest: { api_replicas: 1, worker_replicas: 1 }
success_metrics: null
local:
  ports: null
";

/// The processes of [`SMALL`]: broker, Redis twice, Sentinel three times, shard, API, worker, Prometheus.
const PROCESSES: usize = 10;

struct Project {
    stage: Stage,
}

impl Project {
    fn new() -> Self {
        let stage = Stage::new();
        let local = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/plans/local.yaml")).unwrap();
        fs::write(stage.root.join("local.yaml"), local).unwrap();
        let small = format!("{SMALL}  port_base: {}\n", free_block(64));
        fs::write(stage.root.join("small.yaml"), small).unwrap();
        Self { stage }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vvbill"));
        command
            .current_dir(&self.stage.root)
            .args(arguments)
            .stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs to the end and wants success.
    fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{arguments:?} ended with {}: {said}\n{}",
            output.status,
            self.logs()
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// Starts it and kills it after `moment`; whether it was still at work.
    fn cut_off(&self, arguments: &[&str], moment: Duration) -> bool {
        let mut child = self
            .command(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let start = Instant::now();
        while start.elapsed() < moment {
            if child.try_wait().unwrap().is_some() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        true
    }

    /// Takes the dead run's lock away instead of waiting for the end of its lease.
    fn unlock(&self) {
        let Ok(lock) = fs::read(self.stage.root.join(".vvbill/small/state.lock")) else {
            return;
        };
        let lock: Value = serde_json::from_slice(&lock).unwrap();
        self.succeed(&["unlock", "small.yaml", lock["id"].as_str().unwrap()]);
    }

    fn platform(&self) -> PathBuf {
        self.stage.root.join(".vvbill/local/small")
    }

    /// The homes whose processes run, each of which may be there once.
    fn homes(&self, when: &str) -> BTreeSet<String> {
        let mut homes = BTreeSet::new();
        for pid in marked(&self.platform()) {
            let environment = fs::read_to_string(format!("/proc/{pid}/environ")).unwrap_or_default();
            let Some(home) = environment
                .split('\0')
                .find_map(|entry| entry.strip_prefix("VVBILL_RESOURCE="))
            else {
                continue; // It has just ended.
            };
            assert!(homes.insert(home.to_string()), "{when}: {home} runs twice");
        }
        homes
    }

    /// Where each resource of the state is.
    fn ids(&self) -> BTreeSet<String> {
        let ids: Value =
            serde_json::from_str(&self.succeed(&["output", "small.yaml", "ids", "--json"])).unwrap();
        ids.as_object()
            .unwrap()
            .values()
            .map(|id| id.as_str().unwrap().to_string())
            .collect()
    }

    /// The ends of all logs, for a failure's message.
    fn logs(&self) -> String {
        let logs = fs::read_dir(self.platform().join("logs"))
            .into_iter()
            .flatten()
            .flatten();
        logs.map(|log| {
            let text = fs::read_to_string(log.path()).unwrap_or_default();
            let last: Vec<&str> = text.lines().rev().take(3).collect();
            format!("{}: {}\n", log.path().display(), last.join(" | "))
        })
        .collect()
    }
}

/// The first of `count` ports none of which is held.
pub(crate) fn free_block(count: u16) -> u16 {
    loop {
        let base = rand::rng().random_range(10_000..19_000);
        if (base..base + count).all(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()) {
            return base;
        }
    }
}

/// Ten kills (or as many as VVBILL_KILLS says): half of them while it applies, half once all stands,
/// while it destroys and then applies again; then the next apply converges, the one after it changes nothing, every process belongs to
/// the state, and `destroy --destroy-data` leaves no process and no file.
#[test]
fn killed_at_any_moment_the_next_apply_converges() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let seed = number("VVBILL_SEED").unwrap_or_else(|| rand::rng().random());
    let kills = number("VVBILL_KILLS").unwrap_or(10);
    eprintln!("seed {seed} (again with VVBILL_SEED={seed})");
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let project = Project::new();
    let apply = ["apply", "small.yaml", "--auto-approve"];
    let destroy = ["destroy", "small.yaml", "--auto-approve"];
    let mut applying = true;
    for kill in 0..kills {
        if kill == kills / 2 {
            project.succeed(&apply);
            applying = false;
        }
        // Short moments hit what is quick, long ones what is waited for.
        let longest_ms = if random.random() { 400 } else { 5_000 };
        let moment = Duration::from_millis(random.random_range(20..longest_ms));
        let command: &[&str] = if applying { &apply } else { &destroy };
        let was_at_work = project.cut_off(command, moment);
        project.unlock();
        let homes = project.homes(&format!("kill {kill}, {} after {moment:?}", command[0]));
        eprintln!(
            "kill {kill}: {} at {moment:?}, {} processes",
            command[0],
            homes.len()
        );
        if !was_at_work {
            applying = !applying;
        }
    }

    project.succeed(&apply);
    let homes = project.homes("after the last apply");
    assert_eq!(homes.len(), PROCESSES, "{homes:?}");
    let ids = project.ids();
    assert!(
        homes.is_subset(&ids),
        "without an owner: {:?}",
        homes.difference(&ids)
    );
    let again = project.run(&["plan", "small.yaml", "--detailed-exitcode"]);
    assert_eq!(
        again.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&again.stdout)
    );
    assert_eq!(project.homes("after a plan"), homes);

    project.succeed(&["destroy", "small.yaml", "--destroy-data", "--auto-approve"]);
    assert!(project.homes("after destroy").is_empty());
    assert!(project.stage.processes().is_empty());
    assert!(!project.platform().exists());
    let left: Vec<PathBuf> = files(&project.stage.root.join(".vvbill"));
    assert!(
        left.iter()
            .all(|file| file.starts_with(project.stage.root.join(".vvbill/small"))),
        "{left:?}"
    );
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .flat_map(|entry| match entry.path().is_dir() {
            true => files(&entry.path()),
            false => vec![entry.path()],
        })
        .collect()
}
