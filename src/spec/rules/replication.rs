//! VV300–304: how many copies Kafka keeps, and how many must have a write.

use super::{Applies, Breaches, Context, Rule, Severity, key};
use crate::spec::{Kafka, Spec};

const BROKER_SETTINGS: &str = "Apache Kafka documentation, \"Broker Configs\"";

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "VV300",
        severity: Severity::Error,
        title: "there are more copies than brokers",
        applies: Applies::Everywhere,
        about: "Kafka puts the copies of a partition on different brokers. With fewer brokers than copies, creating the \
                topic fails; for the topics of offsets and transactions the consumers and producers wait for ever.",
        source: BROKER_SETTINGS,
        remedy: "Keep each replication factor at or below `kafka.brokers`.",
        check: copies_exceed_brokers,
    },
    Rule {
        code: "VV301",
        severity: Severity::Error,
        title: "more copies must have a write than there are",
        applies: Applies::Everywhere,
        about: "With `acks=all` a write is refused while fewer than `min.insync.replicas` copies have it. Above the \
                replication factor that is always.",
        source: BROKER_SETTINGS,
        remedy: "Keep `min_insync_replicas` at the replication factor less one.",
        check: insync_exceeds_copies,
    },
    Rule {
        code: "VV302",
        severity: Severity::Warning,
        title: "one broker away stops all writes",
        applies: Applies::Everywhere,
        about: "When every copy must have a write, the loss or the restart of any broker refuses writes until it is \
                back: nothing is lost, but nothing is taken either.",
        source: BROKER_SETTINGS,
        remedy: "Set `min_insync_replicas` to the replication factor less one.",
        check: insync_equals_copies,
    },
    Rule {
        code: "VV303",
        severity: Severity::Error,
        title: "no loss is promised, but one copy is enough to acknowledge",
        applies: Applies::Everywhere,
        about: "With `min_insync_replicas` 1 Kafka acknowledges an event that only its leader has. When that broker is \
                lost, so is the event.",
        source: BROKER_SETTINGS,
        remedy: "Set `min_insync_replicas: 2` with a replication factor of 3.",
        check: one_copy_acknowledges,
    },
    Rule {
        code: "VV304",
        severity: Severity::Error,
        title: "no loss is promised, but a stale broker may lead",
        applies: Applies::Everywhere,
        about: "An unclean leader election lets a broker lead that missed acknowledged writes; the others then forget \
                them too.",
        source: BROKER_SETTINGS,
        remedy: "Set `kafka.unclean_leader_election: false`.",
        check: stale_broker_may_lead,
    },
];

/// Whether the plan promises to lose nothing.
pub(super) fn promises_no_loss(spec: &Spec) -> bool {
    spec.success_metrics.lost_events == Some(0)
}

/// Each replication factor with its field.
fn factors(kafka: &Kafka) -> Vec<(String, u32)> {
    let mut factors = vec![
        (
            "kafka.default_replication_factor".to_owned(),
            kafka.default_replication_factor,
        ),
        (
            "kafka.offsets_topic_replication_factor".to_owned(),
            kafka.offsets_topic_replication_factor,
        ),
        (
            "kafka.transaction_state_replication_factor".to_owned(),
            kafka.transaction_state_replication_factor,
        ),
    ];
    for (name, topic) in &kafka.topics {
        let path = format!("{}.replication_factor", key("kafka.topics", name));
        factors.extend(topic.replication_factor.map(|factor| (path, factor)));
    }
    factors
}

/// Each pair of required and existing copies: field, required, field, existing.
fn quorums(kafka: &Kafka) -> Vec<(String, u32, String, u32)> {
    let default = (
        "kafka.default_replication_factor".to_owned(),
        kafka.default_replication_factor,
    );
    let mut quorums = vec![
        (
            "kafka.min_insync_replicas".to_owned(),
            kafka.min_insync_replicas,
            default.0.clone(),
            default.1,
        ),
        (
            "kafka.transaction_state_min_isr".to_owned(),
            kafka.transaction_state_min_isr,
            "kafka.transaction_state_replication_factor".to_owned(),
            kafka.transaction_state_replication_factor,
        ),
    ];
    for (name, topic) in &kafka.topics {
        let path = key("kafka.topics", name);
        if topic.min_insync_replicas.is_some() || topic.replication_factor.is_some() {
            let required = topic.min_insync_replicas.unwrap_or(kafka.min_insync_replicas);
            let existing = topic.replication_factor.unwrap_or(default.1);
            let named = |set: bool, field: &str, otherwise: &str| {
                if set {
                    format!("{path}.{field}")
                } else {
                    otherwise.to_owned()
                }
            };
            quorums.push((
                named(
                    topic.min_insync_replicas.is_some(),
                    "min_insync_replicas",
                    "kafka.min_insync_replicas",
                ),
                required,
                named(
                    topic.replication_factor.is_some(),
                    "replication_factor",
                    &default.0,
                ),
                existing,
            ));
        }
    }
    quorums
}

fn copies_exceed_brokers(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(kafka) = &spec.kafka else { return };
    for (path, factor) in factors(kafka) {
        if factor > kafka.brokers {
            found.add(
                &[&path, "kafka.brokers"],
                format!("{factor} copies on {} brokers", kafka.brokers),
                format!("set {path}: {}, or kafka.brokers: {factor}", kafka.brokers),
            );
        }
    }
}

fn insync_exceeds_copies(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(kafka) = &spec.kafka else { return };
    for (path, required, copies_path, copies) in quorums(kafka) {
        if required > copies {
            found.add(
                &[&path, &copies_path],
                format!("{required} of {copies} copies must have each write"),
                format!("set {path}: {}", copies.saturating_sub(1).max(1)),
            );
        }
    }
}

fn insync_equals_copies(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(kafka) = &spec.kafka else { return };
    for (path, required, copies_path, copies) in quorums(kafka) {
        if required == copies && copies > 1 {
            found.add(
                &[&path, &copies_path],
                format!("all {copies} copies must have each write"),
                format!("set {path}: {}", copies - 1),
            );
        }
    }
}

fn one_copy_acknowledges(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(kafka) = spec.kafka.as_ref().filter(|_| promises_no_loss(spec)) else {
        return;
    };
    for (path, required, ..) in quorums(kafka) {
        if required < 2 {
            found.add(
                &[&path, "success_metrics.lost_events"],
                "an acknowledged event may lie on one broker alone, and 0 lost events are promised",
                format!("set {path}: 2, with three copies"),
            );
        }
    }
}

fn stale_broker_may_lead(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(kafka) = spec.kafka.as_ref().filter(|_| promises_no_loss(spec)) else {
        return;
    };
    if kafka.unclean_leader_election {
        found.add(
            &["kafka.unclean_leader_election", "success_metrics.lost_events"],
            "a broker that missed acknowledged events may lead, and 0 lost events are promised",
            "set kafka.unclean_leader_election: false",
        );
    }
}
