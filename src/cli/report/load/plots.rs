//! Which plots a load test is told by.

use super::chart::{Plot, Series, over_percentiles, over_rates, over_time};
use crate::load::open::Measured;
use crate::load::open::measured::{Interval, Percentiles, Totals};
use crate::load::open::search::Found;

/// P95 over the rates that were tried.
pub(in crate::cli::report) fn of_search(found: &Found) -> Option<Plot> {
    let p95 = |of: fn(&Totals) -> Option<Percentiles>, name, class| {
        let mut points: Vec<(f64, Option<f64>)> = found
            .trials
            .iter()
            .map(|trial| {
                (
                    trial.rate_per_second as f64,
                    of(&trial.totals).map(|latency| latency.p95),
                )
            })
            .collect();
        points.sort_by(|one, other| one.0.total_cmp(&other.0));
        Series { name, class, points }
    };
    let series = vec![
        p95(|totals| totals.http_ms, "HTTP", "a"),
        p95(|totals| totals.kafka_ms, "Kafka", "b"),
    ];
    over_rates("P95 by rate", "ms until the answer; a trial each", series)
}

/// The run as it went, and how latency is distributed; without what wasn't measured.
pub(in crate::cli::report) fn of_run(measured: &Measured) -> Vec<Plot> {
    let intervals = &measured.intervals;
    let series = |name, class, of: &dyn Fn(&Interval) -> Option<f64>| Series {
        name,
        class,
        points: intervals
            .iter()
            .map(|interval| (interval.at_seconds, of(interval)))
            .collect(),
    };
    let latency = |title: &str, of: fn(&Interval) -> Option<Percentiles>| {
        let line = |name, class, pick: fn(&Percentiles) -> f64| {
            series(name, class, &|interval: &Interval| {
                of(interval).map(|latency| pick(&latency))
            })
        };
        let lines = vec![
            line("longest", "d", |latency| latency.max),
            line("p99", "c", |latency| latency.p99),
            line("p95", "b", |latency| latency.p95),
            line("p50", "a", |latency| latency.p50),
        ];
        over_time(title, "ms until the answer", lines)
    };
    let distribution = |name, class, points: &[(f64, f64)]| Series {
        name,
        class,
        points: points
            .iter()
            .map(|(percentile, ms)| (*percentile, Some(*ms)))
            .collect(),
    };
    let rate = vec![
        series("asked", "target", &|interval: &Interval| {
            interval.target_per_second
        }),
        series("sent", "b", &|interval: &Interval| Some(interval.sent_per_second)),
        series("accepted", "a", &|interval: &Interval| {
            Some(interval.accepted_per_second)
        }),
    ];
    let failed = |interval: &Interval| {
        let count: u64 = interval.errors.values().sum();
        Some(count as f64 / interval.seconds.max(1e-9))
    };
    let behind = vec![
        series("consumers' lag, records", "a", &|interval: &Interval| {
            interval.lag.map(|lag| lag as f64)
        }),
        series("due and not sent, events", "c", &|interval: &Interval| {
            Some(interval.backlog as f64)
        }),
    ];
    let by_percentile = vec![
        distribution("HTTP", "a", &measured.distribution.http_ms),
        distribution("Kafka", "b", &measured.distribution.kafka_ms),
    ];
    [
        over_time("Rate", "events a second", rate),
        latency("Latency over HTTP", |interval| interval.http_ms),
        latency("Latency of Kafka", |interval| interval.kafka_ms),
        over_percentiles(
            "Latency by percentile",
            "ms; so many of 100 took no longer",
            by_percentile,
        ),
        over_time(
            "Errors",
            "events of failed tries a second",
            vec![series("failed", "d", &failed)],
        ),
        over_time("What is behind", "at the end of each interval", behind),
    ]
    .into_iter()
    .flatten()
    .collect()
}
