//! Week 6 on a real platform: what is struck is taken over and proven by rows, a promise that can't be kept and a row
//! that is gone are seen, and the runbook tells what was measured.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use vvbill::drill::markers::identity;
use vvbill::drill::{Drill, Outcome};
use vvbill::rollout::model::{Attempt, Basis, Evidence, How, Measure};
use vvbill::rollout::{Drills, Scene, Step, steps};
use vvbill::spec::Spec;

use super::raised::{Platform, stage_with, vvbill};

/// Two of the service, a master with a replica; one of everything else.
const PLAN: &str = "
extends: local.yaml
metadata: { name: struck, environment: test }
kafka:
  brokers: 1
  default_replication_factor: 1
  min_insync_replicas: 1
  offsets_topic_replication_factor: 1
  transaction_state_replication_factor: 1
  transaction_state_min_isr: 1
  partitions: 4
  heap: { initial: 64MiB, max: 256MiB }
  topics: { billing-events: { partitions: 4 } }
buffer: { replicas: 1 }
aurora: { shards: 1 }
monitoring: null
alerts: null
rollout: { week-1: null, week-2: null, week-3: null, week-4: null, week-5: null }
success_metrics:
  lost_events: null
  recovery_time: { ingest: 20s, kafka: 20s, buffer: 20s }
  recovery_point: { in_region: 0s }
local:
  ports: null
";

/// What is struck here, and the tier that it can't leave alone.
const STRUCK: &[(Drill, &str)] = &[
    (Drill::ServiceApi, ""),
    (Drill::ServiceWorker, ""),
    (
        Drill::RedisMaster,
        "buffer: seconds until the master takes writes again",
    ),
];

/// What the plan lacks for the others.
const SKIPPED: &[(Drill, &str)] = &[
    (Drill::KafkaBroker, "kafka.brokers: 1"),
    (Drill::ShardPrimary, "aurora.replicas_per_shard"),
    (Drill::ShardNode, "aurora.replicas_per_shard"),
    (Drill::Zone, "kafka.brokers: 1"),
];

struct Week {
    platform: Platform,
    steps: Vec<Arc<dyn Step>>,
    attempts: Vec<Attempt>,
}

impl Week {
    fn step(&self, name: &str) -> Arc<dyn Step> {
        let found = self.steps.iter().find(|step| step.name() == name);
        found.unwrap().clone()
    }

    fn scene(&self, spec: &Spec) -> Scene {
        Scene {
            drills: Drills {
                faults: Some(self.platform.faults()),
                listener: None,
                folder: self.platform.stage.root.join("told"),
                attempts: Arc::new(self.attempts.clone()),
            },
            ..self.platform.scene(spec, Duration::from_secs(5))
        }
    }

    async fn misses(&self, name: &str, spec: &Spec, memory: &Value) -> Vec<String> {
        let measures = self.step(name).verify(&self.scene(spec), memory).await.unwrap();
        misses(measures)
    }

    /// Strikes; the drill holds, and is kept as the ledger would keep it.
    async fn strike(&mut self, name: &str) -> Value {
        let step = self.step(name);
        let spec = self.platform.spec.clone();
        let began_at = Timestamp::now();
        let scene = self.scene(&spec);
        let memory = step.run(&scene).await.unwrap().memory;
        let measures = step.verify(&scene, &memory).await.unwrap();
        let evidence = Evidence::of(How::Ran, measures, memory.clone());
        assert_eq!(evidence.misses(), [""; 0], "{name}");
        scene.restore().await.unwrap();
        self.attempts.push(Attempt {
            number: self.attempts.len() as u64 + 1,
            step: format!("week-6/{name}"),
            began_at,
            basis: Basis {
                plan: String::new(),
                serial: 1,
            },
            forced: false,
            end: Some((Timestamp::now(), evidence)),
        });
        memory
    }
}

fn misses(measures: Vec<Measure>) -> Vec<String> {
    Evidence::of(How::Ran, measures, Value::Null).misses()
}

/// The row of one marker that was acknowledged.
fn row(memory: &Value) -> String {
    let outcome: Outcome = serde_json::from_value(memory.clone()).unwrap();
    let mut accounts = outcome.markers.accounts.iter();
    let (account, number) = accounts
        .find_map(|account| Some((account.id, account.acknowledged.first()?.0)))
        .unwrap();
    let id = identity(outcome.markers.start_ms, account, number);
    format!("account_id = {account} AND event_id = '{id}'")
}

fn strict(spec: &Spec) -> Spec {
    let mut spec = spec.clone();
    let promised = &mut spec.success_metrics.recovery_time;
    for tier in [&mut promised.ingest, &mut promised.kafka, &mut promised.buffer] {
        *tier = Some("1ms".parse().unwrap());
    }
    spec
}

async fn all(week: &mut Week) {
    let sound = week.platform.spec.clone();
    for (drill, away) in STRUCK {
        let name = format!("drill-{}", drill.name());
        let memory = week.strike(&name).await;
        let missed = week.misses(&name, &strict(&sound), &memory).await;
        let late = missed.iter().all(|miss| miss.ends_with("must be at most 0.001"));
        let seen = missed.iter().any(|miss| miss.starts_with(away));
        assert!(late && (away.is_empty() || seen), "{name}: {missed:#?}");

        let row = row(&memory);
        week.platform
            .sql(
                0,
                &format!("CREATE TABLE kept AS SELECT * FROM events WHERE {row}"),
            )
            .await;
        week.platform
            .sql(0, &format!("DELETE FROM events WHERE {row}"))
            .await;
        assert_eq!(
            week.misses(&name, &sound, &memory).await,
            ["markers that are lost by now is 1, must be 0"],
            "{name}"
        );
        week.platform
            .sql(0, "INSERT INTO events SELECT * FROM kept; DROP TABLE kept")
            .await;
        assert_eq!(week.misses(&name, &sound, &memory).await, [""; 0], "{name}");
    }
    // One more is offered, of which nothing is known yet.
    let runbook = week.step("runbook");
    let memory = runbook.run(&week.scene(&sound)).await.unwrap().memory;
    let unknown = "what the runbook says of sentinel-minority is none, must be a measured time";
    assert_eq!(week.misses("runbook", &sound, &memory).await, [unknown]);
    let file = week.platform.stage.root.join("told/runbook.md");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replacen("Measured: ", "Measured: nothing, ", 1)).unwrap();
    let missed = week.misses("runbook", &sound, &memory).await;
    assert!(
        missed.len() == 2
            && missed
                .iter()
                .any(|miss| miss.contains("service-api is nothing, ")),
        "{missed:#?}"
    );
    let mut without = sound.clone();
    let buffer = without.buffer.as_mut().unwrap();
    buffer.sentinel.as_mut().unwrap().count = 1;
    buffer.replicas = 0;
    fs::write(&file, text).unwrap();
    assert_eq!(week.misses("runbook", &without, &memory).await, [""; 0]);
}

#[test]
fn each_drill_is_proven_and_sees_its_fault() {
    let stage = stage_with("struck", PLAN);
    let (code, _, said) = vvbill(&stage.root, &["apply", "struck.yaml", "--auto-approve"]);
    assert_eq!(code, Some(0), "{said}");
    let mut week = Week {
        platform: Platform::of(stage, "struck"),
        steps: steps(),
        attempts: Vec::new(),
    };
    for (drill, why) in SKIPPED {
        let step = week.step(&format!("drill-{}", drill.name()));
        let skipped = step.skipped(&week.platform.spec).unwrap_or_default();
        assert!(skipped.contains(why), "{}: {skipped}", step.name());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(all(&mut week));
    drop(runtime);
    let arguments = ["destroy", "struck.yaml", "--auto-approve", "--destroy-data"];
    let (code, _, said) = vvbill(&week.platform.stage.root, &arguments);
    assert_eq!(code, Some(0), "{said}");
}
