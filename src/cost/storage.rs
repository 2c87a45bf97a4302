//! Keys and secrets: what data rests behind.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::inventory::{Inventory, text};
use super::item::{Item, Row};
use super::quantity::{Demand, Range, counted};
use crate::resource::Desired;

pub(super) fn demands(inventory: &Inventory<'_>, demands: &mut Vec<Demand>) {
    for keys in inventory.by_region("kms_key") {
        demands.push(one_each(Row::Keys, Item::Key, "key", &keys));
    }
    for (region, whose) in secrets(inventory) {
        let demand = one_each(Row::Secrets, Item::Secret, "secret", &whose);
        demands.push(Demand {
            region: region.to_owned(),
            ..demand
        });
    }
}

/// By region: the plan's own, the copies of a shard's password, and those that RDS keeps by itself.
fn secrets<'a>(inventory: &Inventory<'a>) -> BTreeMap<&'a str, Vec<&'a Desired>> {
    let mut secrets: BTreeMap<&str, Vec<&Desired>> = BTreeMap::new();
    for secret in inventory.of("secret") {
        secrets.entry(secret.address.region()).or_default().push(secret);
    }
    for secret in inventory.of("db_master_secret") {
        let copy = text(secret, "/replica/region");
        for region in [Some(secret.address.region()), copy].into_iter().flatten() {
            secrets.entry(region).or_default().push(secret);
        }
    }
    for cluster in inventory.of("db_cluster") {
        if text(cluster, "/master_password") == Some("managed") {
            secrets.entry(cluster.address.region()).or_default().push(cluster);
        }
    }
    secrets
}

pub(super) fn one_each(row: Row, item: Item, noun: &str, whose: &[&Desired]) -> Demand {
    let count = Decimal::from(whose.len());
    let words = counted(count, noun);
    Demand::running(row, item, Range::fixed(count), whose).told(words.clone(), words)
}
