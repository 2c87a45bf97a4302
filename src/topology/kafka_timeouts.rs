//! How soon Kafka misses a broker and a controller, from how soon the plan promises to take records again.
//!
//! Pure. The worst case is a broker that is the leading controller, too: the controllers that are left first have to
//! miss it and elect another, and that one grants every broker a whole session before it moves what the lost one led.
//! Source: Apache Kafka's documentation, "Broker Configs", of the settings' names.

use crate::spec::Spec;

/// Where the plan promises nothing, Kafka's own values come out, but for the heartbeat: that is a sixth of a session.
const UNPROMISED_MS: u64 = 22_500;

/// The settings' names and values, in milliseconds.
pub(super) fn kafka_timeouts(spec: &Spec) -> [(&'static str, u64); 4] {
    let promised = &spec.success_metrics.recovery_time;
    // Events are taken into Kafka: what is promised of them is promised of it.
    let promised = promised.kafka.or(promised.ingest).or(promised.overall);
    let recovery_ms = promised.map(|time| time.as_millis()).unwrap_or(UNPROMISED_MS);
    let session_ms = (recovery_ms * 2 / 5).clamp(2_000, 9_000);
    [
        ("broker.session.timeout.ms", session_ms),
        ("broker.heartbeat.interval.ms", session_ms / 6),
        (
            "controller.quorum.fetch.timeout.ms",
            (recovery_ms / 5).clamp(1_000, 2_000),
        ),
        (
            "controller.quorum.election.timeout.ms",
            (recovery_ms / 10).clamp(500, 1_000),
        ),
    ]
}
