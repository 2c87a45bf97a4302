//! The journal as one object, rewritten as a whole by each append.
//!
//! Its first line names who holds it and carries a mark that is never used twice. Each write names the
//! version that the writer's last one left. Who takes a lock puts a mark of its own there, and from then on
//! every append of the former holder is refused by S3 itself. The object is emptied and never deleted, so
//! that nobody can mistake the time after a run for the time before it. See
//! `docs/decisions/0006-journal-on-s3.md`.

use std::time::Instant;

use uuid::Uuid;

use super::super::{Expect, Fence, Object, Store, StoreError, Version};
use super::S3Store;
use super::wire::Put;

/// How often a write of the journal follows what it finds there instead, before it gives up.
const TRIES: usize = 5;

/// What this run knows of the journal.
#[derive(Debug)]
pub(super) struct Tail {
    fence: Fence,
    mark: Uuid,
    entries: Vec<u8>,
    /// None while there is no such object.
    version: Option<Version>,
}

impl Tail {
    fn expect(&self) -> Expect {
        match &self.version {
            Some(version) => Expect::Version(version.clone()),
            None => Expect::Absent,
        }
    }

    /// The object with `more` at its end.
    fn content(&self, more: &[u8]) -> Vec<u8> {
        [self.heading().as_bytes(), &self.entries, more].concat()
    }

    fn heading(&self) -> String {
        let holder = self.fence.as_deref().unwrap_or("nobody");
        format!("# vvbill's journal, lock {holder}, mark {}\n", self.mark)
    }

    fn is_of(&self, object: &[u8]) -> bool {
        object.starts_with(self.heading().as_bytes())
    }
}

/// The object without its first line, which a journal that a person has put there need not have.
pub(super) fn entries(object: &[u8]) -> &[u8] {
    if !object.starts_with(b"# ") {
        return object;
    }
    let end = object.iter().position(|byte| *byte == b'\n');
    end.map_or(&[], |end| &object[end + 1..])
}

impl S3Store {
    pub(super) async fn whole_journal(&self) -> Result<Vec<u8>, StoreError> {
        let found = self.wire.get(&self.place.journal_key()).await?;
        let (entries, version) = match found {
            Some(blob) => (entries(&blob.bytes).to_vec(), Some(blob.version)),
            None => (Vec::new(), None),
        };
        let mut tail = self.tail.lock().await;
        // A run without a lock goes on from what it has read, a run with one from what it has written.
        if tail.as_ref().is_none_or(|tail| tail.fence.is_none()) {
            *tail = Some(Tail {
                fence: None,
                mark: Uuid::new_v4(),
                entries: entries.clone(),
                version,
            });
        }
        Ok(entries)
    }

    pub(super) async fn take_over_journal(&self, fence: &Fence) -> Result<(), StoreError> {
        let mut tail = self.tail.lock().await;
        *tail = Some(self.mark_journal(fence).await?);
        Ok(())
    }

    /// Puts a new mark on it.
    async fn mark_journal(&self, fence: &Fence) -> Result<Tail, StoreError> {
        let key = self.place.journal_key();
        let since = Instant::now();
        let mut found = self.wire.look(&key, false).await?;
        loop {
            let mut tail = Tail {
                fence: fence.clone(),
                mark: Uuid::new_v4(),
                entries: found
                    .as_ref()
                    .map(|blob| entries(&blob.bytes).to_vec())
                    .unwrap_or_default(),
                version: found.map(|blob| blob.version),
            };
            match self.wire.put(&key, tail.content(&[]), &tail.expect()).await? {
                Put::Written(version) => {
                    tail.version = Some(version);
                    return Ok(tail);
                }
                // Its former holder still writes; before long it looks at the lock.
                Put::Differs(now) if since.elapsed() < self.wire.pace.give_up => found = now,
                Put::Differs(_) => return Err(self.refused(self.journal_place(), fence).await),
            }
        }
    }

    pub(super) async fn append_to_journal(&self, bytes: Vec<u8>, fence: &Fence) -> Result<(), StoreError> {
        self.check_not_lost(&self.journal_place(), fence)?;
        self.look_at_lock(fence).await?;
        let mut tail = self.tail.lock().await;
        let tail = self.our_tail(&mut tail, fence).await?;
        let content = tail.content(&bytes);
        self.rewrite_journal(tail, content).await?;
        tail.entries.extend_from_slice(&bytes);
        Ok(())
    }

    pub(super) async fn end_journal(&self, fence: &Fence) -> Result<(), StoreError> {
        self.check_not_lost(&self.journal_place(), fence)?;
        let mut tail = self.tail.lock().await;
        let tail = self.our_tail(&mut tail, fence).await?;
        if tail.entries.is_empty() {
            return Ok(());
        }
        let previous = self.place.key_of(&Object::PreviousJournal);
        self.wire
            .copy(&self.place.journal_key(), &previous, &tail.expect())
            .await?;
        let empty = Tail {
            fence: fence.clone(),
            mark: Uuid::new_v4(),
            entries: Vec::new(),
            version: None,
        };
        self.rewrite_journal(tail, empty.content(&[])).await?;
        *tail = Tail {
            version: tail.version.take(),
            ..empty
        };
        Ok(())
    }

    /// What `fence` may write after.
    async fn our_tail<'a>(
        &self,
        tail: &'a mut Option<Tail>,
        fence: &Fence,
    ) -> Result<&'a mut Tail, StoreError> {
        match tail {
            Some(known) if known.fence == *fence => {}
            // This very store has since been taken in hand by the holder of another lock.
            Some(Tail { fence: Some(_), .. }) if fence.is_some() => {
                return Err(self.refused(self.journal_place(), fence).await);
            }
            _ => *tail = Some(self.mark_journal(fence).await?),
        }
        Ok(tail.as_mut().expect("it was there, or was made above"))
    }

    /// Replaces the object as this run has left it.
    async fn rewrite_journal(&self, tail: &mut Tail, content: Vec<u8>) -> Result<(), StoreError> {
        let key = self.place.journal_key();
        for _ in 0..TRIES {
            match self.wire.put(&key, content.clone(), &tail.expect()).await? {
                Put::Written(version) => {
                    tail.version = Some(version);
                    return Ok(());
                }
                // A write that was given up on, and was carried out after all: what it told is replaced.
                Put::Differs(Some(found)) if tail.is_of(&found.bytes) => tail.version = Some(found.version),
                Put::Differs(_) => break,
            }
        }
        Err(self.refused(self.journal_place(), &tail.fence).await)
    }
}

#[cfg(test)]
mod tests {
    use super::entries;

    #[test]
    fn the_first_line_is_no_entry() {
        assert_eq!(entries(b"# vvbill's journal\nab {}\n"), b"ab {}\n");
        assert_eq!(entries(b"# vvbill's journal\n"), b"");
        assert_eq!(entries(b"ab {}\n"), b"ab {}\n");
        assert_eq!(entries(b""), b"");
        assert_eq!(entries(b"# cut"), b"");
    }
}
