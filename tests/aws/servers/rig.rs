//! A fake AWS, the engine over it, and the judges.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::Region;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use vvbill::apply::{self, Event, Interrupt, Outcome, Pauses, Session};
use vvbill::plan::{self, Mode, Options, Plan, PlanError};
use vvbill::provider::aws::Aws;
use vvbill::provider::{Connection, Providers};
use vvbill::resource::{Address, Desired};
use vvbill::spec::{Overrides, Spec, load};
use vvbill::state::{FileStore, LockOptions, State, Store};

use super::fake::Fake;

/// What runs on the clusters is left to somebody else: here no cluster answers.
pub const AWS_ALONE: &str = "eks.apply_objects=false";

pub struct Rig {
    pub fake: Fake,
    pub providers: Providers,
    pub store: Arc<dyn Store>,
    pub events: Arc<Mutex<Vec<Event>>>,
    pub folder: tempfile::TempDir,
}

/// Short enough for a test.
pub fn quick() -> apply::Options {
    apply::Options {
        pauses: Pauses {
            first: Duration::from_millis(20),
            longest: Duration::from_millis(500),
            look: Duration::from_millis(30),
        },
        ..Default::default()
    }
}

/// Of a plan in `plans/`, with `--set` overrides.
pub fn spec(name: &str, set: &[&str]) -> Spec {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("plans");
    let mut read = |name: &str| std::fs::read(folder.join(name)).map_err(|error| error.to_string());
    let overrides = Overrides {
        sets: set.iter().map(|text| (*text).to_owned()).collect(),
        ..Overrides::default()
    };
    match load(name, &overrides, &mut read) {
        Ok(loaded) => loaded.spec,
        Err(problems) => panic!("{}", problems.render()),
    }
}

/// What that plan asks of AWS; what runs on its clusters is left out.
pub fn desired(name: &str, set: &[&str]) -> Vec<Desired> {
    let set = [&[AWS_ALONE], set].concat();
    vvbill::topology::desired(&spec(name, &set)).unwrap_or_else(|why| panic!("{why}: {}", why.hint()))
}

/// Those of `all` whose kind is one of these, and everything that they need.
pub fn only(all: &[Desired], kinds: &[&str]) -> Vec<Desired> {
    let wanted = all
        .iter()
        .filter(|desired| kinds.contains(&desired.address.kind()));
    with_needs(all, wanted.map(|desired| desired.address.clone()).collect())
}

/// The resource at `address`, and everything that it needs.
pub fn needed_by(all: &[Desired], address: &Address) -> Vec<Desired> {
    with_needs(all, BTreeSet::from([address.clone()]))
}

fn with_needs(all: &[Desired], mut wanted: BTreeSet<Address>) -> Vec<Desired> {
    loop {
        let more: Vec<Address> = all
            .iter()
            .filter(|desired| wanted.contains(&desired.address))
            .flat_map(Desired::dependencies)
            .filter(|address| !wanted.contains(address))
            .collect();
        if more.is_empty() {
            break;
        }
        wanted.extend(more);
    }
    all.iter()
        .filter(|desired| wanted.contains(&desired.address))
        .cloned()
        .collect()
}

/// In an order in which each comes after what it needs.
pub fn dependencies_first(all: &[Desired]) -> Vec<&Desired> {
    let mut done = BTreeSet::new();
    let mut ordered = Vec::new();
    while ordered.len() < all.len() {
        let before = ordered.len();
        for desired in all {
            if !done.contains(&desired.address) && desired.dependencies().is_subset(&done) {
                done.insert(desired.address.clone());
                ordered.push(desired);
            }
        }
        assert!(ordered.len() > before, "a circle");
    }
    ordered
}

/// `VVBILL_TEST_SEED` or one of the clock; printed, so that a failure can be run again.
pub fn seed() -> u64 {
    let given = std::env::var("VVBILL_TEST_SEED")
        .ok()
        .and_then(|text| text.parse().ok());
    let seed = given.unwrap_or_else(|| u64::from(jiff::Timestamp::now().subsec_nanosecond().unsigned_abs()));
    println!("VVBILL_TEST_SEED={seed}");
    seed
}

pub fn random(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// What exists although nothing is to be there: without what `said` names (keys that are pending deletion, final
/// snapshots, secrets in their recovery window).
pub fn unexplained(fake: &Fake, said: &str) -> Vec<String> {
    let named = |thing: &Value| {
        ["id", "name"].iter().any(|key| {
            thing[*key]
                .as_str()
                .is_some_and(|text| !text.is_empty() && said.contains(text))
        })
    };
    fake.inventory()
        .iter()
        .filter(|thing| !named(thing))
        .map(Value::to_string)
        .collect()
}

/// Destroys, data included.
pub fn everything() -> Options {
    Options {
        mode: Mode::Destroy,
        destroy_data: true,
        ..Options::default()
    }
}

impl Rig {
    pub async fn start(config: Value) -> Self {
        let fake = Fake::start(&config);
        let folder = tempfile::tempdir().unwrap();
        Self {
            providers: Providers::new(vec![Arc::new(aws(&fake.url).await)]),
            fake,
            store: Arc::new(FileStore::new(folder.path())),
            events: Arc::default(),
            folder,
        }
    }

    /// Another run: a fresh state over the same AWS.
    pub fn forget(&mut self) {
        self.folder = tempfile::tempdir().unwrap();
        self.store = Arc::new(FileStore::new(self.folder.path()));
    }

    fn observer(&self) -> impl Fn(&Event) + Send + Sync + use<> {
        let events = self.events.clone();
        move |event: &Event| events.lock().unwrap().push(event.clone())
    }

    pub async fn session(&self) -> Session {
        let lock = LockOptions {
            lease: Duration::from_millis(800),
            timeout: Duration::from_secs(20),
            ..LockOptions::new("test")
        };
        Session::open(self.store.clone(), Some(lock), &self.observer())
            .await
            .unwrap()
    }

    pub async fn plan_in(
        &self,
        session: &mut Session,
        desired: &[Desired],
        options: &Options,
        refresh: bool,
    ) -> Plan {
        let plan = self.try_plan_in(session, desired, options, refresh).await;
        plan.unwrap_or_else(|why| panic!("{why}"))
    }

    async fn try_plan_in(
        &self,
        session: &mut Session,
        desired: &[Desired],
        options: &Options,
        refresh: bool,
    ) -> Result<Plan, PlanError> {
        let observed = apply::observe(session, &self.providers, 10, refresh, &|_: &Event| {}).await;
        let input = plan::Input {
            name: "test",
            target: "aws",
            desired: desired.to_vec(),
            state: session.state(),
            observed: observed.unwrap_or_else(|why| panic!("{why}")),
            facts: &|address| self.providers.facts(address),
            now: jiff::Timestamp::now(),
        };
        plan::make(input, options)
    }

    /// A plan, or why there is none.
    pub async fn try_plan(&self, desired: &[Desired], options: &Options) -> Result<Plan, PlanError> {
        let mut session = self.session().await;
        let plan = self.try_plan_in(&mut session, desired, options, true).await;
        session.close().await.unwrap();
        plan
    }

    pub async fn plan(&self, desired: &[Desired], options: &Options) -> Plan {
        let mut session = self.session().await;
        let plan = self.plan_in(&mut session, desired, options, true).await;
        session.close().await.unwrap();
        plan
    }

    pub async fn run(&self, desired: &[Desired], options: &Options) -> Outcome {
        let mut session = self.session().await;
        let plan = self.plan_in(&mut session, desired, options, true).await;
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
    }

    /// Applies until nothing fails: what a person does who runs the command again.
    pub async fn converge(&self, desired: &[Desired], rounds: usize) {
        let mut last = None;
        for _ in 0..rounds {
            let outcome = self.run(desired, &Options::default()).await;
            if outcome.is_success() {
                return;
            }
            last = Some(outcome);
        }
        panic!("no convergence in {rounds} rounds: {}", failures(&last.unwrap()));
    }

    /// The second plan is empty; warnings of what still differs count as differences.
    pub async fn assert_settled(&self, desired: &[Desired]) {
        let plan = self.plan(desired, &Options::default()).await;
        let left: Vec<String> = plan
            .changes()
            .map(|action| {
                format!(
                    "{} {}: {} {}",
                    action.verb,
                    action.address,
                    action.reason,
                    json!(action.changes)
                )
            })
            .collect();
        assert!(
            left.is_empty(),
            "the second plan is not empty:\n{}",
            left.join("\n")
        );
    }

    pub async fn destroy(&self) -> Outcome {
        self.run(&[], &everything()).await
    }

    /// What destroying said that stays.
    pub fn left(&self) -> Vec<String> {
        let events = self.events.lock().unwrap();
        events
            .iter()
            .filter_map(|event| match event {
                Event::Left { address, what } => Some(format!("{address}: {what}")),
                _ => None,
            })
            .collect()
    }

    /// What a whole life of these resources has to hold: applied, the second plan is empty; destroyed,
    /// nothing exists.
    pub async fn live(&self, desired: &[Desired]) {
        self.apply(desired).await;
        self.assert_settled(desired).await;
        let outcome = self.destroy().await;
        assert!(outcome.is_success(), "{}", failures(&outcome));
        let left = self.unexplained();
        assert!(left.is_empty(), "left behind:\n{}", left.join("\n"));
    }

    /// What exists although nothing is to be there, and what destroying did not name.
    pub fn unexplained(&self) -> Vec<String> {
        unexplained(&self.fake, &self.left().join("\n"))
    }

    pub async fn state(&self) -> State {
        apply::read_state(&*self.store).await.unwrap().unwrap_or_default()
    }

    pub fn script(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/aws").join(name)
    }
}

/// The provider, with credentials that nobody checks.
pub async fn aws(url: &str) -> Aws {
    let connection = Connection {
        endpoint_url: Some(url.to_owned()),
        request_timeout: Some(Duration::from_secs(3)),
        ..Connection::default()
    };
    let credentials = aws_credential_types::Credentials::new("test", "test", None, None, "tests");
    let loader = connection
        .loader()
        .credentials_provider(credentials)
        .region(Region::new("us-east-1"));
    Aws::with(loader.load().await)
}

pub fn failures(outcome: &Outcome) -> String {
    let mut lines: Vec<String> = outcome
        .failed
        .iter()
        .map(|failed| format!("{} {}: {}", failed.verb, failed.address, failed.message))
        .collect();
    lines.push(format!("{} not tried", outcome.not_tried.len()));
    lines.join("\n")
}
