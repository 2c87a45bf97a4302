//! What each dashboard shows.

use rust_decimal::prelude::ToPrimitive;

use super::stores::{redis, shards};
use super::{Board, Panel, Query, Section};
use crate::spec::Spec;
use crate::topology::prometheus::objectives;

pub(super) fn all(spec: &Spec) -> Vec<Board> {
    let mut boards = vec![golden_signals(spec), lag(spec), shards(), redis(spec)];
    boards.extend(budgets(spec));
    boards
}

pub(super) fn panel(
    title: &str,
    about: &'static str,
    unit: &'static str,
    queries: &[(&str, &'static str)],
) -> Panel {
    Panel {
        title: title.to_owned(),
        about,
        unit,
        queries: queries
            .iter()
            .map(|(expr, legend)| Query {
                expr: (*expr).to_owned(),
                legend,
            })
            .collect(),
        limit: None,
    }
}

impl Panel {
    pub(super) fn with_limit(self, limit: Option<f64>) -> Self {
        Self { limit, ..self }
    }
}

fn quantiles(histogram: &str, group: &str) -> Vec<(String, &'static str)> {
    [("0.5", "p50"), ("0.95", "p95"), ("0.99", "p99")]
        .map(|(quantile, name)| {
            let expr =
                format!("histogram_quantile({quantile}, sum by (le) (rate({histogram}_bucket{group}[5m])))");
            (expr, name)
        })
        .into()
}

fn latency(title: &str, about: &'static str, histogram: &str, group: &str) -> Panel {
    let queries = quantiles(histogram, group);
    let queries: Vec<(&str, &'static str)> = queries
        .iter()
        .map(|(expr, name)| (expr.as_str(), *name))
        .collect();
    panel(title, about, "s", &queries)
}

/// Rate, errors, latency and saturation.
fn golden_signals(spec: &Spec) -> Board {
    Board {
        name: "golden-signals",
        title: "golden signals",
        sections: vec![rates(spec), errors(), latencies(spec), saturation(spec)],
    }
}

fn rates(spec: &Spec) -> Section {
    let promised = spec.success_metrics.rate;
    let rate = promised.and_then(|rate| rate.per_second().to_f64());
    Section {
        title: "Rate",
        panels: vec![
            panel(
                "Events stored",
                "Records of the topic that were dealt with, a second. The line is the promised rate.",
                "eps",
                &[("sum by (result) (rate(events_processed_total[1m]))", "{{result}}")],
            )
            .with_limit(rate),
            panel(
                "Events accepted",
                "Events that Kafka acknowledged, a second.",
                "eps",
                &[("sum(rate(events_accepted_total[1m]))", "accepted")],
            ),
            panel(
                "Requests",
                "Requests answered, a second.",
                "reqps",
                &[("sum by (route) (rate(http_requests_total[1m]))", "{{route}}")],
            ),
        ],
    }
}

fn errors() -> Section {
    Section {
        title: "Errors",
        panels: vec![
            panel(
                "Answers 5xx",
                "Share of customers' requests that failed by our fault.",
                "percentunit",
                &[("billing:http_errors:ratio", "5xx")],
            ),
            panel(
                "Events refused",
                "By reason; the client's fault.",
                "eps",
                &[("sum by (reason) (rate(events_rejected_total[5m]))", "{{reason}}")],
            ),
            panel(
                "Dead letters",
                "Records that can't be stored, by reason. Each needs a person.",
                "short",
                &[("sum by (reason) (ingest_dead_letters_total)", "{{reason}}")],
            ),
        ],
    }
}

fn latencies(spec: &Spec) -> Section {
    let promised = spec.success_metrics.p95_latency;
    let seconds = promised.map(|time| time.as_millis() as f64 / 1_000.0);
    Section {
        title: "Latency",
        panels: vec![
            latency(
                "Until durable",
                "From Kafka's timestamp to the commit. The line is the promised P95.",
                "event_processing_duration_seconds",
                "{stage=\"durable\"}",
            )
            .with_limit(seconds),
            latency(
                "Until readable",
                "From Kafka's timestamp until usage in Redis includes it.",
                "event_processing_duration_seconds",
                "{stage=\"cached\"}",
            ),
            latency(
                "Requests",
                "From a request's head until its answer.",
                "http_request_duration_seconds",
                "{route=~\"/v1/.*\"}",
            ),
        ],
    }
}

fn saturation(spec: &Spec) -> Section {
    let cap = spec
        .ingest
        .as_ref()
        .map(|ingest| ingest.memory_cap.as_bytes() as f64);
    Section {
        title: "Saturation",
        panels: vec![
            panel(
                "Batches in memory",
                "Bytes that a worker holds and no shard has yet. At the line the consumers wait.",
                "bytes",
                &[("ingest_in_flight_bytes", "{{instance}}")],
            )
            .with_limit(cap),
            panel(
                "Requests in memory",
                "Bytes of bodies that Kafka has not acknowledged yet. At the cap the answer is 429.",
                "bytes",
                &[("http_in_flight_bytes", "{{instance}}")],
            ),
            panel(
                "Rows of a batch",
                "Full batches mean that the workers are behind.",
                "short",
                &[(
                    "histogram_quantile(0.5, sum by (le, shard) (rate(ingest_batch_rows_bucket[5m])))",
                    "shard {{shard}}",
                )],
            ),
        ],
    }
}

fn lag(spec: &Spec) -> Board {
    let retention = spec.kafka.as_ref().map(|kafka| kafka.retention.as_secs() as f64);
    Board {
        name: "lag",
        title: "lag by partition",
        sections: vec![Section {
            title: "Lag",
            panels: vec![
                panel(
                    "Records",
                    "Between the end of a partition and what every shard has.",
                    "short",
                    &[(
                        "max by (partition) (kafka_consumer_lag)",
                        "partition {{partition}}",
                    )],
                ),
                panel(
                    "Age",
                    "Of the oldest record that some shard lacks. At the line Kafka deletes it.",
                    "s",
                    &[(
                        "max by (partition) (kafka_consumer_lag_seconds)",
                        "partition {{partition}}",
                    )],
                )
                .with_limit(retention),
                panel(
                    "Watermarks move",
                    "Offsets a second, of the slowest shard of each partition.",
                    "short",
                    &[(
                        "min by (partition) (max by (partition, shard) (deriv(ingest_watermark[2m])))",
                        "partition {{partition}}",
                    )],
                ),
            ],
        }],
    }
}

/// What is left of what was promised; none where nothing is.
fn budgets(spec: &Spec) -> Option<Board> {
    let objectives = objectives(spec);
    let panels: Vec<Panel> = objectives
        .iter()
        .map(|objective| {
            let windows = ["5m", "1h", "6h", "3d"];
            let queries: Vec<String> = windows
                .map(|window| format!("{}{window}", objective.series))
                .into();
            let queries: Vec<(&str, &'static str)> =
                queries.iter().map(String::as_str).zip(windows).collect();
            let about =
                "Bad share of all over each window. Above the line the budget of 30 days is not enough.";
            panel(objective.name, about, "percentunit", &queries).with_limit(objective.budget.to_f64())
        })
        .collect();
    (!panels.is_empty()).then(|| Board {
        name: "objectives",
        title: "objectives",
        sections: vec![Section {
            title: "Error budgets",
            panels,
        }],
    })
}
