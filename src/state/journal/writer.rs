//! Writing the journal: many operations hand in entries, one task writes them in groups.
//!
//! While one group is being synced, the next one gathers: a thousand operations at once cost a few
//! syncs, not a thousand.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::{Entry, encode};
use crate::state::store::{Fence, Store, StoreError};

/// Entries that may wait for a group; a group is at most as large.
const GROUP: usize = 1024;

/// An entry's text, and who waits until it is written.
type Line = (Vec<u8>, oneshot::Sender<Result<(), StoreError>>);

/// The journal of one run, open for writing.
#[derive(Debug)]
pub struct Journal {
    queue: mpsc::Sender<Line>,
    writer: JoinHandle<()>,
}

/// An entry in the queue: its place among the others is taken, [`Written::durable`] says when it is safe.
#[derive(Debug)]
pub struct Written(oneshot::Receiver<Result<(), StoreError>>);

impl Journal {
    /// Starts the task that writes to `store` as long as `fence` stands.
    pub fn open(store: Arc<dyn Store>, fence: Fence) -> Self {
        let (queue, entries) = mpsc::channel(GROUP);
        let writer = tokio::spawn(write_groups(store, fence, entries));
        Self { queue, writer }
    }

    /// Queues an entry behind those queued before.
    pub async fn write(&self, entry: &Entry) -> Written {
        let (answer, written) = oneshot::channel();
        // A writer that is gone drops `answer`, and `durable` says so.
        let _ = self.queue.send((encode(entry), answer)).await;
        Written(written)
    }

    /// Waits until all that was queued is written.
    pub async fn close(self) {
        drop(self.queue);
        // A panic of the writer has already reached those who waited for their entries.
        let _ = self.writer.await;
    }
}

impl Written {
    /// Waits until the entry, and every one before it, can't be lost any more.
    pub async fn durable(self) -> Result<(), StoreError> {
        self.0.await.unwrap_or_else(|_| {
            Err(StoreError::Failed {
                place: "the journal".into(),
                why: "its writer has stopped".into(),
            })
        })
    }
}

async fn write_groups(store: Arc<dyn Store>, fence: Fence, mut entries: mpsc::Receiver<Line>) {
    let mut group = Vec::new();
    while entries.recv_many(&mut group, GROUP).await > 0 {
        let bytes: Vec<u8> = group.iter().flat_map(|(line, _)| line.iter().copied()).collect();
        let result = store.append(bytes, &fence).await;
        for (_, answer) in group.drain(..) {
            // Who no longer waits doesn't mind.
            let _ = answer.send(result.clone());
        }
    }
}
