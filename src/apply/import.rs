//! Taking up what exists already, by its id.

use serde_json::Value;
use tokio::time::Instant;

use super::attempt::{Pauses, repeat};
use super::record::Recorder;
use super::{Session, SessionError};
use crate::plan::{Action, Reason, Verb, resolve};
use crate::provider::{ProviderError, Providers};
use crate::resource::{Address, Desired};
use crate::state::{Ending, Journal, OperationVerb, Record, StoreError};

/// Why it was not taken up.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The address has one already.
    #[error("{address} is recorded already, as {id}")]
    Known {
        /// The address.
        address: Address,
        /// What stands there.
        id: String,
    },
    /// There is no such thing.
    #[error("there is no {} with the id `{id}`", address.kind())]
    Missing {
        /// The address.
        address: Address,
        /// What was asked for.
        id: String,
    },
    /// It could not be looked at.
    #[error("{0}: {1}")]
    Provider(Address, ProviderError),
    /// It could not be recorded.
    #[error(transparent)]
    Session(#[from] SessionError),
}

impl From<StoreError> for ImportError {
    fn from(error: StoreError) -> Self {
        Self::Session(error.into())
    }
}

impl ImportError {
    /// What a person can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Known { address, .. } => {
                Some(format!("`vvbill state rm PLAN {address}` forgets that one first"))
            }
            Self::Missing { .. } => {
                Some("the id is the provider's own, as its console or `observe` shows it".into())
            }
            Self::Provider(_, error) => error.hint.clone(),
            Self::Session(error) => error.hint(),
        }
    }
}

/// Records `id` as the resource that `desired` asks for. What differs is for the next plan.
pub async fn import(
    session: &mut Session,
    providers: &Providers,
    desired: &Desired,
    id: &str,
) -> Result<Record, ImportError> {
    let address = &desired.address;
    if let Some(record) = session.state.resources.get(address) {
        return Err(ImportError::Known {
            address: address.clone(),
            id: record.id.clone(),
        });
    }
    let refused = |error| ImportError::Provider(address.clone(), error);
    let provider = providers.of(address).map_err(refused)?;
    let facts = provider.facts(address.kind()).ok_or_else(|| {
        refused(ProviderError::refused(format!(
            "{} has no kind `{}`",
            provider.name(),
            address.kind()
        )))
    })?;
    let observe = || provider.observe(address, id);
    let found = repeat(
        &Pauses::default(),
        Instant::now() + facts.deadline,
        observe,
        |_| {},
    )
    .await;
    let found = found.map_err(refused)?;
    let found = found.ok_or_else(|| ImportError::Missing {
        address: address.clone(),
        id: id.into(),
    })?;
    session.settle().await?;
    session.claim().await?;
    let properties = managed(session, desired, &found.properties);
    record(session, desired, id, properties, found.outputs).await?;
    Ok(session.state.resources[address].clone())
}

/// Through the journal, so that a state that is lost later can be put together again.
async fn record(
    session: &mut Session,
    desired: &Desired,
    id: &str,
    properties: Value,
    outputs: Value,
) -> Result<(), StoreError> {
    let journal = Journal::open(session.store.clone(), session.fence());
    let recorder = Recorder::new(journal, session.state.clone());
    recorder.open().await?;
    let action = Action {
        address: desired.address.clone(),
        verb: Verb::Adopt,
        reason: Reason::Requested,
        id: Some(id.into()),
        changes: Vec::new(),
        before: None,
        desired: Some(desired.clone()),
        create_first: false,
    };
    let operation = recorder.operation(&action, OperationVerb::Create, properties);
    let number = recorder.begin(operation).await?;
    recorder.end(number, Ending::Done { outputs }).await?;
    session.state = recorder.close().await;
    session.write().await?;
    session.store.archive_journal(&session.fence()).await
}

/// Of what was found, what the plan manages: so that importing is no drift.
fn managed(session: &Session, desired: &Desired, found: &Value) -> Value {
    let known = |of: &Address, name: &str| session.state.resources.get(of)?.outputs.get(name).cloned();
    let wanted = resolve(&desired.properties, &known);
    let (Some(wanted), Some(found)) = (wanted.as_object(), found.as_object()) else {
        return found.clone();
    };
    wanted
        .keys()
        .map(|key| (key.clone(), found.get(key).cloned().unwrap_or(Value::Null)))
        .collect()
}
