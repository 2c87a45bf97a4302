//! Ways out and what goes through them: NAT, addresses, endpoints, data to the internet, between zones and
//! between regions.

use std::collections::BTreeSet;

use rust_decimal::Decimal;
use serde_json::Value;

use super::database::words;
use super::inventory::{Inventory, is, text};
use super::item::{Item, Row};
use super::quantity::{Count, Demand, Range, counted, plain};
use crate::resource::Desired;
use crate::spec::Bytes;

/// Of three zones two are another's.
const OTHER_ZONES_IN_THREE: u32 = 2;
const BYTES_A_GIGABYTE: u64 = 1_000_000_000;

pub(super) fn demands(inventory: &Inventory<'_>, demands: &mut Vec<Demand>) {
    transfer_out(inventory, demands);
    nat(inventory, demands);
    between_zones(inventory, demands);
    between_regions(inventory, demands);
    for vpc in inventory.of("vpc") {
        addresses(inventory, vpc, demands);
    }
    for endpoints in inventory.by_region("vpc_endpoint") {
        interface_endpoints(&endpoints, demands);
    }
}

fn stated(amount: Option<Bytes>, load: Decimal) -> Option<Count> {
    amount.map(|bytes| Count::Amount(Range::fixed(bytes.as_gb() * load)))
}

/// What answers are sent to: whoever stands before the platform.
fn transfer_out(inventory: &Inventory<'_>, demands: &mut Vec<Demand>) {
    let mut whose = inventory.in_region("load_balancer", inventory.primary());
    whose.extend(inventory.of("distribution"));
    let Some(first) = whose.first() else { return };
    let field = "cost.transfer_out_monthly";
    let amount = stated(inventory.spec.cost.transfer_out_monthly, inventory.load);
    let count = amount.unwrap_or(Count::Unstated(field));
    let amount = words(&count, "GB");
    let section = first.section.clone();
    let demand = Demand::amount(Row::TransferOut, Item::TransferOut, count, &whose)
        .told(
            format!("{amount} to the internet"),
            format!("{amount} (`{field}`)"),
        )
        .from(&section, field);
    demands.push(Demand {
        region: inventory.primary().to_owned(),
        ..demand
    });
}

fn nat(inventory: &Inventory<'_>, demands: &mut Vec<Demand>) {
    for gateways in inventory.by_region("nat_gateway") {
        let count = Range::fixed(Decimal::from(gateways.len()));
        let words = counted(count.expected, "NAT gateway");
        demands.push(
            Demand::running(Row::NatGateways, Item::NatGateway, count, &gateways).told(words.clone(), words),
        );
    }
    let gateways = inventory.in_region("nat_gateway", inventory.primary());
    if gateways.is_empty() {
        return;
    }
    let field = "cost.nat_data_monthly";
    let amount = stated(inventory.spec.cost.nat_data_monthly, Decimal::ONE);
    let count = amount.unwrap_or(Count::Unstated(field));
    let amount = words(&count, "GB");
    demands.push(
        Demand::amount(Row::NatData, Item::NatData, count, &gateways)
            .told(amount.clone(), format!("{amount} (`{field}`)"))
            .from("network", field),
    );
}

/// Where the plan doesn't say, from the events: written to a broker of another zone two times in three, copied
/// to the other replicas, read once from another zone two times in three.
fn between_zones(inventory: &Inventory<'_>, demands: &mut Vec<Demand>) {
    let (Some(kafka), Some(vpc)) = (
        &inventory.spec.kafka,
        inventory.in_region("vpc", inventory.primary()).first().copied(),
    ) else {
        return;
    };
    let field = "cost.transfer_between_zones_monthly";
    let amount = inventory.spec.cost.transfer_between_zones_monthly;
    let copies = kafka.default_replication_factor.saturating_sub(1);
    let (count, basis, origin) = match (stated(amount, inventory.load), monthly_gigabytes(inventory)) {
        (Some(count), _) => (
            count.clone(),
            format!("{} (`{field}`)", words(&count, "GB")),
            field,
        ),
        (None, Some(events)) => {
            let share = Decimal::from(OTHER_ZONES_IN_THREE) / Decimal::from(3);
            let gigabytes = (events * (share + Decimal::from(copies) + share)).round_dp(2);
            let basis = format!(
                "{} × {} h × 60 × (2/3 written + {copies} copied + 2/3 read)",
                inventory.bytes_in_words(),
                plain(inventory.hours())
            );
            (Count::Amount(Range::fixed(gigabytes)), basis, "ingest.event_rate")
        }
        (None, None) => (Count::Unstated(field), String::new(), field),
    };
    let detail = words(&count, "GB");
    demands.push(
        Demand::amount(Row::BetweenZones, Item::TransferBetweenZones, count, &[vpc])
            .told(detail, basis)
            .from("kafka", origin),
    );
}

/// Where the plan doesn't say: each event goes once to the second region.
fn between_regions(inventory: &Inventory<'_>, demands: &mut Vec<Demand>) {
    let copied = inventory.of("global_cluster");
    let Some(first) = copied.first() else { return };
    let section = first.section.clone();
    let field = "cost.transfer_between_regions_monthly";
    let amount = inventory.spec.cost.transfer_between_regions_monthly;
    let (count, basis, origin) = match (stated(amount, inventory.load), monthly_gigabytes(inventory)) {
        (Some(count), _) => (
            count.clone(),
            format!("{} (`{field}`)", words(&count, "GB")),
            field,
        ),
        (None, Some(events)) => {
            let hours = plain(inventory.hours());
            let basis = format!("{} × {hours} h × 60, each event once", inventory.bytes_in_words());
            (
                Count::Amount(Range::fixed(events.round_dp(2))),
                basis,
                "ingest.event_rate",
            )
        }
        (None, None) => (Count::Unstated(field), String::new(), field),
    };
    let detail = words(&count, "GB");
    let demand = Demand::amount(Row::BetweenRegions, Item::TransferBetweenRegions, count, &copied);
    demands.push(Demand {
        region: inventory.primary().to_owned(),
        ..demand.told(detail, basis).from(&section, origin)
    });
}

fn monthly_gigabytes(inventory: &Inventory<'_>) -> Option<Decimal> {
    Some(inventory.bytes_an_hour()? * inventory.hours() / Decimal::from(BYTES_A_GIGABYTE))
}

/// Elastic addresses, and those that an outward load balancer takes, one a zone.
fn addresses(inventory: &Inventory<'_>, vpc: &Desired, demands: &mut Vec<Demand>) {
    let region = vpc.address.region();
    let elastic = inventory.in_region("elastic_ip", region);
    let mut balancers = inventory.in_region("load_balancer", region);
    balancers.retain(|balancer| !is(balancer, "/internal"));
    let of_balancers: usize = balancers
        .iter()
        .map(|balancer| length(balancer, "/subnets"))
        .sum();
    let count = elastic.len() + of_balancers;
    if count == 0 {
        return;
    }
    let basis = format!("({} elastic + {of_balancers} of load balancers)", elastic.len());
    let whose: Vec<&Desired> = elastic.into_iter().chain(balancers).collect();
    let count = Range::fixed(Decimal::from(count));
    demands.push(
        Demand::running(Row::Addresses, Item::PublicAddress, count, &whose)
            .told(counted(count.expected, "public IPv4 address"), basis)
            .from("network", "network.nat"),
    );
}

/// Gateways of S3 and DynamoDB cost nothing; interfaces are paid by the zone.
fn interface_endpoints(endpoints: &[&Desired], demands: &mut Vec<Demand>) {
    let is_interface = |endpoint: &&&Desired| {
        text(endpoint, "/kind").is_some_and(|kind| kind.eq_ignore_ascii_case("interface"))
    };
    let interfaces: Vec<&Desired> = endpoints.iter().filter(is_interface).copied().collect();
    let zones: usize = interfaces
        .iter()
        .map(|endpoint| length(endpoint, "/subnets"))
        .sum();
    if zones == 0 {
        return;
    }
    let services: BTreeSet<&str> = interfaces
        .iter()
        .map(|endpoint| endpoint.address.name())
        .collect();
    let services: Vec<&str> = services.into_iter().collect();
    let basis = counted(zones as u64, "interface");
    demands.push(
        Demand::running(
            Row::Endpoints,
            Item::Endpoint,
            Range::fixed(zones as u64),
            &interfaces,
        )
        .told(services.join(", "), basis),
    );
}

fn length(desired: &Desired, pointer: &str) -> usize {
    let value = desired.properties.pointer(pointer);
    value.and_then(Value::as_array).map_or(0, Vec::len)
}
