//! Who an event belongs to and which event it is: the identity is the pair of both.

use super::{Rejection, Timestamp};
use uuid::Uuid;

/// An account: 1 to 2⁶³−1, so that it is a `bigint` in Postgres.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId(i64);

impl AccountId {
    pub fn new(value: u64) -> Result<Self, Rejection> {
        match i64::try_from(value) {
            Ok(id) if id > 0 => Ok(Self(id)),
            _ => Err(Rejection::Account),
        }
    }

    pub fn get(self) -> i64 {
        self.0
    }
}

impl std::fmt::Display for AccountId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for AccountId {
    type Err = Rejection;

    fn from_str(text: &str) -> Result<Self, Rejection> {
        Self::new(text.parse().map_err(|_| Rejection::Account)?)
    }
}

/// A UUID of any version; version 7 carries its own time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId([u8; 16]);

impl EventId {
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The UUIDv5 that stands for a CloudEvent: its `(source, id)` is unique by that standard.
    pub fn of_cloud_event(source: &str, id: &str) -> Self {
        // The length keeps ("a", "bc") and ("ab", "c") apart.
        let name = format!("{}:{source}{id}", source.len());
        Self(*Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()).as_bytes())
    }

    /// The hyphenated form (36 characters, either case) or the simple one (32 digits).
    pub fn parse(text: &str) -> Result<Self, Rejection> {
        let text = text.as_bytes();
        let hyphens = match text.len() {
            36 => [8, 13, 18, 23].iter().all(|&at| text[at] == b'-'),
            32 => true,
            _ => false,
        };
        if !hyphens {
            return Err(Rejection::EventId);
        }
        let mut bytes = [0_u8; 16];
        let mut at = 0;
        for byte in &mut bytes {
            if text.len() == 36 && matches!(at, 8 | 13 | 18 | 23) {
                at += 1;
            }
            let (high, low) = (DIGITS[text[at] as usize], DIGITS[text[at + 1] as usize]);
            if (high | low) > 15 {
                return Err(Rejection::EventId);
            }
            *byte = high << 4 | low;
            at += 2;
        }
        Ok(Self(bytes))
    }

    /// The time within a UUIDv7 (RFC 9562), to the millisecond; `None` for other versions.
    pub fn time(&self) -> Option<Timestamp> {
        if self.0[6] >> 4 != 7 || self.0[8] >> 6 != 0b10 {
            return None;
        }
        let millis = self.0[..6]
            .iter()
            .fold(0_i64, |sum, &byte| sum << 8 | i64::from(byte));
        Some(Timestamp::from_millis(millis))
    }
}

impl std::fmt::Display for EventId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Uuid::from_bytes(self.0).hyphenated().fmt(f)
    }
}

/// Value of each hexadecimal digit; 255 for every other byte.
static DIGITS: [u8; 256] = {
    let mut table = [255; 256];
    let mut digit = 0;
    while digit < 16 {
        table[b"0123456789abcdef"[digit] as usize] = digit as u8;
        table[b"0123456789ABCDEF"[digit] as usize] = digit as u8;
        digit += 1;
    }
    table
};
