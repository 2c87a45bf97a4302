//! The cache's nodes.

use rust_decimal::Decimal;

use super::inventory::{Inventory, number, text};
use super::item::{Item, Row};
use super::quantity::{Demand, Range, counted, plain};

pub(super) fn demands(inventory: &Inventory<'_>, demands: &mut Vec<Demand>) {
    for group in inventory.of("cache_replication_group") {
        let shards = number(group, "/shards").unwrap_or(Decimal::ONE);
        let replicas = number(group, "/replicas").unwrap_or_default();
        let nodes = shards * (replicas + Decimal::ONE);
        let node_type = text(group, "/node_type").unwrap_or("unknown");
        let engine = text(group, "/engine").unwrap_or("redis");
        let title = if engine == "valkey" {
            "Valkey Cluster"
        } else {
            "Redis Cluster"
        };
        let short = node_type.trim_start_matches("cache.");
        let basis = format!(
            "{} × (1 + {})",
            counted(shards, "shard"),
            counted(replicas, "replica")
        );
        demands.push(
            Demand::running(Row::Cache, Item::CacheNode, Range::fixed(nodes), &[group])
                .of(format!("{engine} {node_type}"))
                .titled(title)
                .told(format!("{} × {short}", plain(nodes)), basis),
        );
    }
}
