//! What vvbill has made: the recorded state, the journal of what is in flight, the lock, and the
//! store that keeps all three.
//!
//! Depends on `resource` only. It reads and writes bytes through [`store::Store`]; it never calls a
//! provider, never decides what to do, and nobody but `apply` writes through it.

pub mod journal;
pub mod lock;
pub mod model;
pub mod store;

pub use journal::{Ending, Entry, Journal, JournalError, Operation, OperationVerb};
pub use lock::{Holder, Lock, LockError, LockOptions};
pub use model::{PendingOperation, Record, State, StateError, Status};
pub use store::{FileStore, Store, StoreError};

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            write!(text, "{byte:02x}").expect("writing to a string can't fail");
            text
        })
}
