//! VV320–329: what Kafka's disks hold, against how long and how fast they are filled.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::{Applies, Breaches, Context, Rule, Severity, thousands};
use crate::spec::{Bytes, Duration, EventRate, Kafka, Spec};

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "VV320",
        severity: Severity::Error,
        title: "the disks are full long before the retention is over",
        applies: Applies::OnAws,
        about: "The log grows by event rate × event size × replication factor, and is kept for `retention`. When a \
                broker's disk is full, the broker stops. Compression may help by a factor that only the data tells; \
                the figures here are without it.",
        source: "arithmetic; Apache Kafka documentation, `log.retention.hours`",
        remedy: "Shorten `kafka.retention`, enlarge `kafka.storage`, or add brokers.",
        check: log_outgrows_disks,
    },
    Rule {
        code: "VV321",
        severity: Severity::Error,
        title: "Kafka forgets events that the service still accepts",
        applies: Applies::Everywhere,
        about: "A shard that was away is caught up from Kafka. When its absence outlasts the retention, events are gone \
                that were acknowledged; with less than a day there is no time for a person to act.",
        source: "vvbill's own design: Kafka is the log, from which a shard is caught up",
        remedy: "Keep `kafka.retention` at one day or more where no loss is promised.",
        check: retention_is_too_short,
    },
];

/// What one broker's log lies on, with the field that says so: its own volume, or its node's root disk. A
/// group that isn't named counts when its name or a taint says `kafka`.
fn disk(spec: &Spec, kafka: &Kafka) -> Option<(Bytes, String)> {
    if let Some(size) = kafka.storage {
        return Some((size, "kafka.storage".to_owned()));
    }
    let groups = &spec.eks.as_ref()?.node_groups;
    let (name, group) = match &kafka.node_group {
        Some(name) => groups.get_key_value(name)?,
        None => groups.iter().find(|(name, group)| {
            name.contains("kafka") || group.taints.iter().any(|taint| taint.value == "kafka")
        })?,
    };
    Some((group.volume_size, format!("eks.node_groups.{name}.volume_size")))
}

fn log_outgrows_disks(spec: &Spec, _: &Context, found: &mut Breaches) {
    let (Some(kafka), Some(ingest)) = (&spec.kafka, &spec.ingest) else {
        return;
    };
    let Some((disk, disk_path)) = disk(spec, kafka) else {
        return;
    };
    let topic = kafka.topics.get(&ingest.topic);
    let retention = topic.and_then(|it| it.retention).unwrap_or(kafka.retention);
    let copies = topic
        .and_then(|it| it.replication_factor)
        .unwrap_or(kafka.default_replication_factor);
    let growth = growth_a_second(ingest.event_rate, ingest.event_size, copies);
    let disks = Decimal::from(disk.as_bytes()) * Decimal::from(kafka.brokers);
    let needed = growth * Decimal::from(retention.as_secs());
    if needed <= disks || growth.is_zero() {
        return;
    }
    let hours = (disks / growth / Decimal::from(3_600)).round_dp(1).normalize();
    let why = format!(
        "{} events/s × {} × {copies} copies × {retention} = {}, on {} × {disk} = {}: full after {hours} h",
        thousands(ingest.event_rate.per_second_ceil()),
        ingest.event_size,
        terabytes(needed),
        kafka.brokers,
        terabytes(disks),
    );
    let a_broker = (needed / Decimal::from(kafka.brokers.max(1)))
        .to_u64()
        .unwrap_or(u64::MAX);
    let fix = format!(
        "set kafka.retention: {}, or kafka.storage: {}GB a broker",
        whole_hours(disks / growth),
        a_broker.div_ceil(1_000_000_000)
    );
    let retention_path = match topic {
        Some(topic) if topic.retention.is_some() => {
            format!("{}.retention", super::key("kafka.topics", &ingest.topic))
        }
        _ => "kafka.retention".to_owned(),
    };
    found.add(
        &[
            &retention_path,
            &disk_path,
            "ingest.event_rate",
            "ingest.event_size",
        ],
        why,
        fix,
    );
}

/// Bytes that all brokers together write in a second.
fn growth_a_second(rate: EventRate, size: Bytes, copies: u32) -> Decimal {
    rate.per_second() * Decimal::from(size.as_bytes()) * Decimal::from(copies)
}

/// `30.9 TB`, in powers of a thousand.
fn terabytes(bytes: Decimal) -> String {
    format!("{} TB", (bytes / Decimal::from(1_000_000_000_000u64)).round_dp(1))
}

/// The longest whole number of hours within so many seconds.
fn whole_hours(seconds: Decimal) -> Duration {
    let hours = (seconds / Decimal::from(3_600)).floor().to_u64().unwrap_or(0);
    Duration::from_secs(hours * 3_600)
}

fn retention_is_too_short(spec: &Spec, _: &Context, found: &mut Breaches) {
    let (Some(kafka), true) = (&spec.kafka, super::replication::promises_no_loss(spec)) else {
        return;
    };
    if kafka.retention < Duration::from_secs(86_400) {
        found.add(
            &["kafka.retention", "success_metrics.lost_events"],
            format!(
                "0 lost events are promised, and what a shard missed is gone after {}",
                kafka.retention
            ),
            "set kafka.retention: 24h or more",
        );
    }
}
