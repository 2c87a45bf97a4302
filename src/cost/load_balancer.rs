//! Load balancers, and the capacity that events take of them.

use rust_decimal::Decimal;

use super::inventory::{Inventory, text};
use super::item::{Item, Row};
use super::quantity::{Demand, Range, plain};
use crate::resource::Desired;

/// What a capacity unit carries in an hour, of an application's and a network's load balancer.
const BYTES_AN_HOUR_AND_UNIT: u64 = 1_000_000_000;

pub(super) fn demands(inventory: &Inventory<'_>, demands: &mut Vec<Demand>) {
    for balancer in inventory.of("load_balancer") {
        let kind = text(balancer, "/type").unwrap_or("application");
        let title = if kind == "network" { "NLB" } else { "ALB" };
        demands.push(
            Demand::running(
                Row::LoadBalancer,
                Item::LoadBalancer,
                Range::fixed(1),
                &[balancer],
            )
            .of(kind)
            .titled(title)
            .told(format!("1 {kind} load balancer"), "1 load balancer"),
        );
        if balancer.address.region() == inventory.primary() {
            capacity(inventory, balancer, kind, demands);
        }
    }
}

/// Writes go to the first region. Bytes decide: clients keep their connections, and a rule is cheap.
fn capacity(inventory: &Inventory<'_>, balancer: &Desired, kind: &str, demands: &mut Vec<Demand>) {
    let stated = inventory.spec.cost.load_balancer_units;
    let computed = || {
        let units = inventory.bytes_an_hour()? / Decimal::from(BYTES_AN_HOUR_AND_UNIT);
        let basis = format!("{} × 60 ÷ 1 GB an hour", inventory.bytes_in_words());
        Some((units.round_dp(4), basis, "ingest.event_rate"))
    };
    let stated = stated.map(|units| {
        let units = Decimal::from(units) * inventory.load;
        let field = "cost.load_balancer_units";
        (units, format!("{} units (`{field}`)", plain(units)), field)
    });
    let Some((units, basis, origin)) = stated.or_else(computed) else {
        return;
    };
    let demand = Demand::running(
        Row::LoadBalancerUnits,
        Item::LoadBalancerUnit,
        Range::fixed(units),
        &[balancer],
    );
    demands.push(Demand {
        usage: true,
        ..demand
            .of(kind)
            .told(format!("{} units on average", plain(units.round_dp(2))), basis)
            .from("load_balancer", origin)
    });
}
