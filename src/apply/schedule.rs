//! The scheduler: starts each step when those before it are done, as many at once as there are slots.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::Semaphore;

use super::record::Recorder;
use super::step::{Ended, Failed, Worker};
use super::{Event, Failure, Interrupt, NotTried, Observer, Options, Outcome};
use crate::plan::{Action, Part, Plan, Step, Steps, Verb, resolve};
use crate::provider::{ProviderError, Providers};
use crate::state::StoreError;

/// Begin entries that may be journalled ahead of their turn: they share a sync. After a crash each costs
/// the next run one look.
const AHEAD: usize = 128;

/// One run, as its steps see it.
pub(super) struct Run<'a> {
    plan: &'a Plan,
    pub(super) providers: &'a Providers,
    pub(super) options: &'a Options,
    pub(super) observer: &'a dyn Observer,
    interrupt: &'a Interrupt,
    pub(super) recorder: Recorder,
    pub(super) slots: Semaphore,
    pub(super) ahead: Semaphore,
    /// Nothing can be recorded any more.
    lost: AtomicBool,
    started: Mutex<Vec<Option<Instant>>>,
}

/// What has become of the steps so far.
struct Progress {
    steps: Steps,
    ready: VecDeque<usize>,
    /// Done, failed, or not to be tried.
    settled: Vec<bool>,
    outcome: Outcome,
    failed_store: Option<StoreError>,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        providers: &'a Providers,
        options: &'a Options,
        observer: &'a dyn Observer,
        interrupt: &'a Interrupt,
        recorder: Recorder,
    ) -> Self {
        Self {
            plan,
            providers,
            options,
            observer,
            interrupt,
            recorder,
            slots: Semaphore::new(options.parallelism.max(1)),
            ahead: Semaphore::new(AHEAD.max(options.parallelism)),
            lost: AtomicBool::new(false),
            started: Mutex::new(vec![None; plan.actions.len()]),
        }
    }
}

impl Run<'_> {
    /// Start nothing new.
    pub(super) fn stopping(&self) -> bool {
        self.interrupt.is_interrupted() || self.lost.load(Ordering::Relaxed)
    }

    /// Every step, or as many as an interrupt or a failure leaves; and why nothing could be recorded any more.
    pub(super) async fn carry_out(&self, steps: Steps) -> (Outcome, Option<StoreError>) {
        for action in self.plan.changes() {
            self.observer.observe(&Event::PlannedChange {
                address: action.address.clone(),
                verb: action.verb,
                reason: action.reason.to_string(),
            });
        }
        let mut progress = Progress::of(steps);
        let mut running = FuturesUnordered::new();
        loop {
            while let Some(step) = progress.ready.pop_front() {
                let Step { action: index, part } = progress.steps.steps[step];
                let action = &self.plan.actions[index];
                if action.verb == Verb::Keep {
                    self.keep(action);
                    progress.done(step);
                } else if !self.stopping() {
                    running.push(async move { (step, self.step(index, part).await) });
                }
            }
            if running.is_empty() {
                break;
            }
            tokio::select! {
                biased;
                () = self.interrupt.at_once() => break,
                Some((step, result)) = running.next() => self.take(step, result, &mut progress),
            }
        }
        drop(running);
        self.end(progress)
    }

    async fn step(&self, index: usize, part: Part) -> Result<Ended, Failed> {
        Worker::new(self, index, &self.plan.actions[index])?
            .carry_out(part)
            .await
    }

    fn keep(&self, action: &Action) {
        if let Some(desired) = &action.desired {
            let lookup = |of: &_, name: &str| self.recorder.output(of, name);
            self.recorder
                .keep(desired, resolve(&desired.properties, &lookup).into_owned());
        }
    }

    fn take(&self, step: usize, result: Result<Ended, Failed>, progress: &mut Progress) {
        let Step { action: index, part } = progress.steps.steps[step];
        let action = &self.plan.actions[index];
        match result {
            Ok(Ended::Done { verb, id }) => {
                let last = action.verb != Verb::Replace || (part == Part::Go) == action.create_first;
                if last {
                    self.completed(index, verb, id);
                    progress.succeeded(action, verb);
                }
                progress.done(step);
            }
            Ok(Ended::NotStarted) => {}
            Err(Failed::Provider(error)) => {
                self.errored(index, &error);
                progress.failed(step, action, error);
                self.skip(step, progress);
            }
            Err(Failed::Store(error)) => {
                self.lost.store(true, Ordering::Relaxed);
                progress.failed_store.get_or_insert(error);
            }
        }
    }

    /// Everything behind a failed step is not tried.
    fn skip(&self, failed: usize, progress: &mut Progress) {
        let culprit = &self.plan.actions[progress.steps.steps[failed].action].address;
        let mut queue = VecDeque::from([failed]);
        while let Some(step) = queue.pop_front() {
            for next in progress.steps.next[step].clone() {
                if std::mem::replace(&mut progress.settled[next], true) {
                    continue;
                }
                queue.push_back(next);
                let action = &self.plan.actions[progress.steps.steps[next].action];
                if action.address != *culprit {
                    self.skipped(action, format!("{culprit} failed"), progress);
                }
            }
        }
    }

    fn end(&self, mut progress: Progress) -> (Outcome, Option<StoreError>) {
        let why = match (&progress.failed_store, self.interrupt.is_interrupted()) {
            (Some(_), _) => "nothing could be recorded any more",
            (None, _) => "interrupted",
        };
        for step in 0..progress.settled.len() {
            if !std::mem::replace(&mut progress.settled[step], true) {
                let action = &self.plan.actions[progress.steps.steps[step].action];
                self.skipped(action, why.into(), &mut progress);
            }
        }
        progress.outcome.interrupted = self.interrupt.is_interrupted();
        (progress.outcome, progress.failed_store)
    }

    fn skipped(&self, action: &Action, because: String, progress: &mut Progress) {
        let known = || {
            progress
                .outcome
                .not_tried
                .iter()
                .any(|other| other.address == action.address)
        };
        if action.verb == Verb::Keep || action.verb == Verb::Replace && known() {
            return;
        }
        let (address, verb) = (action.address.clone(), action.verb);
        self.observer.observe(&Event::Skipped {
            address: address.clone(),
            verb,
            because: because.clone(),
        });
        progress.outcome.not_tried.push(NotTried {
            address,
            verb,
            because,
        });
    }

    /// The first of its steps has its slot.
    pub(super) fn started(&self, index: usize) {
        let first = {
            let mut started = self.started.lock().expect("nobody panics while holding it");
            {
                let first = started[index].is_none();
                started[index].get_or_insert_with(Instant::now);
                first
            }
        };
        if first {
            let Action {
                address, verb, id, ..
            } = &self.plan.actions[index];
            self.observer.observe(&Event::Started {
                address: address.clone(),
                verb: *verb,
                id: id.clone(),
            });
        }
    }

    pub(super) fn progress(&self, index: usize, message: &str) {
        let action = &self.plan.actions[index];
        self.observer.observe(&Event::Progress {
            address: action.address.clone(),
            verb: action.verb,
            elapsed: self.elapsed(index),
            message: message.into(),
        });
    }

    fn completed(&self, index: usize, verb: Verb, id: Option<String>) {
        let (address, elapsed) = (self.plan.actions[index].address.clone(), self.elapsed(index));
        self.observer.observe(&Event::Completed {
            address,
            verb,
            id,
            elapsed,
        });
    }

    fn errored(&self, index: usize, error: &ProviderError) {
        let action = &self.plan.actions[index];
        self.observer.observe(&Event::Errored {
            address: action.address.clone(),
            verb: action.verb,
            elapsed: self.elapsed(index),
            message: error.message.clone(),
            hint: error.hint.clone(),
            origin: origin_of(action),
        });
    }

    pub(super) fn summarise(&self, outcome: &Outcome) {
        self.observer.observe(&Event::Summary {
            done: outcome.done,
            failed: outcome.failed.len(),
            not_tried: outcome.not_tried.len(),
            elapsed: outcome.elapsed,
        });
    }

    fn elapsed(&self, index: usize) -> Duration {
        let started = self.started.lock().expect("nobody panics while holding it")[index];
        started.map(|started| started.elapsed()).unwrap_or_default()
    }
}

impl Progress {
    fn of(steps: Steps) -> Self {
        let ready = (0..steps.steps.len())
            .filter(|step| steps.waits[*step] == 0)
            .collect();
        let settled = vec![false; steps.steps.len()];
        Self {
            steps,
            ready,
            settled,
            outcome: Outcome::default(),
            failed_store: None,
        }
    }

    fn done(&mut self, step: usize) {
        self.settled[step] = true;
        for next in &self.steps.next[step] {
            self.steps.waits[*next] -= 1;
            if self.steps.waits[*next] == 0 && !self.settled[*next] {
                self.ready.push_back(*next);
            }
        }
    }

    fn succeeded(&mut self, action: &Action, verb: Verb) {
        *self.outcome.done.of(verb) += 1;
        self.outcome.succeeded.push(action.address.clone());
    }

    fn failed(&mut self, step: usize, action: &Action, error: ProviderError) {
        self.settled[step] = true;
        self.outcome.failed.push(Failure {
            address: action.address.clone(),
            verb: action.verb,
            message: error.message,
            hint: error.hint,
            origin: origin_of(action),
        });
    }
}

fn origin_of(action: &Action) -> Option<String> {
    action.desired.as_ref().map(|desired| desired.origin.clone())
}
