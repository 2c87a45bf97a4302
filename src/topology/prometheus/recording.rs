//! Series that dashboards and people ask for again and again, computed once.

use super::objectives::bad_requests;
use super::{Rule, record, time};
use crate::spec::Duration;

/// A rate needs four scrapes to outlast a missed one.
const SCRAPES: u64 = 4;
const QUANTILES: &[(&str, &str)] = &[("p50", "0.5"), ("p95", "0.95"), ("p99", "0.99")];

pub(super) fn rules(scrape_interval: Duration) -> Vec<Rule> {
    let scrapes = Duration::from_millis(SCRAPES * scrape_interval.as_millis());
    let minute = time(scrapes.max(Duration::from_secs(60)));
    let five = time(scrapes.max(Duration::from_secs(300)));
    let mut rules = vec![
        record(
            "billing:events_processed:rate",
            format!("sum(rate(events_processed_total[{minute}]))"),
        ),
        record(
            "billing:events_processed_by_result:rate",
            format!("sum by (result) (rate(events_processed_total[{minute}]))"),
        ),
        record(
            "billing:events_processed_by_shard:rate",
            format!("sum by (shard) (rate(events_processed_total{{result=\"inserted\"}}[{minute}]))"),
        ),
        record(
            "billing:events_accepted:rate",
            format!("sum(rate(events_accepted_total[{minute}]))"),
        ),
    ];
    for (name, quantile) in QUANTILES {
        rules.push(record(
            format!("billing:event_latency_seconds:{name}"),
            format!(
                "histogram_quantile({quantile}, sum by (le, stage) (rate(event_processing_duration_seconds_bucket[{five}])))"
            ),
        ));
        rules.push(record(
            format!("billing:http_latency_seconds:{name}"),
            format!(
                "histogram_quantile({quantile}, sum by (le, route) (rate(http_request_duration_seconds_bucket[{five}])))"
            ),
        ));
    }
    rules.extend([
        record(
            "billing:dead_letters:ratio",
            format!(
                "sum(rate(ingest_dead_letters_total[{five}])) / sum(rate(events_processed_total[{five}]))"
            ),
        ),
        record("billing:http_errors:ratio", bad_requests(&five)),
        record("billing:availability:ratio", "1 - billing:http_errors:ratio"),
        record("billing:kafka_lag:sum", "sum(kafka_consumer_lag)"),
        record("billing:kafka_lag_seconds:max", "max(kafka_consumer_lag_seconds)"),
        record(
            "billing:cache_hits:ratio",
            format!(
                "sum(rate(redis_cache_hits_total[{five}])) / \
                 (sum(rate(redis_cache_hits_total[{five}])) + sum(rate(redis_cache_misses_total[{five}])))"
            ),
        ),
    ]);
    rules
}
