//! Looking at the world: what an interrupted run has left, and how everything recorded is now.

use std::time::Duration;

use futures::stream::{self, StreamExt};
use tokio::time::Instant;

use super::attempt::{Pauses, repeat};
use super::{Event, Observer, Session};
use crate::plan::Observations;
use crate::provider::{FoundBy, ProviderError, Providers, Readiness};
use crate::resource::{Address, Observed};
use crate::state::journal::stand;
use crate::state::{Operation, OperationVerb, State, Status, StoreError};

/// How long one look may take, tries included.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why the world could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// What was found could not be written down.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// These could not be observed.
    #[error("{}", list(.0))]
    Provider(Vec<(Address, ProviderError)>),
}

impl LookError {
    /// What a person can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Store(_) => None,
            Self::Provider(failed) => failed.iter().find_map(|(_, error)| error.hint.clone()),
        }
    }
}

/// Finds out what became of interrupted creations, then observes everything recorded, `parallelism` at a
/// time. With `refresh` false the state's word is taken for the latter, and nothing is answered.
pub async fn observe(
    session: &mut Session,
    providers: &Providers,
    parallelism: usize,
    refresh: bool,
    observer: &dyn Observer,
) -> Result<Observations, LookError> {
    recover(session, providers, parallelism).await?;
    if !refresh {
        return Ok(Observations::new());
    }
    let pauses = Pauses::default();
    let total = session.state.resources.len();
    let mut looks = stream::iter(session.state.resources.values())
        .map(|record| {
            let (address, id) = (record.address.clone(), record.id.clone());
            let pauses = &pauses;
            async move {
                let result = look(providers, pauses, &address, &id).await;
                (address, result)
            }
        })
        .buffer_unordered(parallelism.max(1));
    let mut observed = Observations::new();
    let mut failed = Vec::new();
    while let Some((address, result)) = looks.next().await {
        match result {
            Ok(found) => {
                observed.insert(address, found);
            }
            Err(error) => failed.push((address, error)),
        }
        observer.observe(&Event::Refreshing {
            done: observed.len() + failed.len(),
            total,
        });
    }
    drop(looks);
    if !failed.is_empty() {
        failed.sort_by(|one, other| one.0.cmp(&other.0));
        return Err(LookError::Provider(failed));
    }
    refresh_outputs(&mut session.state, &observed);
    Ok(observed)
}

/// What others refer to is as it is now; written with the next write of the state.
fn refresh_outputs(state: &mut State, observed: &Observations) {
    for (address, found) in observed {
        if let (Some(record), Some(found)) = (state.resources.get_mut(address), found)
            && record.outputs != found.outputs
        {
            record.outputs = found.outputs.clone();
        }
    }
}

async fn look(
    providers: &Providers,
    pauses: &Pauses,
    address: &Address,
    id: &str,
) -> Result<Option<Observed>, ProviderError> {
    let provider = providers.of(address)?;
    repeat(
        pauses,
        Instant::now() + PATIENCE,
        || provider.observe(address, id),
        |_| {},
    )
    .await
}

/// What a creation without an answer has made is taken up as half made; what it hasn't is forgotten.
async fn recover(session: &mut Session, providers: &Providers, parallelism: usize) -> Result<(), LookError> {
    let pending = std::mem::take(&mut session.state.pending_operations);
    if pending.is_empty() {
        return Ok(());
    }
    let (creations, others): (Vec<_>, Vec<_>) = pending
        .iter()
        .partition(|one| one.verb == OperationVerb::Create && one.id.is_none());
    let pauses = Pauses::default();
    let found: Vec<_> = stream::iter(&creations)
        .map(|operation| async { (*operation, find(providers, &pauses, operation).await) })
        .buffered(parallelism.max(1))
        .collect()
        .await;
    let mut failed = Vec::new();
    for (operation, result) in found {
        match result {
            Ok(Some(id)) => stand(&mut session.state, operation, id),
            Ok(None) => {}
            Err(error) => failed.push((operation.address.clone(), error)),
        }
    }
    // A half-made restart shows in nothing that can be observed; everything else does.
    let reboots = others.into_iter().filter(|one| one.verb == OperationVerb::Reboot);
    let reboots: Vec<Operation> = reboots.cloned().collect();
    if !failed.is_empty() {
        session.state.pending_operations = pending;
        return Err(LookError::Provider(failed));
    }
    session.state.pending_operations = reboots;
    if session.is_locked() {
        session.commit().await?;
    }
    Ok(())
}

/// The id of what an interrupted creation has made. Where tags take a while to be seen, that while is
/// waited for first: only then does "none" mean none.
async fn find(
    providers: &Providers,
    pauses: &Pauses,
    operation: &Operation,
) -> Result<Option<String>, ProviderError> {
    let Operation {
        address,
        properties,
        token,
        ..
    } = operation;
    let provider = providers.of(address)?;
    let find = || provider.find(address, properties.clone(), token);
    let found = repeat(pauses, Instant::now() + PATIENCE, find, |_| {}).await?;
    match providers.facts(address).map(|facts| facts.found_by) {
        Some(FoundBy::Tag { settles_after_ms }) if found.is_none() => {
            // The last call may have been made a moment before its caller's end.
            tokio::time::sleep(Duration::from_millis(settles_after_ms)).await;
            repeat(pauses, Instant::now() + PATIENCE, find, |_| {}).await
        }
        _ => Ok(found),
    }
}

/// Whether one recorded resource is there and can be depended on.
#[derive(Clone, Debug)]
pub struct Health {
    /// Which one.
    pub address: Address,
    /// What the provider knows it by.
    pub id: String,
    /// What is recorded.
    pub status: Status,
    /// What was found; `None`: nothing is there.
    pub readiness: Result<Option<Readiness>, ProviderError>,
}

/// Asks every recorded resource, `parallelism` at a time, in the order of their addresses.
pub async fn health(state: &State, providers: &Providers, parallelism: usize) -> Vec<Health> {
    let pauses = Pauses::default();
    let asked = stream::iter(state.resources.values()).map(|record| {
        let pauses = &pauses;
        async move {
            let readiness = match look(providers, pauses, &record.address, &record.id).await {
                Ok(None) => Ok(None),
                Ok(Some(_)) => ask(providers, pauses, record).await.map(Some),
                Err(error) => Err(error),
            };
            Health {
                address: record.address.clone(),
                id: record.id.clone(),
                status: record.status,
                readiness,
            }
        }
    });
    asked.buffered(parallelism.max(1)).collect().await
}

async fn ask(
    providers: &Providers,
    pauses: &Pauses,
    record: &crate::state::Record,
) -> Result<Readiness, ProviderError> {
    let provider = providers.of(&record.address)?;
    let ask = || provider.readiness(&record.address, record.properties.clone(), &record.id);
    repeat(pauses, Instant::now() + PATIENCE, ask, |_| {}).await
}

fn list(failed: &[(Address, ProviderError)]) -> String {
    let lines = failed
        .iter()
        .map(|(address, error)| format!("{address} can't be observed: {error}"));
    lines.collect::<Vec<_>>().join("\n")
}
