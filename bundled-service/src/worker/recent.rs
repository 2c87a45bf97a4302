//! Identities seen lately: a hint that an event may be a repeat, so that it goes through INSERT
//! rather than COPY. It never decides: what it forgets, the unique key finds.

use crate::event::{AccountId, EventId};
use std::hash::{BuildHasher, Hasher};

/// A table of fingerprints; a newer one takes the place of an older one that falls on it.
pub(super) struct Recent {
    fingerprints: Box<[u64]>,
    hasher: ahash::RandomState,
}

/// 4 Mi entries, 32 MiB: about 15 seconds at 250,000 events a second.
const ENTRIES: usize = 1 << 22;

impl Recent {
    pub(super) fn new() -> Self {
        let fingerprints = vec![0; ENTRIES].into_boxed_slice();
        Self {
            fingerprints,
            hasher: ahash::RandomState::new(),
        }
    }

    /// Was this identity seen lately? From now on it was.
    pub(super) fn insert(&mut self, account: AccountId, id: EventId) -> bool {
        let mut hasher = self.hasher.build_hasher();
        hasher.write_i64(account.get());
        hasher.write(id.as_bytes());
        let fingerprint = hasher.finish() | 1; // 0 is an empty entry
        let entry = &mut self.fingerprints[(fingerprint >> 32) as usize % ENTRIES];
        std::mem::replace(entry, fingerprint) == fingerprint
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// A repeat is suspected; the same id of another account is not.
    #[test]
    fn repeats_are_suspected() {
        let mut recent = Recent::new();
        let (one, two) = (AccountId::new(1).unwrap(), AccountId::new(2).unwrap());
        let id = EventId::from_bytes([7; 16]);
        assert!(!recent.insert(one, id));
        assert!(!recent.insert(two, id));
        assert!(recent.insert(one, id));
    }
}
