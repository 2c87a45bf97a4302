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
/// 512 Ki entries, 4 MiB.
const FEW_ENTRIES: usize = 1 << 19;

impl Recent {
    pub(super) fn new() -> Self {
        Self::of(ENTRIES)
    }

    /// With less memory, and so forgetting sooner.
    pub(super) fn small() -> Self {
        Self::of(FEW_ENTRIES)
    }

    fn of(entries: usize) -> Self {
        let fingerprints = vec![0; entries].into_boxed_slice();
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
        // The number of entries is a power of two.
        let place = (fingerprint >> 32) as usize & (self.fingerprints.len() - 1);
        let entry = &mut self.fingerprints[place];
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
