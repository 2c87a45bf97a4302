//! Weeks 4 and 5 on a real platform: each step holds, and sees the fault that is meant for it.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use serde_json::Value;
use tokio_postgres::NoTls;
use vvbill::endpoints::Endpoints;
use vvbill::load::Workload;
use vvbill::provider::Providers;
use vvbill::provider::local::{Machine, provider};
use vvbill::rollout::model::{Evidence, How};
use vvbill::rollout::{Processes, Scene, Step, Switch, steps};
use vvbill::spec::{Overrides, Spec};
use vvbill::state::State;

use super::kill::free_block;
use super::stage::Stage;

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

struct Platform {
    stage: Stage,
    spec: Spec,
    endpoints: Endpoints,
    switch: Arc<dyn Switch>,
}

fn vvbill(root: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_vvbill"))
        .current_dir(root)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

fn apply() -> Platform {
    let stage = Stage::timed();
    let local = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/plans/local.yaml")).unwrap();
    fs::write(stage.root.join("local.yaml"), local).unwrap();
    let plan = format!("{PLAN}  port_base: {}\n", free_block(64));
    fs::write(stage.root.join("loaded.yaml"), plan).unwrap();
    vvbill(&stage.root, &["apply", "loaded.yaml", "--auto-approve"]);
    let status: Value =
        serde_json::from_str(&vvbill(&stage.root, &["status", "loaded.yaml", "--json"])).unwrap();
    let state = State::from_json(&fs::read(stage.root.join(".vvbill/loaded/state.json")).unwrap()).unwrap();
    let providers = Providers::new(vec![Arc::new(provider(Machine::new(&stage.root)))]);
    let root = stage.root.clone();
    let loaded = vvbill::spec::load("loaded.yaml", &Overrides::default(), &mut |name| {
        fs::read(root.join(name)).map_err(|why| why.to_string())
    });
    Platform {
        spec: loaded
            .unwrap_or_else(|problems| panic!("{}", problems.render()))
            .spec,
        endpoints: serde_json::from_value(status["endpoints"].clone()).unwrap(),
        switch: Arc::new(Processes::new(&state, providers)),
        stage,
    }
}

impl Platform {
    fn scene(&self, spec: Spec) -> Scene {
        Scene {
            spec: Arc::new(spec),
            endpoints: self.endpoints.clone(),
            switch: self.switch.clone(),
            events: 100,
            patience: Duration::from_secs(5),
            load_for: Some(Duration::from_secs(2)),
            drills: Default::default(),
        }
    }

    /// The plan without the alert that can't fire.
    fn sound(&self) -> Spec {
        let mut spec = self.spec.clone();
        spec.alerts.remove("Mute");
        spec
    }

    async fn sql(&self, statement: &str) {
        let shard = &self.endpoints.shards[0];
        let (host, port) = shard.hosts[0].rsplit_once(':').unwrap();
        let password = shard.password.as_deref().unwrap().strip_prefix("file:").unwrap();
        let mut config = tokio_postgres::Config::new();
        config
            .host(host)
            .port(port.parse().unwrap())
            .dbname(&shard.database)
            .user(&shard.user)
            .password(fs::read_to_string(password).unwrap().trim());
        let (client, connection) = config.connect(NoTls).await.unwrap();
        drop(tokio::spawn(connection));
        client.batch_execute(statement).await.unwrap();
    }

    async fn records_of(&self, bytes: &str) {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.endpoints.kafka.join(","));
        let admin: AdminClient<DefaultClientContext> = config.create().unwrap();
        let change = AlterConfig::new(ResourceSpecifier::Topic("billing-events"))
            .set("min.insync.replicas", "2")
            .set("message.timestamp.type", "LogAppendTime")
            .set("max.message.bytes", bytes);
        let answers = admin
            .alter_configs([&change], &AdminOptions::new())
            .await
            .unwrap();
        answers.into_iter().for_each(|answer| drop(answer.unwrap()));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }

    async fn stop_worker(&self) {
        let state = fs::read(self.stage.root.join(".vvbill/loaded/state.json")).unwrap();
        let state = State::from_json(&state).unwrap();
        let mut records = state.resources.values();
        let worker = records
            .find(|record| record.address.name() == "ingest-worker-1")
            .unwrap();
        let endpoint = worker.outputs["endpoint"].as_str().unwrap();
        self.switch.stop(endpoint).await.unwrap();
    }

    async fn inject(&self, fault: Fault, spec: &mut Spec, memory: &Value) {
        match fault {
            Fault::WorkerAway => self.stop_worker().await,
            Fault::RowGone => {
                let workload: Workload = serde_json::from_value(memory["workload"].clone()).unwrap();
                let accounts = workload.account_ids();
                let (first, last) = (accounts.start, accounts.end);
                self.sql(&format!(
                    "DELETE FROM events WHERE (account_id, event_id) IN (SELECT account_id, event_id FROM events \
                     WHERE account_id >= {first} AND account_id < {last} LIMIT 1)"
                ))
                .await;
            }
            Fault::RecordsOf(bytes) => self.records_of(bytes).await,
            Fault::Sql { inject, .. } => self.sql(inject).await,
            Fault::Plan(change) => {
                *spec = self.spec.clone();
                change(spec);
            }
        }
    }

    async fn mend(&self, fault: Fault) {
        self.switch.restore().await.unwrap();
        match fault {
            Fault::RecordsOf(_) => self.records_of("1048588").await,
            Fault::Sql { mend, .. } => self.sql(mend).await,
            Fault::WorkerAway | Fault::RowGone | Fault::Plan(_) => {}
        }
    }

    /// Runs one step by hand; everything that was measured.
    async fn evidence(&self, step: &dyn Step, fault: Option<(bool, Fault)>) -> Evidence {
        let mut spec = self.sound();
        if let Some((BEFORE, fault)) = fault {
            self.inject(fault, &mut spec, &Value::Null).await;
        }
        let scene = self.scene(spec.clone());
        let trial = step.run(&scene).await.unwrap();
        if let Some((AFTER, fault)) = fault {
            self.inject(fault, &mut spec, &trial.memory).await;
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
            self.mend(fault).await;
        }
        self.switch.restore().await.unwrap();
        Evidence::of(How::Ran, [trial.measures, measures].concat(), trial.memory)
    }
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
        if step.skipped(&platform.sound()).is_some() {
            assert_eq!(step.name(), "sysctl");
            continue;
        }
        let evidence = runtime.block_on(platform.evidence(&**step, None));
        assert_eq!(evidence.misses(), [""; 0], "{}", step.name());
        if step.name() == "load-rate" {
            let measured = vvbill::rollout::measured(&evidence.memory).unwrap();
            assert!(!measured.intervals.is_empty() && measured.open_loop);
        }
    }
    for (name, after, fault, miss) in FAULTS {
        let step = all.iter().find(|step| step.name() == *name).unwrap();
        let evidence = runtime.block_on(platform.evidence(&**step, Some((*after, *fault))));
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
    vvbill(
        &platform.stage.root,
        &["destroy", "loaded.yaml", "--auto-approve", "--destroy-data"],
    );
}
