//! Which shard an account lives on: account → slot (fixed for ever) → shard (the slot map).
//!
//! Pure. `vvbill` uses it too, to place a plan's shards.

use crate::event::AccountId;

/// How many slots there are; a slot moves between shards as a whole.
pub const SLOTS: usize = 4_096;

/// One of [`SLOTS`] groups of accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(u16);

impl Slot {
    /// `hash(account) mod 4096`. The hash is SplitMix64's finalizer (public domain, Steele et al.
    /// 2014): changing it would move every account.
    pub fn of(account: AccountId) -> Self {
        let mut hash = account.get().cast_unsigned().wrapping_add(0x9e37_79b9_7f4a_7c15);
        hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        hash ^= hash >> 31;
        Self((hash % SLOTS as u64) as u16)
    }

    pub fn get(self) -> usize {
        usize::from(self.0)
    }
}

/// A shard's place in the list of shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Shard(pub u16);

impl Shard {
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Slot → shard, with the version it was published under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotMap {
    version: i64,
    shards: Box<[Shard]>,
}

/// Why a list of shards is no slot map.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SlotMapError {
    #[error("a slot map has {SLOTS} entries, this one has {0}")]
    Length(usize),
    #[error("slot {slot} points at shard {shard}, but {known} shards are configured")]
    UnknownShard { slot: usize, shard: u16, known: usize },
}

impl SlotMap {
    /// Version 1: equal contiguous runs of slots.
    ///
    /// `shards` is between 1 and [`SLOTS`].
    pub fn even(shards: usize) -> Self {
        let count = shards.clamp(1, SLOTS);
        let shards = (0..SLOTS)
            .map(|slot| Shard((slot * count / SLOTS) as u16))
            .collect();
        Self { version: 1, shards }
    }

    /// A stored map, checked against the number of shards that are configured.
    pub fn new(version: i64, entries: &[i16], known: usize) -> Result<Self, SlotMapError> {
        if entries.len() != SLOTS {
            return Err(SlotMapError::Length(entries.len()));
        }
        let mut shards = Vec::with_capacity(SLOTS);
        for (slot, &entry) in entries.iter().enumerate() {
            let shard = u16::try_from(entry).unwrap_or(u16::MAX);
            if usize::from(shard) >= known {
                return Err(SlotMapError::UnknownShard { slot, shard, known });
            }
            shards.push(Shard(shard));
        }
        Ok(Self {
            version,
            shards: shards.into(),
        })
    }

    pub fn version(&self) -> i64 {
        self.version
    }

    pub fn shard_of(&self, account: AccountId) -> Shard {
        self.shards[Slot::of(account).get()]
    }

    /// The entries as Postgres keeps them (`smallint[]`).
    pub fn entries(&self) -> Vec<i16> {
        self.shards.iter().map(|shard| shard.0.cast_signed()).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The hash is part of the data at rest: these values must never change.
    #[test]
    fn slots_are_pinned() {
        let slots: Vec<_> = [1, 2, 3, 1_000_000, i64::MAX as u64]
            .map(|id| Slot::of(AccountId::new(id).unwrap()).get())
            .into();
        assert_eq!(slots, [3265, 1742, 4077, 1511, 3751]);
    }

    /// Accounts spread evenly: no shard of two gets more than 51 % of 100,000.
    #[test]
    fn accounts_spread_evenly() {
        let map = SlotMap::even(2);
        let first = (1..=100_000)
            .filter(|&id| map.shard_of(AccountId::new(id).unwrap()).0 == 0)
            .count();
        assert!((49_000..51_000).contains(&first), "{first}");
    }

    /// A map that points past the configured shards is refused, naming the slot.
    #[test]
    fn a_map_must_fit_the_shards() {
        let entries = SlotMap::even(3).entries();
        assert!(SlotMap::new(1, &entries, 3).is_ok());
        let error = SlotMap::new(1, &entries, 2).unwrap_err();
        assert!(
            matches!(
                error,
                SlotMapError::UnknownShard {
                    shard: 2,
                    known: 2,
                    ..
                }
            ),
            "{error}"
        );
        assert_eq!(SlotMap::new(1, &entries[1..], 3), Err(SlotMapError::Length(4095)));
    }
}
