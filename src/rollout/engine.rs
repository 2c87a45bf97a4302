//! Runs a week's steps: check → run → verify → evidence, each attempt in the ledger. Decides nothing else.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use serde_json::Value;

use super::ledger::{Book, LedgerError};
use super::model::{Basis, Evidence, How, Measure, Verdict};
use super::step::{Scene, Step, Trouble};
use super::week::{Placed, Week};

/// Hears how a run goes.
pub trait Listener: Send + Sync {
    /// A step begins.
    fn begun(&self, step: &Placed);
    /// It came to its end.
    fn ended(&self, step: &Placed, evidence: &Evidence, took: Duration);
}

/// How a week's steps are run.
pub struct Order<'a> {
    /// The week.
    pub week: &'a Week,
    /// Only these of its steps, by id; `None`: all.
    pub only: Option<&'a [String]>,
    /// The state's serial.
    pub serial: u64,
    /// The gate before the week is closed, and somebody goes on all the same.
    pub forced: bool,
    /// Asked before each step: nothing new is to be started.
    pub is_interrupted: &'a (dyn Fn() -> bool + Sync),
}

/// How a week's steps ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Each passed, or had nothing to show.
    Passed,
    /// One at least did not.
    NotPassed,
    /// An interrupt kept the rest from being tried.
    Interrupted,
}

/// Between two looks at values that don't hold yet.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Runs the steps of one week. Steps go on after one that failed, save those that need it.
pub async fn run_week(
    order: &Order<'_>,
    scene: &Scene,
    book: &mut Book,
    listener: &dyn Listener,
) -> Result<Ending, LedgerError> {
    let mut ending = Ending::Passed;
    let wanted = |placed: &&Placed| order.only.is_none_or(|only| only.contains(&placed.id));
    for placed in order.week.steps.iter().filter(wanted) {
        if (order.is_interrupted)() {
            return Ok(Ending::Interrupted);
        }
        listener.begun(placed);
        let started = Instant::now();
        let basis = Basis {
            plan: order.week.plan.clone(),
            serial: order.serial,
        };
        let unmet = unmet(order.week, placed, book);
        let memory = book
            .ledger()
            .last_passed(&placed.id, &basis.plan)
            .and_then(|attempt| attempt.evidence().map(|evidence| evidence.memory.clone()));
        let attempt = book.begin(&placed.id, &basis, order.forced).await?;
        let mut scene = scene.clone();
        scene.drills.attempts = Arc::new(book.ledger().attempts());
        let scene = &scene;
        let evidence = match (placed.step.skipped(&scene.spec), unmet) {
            (Some(why), _) => Evidence::without(Verdict::Skipped, How::NotTried, why),
            (None, Some(need)) => Evidence::without(
                Verdict::Inconclusive,
                How::NotTried,
                format!("not tried: {need} has not passed"),
            ),
            (None, None) => attempt_at(&*placed.step, scene, memory).await,
        };
        book.end(attempt, evidence.clone()).await?;
        listener.ended(placed, &evidence, started.elapsed());
        if !evidence.verdict.opens_the_gate() {
            ending = Ending::NotPassed;
        }
    }
    Ok(ending)
}

/// The step of the same week that this one needs and that has not passed.
fn unmet(week: &Week, placed: &Placed, book: &Book) -> Option<String> {
    let needed = placed.step.needs().iter();
    needed
        .map(|name| format!("{}/{name}", week.id))
        .filter(|id| week.steps.iter().any(|step| step.id == *id))
        .find(|id| {
            !book
                .ledger()
                .last(id)
                .is_some_and(|last| last.holds_for(&week.plan))
        })
}

/// Check, and where that is not enough: run, then verify until it holds. What was stopped runs again after
/// it, whatever came between.
async fn attempt_at(step: &dyn Step, scene: &Scene, memory: Option<Value>) -> Evidence {
    let tried = AssertUnwindSafe(tried(step, scene, memory)).catch_unwind().await;
    let evidence = tried.unwrap_or_else(|_| {
        let why = "the step itself broke off, which is a mistake in vvbill";
        Evidence::without(Verdict::Inconclusive, How::Ran, why)
    });
    match scene.restore().await {
        Ok(()) => evidence,
        Err(why) => Evidence {
            verdict: Verdict::Failed,
            reason: Some(why.to_string()),
            ..evidence
        },
    }
}

async fn tried(step: &dyn Step, scene: &Scene, memory: Option<Value>) -> Evidence {
    let memory = memory.unwrap_or_default();
    // Where it can't be seen, as there are no traces of an action yet, the action is due.
    if let Ok(measures) = step.verify(scene, &memory).await {
        let evidence = Evidence::of(How::Checked, measures, memory);
        if evidence.verdict == Verdict::Passed {
            return evidence;
        }
    }
    let trial = match step.run(scene).await {
        Ok(trial) => trial,
        Err(why) => return Evidence::without(Verdict::Inconclusive, How::Ran, why.to_string()),
    };
    match until_it_holds(step, scene, &trial.memory).await {
        Ok(measures) => {
            let all = trial.measures.into_iter().chain(measures).collect();
            Evidence::of(How::Ran, all, trial.memory)
        }
        Err(why) => Evidence {
            measures: trial.measures,
            ..Evidence::without(Verdict::Inconclusive, How::Ran, why.to_string())
        },
    }
}

/// The last look, once all values hold or the patience is over.
async fn until_it_holds(step: &dyn Step, scene: &Scene, memory: &Value) -> Result<Vec<Measure>, Trouble> {
    let started = Instant::now();
    loop {
        let looked = step.verify(scene, memory).await;
        let holds = looked
            .as_ref()
            .is_ok_and(|measures| measures.iter().all(|measure| measure.holds));
        if holds || started.elapsed() >= scene.patience {
            return looked;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
