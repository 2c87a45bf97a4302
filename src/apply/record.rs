//! Recording a run: every entry goes into the journal and into the state in memory, in one place.

use std::sync::{Mutex, MutexGuard};

use jiff::Timestamp;
use serde_json::Value;

use crate::plan::Action;
use crate::resource::{Address, Desired};
use crate::state::journal::{Folding, Written};
use crate::state::{Ending, Entry, Journal, Operation, OperationVerb, State, StoreError};

/// The journal of this run and the state as it is by now.
pub(super) struct Recorder {
    journal: Journal,
    folding: Mutex<Folding>,
    numbers: std::sync::atomic::AtomicU64,
}

impl Recorder {
    pub(super) fn new(journal: Journal, state: State) -> Self {
        Self {
            journal,
            folding: Mutex::new(Folding::new(state)),
            numbers: std::sync::atomic::AtomicU64::new(1),
        }
    }

    /// The first line; durable when this answers.
    pub(super) async fn open(&self) -> Result<(), StoreError> {
        let entry = {
            let folding = self.folding();
            Entry::Opened {
                lineage: folding.state.lineage,
                serial: folding.state.serial,
                at: Timestamp::now(),
            }
        };
        self.journal.write(&entry).await.durable().await
    }

    /// An operation that may be started when this answers with its number.
    pub(super) async fn begin(&self, operation: Operation) -> Result<u64, StoreError> {
        let number = operation.number;
        match self.write(Entry::Begin(operation)).await.durable().await {
            Ok(()) => Ok(number),
            Err(error) => {
                let (outcome, at) = (Ending::NotDone, Timestamp::now());
                self.folding().take(Entry::End {
                    operation: number,
                    outcome,
                    at,
                });
                Err(error)
            }
        }
    }

    /// The new resource's id; to be durable before anything is waited for.
    pub(super) async fn id(&self, operation: u64, id: &str) -> Written {
        self.write(Entry::Id {
            operation,
            id: id.into(),
        })
        .await
    }

    /// How an operation ended; it is complete when this answers.
    pub(super) async fn end(&self, operation: u64, outcome: Ending) -> Result<(), StoreError> {
        let at = Timestamp::now();
        self.write(Entry::End {
            operation,
            outcome,
            at,
        })
        .await
        .durable()
        .await
    }

    /// What was planned to be made anew because nothing was found of it any more: its record goes, as
    /// after a deletion that had nothing left to do.
    pub(super) async fn forget(&self, action: &Action) -> Result<(), StoreError> {
        let known = self
            .folding()
            .state
            .resources
            .get(&action.address)
            .map(|record| record.id.clone());
        let Some(id) = known else { return Ok(()) };
        let mut operation = self.operation(action, OperationVerb::Delete, Value::Null);
        operation.id = Some(id);
        let number = operation.number;
        self.write(Entry::Begin(operation)).await;
        self.end(number, Ending::Done { outputs: Value::Null }).await
    }

    /// What is new of a resource that is kept: it takes no operation.
    pub(super) fn keep(&self, desired: &Desired, properties: Value) {
        let mut folding = self.folding();
        if let Some(record) = folding.state.resources.get_mut(&desired.address) {
            let dependencies = desired.dependencies();
            if record.properties != properties {
                record.properties = properties;
            }
            if record.section != desired.section {
                record.section.clone_from(&desired.section);
            }
            if record.dependencies != dependencies {
                record.dependencies = dependencies;
            }
            record.protect = desired.protect;
        }
    }

    /// What was asked of the resource when it was last brought to that.
    pub(super) fn settled(&self, address: &Address) -> Option<Value> {
        self.folding().state.resources.get(address)?.settled().cloned()
    }

    /// An output of what stands by now.
    pub(super) fn output(&self, of: &Address, name: &str) -> Option<Value> {
        self.folding().state.resources.get(of)?.outputs.get(name).cloned()
    }

    /// An operation on the action's resource, numbered.
    pub(super) fn operation(&self, action: &Action, verb: OperationVerb, properties: Value) -> Operation {
        let desired = action.desired.as_ref();
        Operation {
            number: self.numbers.fetch_add(1, std::sync::atomic::Ordering::Relaxed),
            address: action.address.clone(),
            verb,
            id: action.id.clone(),
            token: String::new(),
            properties,
            protect: desired.is_some_and(|desired| desired.protect),
            dependencies: desired.map(Desired::dependencies).unwrap_or_default(),
            section: desired.map(|desired| desired.section.clone()).unwrap_or_default(),
            started_at: Timestamp::now(),
        }
    }

    /// Everything queued is written, and what has not ended is pending.
    pub(super) async fn close(self) -> State {
        self.journal.close().await;
        self.folding
            .into_inner()
            .expect("nobody panics while holding it")
            .finish()
    }

    async fn write(&self, entry: Entry) -> Written {
        // In memory first: who is cut off while the journal's queue is full has still recorded it.
        self.folding().take(entry.clone());
        self.journal.write(&entry).await
    }

    fn folding(&self) -> MutexGuard<'_, Folding> {
        self.folding.lock().expect("nobody panics while holding it")
    }
}
