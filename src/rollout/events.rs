//! Events whose rows are easy to foresee: so many for each account, each of quantity one. Pure.

use std::ops::Range;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::drill::markers;

/// Accounts that nobody else has, and how many events each of them must come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Batch {
    first: u64,
    accounts: u16,
    /// Events an account.
    pub(super) each: u32,
}

impl Batch {
    /// Accounts by chance: 2^46 places for a run of them.
    pub(super) fn new(accounts: u16, each: u32) -> Self {
        Self {
            first: markers::first_account(),
            accounts,
            each,
        }
    }

    /// The ids of its accounts.
    pub(super) fn accounts(&self) -> Range<u64> {
        self.first..self.first + u64::from(self.accounts)
    }

    /// One body of newline-delimited JSON with the events numbered so of each account.
    pub(super) fn body(&self, numbers: Range<u32>) -> Vec<u8> {
        let now = Timestamp::now().as_millisecond();
        let mut body = Vec::new();
        for account in self.accounts() {
            for number in numbers.clone() {
                let event = self.event(account, number, now);
                body.extend(event.to_string().into_bytes());
                body.push(b'\n');
            }
        }
        body
    }

    /// One event of one account.
    pub(super) fn event(&self, account: u64, number: u32, now: i64) -> serde_json::Value {
        serde_json::json!({
            "event_id": markers::identity(now, account, number).to_string(),
            "account_id": account,
            "metric": "rollout",
            "quantity": 1,
            "occurred_at": now,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// An event's identity is (account, id): no two of an account's events share one.
    #[test]
    fn no_two_events_share_an_identity() {
        let batch = Batch::new(300, 3);
        let body = String::from_utf8([batch.body(0..2), batch.body(2..3)].concat()).unwrap();
        let identities: std::collections::HashSet<(u64, String)> = body
            .lines()
            .map(|line| {
                let event: serde_json::Value = serde_json::from_str(line).unwrap();
                let id = event["event_id"].as_str().unwrap().to_owned();
                (event["account_id"].as_u64().unwrap(), id)
            })
            .collect();
        assert_eq!(identities.len(), 900);
        assert!(identities.iter().all(|(account, _)| *account < i64::MAX as u64));
    }
}
