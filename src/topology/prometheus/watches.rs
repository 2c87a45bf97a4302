//! Alerts on what would lose, repeat or delay events, beyond the plan's own.

use super::{Alerting, Rule, severity};
use crate::spec::Spec;

/// A shard is down when its transactions are tried again this often. One that is away has each partition's lane try
/// about every two seconds; a conflict now and then stays far below.
const ERRORS_A_SECOND: f64 = 0.1;

/// An alert of ours.
#[derive(Debug)]
struct Watch {
    /// Its name.
    alert: &'static str,
    held_for: &'static str,
    severity: &'static str,
    summary: &'static str,
    /// What to do.
    description: &'static str,
    expr: fn(&Spec) -> Option<String>,
}

/// All of them; one that has nothing to look at in a plan is left out of its rules.
const WATCHES: &[Watch] = &[
    Watch {
        alert: "KafkaRetentionHalfUsed",
        held_for: "5m",
        severity: "warning",
        summary: "A partition's oldest event that some shard lacks is half as old as Kafka keeps it",
        description: "Kafka deletes what is older than its retention, stored or not. Find the shard that lags \
                      (`ingest_watermark`) and bring it back, or raise the topic's retention.",
        expr: |spec| retention_is_used(spec, 0),
    },
    Watch {
        alert: "KafkaRetentionNearlyUsed",
        held_for: "1m",
        severity: "critical",
        summary: "Kafka deletes events soon that some shard lacks",
        description: "Four fifths of the retention are used. Raise the topic's `retention.ms` now; it takes effect \
                      without a restart. Then bring the shard back that lags.",
        expr: |spec| retention_is_used(spec, 1),
    },
    Watch {
        alert: "ShardRetentionNearlyUsed",
        held_for: "1m",
        severity: "critical",
        summary: "Kafka deletes events soon that a shard which is behind lacks",
        description: "Less than a fifth of the retention is left. Raise the topic's `retention.ms` now; it takes \
                      effect without a restart. Then bring the shard back: it catches up by itself.",
        expr: |spec| {
            let [_, used] = retention_limits_seconds(spec)?;
            let left = used / 4;
            Some(format!(
                "min by (partition, shard) (shard_retention_left_seconds) < {left}"
            ))
        },
    },
    Watch {
        alert: "ShardRecordsGone",
        held_for: "0s",
        severity: "critical",
        summary: "Kafka has deleted records that a shard lacks",
        description: "Its rows of that partition stand still until somebody decides: the worker's log names the \
                      statement to go on with. See first whether the records can be had again from who sent them.",
        expr: |_| Some("min by (partition, shard) (shard_retention_left_records) < 0".to_owned()),
    },
    Watch {
        alert: "DeadLetters",
        held_for: "0s",
        severity: "warning",
        summary: "Records went to the dead-letter topic within the last ten minutes",
        description: "Each names its reason and the record it stands for. They are acknowledged and in no shard: \
                      correct and send them again.",
        // A counter with labels appears with its first value, which `increase` would not see.
        expr: |_| {
            Some(
                "sum(clamp_min(ingest_dead_letters_total - (ingest_dead_letters_total offset 10m or \
                 ingest_dead_letters_total * 0), 0)) > 0"
                    .to_owned(),
            )
        },
    },
    Watch {
        alert: "WatermarkStalled",
        held_for: "5m",
        severity: "critical",
        summary: "A shard's watermark stands still while its partition has more",
        description: "Idle shards get empty ranges every few seconds, so a watermark that stands still means that \
                      nothing is committed. See the worker's log and whether the shard takes writes.",
        expr: |_| {
            Some(
                "max by (partition) (kafka_consumer_lag) > 0 and on (partition) min by (partition) \
                 (max by (partition, shard) (changes(ingest_watermark[5m]))) < 1"
                    .to_owned(),
            )
        },
    },
    Watch {
        alert: "ReconciliationDifference",
        held_for: "0s",
        severity: "critical",
        summary: "The last reconciliation of Kafka with the shards does not add up",
        description: "Events were lost or stored twice. `vvbill-ingest reconcile --json` says in which partition and \
                      hour; keep the topic's records until it is understood.",
        expr: |_| Some("max(abs(ingest_reconciliation_difference)) > 0".to_owned()),
    },
    Watch {
        alert: "RedisDown",
        held_for: "2m",
        severity: "critical",
        summary: "Events reach the shards past Redis",
        description: "Nothing is lost: ingest goes on from Kafka to Postgres, and usage is read from Postgres. See \
                      whether the buffer has a master: `redis-cli -p 26379 sentinel masters`.",
        expr: |spec| {
            spec.buffer.as_ref()?;
            let rate = |stage: &str| {
                format!("sum(rate(event_processing_duration_seconds_count{{stage=\"{stage}\"}}[5m]))")
            };
            Some(format!("{} / {} < 0.5", rate("cached"), rate("durable")))
        },
    },
    Watch {
        alert: "ShardDown",
        held_for: "1m",
        severity: "critical",
        summary: "Transactions on a shard fail and are tried again",
        description: "The other shards go on. Nothing is lost as long as Kafka keeps the records: see \
                      KafkaRetentionHalfUsed.",
        expr: |_| {
            Some(format!(
                "sum by (shard) (rate(ingest_flush_retries_total[2m])) > {ERRORS_A_SECOND}"
            ))
        },
    },
    Watch {
        alert: "IngestDown",
        held_for: "1m",
        severity: "critical",
        summary: "A process of the ingestion service does not answer its scrape",
        description: "Another one takes its partitions over within the session timeout. See its log.",
        expr: |_| Some("min by (job, instance) (up{job=~\".*ingest.*\"}) < 1".to_owned()),
    },
];

/// Ages in seconds from which a part of the retention counts as used: half, and four fifths.
fn retention_limits_seconds(spec: &Spec) -> Option<[u64; 2]> {
    let kafka = spec.kafka.as_ref()?;
    let topic = kafka.topics.get(&spec.ingest.as_ref()?.topic);
    let retention = topic.and_then(|topic| topic.retention).unwrap_or(kafka.retention);
    Some([retention.as_secs() / 2, retention.as_secs() * 4 / 5])
}

fn retention_is_used(spec: &Spec, limit: usize) -> Option<String> {
    let seconds = retention_limits_seconds(spec)?[limit];
    Some(format!(
        "max by (partition) (kafka_consumer_lag_seconds) > {seconds}"
    ))
}

pub(super) fn rules(spec: &Spec) -> Vec<Rule> {
    let alerting = |watch: &Watch| {
        Some(Rule::Alerting(Alerting {
            alert: watch.alert.to_owned(),
            expr: (watch.expr)(spec)?,
            held_for: watch.held_for.to_owned(),
            labels: severity(watch.severity),
            annotations: [
                ("summary".to_owned(), watch.summary.to_owned()),
                ("description".to_owned(), watch.description.to_owned()),
            ]
            .into(),
        }))
    };
    WATCHES.iter().filter_map(alerting).collect()
}
