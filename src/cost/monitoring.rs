//! CloudWatch: logs taken in and kept, metrics, alarms.

use rust_decimal::Decimal;

use super::database::words;
use super::inventory::{Inventory, number};
use super::item::{Item, Row};
use super::quantity::{Count, Demand, Range, counted, plain};
use crate::resource::Desired;

const DAYS_A_YEAR: u32 = 365;
const MONTHS_A_YEAR: u32 = 12;

pub(super) fn demands(inventory: &Inventory<'_>, demands: &mut Vec<Demand>) {
    let groups = inventory.in_region("log_group", inventory.primary());
    let clusters = inventory.in_region("db_cluster", inventory.primary());
    let whose: Vec<&Desired> = groups.iter().chain(&clusters).copied().collect();
    if !whose.is_empty() {
        logs(inventory, &whose, demands);
        kept(inventory, &groups, &whose, demands);
    }
    // Where nothing stands, nothing is measured.
    let stands = inventory.desired.iter().any(|it| it.address.provider() == "aws");
    if let Some(metrics) = inventory.spec.cost.custom_metrics.filter(|_| stands) {
        let count = Range::fixed(metrics);
        let words = counted(metrics, "custom metric");
        let demand = Demand::running(Row::Metrics, Item::CustomMetric, count, &[]);
        let demand = demand
            .told(words.clone(), words)
            .from("monitoring", "cost.custom_metrics");
        demands.push(Demand {
            region: inventory.primary().to_owned(),
            usage: true,
            ..demand
        });
    }
    for alarms in inventory.by_region("metric_alarm") {
        let count = Range::fixed(Decimal::from(alarms.len()));
        let words = counted(count.expected, "alarm");
        demands.push(Demand::running(Row::Alarms, Item::Alarm, count, &alarms).told(words.clone(), words));
    }
}

/// The plan states them for the whole platform.
fn logs(inventory: &Inventory<'_>, whose: &[&Desired], demands: &mut Vec<Demand>) {
    let field = "cost.logs_ingested_monthly";
    let stated = inventory.spec.cost.logs_ingested_monthly;
    let count = match stated {
        Some(bytes) => Count::Amount(Range::fixed(bytes.as_gb())),
        None => Count::Unstated(field),
    };
    let amount = words(&count, "GB");
    demands.push(
        Demand::amount(Row::Logs, Item::LogsIngested, count, whose)
            .told(amount.clone(), format!("{amount} (`{field}`)"))
            .from("monitoring", field),
    );
}

/// Where the plan doesn't say: what comes in, for as long as the longest group keeps it. CloudWatch keeps it
/// compressed, so this is the most.
fn kept(inventory: &Inventory<'_>, groups: &[&Desired], whose: &[&Desired], demands: &mut Vec<Demand>) {
    let cost = &inventory.spec.cost;
    let days = groups
        .iter()
        .filter_map(|group| number(group, "/retention_days"))
        .max();
    let field = "cost.logs_stored";
    let (count, basis) = match (cost.logs_stored, cost.logs_ingested_monthly, days) {
        (Some(bytes), _, _) => {
            let count = Count::Amount(Range::fixed(bytes.as_gb()));
            let basis = format!("{} (`{field}`)", words(&count, "GB"));
            (count, basis)
        }
        (None, Some(bytes), Some(days)) => {
            let months = days * Decimal::from(MONTHS_A_YEAR) / Decimal::from(DAYS_A_YEAR);
            let gigabytes = (bytes.as_gb() * months).round_dp(2);
            let basis = format!("{} GB a month × {} d, at most", plain(bytes.as_gb()), plain(days));
            (Count::Amount(Range::fixed(gigabytes)), basis)
        }
        _ => (Count::Unstated(field), String::new()),
    };
    let detail = words(&count, "GB");
    demands.push(
        Demand::amount(Row::LogStorage, Item::LogsStored, count, whose)
            .told(detail, basis)
            .from("monitoring", field),
    );
}
