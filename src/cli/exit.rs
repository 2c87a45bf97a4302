//! The exit codes, a contract with scripts and CI.

/// How a command ended, as a script sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, nothing left to change.
    Done = 0,
    /// It failed.
    Failed = 1,
    /// Changes are present, and `--detailed-exitcode` asked to be told.
    Changes = 2,
    /// Over budget or against a policy, or nobody can say that it isn't.
    OverBudget = 3,
    /// Another process holds the lock of the state.
    LockHeld = 4,
    /// Something changed outside vvbill.
    Drift = 5,
    /// A week of the rollout may not begin: one before it has not passed, or waits for an approval.
    GateClosed = 6,
    /// The saved plan no longer fits the state or what it observed.
    Stale = 7,
    /// Wrong usage.
    Usage = 64,
    /// Interrupted before it was through.
    Interrupted = 130,
}

impl From<Exit> for u8 {
    fn from(exit: Exit) -> Self {
        exit as Self
    }
}
