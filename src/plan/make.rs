//! The decision itself: for each resource one action and its reason.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;

use super::decide::Decider;
use super::order::Dependencies;
use super::select::{Candidates, Selection, asked_for, leftovers};
use super::{
    Action, Drift, FORMAT_VERSION, Guarded, Mode, Observations, Options, Plan, PlanError, Reason, Retained,
    Verb, binding,
};
use crate::provider::KindFacts;
use crate::resource::{Address, Change, Desired, diff};
use crate::state::{OperationVerb, Record, State, Status};

/// What a decision is made of.
pub struct Input<'a> {
    /// `metadata.name` of the plan file.
    pub name: &'a str,
    /// `local`, `aws`, …
    pub target: &'a str,
    /// What is asked for; ignored in a destroy.
    pub desired: Vec<Desired>,
    /// What is recorded.
    pub state: &'a State,
    /// What was found, for each recorded resource; where there is none, the record's word is taken.
    pub observed: Observations,
    /// What is known of an address's kind; `None`: no provider has it.
    pub facts: &'a dyn Fn(&Address) -> Option<KindFacts>,
    /// The time that the plan carries.
    pub now: Timestamp,
}

/// Decides.
pub fn make(input: Input<'_>, options: &Options) -> Result<Plan, PlanError> {
    let Input {
        name,
        target,
        mut desired,
        state,
        observed,
        facts,
        now,
    } = input;
    if options.mode == Mode::Destroy {
        desired.clear();
    }
    let index = index_of(&desired)?;
    let dependencies = Dependencies::among(&desired, &index)?;
    let order = dependencies.order().map_err(|left| {
        let circle = dependencies.circle(&left);
        PlanError::Cycle(
            circle
                .into_iter()
                .map(|one| desired[one].address.clone())
                .collect(),
        )
    })?;
    let leftover = leftovers(state, options.mode, &index);
    let leftover_index: HashMap<Address, usize> = leftover
        .iter()
        .enumerate()
        .map(|(position, record)| (record.address.clone(), position))
        .collect();
    let recorded = Dependencies::recorded(
        leftover.iter().map(|record| &record.dependencies),
        &leftover_index,
    );
    let selection = Candidates {
        desired: &desired,
        dependencies: &dependencies,
        leftover: &leftover,
        recorded: &recorded,
        leftover_index: &leftover_index,
        state,
    }
    .select(options)?;

    let mut plan = Plan {
        format_version: FORMAT_VERSION,
        vvbill_version: env!("CARGO_PKG_VERSION").into(),
        name: name.into(),
        target: target.into(),
        lineage: state.lineage,
        serial: state.serial,
        created_at: now,
        mode: options.mode,
        actions: Vec::new(),
        drift: drift(state, &observed, facts),
        gone: gone(&observed, options.mode, &index),
        retained: Vec::new(),
        observations: observed
            .iter()
            .map(|(address, one)| (address.clone(), binding::hash(one.as_ref())))
            .collect(),
    };
    if options.mode == Mode::RefreshOnly {
        return Ok(plan);
    }
    let (kept, deleted) = deletions(state, &observed, options, &leftover, &recorded, &selection);
    plan.actions = changes(
        Decider::new(desired, index, state, observed, facts, options),
        &order,
        &selection,
    )?;
    plan.actions.extend(deleted);
    plan.retained = kept;
    refuse_guarded(&plan.actions, facts)?;
    Ok(plan)
}

/// What the service would refuse to delete stops the whole plan, so that nothing is removed half-way.
fn refuse_guarded(
    actions: &[Action],
    facts: &dyn Fn(&Address) -> Option<KindFacts>,
) -> Result<(), PlanError> {
    let goes = actions
        .iter()
        .filter(|action| matches!(action.verb, Verb::Delete | Verb::Replace));
    let guarded = goes.filter_map(|action| {
        let guard = facts(&action.address)?.guard?;
        let is_on = action.before.as_ref()?.get(guard.property)?.as_bool()?;
        is_on.then(|| Guarded {
            address: action.address.clone(),
            lifted_by: guard.lifted_by,
        })
    });
    let guarded: Vec<Guarded> = guarded.collect();
    if guarded.is_empty() {
        Ok(())
    } else {
        Err(PlanError::Guarded(guarded))
    }
}

fn index_of(desired: &[Desired]) -> Result<HashMap<Address, usize>, PlanError> {
    let mut index = HashMap::with_capacity(desired.len());
    for (position, resource) in desired.iter().enumerate() {
        if index.insert(resource.address.clone(), position).is_some() {
            return Err(PlanError::Duplicate(resource.address.clone()));
        }
    }
    Ok(index)
}

fn changes(
    mut decider: Decider<'_>,
    order: &[usize],
    selection: &Selection,
) -> Result<Vec<Action>, PlanError> {
    let mut actions = Vec::with_capacity(order.len());
    for position in order
        .iter()
        .copied()
        .filter(|position| selection.desired[*position])
    {
        actions.push(decider.decide(position)?);
    }
    if decider.blocked.is_empty() {
        Ok(actions)
    } else {
        Err(PlanError::Protected(decider.blocked))
    }
}

/// What is recorded and no longer asked for: what stays, because it is data or data stands on it, and
/// what goes, dependents first.
fn deletions(
    state: &State,
    observed: &Observations,
    options: &Options,
    leftover: &[&Record],
    recorded: &Dependencies,
    selection: &Selection,
) -> (Vec<Retained>, Vec<Action>) {
    let gone = |record: &Record| matches!(observed.get(&record.address), Some(None));
    let present: Vec<bool> = leftover
        .iter()
        .zip(&selection.leftover)
        .map(|(record, selected)| *selected && !gone(record))
        .collect();
    let needed_by = retention(options, leftover, recorded, &present);
    let mut retained = Vec::new();
    let mut deleted = Vec::new();
    // A circle can't come from a plan, only from a hand: what is in one goes last.
    let order = recorded.order().unwrap_or_else(|_| (0..leftover.len()).collect());
    for position in order.into_iter().rev().filter(|position| present[*position]) {
        let record = leftover[position];
        match &needed_by[position] {
            Some(root) => retained.push(Retained {
                address: record.address.clone(),
                id: record.id.clone(),
                needed_by: Some(root).filter(|root| **root != record.address).cloned(),
            }),
            None => {
                let destroy = options.mode == Mode::Destroy;
                let reason = if destroy {
                    Reason::Destroy
                } else {
                    Reason::NotInPlan
                };
                let before = observed.get(&record.address).and_then(Option::as_ref);
                let before =
                    before.map_or_else(|| record.properties.clone(), |found| found.properties.clone());
                deleted.push(deletion(record, reason, Some(before)));
            }
        }
    }
    for record in state.deposed.iter().filter(|_| options.targets.is_empty()) {
        deleted.push(deletion(record, Reason::Deposed, None));
    }
    retained.sort_by(|one, other| one.address.cmp(&other.address));
    (retained, deleted)
}

/// For each leftover the protected resource because of which it stays: itself, or one that stands on it.
fn retention(
    options: &Options,
    leftover: &[&Record],
    recorded: &Dependencies,
    present: &[bool],
) -> Vec<Option<Address>> {
    let mut needed_by: Vec<Option<Address>> = vec![None; leftover.len()];
    for (position, record) in leftover.iter().enumerate() {
        if !present[position] || !record.protect || asked_for(options, &record.address) {
            continue;
        }
        needed_by[position] = Some(record.address.clone());
        let mut queue = vec![position];
        while let Some(here) = queue.pop() {
            for under in &recorded.of[here] {
                if needed_by[*under].is_none() {
                    needed_by[*under] = Some(record.address.clone());
                    queue.push(*under);
                }
            }
        }
    }
    needed_by
}

fn deletion(record: &Record, reason: Reason, before: Option<serde_json::Value>) -> Action {
    Action {
        address: record.address.clone(),
        verb: Verb::Delete,
        reason,
        id: Some(record.id.clone()),
        changes: Vec::new(),
        before,
        desired: None,
        create_first: false,
    }
}

fn gone(observed: &Observations, mode: Mode, index: &HashMap<Address, usize>) -> Vec<Address> {
    let asked_for = |address: &Address| mode != Mode::RefreshOnly && index.contains_key(address);
    let gone = observed
        .iter()
        .filter(|(address, found)| found.is_none() && !asked_for(address));
    gone.map(|(address, _)| address.clone()).collect()
}

/// What is no longer as it was recorded. What is half done differs for a reason that is known.
fn drift(
    state: &State,
    observed: &Observations,
    facts: &dyn Fn(&Address) -> Option<KindFacts>,
) -> Vec<Drift> {
    let settled = observed.iter().filter_map(|(address, found)| {
        let record = state.resources.get(address)?;
        (record.status == Status::Ready).then_some((record, found))
    });
    settled
        .filter_map(|(record, found)| {
            let address = record.address.clone();
            let Some(found) = found else {
                return Some(Drift {
                    address,
                    gone: true,
                    changes: Vec::new(),
                });
            };
            let differences = match facts(&address) {
                Some(facts) => (facts.compare)(&record.properties, &found.properties, record.settled()),
                None => diff(&record.properties, &found.properties),
            };
            let changes: Vec<Change> = differences
                .into_iter()
                .map(|Change { path, before, after }| Change {
                    path,
                    before: after,
                    after: before,
                })
                .collect();
            (!changes.is_empty()).then_some(Drift {
                address,
                gone: false,
                changes,
            })
        })
        .collect()
}

/// Resources whose restart an earlier run began and did not end.
pub(super) fn unfinished_reboots(state: &State) -> BTreeSet<Address> {
    let pending = state.pending_operations.iter();
    pending
        .filter(|operation| operation.verb == OperationVerb::Reboot)
        .map(|operation| operation.address.clone())
        .collect()
}
