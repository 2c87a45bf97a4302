//! Dashboards of the shards and of Redis.

use super::boards::panel;
use super::{Board, Section};
use crate::spec::Spec;

const BY_SHARD: &str = "shard {{shard}}";

pub(super) fn shards() -> Board {
    Board {
        name: "shards",
        title: "shards",
        sections: vec![writing(), progress()],
    }
}

fn writing() -> Section {
    Section {
        title: "Writing",
        panels: vec![
            panel(
                "Rows",
                "Rows inserted, a second.",
                "short",
                &[(
                    "sum by (shard) (rate(events_processed_total{result=\"inserted\"}[1m]))",
                    BY_SHARD,
                )],
            ),
            panel(
                "Commit, P95",
                "Time of a batch's whole transaction.",
                "s",
                &[(
                    "histogram_quantile(0.95, sum by (le, shard) (rate(ingest_commit_duration_seconds_bucket[5m])))",
                    BY_SHARD,
                )],
            ),
            panel(
                "COPY, P95",
                "Time that COPY took within it.",
                "s",
                &[(
                    "histogram_quantile(0.95, sum by (le, shard) (rate(ingest_copy_duration_seconds_bucket[5m])))",
                    BY_SHARD,
                )],
            ),
        ],
    }
}

fn progress() -> Section {
    Section {
        title: "Progress",
        panels: vec![
            panel(
                "Watermark",
                "Offsets that are safely stored, over all partitions.",
                "short",
                &[(
                    "sum by (shard) (max by (partition, shard) (ingest_watermark))",
                    BY_SHARD,
                )],
            ),
            panel(
                "Tried again",
                "Transactions that failed and were repeated, a second. A shard that is down shows here.",
                "short",
                &[("sum by (shard) (rate(ingest_flush_retries_total[2m]))", BY_SHARD)],
            ),
            panel(
                "Repeats",
                "Events that a producer sent again, a second.",
                "short",
                &[("sum by (shard) (rate(ingest_duplicates_total[5m]))", BY_SHARD)],
            ),
            panel(
                "Reconciliation",
                "Records that the last reconciliation could not account for. Anything but 0 is an incident.",
                "short",
                &[("max(ingest_reconciliation_difference)", "difference")],
            ),
        ],
    }
}

pub(super) fn redis(spec: &Spec) -> Board {
    Board {
        name: "redis",
        title: "Redis",
        sections: vec![redis_reads(), redis_writes(spec), redis_failovers()],
    }
}

fn redis_reads() -> Section {
    Section {
        title: "Reading",
        panels: vec![
            panel(
                "Hit ratio since the start",
                "Share of usage queries answered from Redis, of each process.",
                "percentunit",
                &[("redis_cache_hit_ratio", "{{instance}}")],
            ),
            panel(
                "Hit ratio now",
                "The same over five minutes and all processes.",
                "percentunit",
                &[("billing:cache_hits:ratio", "hits")],
            ),
            panel(
                "Queries",
                "Usage queries, a second.",
                "reqps",
                &[
                    ("sum(rate(redis_cache_hits_total[5m]))", "from Redis"),
                    ("sum(rate(redis_cache_misses_total[5m]))", "from Postgres"),
                ],
            ),
        ],
    }
}

fn redis_writes(spec: &Spec) -> Section {
    let cap = spec
        .ingest
        .as_ref()
        .map(|ingest| ingest.memory_cap.as_bytes() as f64);
    let memory = spec
        .buffer
        .as_ref()
        .map(|buffer| buffer.maxmemory.as_bytes() as f64);
    Section {
        title: "Writing",
        panels: vec![
            panel(
                "Memory",
                "As redis_exporter reports it. At the line writes are refused.",
                "bytes",
                &[("redis_memory_used_bytes", "{{instance}}")],
            )
            .with_limit(memory),
            panel(
                "Pending",
                "Bytes of batches that are readable or about to be, and not durable yet.",
                "bytes",
                &[("sum(ingest_in_flight_bytes)", "in flight")],
            )
            .with_limit(cap),
            panel(
                "Through Redis",
                "Share of events that were readable before they were durable; below 1 Redis is passed by.",
                "percentunit",
                &[(
                    "sum(rate(event_processing_duration_seconds_count{stage=\"cached\"}[5m])) / \
                             sum(rate(event_processing_duration_seconds_count{stage=\"durable\"}[5m]))",
                    "cached",
                )],
            ),
        ],
    }
}

fn redis_failovers() -> Section {
    Section {
        title: "Failover",
        panels: vec![
            panel(
                "Generation",
                "Lives of Redis; what an earlier one holds is never read again.",
                "short",
                &[("max by (shard) (ingest_redis_generation)", "shard {{shard}}")],
            ),
            panel(
                "Epochs",
                "Owners that a partition's watermark has had.",
                "short",
                &[(
                    "max by (partition) (ingest_owner_epoch)",
                    "partition {{partition}}",
                )],
            ),
        ],
    }
}
