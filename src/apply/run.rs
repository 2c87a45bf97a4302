//! A run from its first check to its last write: refuses what is stale, carries out the steps, records.

use std::time::Instant;

use super::attempt::Pauses;
use super::record::Recorder;
use super::schedule::Run;
use super::{ApplyError, Interrupt, Observer, Outcome, Session, observe};
use crate::plan::{Mode, Plan, Steps, check_observations, check_state};
use crate::provider::Providers;
use crate::state::journal::forget;
use crate::state::{Journal, State, StoreError};

/// How a run is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How many verbs run at once. Waiting until something is ready takes no part of it.
    pub parallelism: usize,
    /// Observe again first, and refuse a plan for another world: for saved plans, and where a person took
    /// time to approve.
    pub verify: bool,
    /// Between tries and looks.
    pub pauses: Pauses,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            parallelism: 10,
            verify: false,
            pauses: Pauses::default(),
        }
    }
}

/// Carries out `plan`. An error means that nothing, or not everything, could be recorded; what failed
/// outside is in the outcome.
pub async fn apply(
    session: &mut Session,
    providers: &Providers,
    plan: &Plan,
    options: &Options,
    observer: &dyn Observer,
    interrupt: &Interrupt,
) -> Result<Outcome, ApplyError> {
    if options.verify {
        let observed = observe(session, providers, options.parallelism, true, observer).await?;
        check_state(plan, &session.state)?;
        check_observations(plan, &observed)?;
    }
    check_state(plan, &session.state)?;
    session.settle().await?;
    if plan.mode == Mode::RefreshOnly {
        take_in_drift(&mut session.state, plan);
        session.commit().await?;
        return Ok(Outcome::default());
    }
    let started = Instant::now();
    let steps = Steps::of(plan, &session.state);
    let works = plan.changes().next().is_some();
    if works {
        session.claim().await?;
    }
    let journal = Journal::open(session.store.clone(), session.fence());
    let recorder = Recorder::new(journal, session.state.clone());
    let run = Run::new(plan, providers, options, observer, interrupt, recorder);
    if works {
        run.recorder.open().await?;
    }
    let (mut outcome, failed_store) = run.carry_out(steps).await;
    outcome.elapsed = started.elapsed();
    run.summarise(&outcome);
    session.state = run.recorder.close().await;
    forget_what_is_gone(&mut session.state, plan);
    match record(session, works, failed_store).await {
        Ok(()) => Ok(outcome),
        Err(error) => Err(ApplyError::Store {
            error,
            outcome: Box::new(outcome),
        }),
    }
}

/// Writes the state and ends the journal. After a failed write what the journal lacks is in the state; a
/// run that lost its lock writes nothing.
async fn record(session: &mut Session, works: bool, failed: Option<StoreError>) -> Result<(), StoreError> {
    if let Some(error @ StoreError::Fenced { .. }) = failed {
        return Err(error);
    }
    if works {
        session.write().await?;
        session.store.archive_journal(&session.fence()).await?;
    } else {
        session.commit().await?;
    }
    failed.map_or(Ok(()), Err)
}

fn forget_what_is_gone(state: &mut State, plan: &Plan) {
    for address in &plan.gone {
        if let Some(id) = state.resources.get(address).map(|record| record.id.clone()) {
            forget(state, address, &id);
        }
    }
}

fn take_in_drift(state: &mut State, plan: &Plan) {
    forget_what_is_gone(state, plan);
    for drift in plan.drift.iter().filter(|drift| !drift.gone) {
        let Some(record) = state.resources.get_mut(&drift.address) else {
            continue;
        };
        for change in &drift.changes {
            if let Some(place) = record.properties.pointer_mut(&change.path) {
                *place = change.after.clone();
            }
        }
    }
}
