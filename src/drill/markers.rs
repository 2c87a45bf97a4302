//! Events that are followed one by one: which were acknowledged, and what must be found of them. Pure.
//!
//! An event's identity follows from its account and its number, so that which were acknowledged is kept in a few
//! ranges of numbers, and can be looked for again at any later time.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The markers of one drill.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Markers {
    /// When they begin, in ms since 1970: a part of each identity.
    pub start_ms: i64,
    /// Each account that they are charged to.
    pub accounts: Vec<Account>,
}

/// The markers of one account, which nobody else has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its id.
    pub id: u64,
    /// How they were sent: `http`, `kafka`.
    pub way: String,
    /// Up to here numbers were given out.
    pub sent: u32,
    /// Ranges of numbers, from and until, that were acknowledged.
    pub acknowledged: Vec<(u32, u32)>,
}

/// An acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// The account.
    pub account: u64,
    /// The event's number.
    pub number: u32,
    /// When, in time since the drill began.
    pub at: Duration,
}

/// What was found of markers in the shards.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// Acknowledged over HTTP.
    pub acknowledged_http: u64,
    /// Acknowledged by Kafka.
    pub acknowledged_kafka: u64,
    /// Acknowledged and not there.
    pub lost: u64,
    /// There more than once, or never sent.
    pub doubled: u64,
    /// From the acknowledgement of the oldest lost one to the fault; 0 where none is lost.
    pub recovery_point_seconds: f64,
}

/// Accounts by chance: 2^46 places for a run of 65,536 of them.
pub fn first_account() -> u64 {
    ((rand::random::<u64>() >> 18) << 16) + 1
}

/// The identity of an event.
pub fn identity(start_ms: i64, account: u64, number: u32) -> Uuid {
    let mut tail = [0; 10];
    tail[..8].copy_from_slice(&account.to_be_bytes());
    tail[6..].copy_from_slice(&number.to_be_bytes());
    // The last 16 bits of the account give way to the number: the account is the other half of an identity.
    uuid::Builder::from_unix_timestamp_millis(start_ms.unsigned_abs(), &tail).into_uuid()
}

/// An event as it is sent.
pub fn body(start_ms: i64, account: u64, number: u32) -> Vec<u8> {
    serde_json::json!({
        "event_id": identity(start_ms, account, number).to_string(),
        "account_id": account,
        "metric": "drill",
        "quantity": 1,
        "occurred_at": start_ms,
    })
    .to_string()
    .into_bytes()
}

/// Now, in ms since 1970.
pub fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

impl Markers {
    /// Of what was acknowledged; `sent` says how many numbers each account (with its way) has given out.
    pub fn of(start_ms: i64, sent: &[(u64, &str, u32)], acknowledged: &[Acknowledged]) -> Self {
        let mut numbers: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
        for one in acknowledged {
            numbers.entry(one.account).or_default().push(one.number);
        }
        let account = |(id, way, sent): &(u64, &str, u32)| Account {
            id: *id,
            way: (*way).to_owned(),
            sent: *sent,
            acknowledged: ranges(numbers.remove(id).unwrap_or_default()),
        };
        Self {
            start_ms,
            accounts: sent.iter().map(account).collect(),
        }
    }

    /// Compares them with how often each identity is there. `lost_at` answers when a lost one was acknowledged
    /// before the fault.
    pub fn compare(
        &self,
        rows: &HashMap<(u64, Uuid), u64>,
        before_fault: impl Fn(u64, u32) -> Duration,
    ) -> Found {
        let mut found = Found::default();
        let mut point = Duration::ZERO;
        for account in &self.accounts {
            let mut known = 0;
            for number in 0..account.sent {
                let copies = rows.get(&(account.id, identity(self.start_ms, account.id, number)));
                let copies = copies.copied().unwrap_or(0);
                known += copies.min(1);
                found.doubled += copies.saturating_sub(1);
                if !account.has(number) {
                    continue;
                }
                match account.way.as_str() {
                    "http" => found.acknowledged_http += 1,
                    _ => found.acknowledged_kafka += 1,
                }
                if copies == 0 {
                    found.lost += 1;
                    point = point.max(before_fault(account.id, number));
                }
            }
            let there = rows.keys().filter(|(id, _)| *id == account.id).count() as u64;
            found.doubled += there - known;
        }
        found.recovery_point_seconds = point.as_secs_f64();
        found
    }
}

impl Account {
    fn has(&self, number: u32) -> bool {
        self.acknowledged
            .iter()
            .any(|(from, until)| (*from..*until).contains(&number))
    }
}

/// Numbers as ranges, from and until.
fn ranges(mut numbers: Vec<u32>) -> Vec<(u32, u32)> {
    numbers.sort_unstable();
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, until)) if *until >= number => *until = number + 1,
            _ => ranges.push((number, number + 1)),
        }
    }
    ranges
}
