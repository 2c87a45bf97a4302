//! Counters, gauges and histograms, written out in Prometheus' text format.
//!
//! Values are atomics, so that the hot path never takes a lock; a histogram is observed in batches
//! (one call adds many observations). It depends on no other module.

mod family;

pub use family::{Counter, Family, Gauge, Histogram};

use std::fmt::Write as _;

/// Everything the service counts. One for each process.
#[derive(Debug)]
pub struct Metrics {
    /// Kafka's timestamp → commit (`stage="durable"`) or → readable in Redis (`stage="cached"`).
    pub event_processing_duration_seconds: Family<Histogram>,
    /// `result` is `inserted`, `duplicate` or `dead_letter`; `shard` is its number, or `none`.
    pub events_processed_total: Family<Counter>,
    pub events_accepted_total: Family<Counter>,
    pub events_rejected_total: Family<Counter>,
    pub http_requests_total: Family<Counter>,
    pub http_request_duration_seconds: Family<Histogram>,
    pub http_in_flight_bytes: Family<Gauge>,
    pub produce_duration_seconds: Family<Histogram>,
    pub kafka_consumer_lag: Family<Gauge>,
    pub kafka_consumer_lag_seconds: Family<Gauge>,
    pub redis_cache_hits_total: Family<Counter>,
    pub redis_cache_misses_total: Family<Counter>,
    pub ingest_watermark: Family<Gauge>,
    pub ingest_owner_epoch: Family<Gauge>,
    pub ingest_redis_generation: Family<Gauge>,
    pub ingest_redis_failovers_total: Family<Counter>,
    pub ingest_in_flight_bytes: Family<Gauge>,
    pub ingest_batch_rows: Family<Histogram>,
    pub ingest_copy_duration_seconds: Family<Histogram>,
    pub ingest_commit_duration_seconds: Family<Histogram>,
    pub ingest_dead_letters_total: Family<Counter>,
    pub ingest_duplicates_total: Family<Counter>,
    pub ingest_rebalances_total: Family<Counter>,
    pub ingest_fenced_total: Family<Counter>,
    pub ingest_flush_retries_total: Family<Counter>,
    pub ingest_reconciliation_difference: Family<Gauge>,
    pub shard_behind_records: Family<Gauge>,
    pub shard_retention_left_records: Family<Gauge>,
    pub shard_retention_left_seconds: Family<Gauge>,
}

/// Seconds; 0.1 is an edge because the specification's alert asks for it.
const SECONDS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
    300.0,
];
const ROWS: &[f64] = &[
    0.0, 1.0, 10.0, 100.0, 1_000.0, 5_000.0, 10_000.0, 20_000.0, 40_000.0,
];

impl Default for Metrics {
    fn default() -> Self {
        let seconds = || Histogram::new(SECONDS);
        Self {
            event_processing_duration_seconds: Family::new(
                "event_processing_duration_seconds",
                "Time from Kafka's timestamp of an event until it reached the stage",
                &["stage"],
                seconds,
            ),
            events_processed_total: Family::counter(
                "events_processed_total",
                "Records of the events topic that were dealt with",
                &["result", "shard"],
            ),
            events_accepted_total: Family::counter(
                "events_accepted_total",
                "Events that the API handed to Kafka and Kafka acknowledged",
                &[],
            ),
            events_rejected_total: Family::counter(
                "events_rejected_total",
                "Events that the API refused",
                &["reason"],
            ),
            http_requests_total: Family::counter(
                "http_requests_total",
                "Requests answered",
                &["route", "status"],
            ),
            http_request_duration_seconds: Family::new(
                "http_request_duration_seconds",
                "Time from a request's head until its answer",
                &["route"],
                seconds,
            ),
            http_in_flight_bytes: Family::gauge(
                "http_in_flight_bytes",
                "Bytes of request bodies that Kafka has not acknowledged yet",
                &[],
            ),
            produce_duration_seconds: Family::new(
                "produce_duration_seconds",
                "Time from handing a request's events to Kafka until the last acknowledgement",
                &[],
                seconds,
            ),
            kafka_consumer_lag: Family::gauge(
                "kafka_consumer_lag",
                "Records between the end of a partition and what every shard has",
                &["partition"],
            ),
            kafka_consumer_lag_seconds: Family::gauge(
                "kafka_consumer_lag_seconds",
                "Age of the oldest record that some shard does not have yet",
                &["partition"],
            ),
            redis_cache_hits_total: Family::counter(
                "redis_cache_hits_total",
                "Usage queries answered from Redis",
                &[],
            ),
            redis_cache_misses_total: Family::counter(
                "redis_cache_misses_total",
                "Usage queries that needed Postgres",
                &[],
            ),
            ingest_watermark: Family::gauge(
                "ingest_watermark",
                "Next offset that a shard needs of a partition",
                &["partition", "shard"],
            ),
            ingest_owner_epoch: Family::gauge(
                "ingest_owner_epoch",
                "Epoch under which this worker owns a partition's watermark",
                &["partition", "shard"],
            ),
            ingest_redis_generation: Family::gauge(
                "ingest_redis_generation",
                "Life of Redis that keys belong to",
                &["shard"],
            ),
            ingest_redis_failovers_total: Family::counter(
                "ingest_redis_failovers_total",
                "Times that this process raised the generation",
                &["shard"],
            ),
            ingest_in_flight_bytes: Family::gauge(
                "ingest_in_flight_bytes",
                "Bytes of batches in memory that are not durable yet",
                &[],
            ),
            ingest_batch_rows: Family::new("ingest_batch_rows", "Rows of a batch", &["shard"], || {
                Histogram::new(ROWS)
            }),
            ingest_copy_duration_seconds: Family::new(
                "ingest_copy_duration_seconds",
                "Time that COPY took within a batch's transaction",
                &["shard"],
                seconds,
            ),
            ingest_commit_duration_seconds: Family::new(
                "ingest_commit_duration_seconds",
                "Time of a batch's whole transaction",
                &["shard"],
                seconds,
            ),
            ingest_dead_letters_total: Family::counter(
                "ingest_dead_letters_total",
                "Records sent to the dead-letter topic",
                &["reason"],
            ),
            ingest_duplicates_total: Family::counter(
                "ingest_duplicates_total",
                "Events that a producer sent again",
                &["shard"],
            ),
            ingest_rebalances_total: Family::counter(
                "ingest_rebalances_total",
                "Changes of this worker's partitions",
                &["kind"],
            ),
            ingest_fenced_total: Family::counter(
                "ingest_fenced_total",
                "Batches rolled back because another worker owns the partition now",
                &[],
            ),
            ingest_flush_retries_total: Family::counter(
                "ingest_flush_retries_total",
                "Transactions that were tried again",
                &["shard"],
            ),
            ingest_reconciliation_difference: Family::gauge(
                "ingest_reconciliation_difference",
                "Records that the last reconciliation could not account for",
                &[],
            ),
            shard_behind_records: Family::gauge(
                "shard_behind_records",
                "Records that were read and that a shard which is away, or catching up, does not have",
                &["partition", "shard"],
            ),
            shard_retention_left_records: Family::gauge(
                "shard_retention_left_records",
                "Records between Kafka's oldest and what a shard that is behind needs next; below 0 \
                 they are gone",
                &["partition", "shard"],
            ),
            shard_retention_left_seconds: Family::gauge(
                "shard_retention_left_seconds",
                "Time until Kafka deletes what a shard that is behind needs next",
                &["partition", "shard"],
            ),
        }
    }
}

impl Metrics {
    /// Prometheus' text format, version 0.0.4.
    pub fn render(&self) -> String {
        let mut out = String::with_capacity(16 * 1024);
        self.event_processing_duration_seconds.write(&mut out);
        self.events_processed_total.write(&mut out);
        self.events_accepted_total.write(&mut out);
        self.events_rejected_total.write(&mut out);
        self.http_requests_total.write(&mut out);
        self.http_request_duration_seconds.write(&mut out);
        self.http_in_flight_bytes.write(&mut out);
        self.produce_duration_seconds.write(&mut out);
        self.kafka_consumer_lag.write(&mut out);
        self.kafka_consumer_lag_seconds.write(&mut out);
        self.redis_cache_hits_total.write(&mut out);
        self.redis_cache_misses_total.write(&mut out);
        self.write_hit_ratio(&mut out);
        self.ingest_watermark.write(&mut out);
        self.ingest_owner_epoch.write(&mut out);
        self.ingest_redis_generation.write(&mut out);
        self.ingest_redis_failovers_total.write(&mut out);
        self.ingest_in_flight_bytes.write(&mut out);
        self.ingest_batch_rows.write(&mut out);
        self.ingest_copy_duration_seconds.write(&mut out);
        self.ingest_commit_duration_seconds.write(&mut out);
        self.ingest_dead_letters_total.write(&mut out);
        self.ingest_duplicates_total.write(&mut out);
        self.ingest_rebalances_total.write(&mut out);
        self.ingest_fenced_total.write(&mut out);
        self.ingest_flush_retries_total.write(&mut out);
        self.ingest_reconciliation_difference.write(&mut out);
        self.shard_behind_records.write(&mut out);
        self.shard_retention_left_records.write(&mut out);
        self.shard_retention_left_seconds.write(&mut out);
        out
    }

    /// The specification's own name; without a query yet there is no ratio to give.
    fn write_hit_ratio(&self, out: &mut String) {
        let hits = self.redis_cache_hits_total.with(&[]).get();
        let asked = hits + self.redis_cache_misses_total.with(&[]).get();
        if asked == 0 {
            return;
        }
        let ratio = hits as f64 / asked as f64;
        let _ = write!(
            out,
            "# HELP redis_cache_hit_ratio Share of usage queries answered from Redis since the start\n\
             # TYPE redis_cache_hit_ratio gauge\nredis_cache_hit_ratio {ratio}\n"
        );
    }
}
