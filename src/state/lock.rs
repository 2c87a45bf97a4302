//! Who is at work on a state: one at a time, for as long as its heartbeat renews a lease.
//!
//! The lock of a dead holder is taken over after its lease and never before; the lock of a holder that
//! is seen to be alive on this machine is not taken over at all. A holder that was taken over learns of
//! it before it writes: every write names the lock's id as its fence.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use uuid::Uuid;

use super::store::{Blob, Expect, Fence, Object, Store, StoreError, Version};

/// Between two looks at a lock that is held.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How a lock is asked for.
#[derive(Clone, Debug)]
pub struct LockOptions {
    /// What it is for: `apply`, `state mv`.
    pub operation: String,
    /// How long to wait for one that is held. Zero: not at all.
    pub timeout: Duration,
    /// How long it stays ours after the last heartbeat.
    pub lease: Duration,
    /// `user@host`.
    pub who: String,
}

impl LockOptions {
    /// Doesn't wait; leases for 20 seconds; in the name of this user on this machine.
    pub fn new(operation: &str) -> Self {
        let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
        let user = user.unwrap_or_else(|_| format!("uid-{}", rustix::process::getuid().as_raw()));
        Self {
            operation: operation.into(),
            timeout: Duration::ZERO,
            lease: Duration::from_secs(20),
            who: format!("{user}@{}", host()),
        }
    }
}

/// What the lock says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Which lock this is: what `unlock` takes.
    pub id: String,
    /// `user@host`.
    pub who: String,
    /// The machine.
    pub host: String,
    /// The process.
    pub pid: i32,
    /// When that process started, in clock ticks after the machine did.
    pub process_started: Option<u64>,
    /// Which start of the machine.
    pub boot_id: Option<String>,
    /// What it is doing.
    pub operation: String,
    /// Since when.
    pub since: Timestamp,
    /// The last heartbeat.
    pub renewed_at: Timestamp,
    /// How long it is theirs after that.
    pub lease_ms: u64,
}

/// Why there is no lock.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    /// Somebody is at work.
    #[error("the state is locked by {0}")]
    Held(Box<Holder>),
    /// `unlock` named another lock than the one that stands.
    #[error("there is no lock `{asked}`: {}", match .held { Some(holder) => format!("the state is locked by {holder}"), None => "the state is not locked".into() })]
    NotThis {
        /// What was asked for.
        asked: String,
        /// What stands.
        held: Option<Box<Holder>>,
    },
    /// Not written by vvbill.
    #[error("{place} can't be understood: {why}; if no vvbill is at work, remove it")]
    Malformed {
        /// Where.
        place: String,
        /// The parser's words.
        why: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A lock that is ours. Dropped without [`Lock::release`], it stands until its lease ends.
#[derive(Debug)]
pub struct Lock {
    id: String,
    heartbeat: JoinHandle<()>,
}

impl Lock {
    /// Waits for it as long as the options say.
    pub async fn acquire(store: &Arc<dyn Store>, options: &LockOptions) -> Result<Self, LockError> {
        let deadline = Instant::now() + options.timeout;
        // Nobody holds it, as a rule; asking first would cost a request, and needs a bucket that is there.
        let mut expect = Expect::Absent;
        loop {
            let holder = Holder::new(options);
            match store.write(&Object::Lock, holder.to_json(), expect, &None).await {
                Ok(version) => return Ok(Self::keep(Arc::clone(store), holder, version)),
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            expect = Self::next_chance(store.as_ref(), deadline).await?;
        }
    }

    /// Waits until the lock can be asked for, and says over what.
    async fn next_chance(store: &dyn Store, deadline: Instant) -> Result<Expect, LockError> {
        let mut pause = SHORTEST_PAUSE;
        loop {
            match store.read(&Object::Lock).await? {
                None => return Ok(Expect::Absent),
                Some(blob) => {
                    let holder = parse(store, &blob)?;
                    if !holder.may_be_taken_over(Timestamp::now()) {
                        if Instant::now() >= deadline {
                            return Err(LockError::Held(Box::new(holder)));
                        }
                        tokio::time::sleep(pause).await;
                        pause = (pause * 2).min(LONGEST_PAUSE);
                        continue;
                    }
                    tracing::warn!(
                        lock = holder.id,
                        who = holder.who,
                        "taking over the lock of a dead holder"
                    );
                    return Ok(Expect::Version(blob.version));
                }
            }
        }
    }

    /// What writes must name.
    pub fn fence(&self) -> Fence {
        Some(self.id.clone())
    }

    /// Gives it up. One that was taken over in the meantime stays as it is.
    pub async fn release(self, store: &dyn Store) -> Result<(), StoreError> {
        self.heartbeat.abort();
        loop {
            let Some(blob) = store.read(&Object::Lock).await? else {
                return Ok(());
            };
            let ours = Holder::from_json(&blob.bytes).is_ok_and(|holder| holder.id == self.id);
            if !ours {
                return Ok(());
            }
            match store.remove(&Object::Lock, Expect::Version(blob.version)).await {
                // The last heartbeat was still on its way.
                Err(StoreError::Conflict { .. }) => {}
                result => return result,
            }
        }
    }

    fn keep(store: Arc<dyn Store>, holder: Holder, version: Version) -> Self {
        let id = holder.id.clone();
        Self {
            id,
            heartbeat: tokio::spawn(renew(store, holder, version)),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.heartbeat.abort();
    }
}

/// Renews four times a lease, until the lock is no longer ours.
async fn renew(store: Arc<dyn Store>, mut holder: Holder, mut version: Version) {
    let period = Duration::from_millis(holder.lease_ms / 4);
    loop {
        tokio::time::sleep(period).await;
        holder.renewed_at = Timestamp::now();
        let expect = Expect::Version(version.clone());
        match store.write(&Object::Lock, holder.to_json(), expect, &None).await {
            Ok(renewed) => version = renewed,
            // An earlier renewal whose answer never came may have been carried out after all.
            Err(error @ StoreError::Conflict { .. }) => match store.read(&Object::Lock).await {
                Ok(Some(blob)) if Holder::from_json(&blob.bytes).is_ok_and(|now| now.id == holder.id) => {
                    version = blob.version;
                }
                Err(error) => tracing::warn!(lock = holder.id, %error, "the lock could not be looked at"),
                Ok(_) => {
                    tracing::error!(lock = holder.id, %error, "the lock was lost");
                    return;
                }
            },
            Err(error) => tracing::warn!(lock = holder.id, %error, "the lock could not be renewed"),
        }
    }
}

/// Who holds the lock, if anybody does.
pub async fn holder(store: &dyn Store) -> Result<Option<Holder>, LockError> {
    let found = store.read(&Object::Lock).await?;
    found.map(|blob| parse(store, &blob)).transpose()
}

/// Removes the lock `id`, whoever holds it.
pub async fn unlock(store: &dyn Store, id: &str) -> Result<Holder, LockError> {
    loop {
        let not_this = |held| LockError::NotThis {
            asked: id.into(),
            held,
        };
        let found = store.read(&Object::Lock).await?;
        let blob = found.ok_or_else(|| not_this(None))?;
        let holder = parse(store, &blob)?;
        if holder.id != id {
            return Err(not_this(Some(Box::new(holder))));
        }
        match store.remove(&Object::Lock, Expect::Version(blob.version)).await {
            Ok(()) => return Ok(holder),
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn parse(store: &dyn Store, blob: &Blob) -> Result<Holder, LockError> {
    Holder::from_json(&blob.bytes).map_err(|why| LockError::Malformed {
        place: store.place(&Object::Lock),
        why: why.to_string(),
    })
}

impl Holder {
    fn new(options: &LockOptions) -> Self {
        let pid = rustix::process::getpid().as_raw_nonzero().get();
        let now = Timestamp::now();
        Self {
            id: Uuid::new_v4().to_string(),
            who: options.who.clone(),
            host: host(),
            pid,
            process_started: process_started(pid),
            boot_id: boot_id(),
            operation: options.operation.clone(),
            since: now,
            renewed_at: now,
            lease_ms: u64::try_from(options.lease.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// Reads a lock.
    pub fn from_json(text: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(text)
    }

    fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).expect("a holder serialises to JSON")
    }

    /// When the lease ends, unless it is renewed.
    pub fn lease_ends_at(&self) -> Timestamp {
        let lease = SignedDuration::from_millis(i64::try_from(self.lease_ms).unwrap_or(i64::MAX));
        self.renewed_at.checked_add(lease).unwrap_or(Timestamp::MAX)
    }

    /// After its lease, and not while it is seen to be alive.
    pub fn may_be_taken_over(&self, now: Timestamp) -> bool {
        now >= self.lease_ends_at() && !self.is_seen_alive()
    }

    /// The process is on this machine, of this start of it, and runs. False doesn't say that it is dead.
    fn is_seen_alive(&self) -> bool {
        self.host == host()
            && self.boot_id.is_some()
            && self.boot_id == boot_id()
            && self.process_started.is_some()
            && self.process_started == process_started(self.pid)
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            id,
            who,
            pid,
            operation,
            since,
            ..
        } = self;
        write!(
            f,
            "{who} (process {pid}), doing `{operation}` since {since:.0}, lock {id}"
        )
    }
}

fn host() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| std::env::var("HOSTNAME").ok())
        .map_or_else(|| "unknown-host".into(), |name| name.trim().to_owned())
}

fn boot_id() -> Option<String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(text.trim().to_owned())
}

/// `None` where there is no such process, or only its remains (a zombie).
fn process_started(pid: i32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; the state is the first field after it, the start the 20th.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}
