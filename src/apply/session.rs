//! A state in hand: locked, read, brought up to date from the journal of a run that was interrupted.

use std::sync::Arc;

use uuid::Uuid;

use super::restore::restore;
use super::{Event, Observer, Severity};
use crate::state::journal::{JournalError, decode, fold};
use crate::state::store::{Expect, Fence, Object, Version};
use crate::state::{Entry, Lock, LockError, LockOptions, State, StateError, Store, StoreError};

/// One run's hold on a state. End it with [`Session::close`]: dropped, its lock stands until its lease ends.
pub struct Session {
    pub(super) store: Arc<dyn Store>,
    pub(super) state: State,
    lock: Option<Lock>,
    /// What is in the store, and as which version; none before the first write.
    stored: Option<(Vec<u8>, Version)>,
    /// `state` holds what the journal of an interrupted run tells, and the store doesn't yet.
    unsettled: bool,
}

/// How often a state is read that changes meanwhile.
const LOADS_AT_MOST: usize = 3;

/// Why a state can't be taken in hand.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// Somebody is at work on it.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// It can't be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It isn't what vvbill wrote.
    #[error("{place}: {error}")]
    State {
        /// Where it is.
        place: String,
        /// What is wrong.
        error: StateError,
    },
    /// The journal beside it can't be trusted.
    #[error("{place}: {error}")]
    Journal {
        /// Where it is.
        place: String,
        /// What is wrong.
        error: JournalError,
    },
    /// It was pushed over a newer or another one.
    #[error("the pushed state {why}: it was not taken")]
    NotPushed {
        /// What speaks against it.
        why: String,
    },
}

impl SessionError {
    /// What a person can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Lock(LockError::Held(holder)) => Some(format!(
                "wait for it with `--lock-timeout`; if that process is gone for certain, `vvbill unlock {}`",
                holder.id
            )),
            Self::State {
                place,
                error: StateError::Newer { .. } | StateError::UnknownFormat { .. },
            } => Some(format!("{place} stays as it is")),
            Self::State { place, .. } => Some(format!(
                "to take your version, `vvbill state push PLAN {place}`; to go back to the last one that vvbill wrote, \
                 move {place} away and run again: it is restored from {place}.previous and the journal"
            )),
            Self::Journal {
                place,
                error: JournalError::Corrupt { line, .. },
            } => Some(format!(
                "each line from {line} on is an operation whose outcome is unknown: restore {place} from a backup of \
                 the disk, or move it away and look at what `vvbill drift` and the provider say about what it names"
            )),
            Self::Journal { place, .. } => Some(format!(
                "a state was put back without its journal: put back the one that {place} belongs to (see the \
                 backups beside it), or move {place} away if what it names is known to be recorded"
            )),
            Self::NotPushed { .. } => {
                Some("`--force` takes it all the same; the present one is kept as a backup".into())
            }
            Self::Lock(_) | Self::Store(_) => None,
        }
    }
}

impl Session {
    /// Locks, reads, folds in what an interrupted run has left and writes that down. Without a lock nothing
    /// is written before something is to be done: the journal may be that of a run that is on.
    pub async fn open(
        store: Arc<dyn Store>,
        lock: Option<LockOptions>,
        observer: &dyn Observer,
    ) -> Result<Self, SessionError> {
        let lock = match lock {
            Some(options) => Some(Lock::acquire(&store, &options).await?),
            None => None,
        };
        let mut session = Self {
            store,
            state: State::new(),
            lock,
            stored: None,
            unsettled: false,
        };
        let mut tries = 1;
        loop {
            match session.load(observer).await {
                Ok(()) => return Ok(session),
                // Who held the lock before was still writing the state: it has what the journal told.
                Err(SessionError::Store(StoreError::Conflict { .. }))
                    if session.is_locked() && tries < LOADS_AT_MOST =>
                {
                    tries += 1;
                    session.state = State::new();
                }
                Err(error) => {
                    session.close().await?;
                    return Err(error);
                }
            }
        }
    }

    /// What is recorded.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Gives up the lock.
    pub async fn close(mut self) -> Result<(), StoreError> {
        match self.lock.take() {
            Some(lock) => lock.release(&*self.store).await,
            None => Ok(()),
        }
    }

    /// Changes the state by hand, after a backup; answers with the place of that.
    pub async fn edit<T, E: From<SessionError>>(
        &mut self,
        what: &str,
        change: impl FnOnce(&mut State) -> Result<T, E>,
    ) -> Result<(T, String), E> {
        self.settle().await.map_err(SessionError::from)?;
        let mut changed = self.state.clone();
        let answer = change(&mut changed)?;
        let place = self.back_up(what).await.map_err(SessionError::from)?;
        self.state = changed;
        self.commit().await.map_err(SessionError::from)?;
        Ok((answer, place))
    }

    /// Nobody else writes.
    pub(super) fn is_locked(&self) -> bool {
        self.lock.is_some()
    }

    /// What writes must name.
    pub fn fence(&self) -> Fence {
        self.lock.as_ref().and_then(Lock::fence)
    }

    /// Writes the state if it differs from what is stored. It is durable when this answers.
    pub(super) async fn commit(&mut self) -> Result<(), StoreError> {
        let unchanged = |stored: &(Vec<u8>, Version)| stored.0 == self.state.to_json();
        if self.stored.as_ref().is_some_and(unchanged) || self.stored.is_none() && self.state == State::new()
        {
            return Ok(());
        }
        self.write().await
    }

    /// Writes the state as the next serial, the first one with a lineage of its own.
    pub(super) async fn write(&mut self) -> Result<(), StoreError> {
        let mut next = self.state.clone();
        next.serial += 1;
        next.vvbill_version = env!("CARGO_PKG_VERSION").into();
        if next.lineage.is_nil() {
            next.lineage = Uuid::new_v4();
        }
        let bytes = next.to_json();
        let expect = match &self.stored {
            Some((_, version)) => Expect::Version(version.clone()),
            None => Expect::Absent,
        };
        let version = self
            .store
            .write(&Object::State, bytes.clone(), expect, &self.fence())
            .await?;
        self.state = next;
        self.stored = Some((bytes, version));
        Ok(())
    }

    /// Writes down what the journal of an interrupted run has told, and ends that journal.
    pub(super) async fn settle(&mut self) -> Result<(), StoreError> {
        if self.unsettled {
            self.commit().await?;
            self.store.archive_journal(&self.fence()).await?;
            self.unsettled = false;
        }
        Ok(())
    }

    /// Before operations begin: the state has a lineage, and a version that nobody before has read.
    pub(super) async fn claim(&mut self) -> Result<(), StoreError> {
        if self.state.lineage.is_nil() || self.store.fences_by_version() {
            self.write().await?;
        }
        Ok(())
    }

    async fn back_up(&self, what: &str) -> Result<String, StoreError> {
        let object = Object::Backup(format!("{}-{what}", self.state.serial));
        let bytes = self
            .stored
            .as_ref()
            .map_or_else(|| self.state.to_json(), |(bytes, _)| bytes.clone());
        self.store
            .write(&object, bytes, Expect::Anything, &self.fence())
            .await?;
        Ok(self.store.place(&object))
    }

    async fn load(&mut self, observer: &dyn Observer) -> Result<(), SessionError> {
        if self.is_locked() {
            self.store.take_over(&self.fence()).await?;
        }
        let journal = self.store.read_journal().await?;
        let entries = entries(&*self.store, &journal)?;
        let blob = self.store.read(&Object::State).await?;
        let read = match &blob {
            Some(blob) => State::from_json(&blob.bytes).map(Some),
            None => Ok(None),
        };
        let lost = matches!(read, Ok(None) | Err(StateError::Truncated { .. }));
        let restored = if lost {
            restore(&*self.store, &entries).await?
        } else {
            None
        };
        let mended = restored.is_some();
        self.state = match (restored, read) {
            (Some(state), _) => state,
            (None, Ok(state)) => state.unwrap_or_default(),
            (None, Err(error)) => {
                return Err(SessionError::State {
                    place: self.store.place(&Object::State),
                    error,
                });
            }
        };
        if mended {
            self.report_mended(blob.as_ref().map(|blob| blob.bytes.clone()), observer)
                .await?;
        }
        self.stored = blob.map(|blob| (blob.bytes, blob.version));
        let (folded, changed) =
            fold(std::mem::take(&mut self.state), entries).map_err(|error| SessionError::Journal {
                place: self.store.journal_place(),
                error,
            })?;
        self.state = folded;
        if changed {
            report_interrupted(&self.state, observer);
        }
        self.unsettled = mended || !journal.is_empty();
        if self.is_locked() {
            self.settle().await?;
        }
        Ok(())
    }

    async fn report_mended(
        &self,
        damaged: Option<Vec<u8>>,
        observer: &dyn Observer,
    ) -> Result<(), StoreError> {
        let place = self.store.place(&Object::State);
        let kept = match damaged {
            None => "it was not there".to_owned(),
            Some(bytes) => {
                let object = Object::Backup(format!("{}-truncated", self.state.serial));
                self.store
                    .write(&object, bytes, Expect::Anything, &self.fence())
                    .await?;
                format!(
                    "it was cut short; what was left of it is {}",
                    self.store.place(&object)
                )
            }
        };
        observer.observe(&Event::Diagnostic {
            severity: Severity::Warning,
            summary: format!(
                "{place} was restored from {} and the journal",
                self.store.place(&Object::PreviousState)
            ),
            detail: kept,
            address: None,
        });
        Ok(())
    }
}

/// The recorded state as it is now, the journal of a run that is on or was interrupted included, without
/// a lock and without writing anything. `None`: nothing is recorded yet.
pub async fn read_state(store: &dyn Store) -> Result<Option<State>, SessionError> {
    // The journal first: one that ends in between is then older than the state, and is left out.
    let journal = store.read_journal().await?;
    let entries = entries(store, &journal)?;
    let Some(blob) = store.read(&Object::State).await? else {
        return Ok(None);
    };
    let state = State::from_json(&blob.bytes).map_err(|error| SessionError::State {
        place: store.place(&Object::State),
        error,
    })?;
    let (state, _) = fold(state, entries).map_err(|error| SessionError::Journal {
        place: store.journal_place(),
        error,
    })?;
    Ok(Some(state))
}

/// Puts a whole state in the place of the present one, which is backed up even where it can't be read.
/// Answers with the place of the backup.
pub async fn push_state(
    store: Arc<dyn Store>,
    lock: Option<LockOptions>,
    text: &[u8],
    force: bool,
) -> Result<Option<String>, SessionError> {
    let pushed = State::from_edited_json(text).map_err(|error| SessionError::State {
        place: "the pushed state".into(),
        error,
    })?;
    let lock = match lock {
        Some(options) => Some(Lock::acquire(&store, &options).await?),
        None => None,
    };
    let fence = lock.as_ref().and_then(Lock::fence);
    let result = replace_state(&*store, pushed, force, &fence).await;
    if let Some(lock) = lock {
        lock.release(&*store).await?;
    }
    result
}

async fn replace_state(
    store: &dyn Store,
    mut pushed: State,
    force: bool,
    fence: &Fence,
) -> Result<Option<String>, SessionError> {
    if fence.is_some() {
        store.take_over(fence).await?;
    }
    let present = store.read(&Object::State).await?;
    let refuse = |why: &str| Err(SessionError::NotPushed { why: why.into() });
    if !force && !store.read_journal().await?.is_empty() {
        return refuse("would hide the journal of an interrupted run, which the next `vvbill plan` takes in");
    }
    let mut backup = None;
    let mut expect = Expect::Absent;
    if let Some(blob) = present {
        let known = State::from_edited_json(&blob.bytes).ok();
        if let Some(known) = known.filter(|_| !force) {
            if known.lineage != pushed.lineage {
                return refuse("is of another lineage");
            }
            if known.serial > pushed.serial {
                return refuse(&format!(
                    "has serial {}, and the present one {}",
                    pushed.serial, known.serial
                ));
            }
            pushed.serial = pushed.serial.max(known.serial);
        }
        let object = Object::Backup(format!("{}-push", pushed.serial));
        store.write(&object, blob.bytes, Expect::Anything, fence).await?;
        backup = Some(store.place(&object));
        expect = Expect::Version(blob.version);
    }
    pushed.serial += 1;
    store
        .write(&Object::State, pushed.to_json(), expect, fence)
        .await?;
    if force {
        store.archive_journal(fence).await?;
    }
    Ok(backup)
}

pub(super) fn entries(store: &dyn Store, journal: &[u8]) -> Result<Vec<Entry>, SessionError> {
    decode(journal).map_err(|error| SessionError::Journal {
        place: store.journal_place(),
        error,
    })
}

fn report_interrupted(state: &State, observer: &dyn Observer) {
    let pending: Vec<String> = state
        .pending_operations
        .iter()
        .map(|one| one.address.to_string())
        .collect();
    observer.observe(&Event::Diagnostic {
        severity: Severity::Warning,
        summary: "an earlier run was interrupted; what it did is taken in".into(),
        detail: if pending.is_empty() {
            String::new()
        } else {
            format!("was on its way: {}", pending.join(", "))
        },
        address: None,
    });
}
