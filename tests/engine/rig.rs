//! A folder, a simulated world in it, and the engine over both.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value, json};
use vvbill::apply::{self, ApplyError, Event, Interrupt, Outcome, Pauses, Session, SessionError};
use vvbill::plan::{self, Plan, PlanError};
use vvbill::provider::{Providers, Typed, simulated};
use vvbill::resource::{Address, Desired, Ref};
use vvbill::state::{FileStore, LockOptions, State, Store};

pub struct Rig {
    folder: tempfile::TempDir,
    pub providers: Providers,
    pub provider: Arc<Typed<simulated::World>>,
    pub store: Arc<dyn Store>,
    pub events: Arc<Mutex<Vec<Event>>>,
    pub interrupt: Interrupt,
}

/// Short enough for a test, long enough to be seen.
pub const LEASE: Duration = Duration::from_millis(400);

pub fn quick() -> apply::Options {
    apply::Options {
        pauses: Pauses {
            first: Duration::from_millis(1),
            longest: Duration::from_millis(20),
            look: Duration::from_millis(2),
        },
        ..Default::default()
    }
}

pub fn lock(operation: &str) -> LockOptions {
    LockOptions {
        lease: LEASE,
        timeout: Duration::from_secs(20),
        ..LockOptions::new(operation)
    }
}

impl Rig {
    pub fn new(seed: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let world = simulated::World::open(&folder.path().join("world"), seed).unwrap();
        Self::over(folder, world)
    }

    pub fn over(folder: tempfile::TempDir, world: simulated::World) -> Self {
        let provider = Arc::new(simulated::provider(world));
        let store: Arc<dyn Store> = Arc::new(FileStore::new(folder.path()));
        Self {
            folder,
            providers: Providers::new(vec![provider.clone()]),
            provider,
            store,
            events: Arc::default(),
            interrupt: Interrupt::new(),
        }
    }

    /// The world as its file has it now: another process may have written there.
    pub fn reopen(self, seed: u64) -> Self {
        let world = simulated::World::open(&self.folder.path().join("world"), seed).unwrap();
        Self::over(self.folder, world)
    }

    pub fn world(&self) -> &simulated::World {
        &self.provider.cloud
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub async fn session(&self) -> Result<Session, SessionError> {
        let events = self.events.clone();
        let observer = move |event: &Event| events.lock().unwrap().push(event.clone());
        Session::open(self.store.clone(), Some(lock("test")), &observer).await
    }

    pub async fn plan_in(
        &self,
        session: &mut Session,
        desired: &[Desired],
        options: &plan::Options,
    ) -> Result<Plan, PlanError> {
        let observed = apply::observe(session, &self.providers, 10, true, &|_: &Event| {})
            .await
            .unwrap();
        let input = plan::Input {
            name: "test",
            target: "simulated",
            desired: desired.to_vec(),
            state: session.state(),
            observed,
            facts: &|address| self.providers.facts(address),
            now: jiff::Timestamp::now(),
        };
        plan::make(input, options)
    }

    pub async fn apply_in(
        &self,
        session: &mut Session,
        plan: &Plan,
        options: &apply::Options,
    ) -> Result<Outcome, ApplyError> {
        let events = self.events.clone();
        let observer = move |event: &Event| events.lock().unwrap().push(event.clone());
        apply::apply(
            session,
            &self.providers,
            plan,
            options,
            &observer,
            &self.interrupt,
        )
        .await
    }

    pub async fn plan(&self, desired: &[Desired], options: &plan::Options) -> Result<Plan, PlanError> {
        let mut session = self.session().await.unwrap();
        let plan = self.plan_in(&mut session, desired, options).await;
        session.close().await.unwrap();
        plan
    }

    pub async fn apply(&self, desired: &[Desired], options: &plan::Options) -> Outcome {
        let mut session = self.session().await.unwrap();
        let plan = self.plan_in(&mut session, desired, options).await.unwrap();
        let outcome = self.apply_in(&mut session, &plan, &quick()).await.unwrap();
        session.close().await.unwrap();
        outcome
    }

    /// Applies until nothing fails: what a person does who runs the command again.
    pub async fn converge(&self, desired: &[Desired], rounds: usize) {
        for _ in 0..rounds {
            if self.apply(desired, &plan::Options::default()).await.is_success() {
                return;
            }
        }
        panic!("no convergence in {rounds} rounds");
    }

    pub async fn state(&self) -> State {
        apply::read_state(&*self.store).await.unwrap().unwrap_or_default()
    }

    /// The judge: a second plan is empty; of everything asked for there is exactly one; nothing else is
    /// there; and the state knows each by its id.
    pub async fn judge(&self, desired: &[Desired]) {
        self.world().set_faults(simulated::Faults::default());
        let plan = self.plan(desired, &plan::Options::default()).await.unwrap();
        let left: Vec<_> = plan
            .changes()
            .map(|action| (action.address.clone(), action.verb))
            .collect();
        assert!(left.is_empty(), "the second plan is not empty: {left:?}");
        let mut there: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
        for (id, known) in self.world().things() {
            let name = known.properties["name"].as_str().unwrap().to_owned();
            there.entry((known.kind, name)).or_default().push(id);
        }
        let state = self.state().await;
        for resource in desired {
            let name = resource.properties["name"].as_str().unwrap().to_owned();
            let ids = there
                .remove(&(resource.address.kind().into(), name))
                .unwrap_or_default();
            assert_eq!(ids.len(), 1, "{} exists as {ids:?}", resource.address);
            assert_eq!(
                state.resources[&resource.address].id, ids[0],
                "{}",
                resource.address
            );
        }
        assert!(there.is_empty(), "orphans: {there:?}");
        assert_eq!(state.resources.len(), desired.len());
        assert!(state.deposed.is_empty() && state.pending_operations.is_empty());
    }
}

pub fn address(kind: &str, name: &str) -> Address {
    Address::new("simulated", "global", kind, name)
}

pub fn desired(kind: &str, name: &str, properties: Value) -> Desired {
    let mut all = Map::from_iter([("name".into(), json!(name)), ("size".into(), json!(1))]);
    all.extend(properties.as_object().unwrap().clone());
    Desired {
        address: address(kind, name),
        properties: Value::Object(all),
        depends_on: BTreeSet::new(),
        protect: false,
        section: "test".into(),
        origin: format!("test.{name}"),
    }
}

pub fn output(of: &Address, name: &str) -> Value {
    serde_json::to_value(Ref::<String>::output(of, name)).unwrap()
}

pub const KINDS: [&str; 5] = ["node", "volume", "gateway", "binding", "template"];

/// A random platform: each resource may refer to some before it.
pub fn random_platform(random: &mut ChaCha8Rng, count: usize) -> Vec<Desired> {
    let mut platform: Vec<Desired> = Vec::new();
    for number in 0..count {
        let kind = KINDS[random.random_range(0..KINDS.len())];
        let mut properties = json!({
            "size": random.random_range(1..4u32),
            "image": format!("image-{}", random.random_range(0..2u32)),
            "memory": 256 * random.random_range(1..3u32),
        });
        let mut depends_on = BTreeSet::new();
        for _ in 0..random.random_range(0..3usize).min(number) {
            let of = platform[random.random_range(0..number)].address.clone();
            match random.random_range(0..4u32) {
                0 => properties["network"] = output(&of, "endpoint"),
                1 => properties["uses"] = json!({ "other": output(&of, "endpoint") }),
                2 => properties["uses"] = json!({ "other": output(&of, "revision") }),
                _ => drop(depends_on.insert(of)),
            }
        }
        let mut resource = desired(kind, &format!("r{number}"), properties);
        resource.depends_on = depends_on;
        platform.push(resource);
    }
    platform
}

/// Some of it changed, some gone (with all that needs it), some new.
pub fn mutated(random: &mut ChaCha8Rng, platform: &[Desired]) -> Vec<Desired> {
    let mut kept: Vec<Desired> = Vec::new();
    let mut known = BTreeSet::new();
    for resource in platform {
        if random.random_bool(0.15) || !resource.dependencies().is_subset(&known) {
            continue;
        }
        let mut resource = resource.clone();
        if random.random_bool(0.3) {
            resource.properties["size"] = json!(random.random_range(1..6u32));
        }
        if random.random_bool(0.2) {
            resource.properties["memory"] = json!(256 * random.random_range(1..4u32));
        }
        if random.random_bool(0.2) {
            resource.properties["image"] = json!(format!("image-{}", random.random_range(0..3u32)));
        }
        known.insert(resource.address.clone());
        kept.push(resource);
    }
    for number in 0..random.random_range(0..4usize) {
        let mut properties = json!({});
        if let Some(of) = kept.first().map(|first| first.address.clone()) {
            properties["uses"] = json!({ "first": output(&of, "revision") });
        }
        kept.push(desired(
            "node",
            &format!("new-{}-{number}", random.random::<u16>()),
            properties,
        ));
    }
    kept
}

/// `VVBILL_TEST_SEED` or one of the clock; printed, so that a failure can be run again.
pub fn seed() -> u64 {
    let seed = std::env::var("VVBILL_TEST_SEED")
        .ok()
        .and_then(|text| text.parse().ok());
    let seed = seed.unwrap_or_else(|| u64::from(jiff::Timestamp::now().subsec_nanosecond().unsigned_abs()));
    println!("VVBILL_TEST_SEED={seed}");
    seed
}

pub fn random(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}
