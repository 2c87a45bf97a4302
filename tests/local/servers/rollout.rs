//! The rollout on a real platform: from nothing to every week passed, a second run that only checks, and for each
//! step a fault that it must see.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::admin::{AdminOptions, NewTopic, TopicReplication};
use serde_json::{Value, json};
use vvbill::rollout::model::{Evidence, How};
use vvbill::rollout::{Scene, Step, steps};

use super::raised::{Platform, secret, stage_with, vvbill};

const PLAN: &str = "
extends: local.yaml
metadata: { name: weeks }
kafka:
  partitions: 4
  heap: { initial: 64MiB, max: 256MiB }
  topics: { billing-events: { partitions: 4 } }
buffer: { replicas: 1 }
ingest: { api_replicas: 1, worker_replicas: 1 }
monitoring: { scrape_interval: 1s }
success_metrics: null
rollout:
  week-4: { gate: { rate: 20/s, p95_latency: 5s } }
  week-6: null
local:
  ports: null
";

const RUN: [&str; 9] = [
    "phase",
    "run",
    "weeks.yaml",
    "--all",
    "--auto-approve",
    "--events",
    "300",
    "--load-for",
    "2s",
];

/// From nothing to every week passed; then again, which only checks.
fn roll_out() -> Platform {
    let stage = stage_with("weeks", PLAN);
    for wanted in [How::Ran, How::Checked] {
        let (code, _, said) = vvbill(&stage.root, &RUN);
        assert_eq!(code, Some(0), "{said}");
        let (code, status, said) = vvbill(
            &stage.root,
            &["phase", "status", "weeks.yaml", "--format", "json"],
        );
        assert_eq!(code, Some(0), "{status}\n{said}");
        let status: Value = serde_json::from_str(&status).unwrap();
        let weeks = status["weeks"].as_array().unwrap();
        let steps: Vec<&Value> = weeks
            .iter()
            .flat_map(|week| week["steps"].as_array().unwrap())
            .collect();
        // Drills want a second of everything, which this plan hasn't.
        let due = self::steps()
            .iter()
            .filter(|step| step.home() != "week-6")
            .count();
        assert_eq!(steps.len(), due, "every step is due: {status:#}");
        for step in steps {
            let last = &step["last"];
            // The plan asks nothing of this machine's kernel.
            if step["id"] == "week-5/sysctl" {
                assert_eq!(last["verdict"], "skipped", "{step:#}");
                continue;
            }
            assert_eq!(last["verdict"], "passed", "{step:#}");
            let acts = !last["memory"].is_null();
            if acts || wanted == How::Checked {
                assert_eq!(last["how"], json!(wanted), "{step:#}");
            }
        }
    }
    Platform::of(stage, "weeks")
}

impl Platform {
    /// Sets a setting on every Redis server of the group.
    async fn redis(&self, setting: &str, value: &str) {
        let redis = self.endpoints.redis.as_ref().unwrap();
        let sentinel = redis::Client::open(format!("redis://{}/", redis.sentinels[0])).unwrap();
        let mut sentinel = sentinel.get_multiplexed_async_connection().await.unwrap();
        let (host, port): (String, u16) = redis::cmd("SENTINEL")
            .arg("get-master-addr-by-name")
            .arg(&redis.master_name)
            .query_async(&mut sentinel)
            .await
            .unwrap();
        let password = secret(redis.password.as_deref().unwrap());
        let master = redis::Client::open(format!("redis://:{password}@{host}:{port}/")).unwrap();
        let mut master = master.get_multiplexed_async_connection().await.unwrap();
        let command = redis::cmd("CONFIG").arg("SET").arg(setting).arg(value).to_owned();
        let _: String = command.query_async(&mut master).await.unwrap();
    }

    /// A topic of one copy, which this plan wants to have three.
    async fn thin_topic(&mut self) {
        let topic = NewTopic::new("thin", 4, TopicReplication::Fixed(1));
        let answers = self
            .kafka()
            .create_topics([&topic], &AdminOptions::new())
            .await
            .unwrap();
        answers.into_iter().for_each(|answer| drop(answer.unwrap()));
        let topics = &mut self.spec.kafka.as_mut().unwrap().topics;
        topics.insert("thin".into(), Default::default());
        tokio::time::sleep(Duration::from_secs(1)).await;
    }

    async fn no_thin_topic(&mut self) {
        self.kafka()
            .delete_topics(&["thin"], &AdminOptions::new())
            .await
            .unwrap();
        self.spec.kafka.as_mut().unwrap().topics.remove("thin");
    }

    async fn inject(&mut self, fault: Fault, memory: &Value) {
        match fault {
            Fault::BrokerAway => self.stop("kafka_broker", "kafka-3").await,
            Fault::TopicWithOneCopy => self.thin_topic().await,
            Fault::Topic(setting, value) => self.topic(&[(setting, value)]).await,
            Fault::SentinelAway => self.stop("redis_sentinel", "sentinel-2").await,
            Fault::BufferEvicts => self.redis("maxmemory-policy", "allkeys-lru").await,
            Fault::WorkerAway => {
                self.stop("ingest_process", "ingest-worker-1").await;
                tokio::time::sleep(Duration::from_secs(2)).await;
            }
            Fault::RowGone => self.take_a_row_away(memory).await,
            Fault::Sql { shard, inject, .. } => self.sql(shard, inject).await,
        }
    }

    async fn mend(&mut self, fault: Fault) {
        match fault {
            Fault::TopicWithOneCopy => self.no_thin_topic().await,
            Fault::Topic(..) => self.topic(&[]).await,
            Fault::BufferEvicts => self.redis("maxmemory-policy", "noeviction").await,
            Fault::Sql { shard, mend, .. } => self.sql(shard, mend).await,
            Fault::BrokerAway | Fault::SentinelAway | Fault::WorkerAway | Fault::RowGone => {
                self.switch.restore().await.unwrap();
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Fault {
    BrokerAway,
    TopicWithOneCopy,
    /// A setting of the topic that events go through.
    Topic(&'static str, &'static str),
    SentinelAway,
    BufferEvicts,
    WorkerAway,
    /// One row of what the step has sent.
    RowGone,
    Sql {
        shard: usize,
        inject: &'static str,
        mend: &'static str,
    },
}

/// When a fault comes.
#[derive(Clone, Copy, PartialEq)]
enum When {
    /// Before the step does anything.
    Before,
    /// After its action, before it verifies.
    After,
}

use When::{After, Before};

/// Each step, a fault, and the value that must miss.
const FAULTS: &[(&str, When, Fault, &str)] = &[
    (
        "kafka-brokers",
        Before,
        Fault::BrokerAway,
        "brokers registered is 2, must be 3",
    ),
    (
        "kafka-topics",
        Before,
        Fault::TopicWithOneCopy,
        "thin replication factor is 1, must be 3",
    ),
    (
        "kafka-topics",
        Before,
        Fault::Topic("retention.ms", "1000000"),
        "billing-events retention.ms is 1000000, must be 86400000",
    ),
    (
        "kafka-events",
        Before,
        Fault::Topic("max.message.bytes", "20"),
        "events acknowledged by all replicas is 0, must be 100",
    ),
    (
        // With one of three away, three can't have a write.
        "kafka-broker-outage",
        Before,
        Fault::Topic("min.insync.replicas", "3"),
        "events acknowledged by all replicas is",
    ),
    (
        "redis-sentinels",
        Before,
        Fault::SentinelAway,
        "Sentinels that answer is 2, must be 3",
    ),
    (
        "buffer-keeps",
        Before,
        Fault::BufferEvicts,
        "maxmemory-policy is allkeys-lru, must be noeviction",
    ),
    (
        "service-events",
        After,
        Fault::RowGone,
        "events lost is 1, must be 0",
    ),
    (
        "write-behind",
        Before,
        Fault::WorkerAway,
        "whose usage includes them meanwhile is 0, must be",
    ),
    (
        "shards-schema",
        Before,
        Fault::Sql {
            shard: 1,
            inject: "ALTER TABLE usage_hourly RENAME TO usage_daily",
            mend: "ALTER TABLE usage_daily RENAME TO usage_hourly",
        },
        "shard 1 tables missing is usage_hourly, must be",
    ),
    (
        "slot-map",
        Before,
        Fault::Sql {
            shard: 1,
            inject: "UPDATE slot_maps SET shards[7] = 1",
            mend: "UPDATE slot_maps SET shards[7] = 0",
        },
        "shards with the slot map of shard 0 is 1, must be 2",
    ),
    (
        // Account 2 lies in slot 1742, which is shard 0's.
        "shard-routing",
        Before,
        Fault::Sql {
            shard: 1,
            inject: "SELECT ensure_day(now()); \
                     INSERT INTO events (account_id, event_id, id_time, occurred_at, quantity, kafka_offset, \
                                         partition, log_id, metric) \
                     SELECT 2, gen_random_uuid(), now(), now(), 1, 0, 0, min(log_id), 'stray' FROM logs",
            mend: "DELETE FROM events WHERE account_id = 2",
        },
        "accounts with rows on another shard is account 2 on shard 1, must be",
    ),
    (
        "shard-outage",
        Before,
        Fault::WorkerAway,
        "rows that the other shards committed meanwhile is 0, must be",
    ),
    (
        "scrape-targets",
        Before,
        Fault::WorkerAway,
        "targets that are not up is",
    ),
];

/// Runs one step by hand, with the fault where it belongs; everything that was measured.
async fn evidence(platform: &mut Platform, step: &dyn Step, when: When, fault: Fault) -> Evidence {
    if when == Before {
        platform.inject(fault, &Value::Null).await;
    }
    let scene = platform.scene(&platform.spec, Duration::from_secs(3));
    let trial = step.run(&scene).await.unwrap();
    if when == After {
        until_it_holds(step, &scene, &trial.memory).await;
        platform.inject(fault, &trial.memory).await;
    }
    let measures = step.verify(&scene, &trial.memory).await.unwrap();
    platform.switch.restore().await.unwrap();
    platform.mend(fault).await;
    Evidence::of(How::Ran, [trial.measures, measures].concat(), trial.memory)
}

async fn until_it_holds(step: &dyn Step, scene: &Scene, memory: &Value) {
    for _ in 0..60 {
        let measures = step.verify(scene, memory).await.unwrap();
        if measures.iter().all(|measure| measure.holds) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    panic!("{} does not hold without a fault", step.name());
}

/// Every week passes from nothing; again, it is only checked; each step sees the fault that is meant for it.
#[test]
fn every_step_passes_and_sees_its_fault() {
    let mut platform = roll_out();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    // Those of weeks 4 and 5 are in `rollout_weeks_4_5`.
    let own = |step: &&Arc<dyn Step>| step.home() < "week-4" || step.name() == "scrape-targets";
    let mut unseen: Vec<&str> = steps().iter().filter(own).map(|step| step.name()).collect();
    for (name, when, fault, miss) in FAULTS {
        let all = steps();
        let step = all.iter().find(|step| step.name() == *name).unwrap();
        let evidence = runtime.block_on(evidence(&mut platform, &**step, *when, *fault));
        let misses = evidence.misses();
        assert!(
            misses.iter().any(|found| found.contains(miss)),
            "{name} does not see it: {misses:#?}"
        );
        unseen.retain(|step| step != name);
    }
    assert!(unseen.is_empty(), "no fault for {unseen:?}");
    drop(runtime);
    let root = &platform.stage.root;
    let (code, _, said) = vvbill(
        root,
        &["destroy", "weeks.yaml", "--auto-approve", "--destroy-data"],
    );
    assert_eq!(code, Some(0), "{said}");
}
