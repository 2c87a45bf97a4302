//! Weeks 4 and 5 on a real platform: each step holds, and sees the fault that is meant for it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use vvbill::rollout::model::{Evidence, How};
use vvbill::rollout::{Step, steps};
use vvbill::spec::Spec;

use super::raised::{Platform, stage_with, vvbill};

/// `Mute` names a metric that nobody has: it can never fire.
const PLAN: &str = "
extends: local.yaml
metadata: { name: loaded }
kafka:
  partitions: 4
  heap: { initial: 64MiB, max: 256MiB }
  topics: { billing-events: { partitions: 4 } }
buffer: { replicas: 1 }
aurora: { parameters: { work_mem: 4MB } }
ingest: { api_replicas: 1, worker_replicas: 1 }
monitoring: { scrape_interval: 1s }
alerts:
  Mute: { expr: nothing_of_that_name > 1, summary: never }
rollout:
  week-4: { gate: { rate: 50/s, p95_latency: 2s } }
success_metrics: null
local:
  ports: null
";

#[derive(Clone, Copy)]
enum Fault {
    WorkerAway,
    /// One row of what the step has sent.
    RowGone,
    /// The events' topic takes no record of more than so many bytes.
    RecordsOf(&'static str),
    Sql {
        inject: &'static str,
        mend: &'static str,
    },
    /// The plan asks for something that the platform does not have.
    Plan(fn(&mut Spec)),
}

/// Whether a fault comes after the step's action, before it verifies.
const BEFORE: bool = false;
const AFTER: bool = true;

/// Each step, a fault, and the value that must miss.
const FAULTS: &[(&str, bool, Fault, &str)] = &[
    (
        "replicas",
        BEFORE,
        Fault::WorkerAway,
        "members of the consumer group vvbill-ingest is 0, must be 1",
    ),
    ("load-rate", AFTER, Fault::RowGone, "events lost is 1, must be 0"),
    (
        "load-peak",
        BEFORE,
        Fault::Sql {
            inject: "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS \
                     $$ BEGIN PERFORM pg_sleep(3); RETURN NULL; END $$; \
                     CREATE TRIGGER slow AFTER UPDATE ON watermarks FOR EACH STATEMENT EXECUTE FUNCTION slow()",
            mend: "DROP FUNCTION slow CASCADE",
        },
        "P95 from sending to the commit of",
    ),
    ("load-max", BEFORE, Fault::RecordsOf("20"), "must be at least 50"),
    (
        "database-parameters",
        BEFORE,
        Fault::Sql {
            inject: "ALTER ROLE CURRENT_USER SET work_mem = '2MB'",
            mend: "ALTER ROLE CURRENT_USER RESET work_mem",
        },
        "shard 0 work_mem is 2MB, must be 4MB",
    ),
    (
        "sysctl",
        BEFORE,
        Fault::Plan(|spec| {
            let sysctl = &mut spec.operating_system.sysctl;
            sysctl.insert("net.core.somaxconn".into(), "7".into());
        }),
        "net.core.somaxconn is",
    ),
    (
        "dashboards-load",
        BEFORE,
        Fault::Plan(|spec| spec.success_metrics.availability = Some("99.9%".parse().unwrap())),
        "recorded series that no rule records is objectives.json",
    ),
    (
        "alert-rules",
        BEFORE,
        Fault::Plan(|spec| spec.alerts.get_mut("KafkaLag").unwrap().expr = "kafka_consumer_lag > 1".into()),
        "KafkaLag expression is kafka_consumer_lag > 10000, must be kafka_consumer_lag > 1",
    ),
    (
        "alerts-fire",
        BEFORE,
        Fault::Plan(|spec| spec.alerts.retain(|name, _| name == "Mute")),
        "Mute: series that its expression gives is 0, must be at least 1",
    ),
];

fn apply() -> Platform {
    let stage = stage_with("loaded", PLAN);
    succeed(&stage.root, &["apply", "loaded.yaml", "--auto-approve"]);
    Platform::of(stage, "loaded")
}

fn succeed(root: &Path, arguments: &[&str]) {
    let (code, _, said) = vvbill(root, arguments);
    assert_eq!(code, Some(0), "{arguments:?}: {said}");
}

/// The plan without the alert that can't fire.
fn sound(platform: &Platform) -> Spec {
    let mut spec = platform.spec.clone();
    spec.alerts.remove("Mute");
    spec
}

async fn inject(platform: &Platform, fault: Fault, spec: &mut Spec, memory: &Value) {
    match fault {
        Fault::WorkerAway => platform.stop("ingest_process", "ingest-worker-1").await,
        Fault::RowGone => platform.take_a_row_away(&memory["workload"]).await,
        Fault::RecordsOf(bytes) => platform.topic(&[("max.message.bytes", bytes)]).await,
        Fault::Sql { inject, .. } => platform.sql(0, inject).await,
        Fault::Plan(change) => {
            *spec = platform.spec.clone();
            change(spec);
        }
    }
}

async fn mend(platform: &Platform, fault: Fault) {
    platform.switch.restore().await.unwrap();
    match fault {
        Fault::RecordsOf(_) => platform.topic(&[("max.message.bytes", "1048588")]).await,
        Fault::Sql { mend, .. } => platform.sql(0, mend).await,
        Fault::WorkerAway | Fault::RowGone | Fault::Plan(_) => {}
    }
}

/// Runs one step by hand; everything that was measured.
async fn evidence(platform: &Platform, step: &dyn Step, fault: Option<(bool, Fault)>) -> Evidence {
    let mut spec = sound(platform);
    if let Some((BEFORE, fault)) = fault {
        inject(platform, fault, &mut spec, &Value::Null).await;
    }
    let scene = platform.scene(&spec, Duration::from_secs(5));
    let trial = step.run(&scene).await.unwrap();
    if let Some((AFTER, fault)) = fault {
        inject(platform, fault, &mut spec, &trial.memory).await;
    }
    let mut measures = step.verify(&scene, &trial.memory).await.unwrap();
    for _ in 0..60 {
        if fault.is_some() || measures.iter().all(|measure| measure.holds) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        measures = step.verify(&scene, &trial.memory).await.unwrap();
    }
    if let Some((_, fault)) = fault {
        mend(platform, fault).await;
    }
    platform.switch.restore().await.unwrap();
    Evidence::of(How::Ran, [trial.measures, measures].concat(), trial.memory)
}

/// Each step holds on a sound platform, and misses what it must with its fault. What the load left can be drawn, and
/// no copy of a rule stays behind.
#[test]
fn each_step_holds_and_sees_its_fault() {
    let platform = apply();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let all = steps();
    let of_weeks = |step: &&Arc<dyn Step>| ["week-4", "week-5"].contains(&step.home());
    for step in all.iter().filter(of_weeks) {
        if step.skipped(&sound(&platform)).is_some() {
            assert_eq!(step.name(), "sysctl");
            continue;
        }
        let evidence = runtime.block_on(evidence(&platform, &**step, None));
        assert_eq!(evidence.misses(), [""; 0], "{}", step.name());
        if step.name() == "load-rate" {
            let measured = vvbill::rollout::measured(&evidence.memory).unwrap();
            assert!(!measured.intervals.is_empty() && measured.open_loop);
        }
    }
    for (name, after, fault, miss) in FAULTS {
        let step = all.iter().find(|step| step.name() == *name).unwrap();
        let evidence = runtime.block_on(evidence(&platform, &**step, Some((*after, *fault))));
        let misses = evidence.misses();
        assert!(
            misses.iter().any(|found| found.contains(miss)),
            "{name} does not see it: {misses:#?}"
        );
    }
    let unseen = all
        .iter()
        .filter(of_weeks)
        .filter(|step| FAULTS.iter().all(|(name, ..)| *name != step.name()));
    // The fault of the scrape is among those of weeks 1 to 3.
    assert_eq!(
        unseen.map(|step| step.name()).collect::<Vec<_>>(),
        ["scrape-targets"]
    );
    let rules = format!(
        "{}/api/v1/rules",
        platform.endpoints.prometheus.as_deref().unwrap()
    );
    let mut answer = ureq::get(&rules).call().unwrap();
    let rules = answer.body_mut().read_to_string().unwrap();
    assert!(
        rules.contains("\"KafkaLag\"") && !rules.contains("Tried\""),
        "{rules}"
    );
    drop(runtime);
    succeed(
        &platform.stage.root,
        &["destroy", "loaded.yaml", "--auto-approve", "--destroy-data"],
    );
}
