//! Where state, lock and journal are kept, behind one trait with conditional writes.
//!
//! A store moves bytes. It knows no format and takes no decision but one: a write whose expectation or
//! fence no longer holds is refused.

mod file;
#[cfg(feature = "aws")]
pub mod s3;

pub use file::FileStore;

use futures::future::BoxFuture;

/// What a store keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Object {
    /// The state.
    State,
    /// Who is at work.
    Lock,
    /// The state before the last write. The store keeps it when [`Object::State`] is written.
    PreviousState,
    /// The journal of the run before the last state write: with [`Object::PreviousState`] it gives the
    /// state again.
    PreviousJournal,
    /// A state kept before surgery, by its name.
    Backup(String),
    /// What the rollout has shown so far.
    Rollout,
}

/// Bytes, and the version under which a conditional write may replace them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// The content.
    pub bytes: Vec<u8>,
    /// An opaque version (`ETag`).
    pub version: Version,
}

/// An object's opaque version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version(pub String);

/// What must be true for a write to happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// There is no such object (`If-None-Match: *`).
    Absent,
    /// It is still this one (`If-Match`).
    Version(Version),
    /// Whatever is there.
    Anything,
}

/// Whose lock must still stand for a write to happen: the lock's id. `None`: `--lock=false`.
pub type Fence = Option<String>;

/// Keeps state, lock and journal. Every answer `Ok` to a write means durable.
pub trait Store: Send + Sync {
    /// Where a person finds the object: a path or a URL.
    fn place(&self, object: &Object) -> String;
    /// Where a person finds the journal.
    fn journal_place(&self) -> String;
    /// True where S3-like versions are all that refuses a late write of the state: a run that begins
    /// operations then writes the state first, so that nobody who read it before can write it any more.
    fn fences_by_version(&self) -> bool {
        false
    }
    /// Shuts out whoever held another lock before: after this nothing of theirs gets into the journal. Called
    /// with a new lock, before anything is read under it.
    fn take_over<'a>(&'a self, fence: &'a Fence) -> BoxFuture<'a, Result<(), StoreError>> {
        let _ = fence;
        Box::pin(async { Ok(()) })
    }
    /// The object, if there is one.
    fn read<'a>(&'a self, object: &'a Object) -> BoxFuture<'a, Result<Option<Blob>, StoreError>>;
    /// Replaces the object as a whole, or leaves it as it was.
    fn write<'a>(
        &'a self,
        object: &'a Object,
        bytes: Vec<u8>,
        expect: Expect,
        fence: &'a Fence,
    ) -> BoxFuture<'a, Result<Version, StoreError>>;
    /// Removes the object if it is what was expected.
    fn remove<'a>(&'a self, object: &'a Object, expect: Expect) -> BoxFuture<'a, Result<(), StoreError>>;
    /// The whole journal; empty if there is none.
    fn read_journal(&self) -> BoxFuture<'_, Result<Vec<u8>, StoreError>>;
    /// Adds to the journal. After an error nothing of `bytes` is in it.
    fn append<'a>(&'a self, bytes: Vec<u8>, fence: &'a Fence) -> BoxFuture<'a, Result<(), StoreError>>;
    /// Ends the journal: it becomes [`Object::PreviousJournal`].
    fn archive_journal<'a>(&'a self, fence: &'a Fence) -> BoxFuture<'a, Result<(), StoreError>>;
}

/// Why the store did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Somebody else wrote in between.
    #[error("{place} was changed by someone else in the meantime")]
    Conflict {
        /// Which object.
        place: String,
    },
    /// The lock under which this was to be written is no longer ours.
    #[error("the lock was lost: {place} was not written; {now}")]
    Fenced {
        /// Which object.
        place: String,
        /// Who holds it now.
        now: String,
    },
    /// No space left, a quota, or a file-size limit.
    #[error(
        "no space to write {place}: {why}; what was there is untouched. Make room and run the same command again"
    )]
    Full {
        /// Which object.
        place: String,
        /// The system's words.
        why: String,
    },
    /// Anything else.
    #[error("{place}: {why}")]
    Failed {
        /// Which object.
        place: String,
        /// The system's words.
        why: String,
    },
}
