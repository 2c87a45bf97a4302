//! The shards: members, data, backups, I/O, and the poolers in front of them.

use rust_decimal::Decimal;

use super::inventory::{Inventory, number, text};
use super::item::{Item, Row};
use super::quantity::{Count, Demand, Range, counted, plain};
use crate::resource::Desired;
use crate::spec::Bytes;
use crate::spec::rules::facts::machine;

/// Aurora's default, where the plan names no storage type.
const STANDARD: &str = "aurora";
const IO_OPTIMIZED: &str = "aurora-iopt1";
const FREE_INSIGHTS_DAYS: u32 = 7;

pub(super) fn demands(inventory: &Inventory<'_>, demands: &mut Vec<Demand>) {
    for shard in inventory.of("db_cluster") {
        members(inventory, shard, demands);
    }
    for shards in inventory.by_region("db_cluster") {
        data(inventory, &shards, demands);
        insights(inventory, &shards, demands);
    }
    for proxies in inventory.by_region("db_proxy") {
        poolers(inventory, &proxies, demands);
    }
    replication(inventory, demands);
}

fn storage_type(shard: &Desired) -> &str {
    text(shard, "/storage_type").unwrap_or(STANDARD)
}

/// The members of a cluster are those that need it. Once a member stands, its reference has become a value.
fn members_of<'a>(inventory: &Inventory<'a>, shard: &Desired) -> Vec<&'a Desired> {
    let mut members = inventory.in_region("db_instance", shard.address.region());
    members.retain(|member| member.dependencies().contains(&shard.address));
    members
}

fn members(inventory: &Inventory<'_>, shard: &Desired, demands: &mut Vec<Demand>) {
    let members = members_of(inventory, shard);
    let Some(class) = members.first().and_then(|member| text(member, "/class")) else {
        return;
    };
    let item = match storage_type(shard) {
        IO_OPTIMIZED => Item::DatabaseInstanceIoOptimized,
        _ => Item::DatabaseInstance,
    };
    let count = Decimal::from(members.len());
    let detail = format!("{} × {}", plain(count), class.trim_start_matches("db."));
    let basis = match members.len() {
        1 => "1 member".to_owned(),
        several => format!("1 writer + {}", counted(several as u64 - 1, "replica")),
    };
    let basis = match members.len() {
        1 => basis,
        _ => format!("({basis})"),
    };
    demands.push(
        Demand::running(Row::Database, item, Range::fixed(count), &members)
            .part(shard.address.name())
            .of(class)
            .told(detail, basis)
            .from("aurora", "aurora.shards"),
    );
}

/// Data, backups and I/O: the plan states them over all shards.
fn data(inventory: &Inventory<'_>, shards: &[&Desired], demands: &mut Vec<Demand>) {
    let cost = &inventory.spec.cost;
    let kind = storage_type(shards[0]);
    let gigabytes = |stated: Option<Bytes>, field: &'static str| match stated {
        Some(bytes) => Count::Amount(Range::fixed(bytes.as_gb() * inventory.load)),
        None => Count::Unstated(field),
    };
    let over = format!("over {}", counted(shards.len() as u64, "shard"));
    let mut push = |row, item, count: Count, field: &str, unit: &str| {
        let amount = words(&count, unit);
        let demand = Demand::amount(row, item, count, shards);
        let demand = demand.told(format!("{amount} {over}"), format!("{amount} (`{field}`)"));
        demands.push(demand.of(kind).from("aurora", field));
    };
    let field = "cost.database_storage";
    let stored = gigabytes(cost.database_storage, field);
    push(Row::DatabaseStorage, Item::DatabaseStorage, stored, field, "GB");
    if shards[0].address.region() != inventory.primary() {
        return;
    }
    let field = "cost.database_backup";
    let kept = gigabytes(cost.database_backup, field);
    push(Row::DatabaseBackup, Item::DatabaseBackup, kept, field, "GB");
    if kind != IO_OPTIMIZED {
        let field = "cost.database_io_monthly";
        let requests = requests(inventory, field);
        push(
            Row::DatabaseIo,
            Item::DatabaseIo,
            requests,
            field,
            "million requests",
        );
    }
}

fn requests(inventory: &Inventory<'_>, field: &'static str) -> Count {
    match inventory.spec.cost.database_io_monthly {
        Some(requests) => {
            let millions = Decimal::from(requests) / Decimal::from(1_000_000);
            Count::Amount(Range::fixed(millions * inventory.load))
        }
        None => Count::Unstated(field),
    }
}

/// Of all members of a shard.
fn vcpus(inventory: &Inventory<'_>, shard: &Desired) -> u32 {
    let members = members_of(inventory, shard);
    let machines = members
        .iter()
        .filter_map(|member| machine::database(text(member, "/class")?));
    machines.map(|machine| machine.vcpu).sum()
}

/// Seven days of Performance Insights are free; more of them, and Database Insights' advanced mode, are not.
fn insights(inventory: &Inventory<'_>, shards: &[&Desired], demands: &mut Vec<Demand>) {
    let days = number(shards[0], "/performance_insights_days").unwrap_or_default();
    let is_advanced = text(shards[0], "/database_insights") == Some("advanced");
    if !is_advanced && days <= Decimal::from(FREE_INSIGHTS_DAYS) {
        return;
    }
    let vcpu: u32 = shards.iter().map(|shard| vcpus(inventory, shard)).sum();
    let mode = if is_advanced { "advanced" } else { "standard" };
    demands.push(
        Demand::running(Row::Insights, Item::DatabaseInsights, Range::fixed(vcpu), shards)
            .of(mode)
            .told(format!("{mode}, {} days", plain(days)), counted(vcpu, "vCPU"))
            .from("aurora", "aurora.database_insights"),
    );
}

/// A pooler is paid by the vCPU of what it stands before.
fn poolers(inventory: &Inventory<'_>, proxies: &[&Desired], demands: &mut Vec<Demand>) {
    let mut vcpu = 0;
    for proxy in proxies {
        let shards = inventory.in_region("db_cluster", proxy.address.region());
        let shard = shards
            .into_iter()
            .find(|it| it.address.name() == proxy.address.name());
        vcpu += shard.map_or(0, |shard| vcpus(inventory, shard));
    }
    let detail = counted(proxies.len() as u64, "RDS Proxy");
    demands.push(
        Demand::running(Row::Proxies, Item::DatabaseProxy, Range::fixed(vcpu), proxies)
            .told(detail, counted(vcpu, "vCPU"))
            .from("aurora", "aurora.pooler"),
    );
}

/// Each write of a global database is written in the second region, too.
fn replication(inventory: &Inventory<'_>, demands: &mut Vec<Demand>) {
    let globals = inventory.of("global_cluster");
    if globals.is_empty() {
        return;
    }
    let field = "cost.database_io_monthly";
    let count = requests(inventory, field);
    let basis = format!("{} (`{field}`)", words(&count, "million requests"));
    let databases = counted(globals.len() as u64, "global database");
    demands.push(
        Demand::amount(
            Row::DatabaseReplication,
            Item::DatabaseReplicatedIo,
            count,
            &globals,
        )
        .told(databases, basis)
        .from("aurora", field),
    );
}

/// `1,000 GB`, or that nobody said how many.
pub(super) fn words(count: &Count, unit: &str) -> String {
    match count {
        Count::Running(range) | Count::Amount(range) => {
            format!("{} {unit}", plain(range.expected.round_dp(2)))
        }
        Count::Unstated(_) => format!("? {unit}"),
    }
}
