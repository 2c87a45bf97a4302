//! Keys and secrets: what data rests behind.

use rust_decimal::Decimal;

use super::inventory::Inventory;
use super::item::{Item, Row};
use super::quantity::{Demand, Range, counted};
use crate::resource::Desired;

pub(super) fn demands(inventory: &Inventory<'_>, demands: &mut Vec<Demand>) {
    for keys in inventory.by_region("kms_key") {
        demands.push(one_each(Row::Keys, Item::Key, "key", &keys));
    }
    let mut regions = inventory.by_region("secret");
    for managed in inventory.by_region("db_master_secret") {
        let region = managed[0].address.region();
        match regions.iter_mut().find(|it| it[0].address.region() == region) {
            Some(secrets) => secrets.extend(managed),
            None => regions.push(managed),
        }
    }
    for secrets in regions {
        demands.push(one_each(Row::Secrets, Item::Secret, "secret", &secrets));
    }
}

pub(super) fn one_each(row: Row, item: Item, noun: &str, whose: &[&Desired]) -> Demand {
    let count = Decimal::from(whose.len());
    let words = counted(count, noun);
    Demand::running(row, item, Range::fixed(count), whose).told(words.clone(), words)
}
