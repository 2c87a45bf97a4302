//! A shard with replicas: its primary's Postgres is killed under load, then its Patroni; nothing that was taken is
//! lost, what was killed comes back, and nothing stays behind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::kill::free_block;
use super::stage::{Stage, kill, marked};

/// One of most things, but a shard of three members on an etcd of three.
const PLAN: &str = "
extends: local-ha.yaml
metadata: { name: ha }
kafka:
  brokers: 1
  default_replication_factor: 1
  min_insync_replicas: 1
  offsets_topic_replication_factor: 1
  transaction_state_replication_factor: 1
  transaction_state_min_isr: 1
  heap: { initial: 64MiB, max: 256MiB }
buffer: { replicas: 1 }
aurora: { shards: 1, parameters: { max_connections: 40, shared_buffers: 32MB } }
ingest: { api_replicas: 1, worker_replicas: 1 }
monitoring: null
success_metrics: null
";

/// Broker, Redis twice, Sentinel three times, etcd three times, Patroni three times, API, worker.
const PROCESSES: usize = 14;

struct Project {
    stage: Stage,
}

impl Project {
    fn new() -> Self {
        let stage = Stage::timed();
        for plan in ["local.yaml", "local-ha.yaml"] {
            let text = fs::read(format!("{}/plans/{plan}", env!("CARGO_MANIFEST_DIR"))).unwrap();
            fs::write(stage.root.join(plan), text).unwrap();
        }
        let plan = format!("{PLAN}local: {{ port_base: {} }}\n", free_block(144));
        fs::write(stage.root.join("ha.yaml"), plan).unwrap();
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

    fn succeed(&self, arguments: &[&str]) -> String {
        let start = Instant::now();
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{arguments:?} ended with {}: {said}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stdout)
        );
        eprintln!("{arguments:?} took {:?}", start.elapsed());
        String::from_utf8(output.stdout).unwrap()
    }

    /// What a plan without changes says by its exit code.
    fn has_changes(&self) -> bool {
        let output = self.run(&["plan", "ha.yaml", "--detailed-exitcode"]);
        match output.status.code() {
            Some(0) => false,
            Some(2) => true,
            other => panic!("{other:?}: {}", String::from_utf8_lossy(&output.stderr)),
        }
    }

    /// Patroni's account of the shard, whatever the health of the rest.
    fn shard(&self) -> Value {
        let output = self.run(&["status", "ha.yaml", "--json"]);
        let status: Value = serde_json::from_slice(&output.stdout).unwrap();
        status["leaders"]["shards"][0].clone()
    }

    fn leader(&self) -> Option<String> {
        self.shard()["leader"].as_str().map(str::to_owned)
    }

    /// Waits until the shard is as `wanted`; how long that took.
    fn until(&self, what: &str, limit: Duration, wanted: impl Fn(&Value) -> bool) -> Duration {
        let start = Instant::now();
        loop {
            let shard = self.shard();
            if wanted(&shard) {
                return start.elapsed();
            }
            assert!(start.elapsed() < limit, "no {what} within {limit:?}: {shard:#}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn platform(&self) -> PathBuf {
        self.stage.root.join(".vvbill/local/ha")
    }

    fn member(&self, name: &str) -> PathBuf {
        self.platform().join("patroni_member").join(name)
    }

    /// The process that a member's Postgres consists of.
    fn postmaster(&self, name: &str) -> i32 {
        let data = self
            .platform()
            .join("data_folder")
            .join(name)
            .join("data/cluster");
        let text = fs::read_to_string(data.join("postmaster.pid")).unwrap();
        text.lines().next().unwrap().parse().unwrap()
    }
}

fn pid_of(home: &Path) -> i32 {
    let record: Value = serde_json::from_slice(&fs::read(home.join("process.json")).unwrap()).unwrap();
    i32::try_from(record["pid"].as_i64().unwrap()).unwrap()
}

fn all_follow(shard: &Value) -> bool {
    let members = shard["members"].as_array().map(Vec::as_slice).unwrap_or_default();
    let stands = |member: &&Value| member["role"] == "leader" || member["state"] == "streaming";
    shard["leader"].is_string() && members.len() == 3 && members.iter().filter(stands).count() == 3
}

#[test]
fn a_shard_outlives_its_primary_and_loses_nothing() {
    let project = Project::new();
    let apply = ["apply", "ha.yaml", "--auto-approve"];
    project.succeed(&apply);
    assert!(
        !project.has_changes(),
        "{}",
        String::from_utf8_lossy(&project.run(&["plan", "ha.yaml"]).stdout)
    );
    assert_eq!(
        marked(&project.platform()).len(),
        PROCESSES + 3,
        "each member's Postgres is a process of its own"
    );
    project.until("three members", Duration::from_secs(20), all_follow);
    let first = project.leader().unwrap();

    // The primary's Postgres is killed in the middle of a load, every event of which is accounted for.
    let arguments = [
        "--events",
        "24000",
        "--rate",
        "3000",
        "--accounts",
        "500",
        "--json",
    ];
    let load = project
        .command(&[&["loadtest", "ha.yaml"][..], &arguments].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_secs(3));
    kill(project.postmaster(&first));
    let leads_anew = |shard: &Value| shard["leader"].is_string() && shard["leader"] != first.as_str();
    let taken_over = project.until("other leader", Duration::from_secs(20), leads_anew);
    let load = load.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&load.stdout);
    assert!(
        load.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&load.stderr)
    );
    let result: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    let account = &result["result"]["account"];
    assert_eq!(
        (&account["lost"], &account["doubled"]),
        (&0.into(), &0.into()),
        "{account:#}"
    );
    assert_eq!(account["rows_expected"], 24_000);
    let back = project.until("three members", Duration::from_secs(30), all_follow);
    eprintln!("another led after {taken_over:?}; the first was back {back:?} after the load");

    // A Patroni that is killed takes its Postgres along: no primary goes on that nobody watches.
    let second = project.leader().unwrap();
    let home = project.member(&second);
    kill(pid_of(&home));
    let start = Instant::now();
    while !marked(&home).is_empty() {
        assert!(
            start.elapsed() < Duration::from_secs(12),
            "{:?} outlive their Patroni",
            marked(&home)
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(project.has_changes(), "a dead member is no change");
    project.succeed(&apply);
    project.until("three members", Duration::from_secs(40), all_follow);
    assert!(!project.has_changes());

    // A setting that every member has to be restarted for.
    project.succeed(&[&apply[..], &["--set", "aurora.parameters.max_connections=50"]].concat());
    project.until("three members", Duration::from_secs(30), all_follow);

    project.succeed(&["destroy", "ha.yaml", "--destroy-data", "--auto-approve"]);
    assert!(marked(&project.platform()).is_empty() && project.stage.processes().is_empty());
    assert!(!project.platform().exists());
}
