//! Compares what the shards hold with what the ledger says they must hold, to the last event.

use std::collections::{HashMap, HashSet};

use serde::Serialize;
use uuid::Uuid;

use super::LoadError;
use super::ledger::{Ledger, Total};
use super::shards::{Rows, Shards};
use super::workload::{Fate, Series, Workload};

/// What was found in the shards.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// Rows of the workload's accounts on each shard, in the shards' order.
    pub rows: Vec<u64>,
    /// How many there must be on all of them.
    pub rows_expected: u64,
    /// Σ quantity of the rows, a decimal.
    pub quantity: String,
    /// What it must be.
    pub quantity_expected: String,
    /// Events that must be there and are not.
    pub lost: u64,
    /// Rows that are there and must not be: second ones, and strangers.
    pub doubled: u64,
    /// Accounts whose Σ quantity is not the ledger's.
    pub wrong_accounts: u64,
}

impl Audit {
    /// Nothing is lost, doubled or altered.
    pub fn is_clean(&self) -> bool {
        self.lost == 0
            && self.doubled == 0
            && self.wrong_accounts == 0
            && self.quantity == self.quantity_expected
    }
}

/// Reads every row of the workload's accounts once; the ids of those accounts that don't agree a second time.
///
/// # Errors
/// When a shard can't be read.
pub async fn audit(workload: &Workload, ledger: &Ledger, shards: &Shards) -> Result<Audit, LoadError> {
    let rows = shards.rows(&workload.account_ids()).await?;
    let found = totals(workload, &rows);
    let expected = ledger.total();
    let total: Total = found.iter().copied().sum();
    let differing: Vec<u32> = (0..)
        .zip(ledger.accounts.iter().zip(&found))
        .filter_map(|(account, (expected, found))| (expected != found).then_some(account))
        .collect();
    let mut audit = Audit {
        rows: rows
            .iter()
            .map(|rows| rows.accounts.values().map(|total| total.events).sum())
            .collect(),
        rows_expected: expected.events,
        quantity: decimal(total.quantity),
        quantity_expected: decimal(expected.quantity),
        wrong_accounts: differing.len() as u64,
        ..Audit::default()
    };
    if !differing.is_empty() {
        (audit.lost, audit.doubled) = difference(workload, shards, &differing).await?;
    }
    Ok(audit)
}

/// By account number, over all shards.
fn totals(workload: &Workload, rows: &[Rows]) -> Vec<Total> {
    let mut totals = vec![Total::default(); workload.accounts.max(1) as usize];
    for (account, total) in rows.iter().flat_map(|rows| &rows.accounts) {
        let slot = &mut totals[*account as usize];
        *slot = [*slot, *total].into_iter().sum();
    }
    totals
}

/// How many ids of these accounts are missing, and how many rows are too many.
async fn difference(workload: &Workload, shards: &Shards, accounts: &[u32]) -> Result<(u64, u64), LoadError> {
    let series = Series::new(workload);
    let accounts: HashSet<u64> = accounts
        .iter()
        .map(|account| series.account_id(*account))
        .collect();
    let found = shards.ids(&accounts).await?;
    let items = (0..workload.count).map(|index| series.item(index));
    let expected: HashSet<(u64, Uuid)> = items
        .filter(|item| matches!(item.fate, Fate::Counted { .. }))
        .map(|item| (series.account_id(item.account), item.event_id))
        .filter(|(account, _)| accounts.contains(account))
        .collect();
    Ok(compare(&expected, &found))
}

fn compare(expected: &HashSet<(u64, Uuid)>, found: &HashMap<(u64, Uuid), u64>) -> (u64, u64) {
    let lost = expected
        .iter()
        .filter(|identity| !found.contains_key(identity))
        .count() as u64;
    let surplus = |(identity, rows): (_, &u64)| rows - u64::from(expected.contains(identity));
    (lost, found.iter().map(surplus).sum())
}

/// Millionths as a decimal with six places.
pub(super) fn decimal(millionths: i128) -> String {
    let sign = if millionths < 0 { "-" } else { "" };
    let magnitude = millionths.unsigned_abs();
    format!("{sign}{}.{:06}", magnitude / 1_000_000, magnitude % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A lost event that another one's second row hides in the count is still seen, on both sides.
    #[test]
    fn lost_and_doubled_do_not_cancel() {
        let id = |number| (1, Uuid::from_u128(number));
        let expected = HashSet::from([id(1), id(2), id(3)]);
        assert_eq!(
            compare(&expected, &HashMap::from([(id(1), 1), (id(2), 1), (id(3), 1)])),
            (0, 0)
        );
        assert_eq!(
            compare(&expected, &HashMap::from([(id(1), 2), (id(2), 1)])),
            (1, 1)
        );
        assert_eq!(
            compare(
                &expected,
                &HashMap::from([(id(1), 1), (id(2), 1), (id(3), 1), (id(4), 2)])
            ),
            (0, 2)
        );
    }

    /// Sums are printed exactly, below zero as well.
    #[test]
    fn decimals_keep_six_places() {
        assert_eq!(decimal(-1), "-0.000001");
        assert_eq!(decimal(12_345_678_900_000), "12345678.900000");
    }
}
