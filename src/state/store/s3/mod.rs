//! State, lock and journal as objects of one S3 bucket, each write conditional on what stands there.
//!
//! The state is the object that the URL names; the others stand beside it. Nothing is locked on S3: a
//! write names the version that it replaces, and who was overtaken is refused. Depends on aws-sdk-s3;
//! knows no format but the journal's first line, which it writes itself.

mod bucket;
mod journal;
mod place;
mod trouble;
mod wire;

pub use wire::Pace;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Instant;

use aws_config::{BehaviorVersion, SdkConfig};
use futures::future::{BoxFuture, FutureExt};

use self::journal::Tail;
use self::place::Place;
use self::wire::{Put, Wire};
use super::{Blob, Expect, Fence, Object, Store, StoreError, Version};
use crate::state::lock::Holder;

/// One state in a bucket.
///
/// A write answers `Ok` once S3 has confirmed it, or once reading back has shown it: an answer that is lost
/// neither doubles a write nor loses one.
pub struct S3Store {
    place: Place,
    wire: Wire,
    /// The journal as this run's last write of it has left it.
    tail: tokio::sync::Mutex<Option<Tail>>,
    locks: Mutex<Locks>,
}

/// What this store knows of locks without asking.
#[derive(Default)]
struct Locks {
    /// Those that are known to be lost.
    lost: BTreeSet<String>,
    /// Which one stood, and when.
    seen: Option<(String, Instant)>,
}

/// The environment's settings, as every AWS tool reads them. `endpoint_url` goes before `AWS_ENDPOINT_URL`.
pub async fn load_config(endpoint_url: Option<&str>) -> SdkConfig {
    let loader = aws_config::defaults(BehaviorVersion::latest());
    match endpoint_url {
        Some(url) => loader.endpoint_url(url).load().await,
        None => loader.load().await,
    }
}

impl S3Store {
    /// `url` is `s3://bucket/key`. Nothing is asked of S3 before the first read or write.
    pub fn new(config: &SdkConfig, url: &str) -> Result<Self, StoreError> {
        Self::over(url, |place| Wire::new(place, Some(config.clone()), None))
    }

    /// The same with what [`load_config`] finds, once it is needed.
    pub fn from_environment(url: &str, endpoint_url: Option<String>) -> Result<Self, StoreError> {
        Self::over(url, |place| Wire::new(place, None, endpoint_url))
    }

    fn over(url: &str, wire: impl FnOnce(&Place) -> Wire) -> Result<Self, StoreError> {
        let place = Place::parse(url)?;
        Ok(Self {
            wire: wire(&place),
            place,
            tail: tokio::sync::Mutex::default(),
            locks: Mutex::default(),
        })
    }

    /// The plan whose state it is: a bucket that is made for it is tagged so. Without it, with the key.
    #[must_use]
    pub fn of_plan(mut self, name: &str) -> Self {
        self.wire.tag = name.into();
        self
    }

    /// How long an answer is waited for and how often is tried.
    #[must_use]
    pub fn with_pace(mut self, pace: Pace) -> Self {
        self.wire.pace = pace;
        self
    }

    async fn write(
        &self,
        object: &Object,
        bytes: Vec<u8>,
        expect: Expect,
        fence: &Fence,
    ) -> Result<Version, StoreError> {
        let place = self.place(object);
        self.check_not_lost(&place, fence)?;
        let key = self.place.key_of(object);
        if *object == Object::State && expect != Expect::Absent {
            let previous = self.place.key_of(&Object::PreviousState);
            self.wire.copy(&key, &previous, &expect).await?;
        }
        let holder = match object {
            Object::Lock => Holder::from_json(&bytes).ok(),
            _ => None,
        };
        match self.wire.put(&key, bytes, &expect).await? {
            Put::Written(version) => {
                if let Some(holder) = holder {
                    self.remember(&holder.id, true);
                }
                Ok(version)
            }
            Put::Differs(found) => {
                if let (Some(holder), Expect::Version(_)) = (holder, expect) {
                    let standing = found.and_then(|blob| Holder::from_json(&blob.bytes).ok());
                    self.remember(
                        &holder.id,
                        standing.is_some_and(|standing| standing.id == holder.id),
                    );
                }
                Err(self.refused(place, fence).await)
            }
        }
    }

    async fn remove(&self, object: &Object, expect: Expect) -> Result<(), StoreError> {
        if self.wire.delete(&self.place.key_of(object), &expect).await? {
            Ok(())
        } else {
            Err(StoreError::Conflict {
                place: self.place(object),
            })
        }
    }

    /// Once it is seen to be lost, nothing is written any more in this lock's name.
    fn remember(&self, id: &str, stands: bool) {
        let mut locks = self.locks.lock().expect("nobody panics while holding it");
        if stands {
            locks.seen = Some((id.into(), Instant::now()));
        } else {
            locks.lost.insert(id.into());
        }
    }

    fn check_not_lost(&self, place: &str, fence: &Fence) -> Result<(), StoreError> {
        let locks = self.locks.lock().expect("nobody panics while holding it");
        match fence {
            Some(id) if locks.lost.contains(id) => Err(StoreError::Fenced {
                place: place.into(),
                now: "somebody else has taken it over or removed it".into(),
            }),
            _ => Ok(()),
        }
    }

    /// Looks at the lock now and then, so that who has taken it over needn't wait for the next heartbeat to find
    /// a moment between two appends. What refuses a late write is its version, never this look.
    async fn look_at_lock(&self, fence: &Fence) -> Result<(), StoreError> {
        let Some(id) = fence else { return Ok(()) };
        let is_recent = {
            let locks = self.locks.lock().expect("nobody panics while holding it");
            locks
                .seen
                .as_ref()
                .is_some_and(|(seen, at)| seen == id && at.elapsed() < self.wire.pace.look_at_lock)
        };
        if is_recent {
            return Ok(());
        }
        match self.refused(self.journal_place(), fence).await {
            StoreError::Conflict { .. } => self.remember(id, true),
            error @ StoreError::Fenced { .. } => {
                self.remember(id, false);
                return Err(error);
            }
            error => return Err(error),
        }
        Ok(())
    }

    /// A version no longer stood: because the lock was lost, or because somebody wrote without one.
    async fn refused(&self, place: String, fence: &Fence) -> StoreError {
        let Some(id) = fence else {
            return StoreError::Conflict { place };
        };
        let lock = match self.wire.get(&self.place.key_of(&Object::Lock)).await {
            Ok(lock) => lock,
            Err(error) => return error,
        };
        match lock.and_then(|blob| Holder::from_json(&blob.bytes).ok()) {
            Some(holder) if holder.id == *id => StoreError::Conflict { place },
            Some(holder) => StoreError::Fenced {
                place,
                now: format!("it is held by {holder}"),
            },
            None => StoreError::Fenced {
                place,
                now: "it was released".into(),
            },
        }
    }
}

impl Store for S3Store {
    fn place(&self, object: &Object) -> String {
        self.place.url_of(&self.place.key_of(object))
    }

    fn journal_place(&self) -> String {
        self.place.url_of(&self.place.journal_key())
    }

    fn fences_by_version(&self) -> bool {
        true
    }

    fn read<'a>(&'a self, object: &'a Object) -> BoxFuture<'a, Result<Option<Blob>, StoreError>> {
        async move {
            let mut found = self.wire.get(&self.place.key_of(object)).await?;
            if let (Object::PreviousJournal, Some(blob)) = (object, &mut found) {
                blob.bytes = journal::entries(&blob.bytes).to_vec();
            }
            Ok(found)
        }
        .boxed()
    }

    fn write<'a>(
        &'a self,
        object: &'a Object,
        bytes: Vec<u8>,
        expect: Expect,
        fence: &'a Fence,
    ) -> BoxFuture<'a, Result<Version, StoreError>> {
        self.write(object, bytes, expect, fence).boxed()
    }

    fn remove<'a>(&'a self, object: &'a Object, expect: Expect) -> BoxFuture<'a, Result<(), StoreError>> {
        self.remove(object, expect).boxed()
    }

    fn take_over<'a>(&'a self, fence: &'a Fence) -> BoxFuture<'a, Result<(), StoreError>> {
        self.take_over_journal(fence).boxed()
    }

    fn read_journal(&self) -> BoxFuture<'_, Result<Vec<u8>, StoreError>> {
        self.whole_journal().boxed()
    }

    fn append<'a>(&'a self, bytes: Vec<u8>, fence: &'a Fence) -> BoxFuture<'a, Result<(), StoreError>> {
        self.append_to_journal(bytes, fence).boxed()
    }

    fn archive_journal<'a>(&'a self, fence: &'a Fence) -> BoxFuture<'a, Result<(), StoreError>> {
        self.end_journal(fence).boxed()
    }
}
