//! Names and health checks.

use rust_decimal::Decimal;

use super::inventory::{Inventory, number, text};
use super::item::{Item, Row};
use super::quantity::{Demand, Range, counted};
use super::storage::one_each;

/// Seconds between two checks without a surcharge.
const USUAL_INTERVAL_SECONDS: u32 = 30;

pub(super) fn demands(inventory: &Inventory<'_>, demands: &mut Vec<Demand>) {
    let zones = inventory.of("hosted_zone");
    if !zones.is_empty() {
        demands.push(one_each(Row::Names, Item::HostedZone, "zone", &zones));
    }
    for check in inventory.of("health_check") {
        let name = check.address.name();
        let whose = [check];
        demands.push(one_each(Row::HealthChecks, Item::HealthCheck, "check", &whose).part(name));
        let secure = text(check, "/protocol") == Some("HTTPS");
        let interval = number(check, "/interval_seconds");
        let fast = interval.is_some_and(|seconds| seconds < Decimal::from(USUAL_INTERVAL_SECONDS));
        let features: Vec<&str> = [(secure, "HTTPS"), (fast, "short interval")]
            .into_iter()
            .filter_map(|(has, name)| has.then_some(name))
            .collect();
        if !features.is_empty() {
            let count = Range::fixed(features.len() as u64);
            demands.push(
                Demand::running(Row::HealthChecks, Item::HealthCheckFeature, count, &whose)
                    .part(format!("{name} features"))
                    .told(features.join(", "), counted(count.expected, "feature")),
            );
        }
    }
}
