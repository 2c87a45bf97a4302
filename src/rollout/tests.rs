//! The engine on simulated steps: killed anywhere, gates, what was stopped, what is only checked.
#![allow(clippy::unwrap_used)]

mod dying;
mod runbook;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use serde_json::{Value, json};

use self::dying::Dying;
use super::engine::{Ending, Listener, Order, run_week};
use super::gate;
use super::ledger::{Book, Entry, Ledger, LedgerError};
use super::model::{Attempt, Evidence, How, Measure, Verdict};
use super::step::{Scene, Step, Trial, Trouble};
use super::switch::Switch;
use super::week::{Placed, Week, digest, weeks};
use crate::endpoints::Endpoints;
use crate::spec::{Section, Spec};
use crate::state::store::{FileStore, Store, StoreError};

const STEPS: [&str; 3] = ["one", "two", "three"];

/// What the steps act on.
#[derive(Default)]
struct World {
    /// How often each step's action was carried out.
    effects: Mutex<BTreeMap<&'static str, u64>>,
    /// The values that steps measure; unset: right.
    broken: Mutex<BTreeMap<&'static str, &'static str>>,
    /// The step whose action vvbill dies at, before or after its effect.
    dies_at: Mutex<Option<(&'static str, bool)>>,
    died: tokio::sync::Notify,
    stopped: Mutex<Vec<String>>,
}

/// A step whose effect can be seen in the world.
struct Simulated {
    name: &'static str,
    needs: &'static [&'static str],
    world: Arc<World>,
}

impl Simulated {
    async fn dies(&self, after: bool) {
        let dies = *self.world.dies_at.lock().unwrap() == Some((self.name, after));
        if dies {
            self.world.died.notify_one();
            std::future::pending::<()>().await;
        }
    }
}

impl Step for Simulated {
    fn name(&self) -> &'static str {
        self.name
    }

    fn home(&self) -> &'static str {
        if self.name == "later" { "week-2" } else { "week-1" }
    }

    fn title(&self) -> &'static str {
        "something is done"
    }

    fn proves(&self) -> &'static str {
        "that it is done"
    }

    fn sections(&self) -> &'static [Section] {
        &[Section::Kafka]
    }

    fn needs(&self) -> &'static [&'static str] {
        self.needs
    }

    fn run<'a>(&'a self, scene: &'a Scene) -> BoxFuture<'a, Result<Trial, Trouble>> {
        async move {
            self.dies(false).await;
            scene.switch.stop(self.name).await?;
            let broken = self.world.broken.lock().unwrap().get(self.name).copied();
            match broken {
                Some("panics") => panic!("as a step with a mistake does"),
                Some("trouble") => return Err(Trouble("nobody answers".into())),
                _ => {}
            }
            *self.world.effects.lock().unwrap().entry(self.name).or_default() += 1;
            self.dies(true).await;
            scene.switch.start(self.name).await?;
            Ok(Trial::default())
        }
        .boxed()
    }

    fn verify<'a>(&'a self, _: &'a Scene, _: &'a Value) -> BoxFuture<'a, Result<Vec<Measure>, Trouble>> {
        async move {
            let done = self.world.effects.lock().unwrap().contains_key(self.name);
            let broken = self.world.broken.lock().unwrap().get(self.name).copied();
            Ok(vec![
                Measure::equal("done", done, true),
                Measure::equal("policy", broken.unwrap_or("noeviction"), "noeviction"),
            ])
        }
        .boxed()
    }
}

impl Switch for World {
    fn stop<'a>(&'a self, endpoint: &'a str) -> BoxFuture<'a, Result<(), Trouble>> {
        self.stopped.lock().unwrap().push(endpoint.into());
        futures::future::ready(Ok(())).boxed()
    }

    fn start<'a>(&'a self, endpoint: &'a str) -> BoxFuture<'a, Result<(), Trouble>> {
        self.stopped.lock().unwrap().retain(|stopped| stopped != endpoint);
        futures::future::ready(Ok(())).boxed()
    }

    fn restore(&self) -> BoxFuture<'_, Result<(), Trouble>> {
        self.stopped.lock().unwrap().clear();
        futures::future::ready(Ok(())).boxed()
    }
}

struct Silent;

impl Listener for Silent {
    fn begun(&self, _: &Placed) {}
    fn ended(&self, _: &Placed, _: &Evidence, _: Duration) {}
}

struct Rig {
    folder: tempfile::TempDir,
    world: Arc<World>,
    spec: Arc<Spec>,
    weeks: Vec<Week>,
}

fn spec(brokers: u32, approval: bool) -> Spec {
    let plan = json!({
        "metadata": { "name": "simulated" },
        "target": "local",
        "kafka": { "version": "4.3.1", "brokers": brokers },
        "rollout": {
            "week-1": { "title": "Kafka", "sections": ["kafka"], "approval": approval },
            "week-2": { "title": "Buffer", "sections": ["buffer"] },
        },
    });
    serde_json::from_value(plan).unwrap()
}

impl Rig {
    fn new() -> Self {
        Self::of(spec(3, false))
    }

    fn of(spec: Spec) -> Self {
        let world = Arc::new(World::default());
        let steps: [(&str, &[&str]); 4] = [
            (STEPS[0], &[]),
            (STEPS[1], &["one"]),
            (STEPS[2], &["two"]),
            ("later", &[]),
        ];
        let steps = steps.map(|(name, needs)| -> Arc<dyn Step> {
            Arc::new(Simulated {
                name,
                needs,
                world: Arc::clone(&world),
            })
        });
        Self {
            folder: tempfile::tempdir().unwrap(),
            weeks: weeks(&spec, &steps),
            spec: Arc::new(spec),
            world,
        }
    }

    fn scene(&self) -> Scene {
        Scene {
            drills: Default::default(),
            spec: Arc::clone(&self.spec),
            endpoints: Endpoints::default(),
            switch: self.world.clone(),
            events: 10,
            patience: Duration::ZERO,
            load_for: None,
        }
    }

    fn store(&self) -> Arc<dyn Store> {
        Arc::new(FileStore::new(self.folder.path()))
    }

    async fn run(&self, forced: bool) -> Result<Ending, LedgerError> {
        self.run_on(self.store(), forced).await
    }

    async fn run_on(&self, store: Arc<dyn Store>, forced: bool) -> Result<Ending, LedgerError> {
        let mut book = Book::open(store, None).await?;
        let order = Order {
            week: &self.weeks[0],
            only: None,
            serial: 4,
            forced,
            is_interrupted: &|| false,
        };
        run_week(&order, &self.scene(), &mut book, &Silent).await
    }

    async fn ledger(&self) -> Ledger {
        super::ledger::read(&*self.store()).await.unwrap()
    }

    fn breaks(&self, step: &'static str, how: &'static str) {
        self.world.broken.lock().unwrap().insert(step, how);
    }

    fn effects(&self) -> Vec<u64> {
        let effects = self.world.effects.lock().unwrap();
        STEPS
            .iter()
            .map(|step| effects.get(step).copied().unwrap_or(0))
            .collect()
    }

    async fn last(&self, step: &str) -> Evidence {
        let ledger = self.ledger().await;
        let last = ledger.last(&format!("week-1/{step}")).expect("it was tried");
        last.evidence().expect("it came to an end").clone()
    }
}

/// Wherever vvbill dies (at any write of the ledger, before and after any action), the next run goes on from
/// there: every step passes, none acts twice, and what was cut off stays in the ledger.
#[tokio::test]
async fn killed_anywhere_it_resumes_and_repeats_nothing() {
    for writes in 0..2 * STEPS.len() {
        let rig = Rig::new();
        let dying = Dying::new(FileStore::new(rig.folder.path()), writes);
        let died = rig.run_on(Arc::new(dying), false).await;
        assert!(died.is_err(), "{writes} writes");
        assert_eq!(rig.ledger().await.entries().len(), writes);
        resumes(&rig, &format!("after {writes} writes")).await;
    }
    for step in STEPS {
        for after in [false, true] {
            let rig = Rig::new();
            *rig.world.dies_at.lock().unwrap() = Some((step, after));
            tokio::select! {
                _ = rig.run(false) => panic!("{step} did not die"),
                () = rig.world.died.notified() => {}
            }
            *rig.world.dies_at.lock().unwrap() = None;
            let cut_off = rig.ledger().await.last(&format!("week-1/{step}")).unwrap();
            assert_eq!(cut_off.end, None, "{step}");
            assert_eq!(
                gate::open_ends(&rig.weeks[0], &rig.ledger().await)[0],
                format!("week-1/{step} was cut off")
            );
            resumes(&rig, &format!("{step}, after its effect: {after}")).await;
            assert!(rig.ledger().await.attempts().contains(&cut_off), "{step}");
        }
    }
}

async fn resumes(rig: &Rig, when: &str) {
    assert_eq!(rig.run(false).await.unwrap(), Ending::Passed, "{when}");
    assert_eq!(rig.effects(), [1, 1, 1], "{when}");
    assert_eq!(
        gate::closed_by(&rig.weeks, "week-2", &rig.ledger().await),
        [""; 0],
        "{when}"
    );
}

/// A second run looks and does nothing.
#[tokio::test]
async fn a_second_run_only_checks() {
    let rig = Rig::new();
    assert_eq!(rig.run(false).await.unwrap(), Ending::Passed);
    assert_eq!(rig.last("one").await.how, How::Ran);
    assert_eq!(rig.run(false).await.unwrap(), Ending::Passed);
    for step in STEPS {
        assert_eq!(rig.last(step).await.how, How::Checked, "{step}");
    }
    assert_eq!(rig.effects(), [1, 1, 1]);
    assert_eq!(rig.ledger().await.attempts().len(), 6, "every attempt is kept");
}

/// A step that fails says which value missed which threshold, keeps those that need it from being tried, and
/// closes the gate; past it, the evidence says that it was forced.
#[tokio::test]
async fn a_failed_step_closes_the_gate() {
    let rig = Rig::new();
    rig.breaks("two", "allkeys-lru");
    assert_eq!(rig.run(false).await.unwrap(), Ending::NotPassed);
    assert_eq!(rig.last("one").await.verdict, Verdict::Passed);
    assert_eq!(rig.last("two").await.verdict, Verdict::Failed);
    let three = rig.last("three").await;
    assert_eq!((three.verdict, three.how), (Verdict::Inconclusive, How::NotTried));
    assert_eq!(
        gate::closed_by(&rig.weeks, "week-2", &rig.ledger().await),
        [
            "week-1/two failed: policy is allkeys-lru, must be noeviction",
            "week-1/three inconclusive: not tried: week-1/two has not passed",
        ]
    );
    rig.world.broken.lock().unwrap().clear();
    assert_eq!(rig.run(true).await.unwrap(), Ending::Passed);
    let forced = rig
        .ledger()
        .await
        .attempts()
        .iter()
        .map(|attempt| attempt.forced)
        .collect::<Vec<_>>();
    assert_eq!(forced, [false, false, false, true, true, true]);
    assert_eq!(
        gate::closed_by(&rig.weeks, "week-2", &rig.ledger().await),
        [""; 0]
    );
}

/// What a step stopped runs again after it, when it could not measure and when it broke off too.
#[tokio::test]
async fn what_was_stopped_is_started_again() {
    for (how, reason) in [
        ("trouble", "nobody answers"),
        ("panics", "the step itself broke off"),
    ] {
        let rig = Rig::new();
        rig.breaks("one", how);
        assert_eq!(rig.run(false).await.unwrap(), Ending::NotPassed);
        let one = rig.last("one").await;
        assert_eq!(one.verdict, Verdict::Inconclusive, "{how}");
        assert!(one.reason.unwrap().starts_with(reason), "{how}");
        assert_eq!(*rig.world.stopped.lock().unwrap(), [""; 0], "{how}");
    }
}

/// Evidence speaks of one plan: another one closes the gate, but what only a later week brings up does not.
#[tokio::test]
async fn evidence_is_for_one_plan() {
    let rig = Rig::new();
    rig.run(false).await.unwrap();
    let ledger = rig.ledger().await;
    let other = Rig::of(spec(5, false));
    let closed = gate::closed_by(&other.weeks, "week-2", &ledger);
    assert_eq!(closed[0], "week-1/one passed for another plan than this one");

    let mut later = spec(3, false);
    later.buffer = Some(serde_json::from_value(json!({ "maxmemory": "1GiB" })).unwrap());
    assert_eq!(digest(&later, "week-1"), digest(&spec(3, false), "week-1"));
    assert_ne!(digest(&later, "week-2"), digest(&spec(3, false), "week-2"));
}

/// A week that asks for it keeps the gate closed until somebody approves it, for this plan.
#[tokio::test]
async fn a_gate_waits_for_its_approval() {
    let rig = Rig::of(spec(3, true));
    rig.run(false).await.unwrap();
    assert_eq!(
        gate::closed_by(&rig.weeks, "week-2", &rig.ledger().await),
        ["week-1 waits for an approval"]
    );
    let mut book = Book::open(rig.store(), None).await.unwrap();
    let last: Attempt = book.ledger().last("week-1/three").unwrap();
    let approved = Entry::Approved {
        week: "week-1".into(),
        at: last.began_at,
        who: "somebody".into(),
        basis: last.basis,
    };
    book.append(approved).await.unwrap();
    assert_eq!(
        gate::closed_by(&rig.weeks, "week-2", &rig.ledger().await),
        [""; 0]
    );
    let other = Rig::of(spec(5, true));
    let closed = gate::closed_by(&other.weeks, "week-2", &rig.ledger().await);
    assert_eq!(closed.last().unwrap(), "week-1 waits for an approval");
}

/// A step is due in the week that brings up what it needs, and not at all where the plan lacks that.
#[test]
fn a_step_is_due_when_its_sections_are_up() {
    let rig = Rig::new();
    let ids = |week: &Week| week.steps.iter().map(|step| step.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&rig.weeks[0]), ["week-1/one", "week-1/two", "week-1/three"]);
    assert_eq!(ids(&rig.weeks[1]), ["week-2/later"]);
    let mut without = spec(3, false);
    without.kafka = None;
    assert!(Rig::of(without).weeks.iter().all(|week| week.steps.is_empty()));
}

/// A ledger cut off anywhere in its last line is read without that line, and goes on well formed; a line that
/// is damaged in its midst is an error that names it.
#[tokio::test]
async fn a_torn_last_line_is_survived() {
    let rig = Rig::new();
    rig.run(false).await.unwrap();
    let whole = rig.ledger().await;
    let bytes = whole.to_bytes();
    let start = bytes[..bytes.len() - 1]
        .iter()
        .rposition(|byte| *byte == b'\n')
        .unwrap()
        + 1;
    let path = rig.folder.path().join("rollout.ndjson");
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    for end in start..bytes.len() - 1 {
        let torn = Ledger::parse(&bytes[..end], "here").unwrap();
        assert_eq!(
            torn.entries(),
            &whole.entries()[..whole.entries().len() - 1],
            "cut at {end}"
        );
    }
    std::fs::write(&path, &bytes[..bytes.len() - 9]).unwrap();
    assert_eq!(rig.run(false).await.unwrap(), Ending::Passed);
    let text = String::from_utf8(std::fs::read(&path).unwrap()).unwrap();
    assert!(
        text.lines()
            .all(|line| serde_json::from_str::<Entry>(line).is_ok()),
        "{text}"
    );

    let damaged = String::from_utf8(bytes)
        .unwrap()
        .replacen("\"entry\"", "\"entri\"", 2);
    let error = Ledger::parse(damaged.as_bytes(), "here").unwrap_err();
    assert!(matches!(error, LedgerError::Malformed { line: 1, .. }), "{error}");
}

/// Two at once: who read before the other wrote overwrites nothing.
#[tokio::test]
async fn nobody_is_overwritten() {
    let rig = Rig::new();
    let mut first = Book::open(rig.store(), None).await.unwrap();
    let mut second = Book::open(rig.store(), None).await.unwrap();
    let basis = super::model::Basis {
        plan: "p".into(),
        serial: 1,
    };
    first.begin("week-1/one", &basis, false).await.unwrap();
    let refused = second.begin("week-1/one", &basis, false).await.unwrap_err();
    assert!(
        matches!(refused, LedgerError::Store(StoreError::Conflict { .. })),
        "{refused}"
    );
    assert_eq!(rig.ledger().await.entries().len(), 1);
}
