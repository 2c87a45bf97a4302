//! The engine over the tests' cluster, and manifests to apply.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use vvbill::apply::{self, Event, Interrupt, Outcome, Pauses, Session};
use vvbill::plan::{self, Mode, Options, Plan};
#[cfg(feature = "aws")]
use vvbill::provider::aws::Aws;
use vvbill::provider::kubernetes::{
    Cluster, Clusters, KubeconfigCluster, Kubernetes, KubernetesObject, NAME,
};
use vvbill::provider::{Concern, Connection, Provider, Providers, Wanted};
use vvbill::resource::{Address, Desired, Ref};
use vvbill::state::{FileStore, LockOptions, State, Store};

use super::cluster::shared;

pub struct Rig {
    pub namespace: String,
    pub providers: Providers,
    pub store: Arc<dyn Store>,
    pub events: Arc<Mutex<Vec<Event>>>,
    _folder: tempfile::TempDir,
}

pub fn quick() -> apply::Options {
    apply::Options {
        pauses: Pauses {
            first: Duration::from_millis(20),
            longest: Duration::from_millis(500),
            look: Duration::from_millis(20),
        },
        ..Default::default()
    }
}

static NUMBER: AtomicU32 = AtomicU32::new(1);

/// The provider, over whatever cluster objects name.
pub fn provider(force_conflicts: bool) -> Kubernetes {
    let connection = Connection {
        force_conflicts,
        ..Connection::default()
    };
    #[cfg(feature = "aws")]
    let clusters = Clusters::new(connection.clone(), Arc::new(Aws::new(connection)));
    #[cfg(not(feature = "aws"))]
    let clusters = Clusters::new(connection);
    Kubernetes::new(clusters)
}

impl Rig {
    /// With a namespace of its own, which is there.
    pub fn new() -> Self {
        let namespace = format!("test-{}", NUMBER.fetch_add(1, Ordering::SeqCst));
        let manifest = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace } });
        shared().post("/api/v1/namespaces", &manifest);
        Self::over(&namespace)
    }

    /// With a fresh state.
    pub fn over(namespace: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            namespace: namespace.into(),
            providers: Providers::new(vec![Arc::new(provider(false))]),
            store: Arc::new(FileStore::new(folder.path())),
            events: Arc::default(),
            _folder: folder,
        }
    }

    /// From now on as with `--force-conflicts`.
    pub fn force(&mut self) {
        self.providers = Providers::new(vec![Arc::new(provider(true))]);
    }

    fn observer(&self) -> impl Fn(&Event) + Send + Sync + use<> {
        let events = self.events.clone();
        move |event: &Event| events.lock().unwrap().push(event.clone())
    }

    async fn session(&self) -> Session {
        let lock = LockOptions {
            lease: Duration::from_millis(800),
            timeout: Duration::from_secs(20),
            ..LockOptions::new("test")
        };
        let session = Session::open(self.store.clone(), Some(lock), &self.observer()).await;
        session.unwrap_or_else(|why| panic!("{why}"))
    }

    async fn plan_in(&self, session: &mut Session, desired: &[Desired], options: &Options) -> Plan {
        let observed = apply::observe(session, &self.providers, 10, true, &|_: &Event| {}).await;
        let input = plan::Input {
            name: "test",
            target: NAME,
            desired: desired.to_vec(),
            state: session.state(),
            observed: observed.unwrap_or_else(|why| panic!("{why}")),
            facts: &|address| self.providers.facts(address),
            now: jiff::Timestamp::now(),
        };
        plan::make(input, options).unwrap_or_else(|why| panic!("{why}"))
    }

    pub async fn plan(&self, desired: &[Desired]) -> Plan {
        let mut session = self.session().await;
        let plan = self.plan_in(&mut session, desired, &Options::default()).await;
        session.close().await.unwrap();
        plan
    }

    pub async fn run(&self, desired: &[Desired], options: &Options) -> Outcome {
        let mut session = self.session().await;
        let plan = self.plan_in(&mut session, desired, options).await;
        let (interrupt, observer) = (Interrupt::new(), self.observer());
        let outcome = apply::apply(
            &mut session,
            &self.providers,
            &plan,
            &quick(),
            &observer,
            &interrupt,
        )
        .await;
        session.close().await.unwrap();
        outcome.unwrap_or_else(|why| panic!("{why}"))
    }

    /// Applies, and shows why where something fails.
    pub async fn apply(&self, desired: &[Desired]) {
        let outcome = self.run(desired, &Options::default()).await;
        assert!(outcome.is_success(), "{}", failures(&outcome));
        let warnings = self.warnings();
        assert!(warnings.is_empty(), "{}", warnings.join("\n"));
    }

    /// Applies what has to fail; why it did.
    pub async fn fail(&self, desired: &[Desired]) -> String {
        let outcome = self.run(desired, &Options::default()).await;
        assert!(!outcome.is_success(), "it was done");
        failures(&outcome)
    }

    pub async fn destroy(&self) {
        let options = Options {
            mode: Mode::Destroy,
            ..Options::default()
        };
        let outcome = self.run(&[], &options).await;
        assert!(outcome.is_success(), "{}", failures(&outcome));
    }

    /// What a plan would change: verb, name and paths.
    pub async fn changes(&self, desired: &[Desired]) -> Vec<String> {
        let plan = self.plan(desired).await;
        plan.changes()
            .map(|action| {
                let paths = action.changes.iter().map(|change| change.path.as_str());
                let paths: Vec<&str> = paths.collect();
                format!("{} {} {}", action.verb, action.address.name(), paths.join(" "))
                    .trim_end()
                    .to_owned()
            })
            .collect()
    }

    pub async fn assert_settled(&self, desired: &[Desired]) {
        let plan = self.plan(desired).await;
        let changes: Vec<String> = plan
            .changes()
            .map(|action| format!("{} {}: {}", action.verb, action.address, json!(action.changes)))
            .collect();
        assert!(
            changes.is_empty(),
            "the second plan is not empty:\n{}",
            changes.join("\n")
        );
        assert!(plan.drift.is_empty(), "drift: {}", json!(plan.drift));
    }

    pub async fn preflight(&self, desired: &[Desired]) -> Vec<Concern> {
        let wanted: Vec<Wanted> = desired
            .iter()
            .map(|desired| Wanted {
                address: &desired.address,
                properties: &desired.properties,
                is_new: true,
            })
            .collect();
        provider(false).preflight(&wanted).await
    }

    pub async fn state(&self) -> State {
        apply::read_state(&*self.store).await.unwrap().unwrap_or_default()
    }

    fn warnings(&self) -> Vec<String> {
        let events = self.events.lock().unwrap();
        let warning = |event: &Event| match event {
            Event::Diagnostic { summary, detail, .. } => Some(format!("{summary}: {detail}")),
            _ => None,
        };
        events.iter().filter_map(warning).collect()
    }

    /// What destroying said that stays.
    pub fn left(&self) -> Vec<String> {
        let events = self.events.lock().unwrap();
        let left = |event: &Event| match event {
            Event::Left { what, .. } => Some(what.clone()),
            _ => None,
        };
        events.iter().filter_map(left).collect()
    }

    /// How far things were said to be, in order.
    pub fn progress(&self) -> Vec<String> {
        let events = self.events.lock().unwrap();
        events.iter().map(|event| format!("{event:?}")).collect()
    }

    pub fn deployment(&self, name: &str) -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": { "name": name, "namespace": self.namespace, "labels": { "app": name } },
            "spec": {
                "replicas": 2,
                "selector": { "matchLabels": { "app": name } },
                "template": {
                    "metadata": { "labels": { "app": name } },
                    "spec": { "containers": [{
                        "name": "main", "image": "registry.example/app:1",
                        "ports": [{ "containerPort": 8000 }],
                        "env": [
                            { "name": "WORKERS", "value": "8" },
                            { "name": "POD", "valueFrom": { "fieldRef": { "fieldPath": "metadata.name" } } },
                        ],
                        "resources": {
                            "requests": { "cpu": "3000m", "memory": "6144Mi" },
                            "limits": { "cpu": 4, "memory": "8Gi" },
                        },
                        "readinessProbe": { "httpGet": { "path": "/ready", "port": 8000 } },
                        "volumeMounts": [{ "name": "scratch", "mountPath": "/scratch" }],
                    }], "volumes": [{ "name": "scratch", "emptyDir": {} }] },
                },
            },
        })
    }

    pub fn config_map(&self, name: &str, data: &Value) -> Value {
        json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": { "name": name, "namespace": self.namespace }, "data": data,
        })
    }

    pub fn path(&self, collection: &str, name: &str) -> String {
        let namespace = &self.namespace;
        match collection.split_once('/') {
            Some(("v1", plural)) => format!("/api/v1/namespaces/{namespace}/{plural}/{name}"),
            _ => {
                let (version, plural) = collection.rsplit_once('/').unwrap();
                format!("/apis/{version}/namespaces/{namespace}/{plural}/{name}")
            }
        }
    }
}

/// The tests' cluster, as this context of its kubeconfig.
pub fn cluster(context: Option<&str>) -> Cluster {
    Cluster::Kubeconfig(KubeconfigCluster {
        kubeconfig: Ref::Known(shared().kubeconfig().display().to_string()),
        context: context.map(str::to_owned),
    })
}

/// The same, in another process.
pub fn cluster_of(kubeconfig: &str) -> Cluster {
    Cluster::Kubeconfig(KubeconfigCluster {
        kubeconfig: Ref::Known(kubeconfig.into()),
        context: None,
    })
}

pub fn address(kind: &str, name: &str) -> Address {
    Address::new(NAME, "us-east-1", kind, name)
}

/// A manifest as the topology would ask for it.
pub fn desired(manifest: Value) -> Desired {
    desired_in(cluster(None), manifest)
}

pub fn desired_in(cluster: Cluster, manifest: Value) -> Desired {
    let kind = manifest["kind"].as_str().unwrap().to_lowercase();
    let name = manifest["metadata"]["name"].as_str().unwrap().to_owned();
    let object = KubernetesObject::new(cluster, manifest);
    of(&kind, &name, serde_json::to_value(object).unwrap())
}

pub fn of(kind: &str, name: &str, properties: Value) -> Desired {
    Desired {
        address: address(kind, name),
        properties,
        depends_on: BTreeSet::new(),
        protect: false,
        section: "workloads".into(),
        origin: format!("workloads.{name}"),
    }
}

pub fn after(mut one: Desired, others: &[&Desired]) -> Desired {
    one.depends_on = others.iter().map(|other| other.address.clone()).collect();
    one
}

pub fn failures(outcome: &Outcome) -> String {
    let failed = outcome.failed.iter();
    let lines = failed.map(|failed| {
        let hint = failed.hint.as_deref().unwrap_or_default();
        format!("{} {}: {} ({hint})", failed.verb, failed.address, failed.message)
    });
    lines.collect::<Vec<_>>().join("\n")
}
