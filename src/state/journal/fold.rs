//! Folding a journal into the state that it builds on.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::{Ending, Entry, JournalError, Operation, OperationVerb};
use crate::resource::Address;
use crate::state::model::{Record, State, Status};

/// Brings `state` to what was true when the journal's writer stopped. True where that changed anything;
/// a journal that an earlier write of the state already holds changes nothing.
pub fn fold(state: State, entries: Vec<Entry>) -> Result<(State, bool), JournalError> {
    let mut entries = entries.into_iter();
    match entries.next() {
        None => return Ok((state, false)),
        Some(Entry::Opened { lineage, serial, .. }) => {
            if lineage == state.lineage && serial < state.serial {
                return Ok((state, false));
            }
            if lineage != state.lineage || serial != state.serial {
                let (journal, lineage, state) = (serial, lineage.to_string(), state.serial);
                return Err(JournalError::Foreign {
                    journal,
                    lineage,
                    state,
                });
            }
        }
        Some(_) => return Err(JournalError::Headless),
    }
    let mut folding = Folding::new(state);
    let mut changed = false;
    for entry in entries {
        changed = true;
        folding.take(entry);
    }
    Ok((folding.finish(), changed))
}

/// An operation without an end yet.
struct Flight {
    operation: Operation,
    /// The record's status before it: what holds again if nothing was done.
    before: Option<Status>,
}

/// Applies entries to a state one by one: the same for a run that writes them and for the next one that
/// reads them.
pub(crate) struct Folding {
    pub(crate) state: State,
    in_flight: BTreeMap<u64, Flight>,
}

impl Folding {
    pub(crate) fn new(state: State) -> Self {
        Self {
            state,
            in_flight: BTreeMap::new(),
        }
    }

    /// What has begun and not ended is pending.
    pub(crate) fn finish(mut self) -> State {
        let unfinished = self.in_flight.into_values().map(|flight| flight.operation);
        self.state.pending_operations.extend(unfinished);
        self.state
    }

    pub(crate) fn take(&mut self, entry: Entry) {
        match entry {
            Entry::Opened { .. } => {}
            Entry::Begin(operation) => self.begin(operation),
            Entry::Id { operation, id } => self.id(operation, id),
            Entry::End {
                operation,
                outcome,
                at,
            } => self.end(operation, outcome, at),
        }
    }

    fn begin(&mut self, operation: Operation) {
        let mut before = None;
        if let Some(id) = &operation.id {
            if let Some(record) = find(&mut self.state, &operation.address, id) {
                before = Some(record.status);
                record.status = match (operation.verb, record.status) {
                    (_, Status::Deposed) => Status::Deposed,
                    (OperationVerb::Create, _) => Status::Creating,
                    (OperationVerb::Update | OperationVerb::Reboot, _) => Status::Updating,
                    (OperationVerb::Delete, _) => Status::Deleting,
                };
            } else if operation.verb == OperationVerb::Create {
                stand(&mut self.state, &operation, id.clone());
            }
        }
        self.in_flight
            .insert(operation.number, Flight { operation, before });
    }

    fn id(&mut self, number: u64, id: String) {
        if let Some(flight) = self.in_flight.get_mut(&number) {
            flight.operation.id = Some(id.clone());
            stand(&mut self.state, &flight.operation, id);
        }
    }

    fn end(&mut self, number: u64, outcome: Ending, at: Timestamp) {
        let Some(Flight { operation, before }) = self.in_flight.remove(&number) else {
            return;
        };
        match outcome {
            Ending::Done { outputs } => self.done(operation, outputs, at),
            Ending::NotDone => {
                let record = operation
                    .id
                    .as_ref()
                    .and_then(|id| find(&mut self.state, &operation.address, id));
                if let (Some(record), Some(before)) = (record, before) {
                    record.status = before;
                }
            }
            Ending::Failed => {
                // A half-made reboot shows in nothing that can be observed: it must be remembered.
                if operation.verb == OperationVerb::Reboot {
                    self.state.pending_operations.push(operation);
                }
            }
        }
    }

    fn done(&mut self, operation: Operation, outputs: Value, at: Timestamp) {
        let Some(id) = operation.id else { return };
        let address = operation.address;
        if operation.verb == OperationVerb::Delete {
            forget(&mut self.state, &address, &id);
            return;
        }
        self.state
            .pending_operations
            .retain(|pending| pending.address != address);
        if let Some(record) = find(&mut self.state, &address, &id) {
            record.status = Status::Ready;
            record.protect = operation.protect;
            record.properties = operation.properties;
            record.outputs = outputs;
            record.dependencies = operation.dependencies;
            record.section = operation.section;
            record.updated_at = at;
        }
    }
}

/// The record of this very thing: the address's present one, or one that it has replaced.
fn find<'a>(state: &'a mut State, address: &Address, id: &str) -> Option<&'a mut Record> {
    let present = state.resources.get_mut(address).filter(|record| record.id == id);
    let deposed = state.deposed.iter_mut();
    present.or_else(|| {
        deposed
            .into_iter()
            .find(|record| record.address == *address && record.id == id)
    })
}

/// Removes that very record.
pub(crate) fn forget(state: &mut State, address: &Address, id: &str) {
    if state.resources.get(address).is_some_and(|record| record.id == id) {
        state.resources.remove(address);
        state
            .pending_operations
            .retain(|pending| pending.address != *address);
    }
    state
        .deposed
        .retain(|record| record.address != *address || record.id != id);
}

/// Records what a creation has made; another one at the same address is deposed.
pub(crate) fn stand(state: &mut State, operation: &Operation, id: String) {
    let address = operation.address.clone();
    let known = state
        .resources
        .get(&address)
        .is_some_and(|record| record.id == id)
        || state
            .deposed
            .iter()
            .any(|record| record.address == address && record.id == id);
    if known {
        return;
    }
    let record = Record {
        address: address.clone(),
        kind: address.kind().into(),
        id,
        status: Status::Creating,
        protect: operation.protect,
        properties: operation.properties.clone(),
        outputs: Value::Null,
        dependencies: operation.dependencies.clone(),
        section: operation.section.clone(),
        created_at: operation.started_at,
        updated_at: operation.started_at,
    };
    if let Some(mut former) = state.resources.insert(address, record) {
        former.status = Status::Deposed;
        state.deposed.push(former);
    }
}
