//! A platform that stands, for steps of the rollout that are run by hand and for the faults that they must see.

use std::collections::BTreeMap;
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
use vvbill::drill::{self, Faults};
use vvbill::endpoints::Endpoints;
use vvbill::load::Workload;
use vvbill::provider::Providers;
use vvbill::provider::local::{Machine, provider};
use vvbill::rollout::{Processes, Scene, Switch};
use vvbill::spec::{Overrides, Spec};
use vvbill::state::State;

use super::kill::free_block;
use super::stage::Stage;

/// Exit code, standard output, standard error.
pub(super) fn vvbill(root: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_vvbill"))
        .current_dir(root)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// A stage with `NAME.yaml`, which extends `local.yaml` and ends in its section `local`.
pub(super) fn stage_with(name: &str, plan: &str) -> Stage {
    let stage = Stage::timed();
    let local = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/plans/local.yaml")).unwrap();
    fs::write(stage.root.join("local.yaml"), local).unwrap();
    let plan = format!("{plan}  port_base: {}\n", free_block(64));
    fs::write(stage.root.join(format!("{name}.yaml")), plan).unwrap();
    stage
}

pub(super) fn secret(reference: &str) -> String {
    let path = reference.strip_prefix("file:").unwrap();
    fs::read_to_string(path).unwrap().trim().to_owned()
}

pub(super) struct Platform {
    pub(super) stage: Stage,
    name: &'static str,
    pub(super) spec: Spec,
    pub(super) endpoints: Endpoints,
    pub(super) switch: Arc<dyn Switch>,
}

impl Platform {
    /// What `NAME.yaml` of the stage has made.
    pub(super) fn of(stage: Stage, name: &'static str) -> Self {
        let file = format!("{name}.yaml");
        let (_, status, _) = vvbill(&stage.root, &["status", &file, "--json"]);
        let status: Value = serde_json::from_str(&status).unwrap();
        let providers = providers(&stage);
        let root = stage.root.clone();
        let loaded = vvbill::spec::load(&file, &Overrides::default(), &mut |name| {
            fs::read(root.join(name)).map_err(|why| why.to_string())
        });
        Self {
            name,
            spec: loaded
                .unwrap_or_else(|problems| panic!("{}", problems.render()))
                .spec,
            endpoints: serde_json::from_value(status["endpoints"].clone()).unwrap(),
            switch: Arc::new(Processes::new(&state(&stage, name), providers)),
            stage,
        }
    }

    pub(super) fn scene(&self, spec: &Spec, patience: Duration) -> Scene {
        Scene {
            spec: Arc::new(spec.clone()),
            endpoints: self.endpoints.clone(),
            switch: self.switch.clone(),
            events: 100,
            patience,
            load_for: Some(Duration::from_secs(2)),
            drills: Default::default(),
        }
    }

    /// Who strikes its processes.
    pub(super) fn faults(&self) -> Arc<dyn Faults> {
        let state = state(&self.stage, self.name);
        Arc::new(drill::Processes::new(&state, providers(&self.stage), None))
    }

    pub(super) async fn sql(&self, shard: usize, statement: &str) {
        let shard = &self.endpoints.shards[shard];
        let (host, port) = shard.hosts[0].rsplit_once(':').unwrap();
        let mut config = tokio_postgres::Config::new();
        config
            .host(host)
            .port(port.parse().unwrap())
            .dbname(&shard.database)
            .user(&shard.user)
            .password(secret(shard.password.as_deref().unwrap()));
        let (client, connection) = config.connect(NoTls).await.unwrap();
        drop(tokio::spawn(connection));
        client.batch_execute(statement).await.unwrap();
    }

    /// One row of the first shard that a workload has become.
    pub(super) async fn take_a_row_away(&self, workload: &Value) {
        let workload: Workload = serde_json::from_value(workload.clone()).unwrap();
        let accounts = workload.account_ids();
        let (first, last) = (accounts.start, accounts.end);
        let statement = format!(
            "DELETE FROM events WHERE (account_id, event_id) IN (SELECT account_id, event_id FROM events \
             WHERE account_id >= {first} AND account_id < {last} LIMIT 1)"
        );
        self.sql(0, &statement).await;
    }

    pub(super) fn kafka(&self) -> AdminClient<DefaultClientContext> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.endpoints.kafka.join(","));
        config.create().unwrap()
    }

    /// The events' topic as the plan has it, but for these settings.
    pub(super) async fn topic(&self, changed: &[(&str, &str)]) {
        let mut settings = BTreeMap::from([
            ("cleanup.policy", "delete"),
            ("min.insync.replicas", "2"),
            ("retention.ms", "86400000"),
            ("message.timestamp.type", "LogAppendTime"),
        ]);
        settings.extend(changed.iter().copied());
        let mut change = AlterConfig::new(ResourceSpecifier::Topic("billing-events"));
        for (name, value) in settings {
            change = change.set(name, value);
        }
        let answers = self
            .kafka()
            .alter_configs([&change], &AdminOptions::new())
            .await
            .unwrap();
        answers.into_iter().for_each(|answer| drop(answer.unwrap()));
        // Word of it reaches every broker.
        tokio::time::sleep(Duration::from_secs(1)).await;
    }

    /// Stops the process that the state calls so.
    pub(super) async fn stop(&self, kind: &str, name: &str) {
        let state = state(&self.stage, self.name);
        let mut records = state.resources.values();
        let record = records
            .find(|record| record.address.kind() == kind && record.address.name() == name)
            .unwrap();
        let endpoint = record.outputs["endpoint"].as_str().unwrap();
        self.switch.stop(endpoint).await.unwrap();
    }
}

fn providers(stage: &Stage) -> Providers {
    Providers::new(vec![Arc::new(provider(Machine::new(&stage.root)))])
}

fn state(stage: &Stage, name: &str) -> State {
    let state = fs::read(stage.root.join(format!(".vvbill/{name}/state.json"))).unwrap();
    State::from_json(&state).unwrap()
}
