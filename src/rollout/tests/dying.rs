//! A store that stops writing, as when its process is killed.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::{BoxFuture, FutureExt};

use crate::state::store::{Blob, Expect, Fence, FileStore, Object, Store, StoreError, Version};

/// A store whose process dies after so many writes.
pub(super) struct Dying {
    inner: FileStore,
    writes_left: AtomicUsize,
}

impl Dying {
    pub(super) fn new(inner: FileStore, writes: usize) -> Self {
        Self {
            inner,
            writes_left: AtomicUsize::new(writes),
        }
    }
}

impl Store for Dying {
    fn place(&self, object: &Object) -> String {
        self.inner.place(object)
    }

    fn journal_place(&self) -> String {
        self.inner.journal_place()
    }

    fn read<'a>(&'a self, object: &'a Object) -> BoxFuture<'a, Result<Option<Blob>, StoreError>> {
        self.inner.read(object)
    }

    fn write<'a>(
        &'a self,
        object: &'a Object,
        bytes: Vec<u8>,
        expect: Expect,
        fence: &'a Fence,
    ) -> BoxFuture<'a, Result<Version, StoreError>> {
        let left = |left: usize| left.checked_sub(1);
        match self
            .writes_left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, left)
        {
            Ok(_) => self.inner.write(object, bytes, expect, fence),
            Err(_) => futures::future::ready(Err(StoreError::Failed {
                place: "the ledger".into(),
                why: "killed".into(),
            }))
            .boxed(),
        }
    }

    fn remove<'a>(&'a self, object: &'a Object, expect: Expect) -> BoxFuture<'a, Result<(), StoreError>> {
        self.inner.remove(object, expect)
    }

    fn read_journal(&self) -> BoxFuture<'_, Result<Vec<u8>, StoreError>> {
        self.inner.read_journal()
    }

    fn append<'a>(&'a self, bytes: Vec<u8>, fence: &'a Fence) -> BoxFuture<'a, Result<(), StoreError>> {
        self.inner.append(bytes, fence)
    }

    fn archive_journal<'a>(&'a self, fence: &'a Fence) -> BoxFuture<'a, Result<(), StoreError>> {
        self.inner.archive_journal(fence)
    }
}
