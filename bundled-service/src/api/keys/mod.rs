//! API keys: who may write and read which accounts.
//!
//! Only the SHA-256 of a key is kept: a key has at least 244 random bits, so that a slow hash would
//! add nothing. A key itself is never stored, logged or shown again.

mod accounts;
mod create;
mod file;

pub use accounts::{AccountSet, AccountSetError};
pub use create::{KeyCommand, KeyCreate, KeyError, run};
#[cfg(test)]
pub(super) use file::parse;
pub(super) use file::watch;
pub use file::{KeyFileError, load};

use crate::event::AccountId;
use sha2::{Digest, Sha256};
use std::{collections::HashMap, sync::Arc};

/// Fewest and most characters of a key.
pub const KEY_LENGTH: std::ops::RangeInclusive<usize> = 32..=128;

/// What a key may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// `POST /v1/events`.
    Write,
    /// `GET /v1/accounts/{id}/usage`.
    Read,
}

/// One key, without the key.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// For people; it is what logs say in place of the key.
    pub name: String,
    /// SHA-256 of the key's text, as hexadecimal digits.
    pub sha256: Hash,
    pub accounts: AccountSet,
    pub roles: Vec<Permission>,
}

impl Key {
    pub fn may(&self, permission: Permission) -> bool {
        self.roles.contains(&permission)
    }

    pub fn covers(&self, account: AccountId) -> bool {
        self.accounts.contains(account)
    }
}

/// A SHA-256 digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hash([u8; 32]);

impl Hash {
    pub fn of(key: &str) -> Self {
        Self(Sha256::digest(key.as_bytes()).into())
    }

    /// Takes as long for a near miss as for a wild guess.
    fn equals(&self, other: &Self) -> bool {
        let difference = (self.0.iter().zip(&other.0)).fold(0, |sum, (a, b)| sum | (a ^ b));
        std::hint::black_box(difference) == 0
    }

    /// Where to look: an attacker who could choose these bytes could invert SHA-256.
    fn prefix(&self) -> [u8; 8] {
        let mut prefix = [0; 8];
        prefix.copy_from_slice(&self.0[..8]);
        prefix
    }
}

impl TryFrom<String> for Hash {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const WRONG: &str = "sha256 must be 64 hexadecimal digits";
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(WRONG);
        }
        let mut bytes = [0; 32];
        for (place, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[place * 2..place * 2 + 2], 16).map_err(|_| WRONG)?;
        }
        Ok(Self(bytes))
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> Self {
        hash.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Every key that is valid now.
#[derive(Debug, Default)]
pub struct KeySet {
    by_prefix: HashMap<[u8; 8], Vec<Arc<Key>>, ahash::RandomState>,
    length: usize,
}

impl KeySet {
    /// The key that was presented, if it is one of these.
    pub fn find(&self, presented: &str) -> Option<&Arc<Key>> {
        if !KEY_LENGTH.contains(&presented.len()) {
            return None;
        }
        let hash = Hash::of(presented);
        let candidates = self.by_prefix.get(&hash.prefix())?;
        candidates.iter().find(|key| key.sha256.equals(&hash))
    }

    pub fn len(&self) -> usize {
        self.length
    }

    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Adds a key; false when its hash is there already.
    fn insert(&mut self, key: Key) -> bool {
        let keys = self.by_prefix.entry(key.sha256.prefix()).or_default();
        if keys.iter().any(|known| known.sha256 == key.sha256) {
            return false;
        }
        keys.push(Arc::new(key));
        self.length += 1;
        true
    }
}

#[cfg(test)]
mod tests;
