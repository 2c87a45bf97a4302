//! The engine's errors as the command line's: exit code, causes, what to do.

use super::error::Error;
use super::exit::Exit;
use super::target::Unsupported;
use crate::apply::{ApplyError, LookError, SessionError};
use crate::plan::{PlanError, Stale};
use crate::state::{Holder, LockError, StoreError};

impl From<SessionError> for Error {
    fn from(error: SessionError) -> Self {
        let hint = error.hint();
        match error {
            SessionError::Lock(error) => error.into(),
            SessionError::Store(error) => error.into(),
            error => Self::new(error.to_string()).hints(hint),
        }
    }
}

impl From<LockError> for Error {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Held(holder) => held(&holder),
            LockError::Store(error) => error.into(),
            LockError::NotThis { ref held, .. } => {
                let error = Self::new(error.to_string());
                match held {
                    Some(holder) => error.hint(format!("its id is {}", holder.id)),
                    None => error,
                }
            }
            error => Self::new(error.to_string()),
        }
    }
}

/// Who holds the lock, from where, doing what, since when.
fn held(holder: &Holder) -> Error {
    let Holder {
        id,
        who,
        pid,
        operation,
        since,
        ..
    } = holder;
    Error::new(format!("the state is locked by {who}"))
        .because(format!(
            "process {pid} on {} is doing `{operation}` since {since:.0}",
            holder.host
        ))
        .because(format!("its lock is {id}, renewed at {:.0}", holder.renewed_at))
        .hint("wait for it with `--lock-timeout 5m`; the lock of a dead holder ends with its lease")
        .hint(format!(
            "if that process is gone for certain: `vvbill unlock PLAN {id}`"
        ))
        .exiting(Exit::LockHeld)
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<Unsupported> for Error {
    fn from(error: Unsupported) -> Self {
        Self::new(error.message).hints(error.hint)
    }
}

impl From<LookError> for Error {
    fn from(error: LookError) -> Self {
        let hint = error.hint();
        match error {
            LookError::Store(error) => error.into(),
            LookError::Provider(failed) => {
                let count = super::report::findings::counted(failed.len(), "resource");
                failed
                    .into_iter()
                    .take(10)
                    .fold(
                        Self::new(format!("{count} could not be looked at")),
                        |error, (address, why)| error.because(format!("{address}: {why}")),
                    )
                    .hints(hint)
                    .hint("`--refresh=false` plans without looking")
            }
        }
    }
}

impl From<ApplyError> for Error {
    fn from(error: ApplyError) -> Self {
        let hint = error.hint();
        match error {
            ApplyError::Stale(stale) => stale.into(),
            ApplyError::Look(error) => error.into(),
            ApplyError::Store { error, .. } => Self::from(error).hints(hint),
        }
    }
}

impl From<PlanError> for Error {
    fn from(error: PlanError) -> Self {
        let exit = match &error {
            PlanError::UnknownSelector { .. } => Exit::Usage,
            _ => Exit::Failed,
        };
        let mut hints: Vec<String> = match &error {
            PlanError::Guarded(guarded) => {
                let lifted = guarded.iter().map(|one| format!("`{}` lifts it", one.lifted_by));
                lifted.collect()
            }
            _ => Vec::new(),
        };
        hints.sort();
        hints.dedup();
        Self::new(error.to_string()).hints(hints).exiting(exit)
    }
}

impl From<Stale> for Error {
    fn from(error: Stale) -> Self {
        Self::new(error.to_string())
            .hint("`vvbill plan PLAN --out SAVED` plans again")
            .exiting(Exit::Stale)
    }
}
