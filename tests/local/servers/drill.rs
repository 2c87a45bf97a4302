//! Drills on a real platform: the buffer's master and a shard's primary are killed under load; what the plan promises
//! is held, or said to be missed; what isn't whole is left alone.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::{Value, json};

use super::kill::free_block;
use super::stage::{Stage, kill, marked};

/// One of most things, but a master with a replica, and a shard of three members.
const PLAN: &str = "
extends: local-ha.yaml
metadata: { name: drills, environment: test }
kafka:
  brokers: 1
  default_replication_factor: 1
  min_insync_replicas: 1
  offsets_topic_replication_factor: 1
  transaction_state_replication_factor: 1
  transaction_state_min_isr: 1
  partitions: 3
  topics: { billing-events: { partitions: 3 } }
  heap: { initial: 64MiB, max: 256MiB }
buffer: { replicas: 1 }
aurora: { shards: 1, parameters: { max_connections: 40, shared_buffers: 32MB } }
ingest: { api_replicas: 1, worker_replicas: 1 }
monitoring: null
rollout: null
success_metrics:
  lost_events: null
  recovery_time: { ingest: 20s, kafka: 20s, buffer: 20s, database: 60s }
  recovery_point: { in_region: 0s }
";

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
        fs::write(stage.root.join("drills.yaml"), plan).unwrap();
        Self { stage }
    }

    /// Runs to the end and wants this exit code.
    fn run(&self, code: i32, arguments: &[&str]) -> String {
        let start = Instant::now();
        let output = Command::new(env!("CARGO_BIN_EXE_vvbill"))
            .current_dir(&self.stage.root)
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}\n{shown}");
        eprintln!("{arguments:?} took {:?}", start.elapsed());
        shown
    }

    /// The end of one drill, after which nothing may be different.
    fn drill(&self, code: i32, name: &str, more: &[&str]) -> Value {
        let arguments = [
            "drill",
            "run",
            "drills.yaml",
            name,
            "--auto-approve",
            "--json",
            "--rate",
            "200",
        ];
        let shown = self.run(code, &[&arguments, more].concat());
        let lines = shown
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let lines: Vec<Value> = lines.collect();
        assert_eq!(lines.last().unwrap()["type"], "drill_result");
        lines
            .into_iter()
            .find(|line| line["type"] == "drill_done")
            .unwrap()
    }

    fn platform(&self) -> PathBuf {
        self.stage.root.join(".vvbill/local/drills")
    }

    fn pid(&self, kind: &str, name: &str) -> i32 {
        let record = fs::read(self.platform().join(kind).join(name).join("process.json")).unwrap();
        let record: Value = serde_json::from_slice(&record).unwrap();
        i32::try_from(record["pid"].as_i64().unwrap()).unwrap()
    }
}

fn tier<'a>(done: &'a Value, name: &str) -> &'a Value {
    let tiers = done["outcome"]["tiers"].as_array().unwrap();
    tiers.iter().find(|tier| tier["tier"] == name).unwrap()
}

/// Names of the measures that don't hold.
fn missed(done: &Value) -> Vec<&str> {
    let measures = done["measures"].as_array().unwrap();
    let missed = measures.iter().filter(|measure| measure["holds"] == false);
    missed.map(|measure| measure["name"].as_str().unwrap()).collect()
}

/// Every event is accounted for, and there were some.
fn assert_accounted(done: &Value) {
    let outcome = &done["outcome"];
    for account in [&outcome["found"], &outcome["background"]] {
        assert_eq!(
            (&account["lost"], &account["doubled"]),
            (&json!(0), &json!(0)),
            "{account}"
        );
    }
    assert!(
        outcome["background"]["sent"].as_u64().unwrap() >= 600,
        "{outcome:#}"
    );
    for way in ["acknowledged_http", "acknowledged_kafka"] {
        assert!(outcome["found"][way].as_u64().unwrap() > 50, "{outcome:#}");
    }
    assert!(outcome["restored_seconds"].is_f64(), "{outcome:#}");
}

#[test]
fn what_is_struck_is_taken_over_and_measured() {
    let project = Project::new();
    project.run(0, &["apply", "drills.yaml", "--auto-approve"]);

    let master = project.drill(0, "redis-master", &[]);
    assert_eq!(master["verdict"], "passed", "{master:#}");
    assert_accounted(&master);
    let buffer = &tier(&master, "buffer")["recovery"];
    assert!(buffer["failed"].as_u64().unwrap() > 0, "{buffer}");
    // Sentinel takes a master for lost after a second without an answer.
    assert!(buffer["away_seconds"].as_f64().unwrap() >= 1.0, "{buffer}");
    assert_eq!(buffer["is_back"], true);

    // Nothing is back within a millisecond: the drill says that, and only that, was missed.
    let promise = ["--set", "success_metrics.recovery_time.database=1ms"];
    let primary = project.drill(1, "shard-primary", &promise);
    assert_eq!(primary["verdict"], "failed", "{primary:#}");
    assert_eq!(
        missed(&primary),
        ["database: seconds until each shard commits again"],
        "{primary:#}"
    );
    assert_accounted(&primary);
    let database = &tier(&primary, "database")["recovery"];
    assert!(database["failed"].as_u64().unwrap() > 0, "{database}");
    assert_eq!(database["is_back"], true);
    let measures = primary["measures"].as_array().unwrap();
    let measure = measures.iter().find(|measure| measure["holds"] == false).unwrap();
    assert_eq!(measure["threshold"], json!(0.001));
    assert_eq!(
        measure["measured"].as_f64().unwrap(),
        (database["away_seconds"].as_f64().unwrap() * 1e3).round() / 1e3
    );

    // A platform that lacks a Sentinel is not struck.
    kill(project.pid("redis_sentinel", "sentinel-2"));
    let before = marked(&project.platform());
    let refused = project.drill(1, "redis-master", &["--patience", "2s"]);
    assert_eq!(refused["verdict"], "inconclusive");
    assert!(
        refused["reason"].as_str().unwrap().contains("not whole"),
        "{refused:#}"
    );
    assert_eq!(marked(&project.platform()), before, "nothing was struck");

    let ledger = fs::read_to_string(project.stage.root.join(".vvbill/drills/rollout.ndjson")).unwrap();
    let kept: Vec<Value> = ledger
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let begun = kept.iter().filter(|entry| entry["entry"] == "striking");
    assert_eq!(begun.count(), 3);
    let ended = kept.iter().filter(|entry| entry["entry"] == "drilled");
    let verdicts: Vec<&Value> = ended.map(|entry| &entry["verdict"]).collect();
    assert_eq!(verdicts, ["passed", "failed", "inconclusive"]);
    project.run(0, &["destroy", "drills.yaml", "--destroy-data", "--auto-approve"]);
    assert!(marked(&project.platform()).is_empty() && project.stage.processes().is_empty());
}
