//! The bundled ingestion service: HTTP → Kafka → buffer → shards.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::units::{Bytes, Duration, EventRate, Port, SecretReference};

/// Roles, topics, batches and limits of `vvbill-ingest`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Ingest {
    /// Image of the service: `bundled@sha256:…` in the plan's own repositories, or another one with its registry and
    /// digest. Unset: the pods have none to run. `vvbill service push --write` fills it in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "bundled@sha256:…")]
    pub image: Option<String>,
    /// Rate of events that the platform is laid out for. Default 1M/min.
    pub event_rate: EventRate,
    /// Average size of an event in Kafka, before compression. Default 1KiB.
    pub event_size: Bytes,
    /// Processes or pods that take HTTP. Default 2.
    #[schemars(range(min = 1, max = 1000))]
    pub api_replicas: u32,
    /// Processes or pods that move events from Kafka to the shards. Default 2.
    #[schemars(range(min = 1, max = 1000))]
    pub worker_replicas: u32,
    /// Port of the HTTP API. On the local target `local.ports` and `local.port_base` decide. Default 8000.
    pub port: Port,
    /// Port of the workers' metrics. On the local target `local.ports` and `local.port_base` decide. Default 8100.
    pub metrics_port: Port,
    /// Topic of accepted events. Default `billing-events`.
    pub topic: String,
    /// Topic of what can't be stored, with the reason. Default `billing-events-dead`.
    pub dead_letter_topic: String,
    /// Consumer group of the workers. Default `vvbill-ingest`.
    pub consumer_group: String,
    /// Most rows of a batch. Default 20000.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub batch_rows: u32,
    /// Longest time that a batch waits for rows. Default 25ms.
    pub flush_interval: Duration,
    /// How long the API gathers events for a partition before it sends them to Kafka: longer is fewer requests, and
    /// later answers. Default 20ms.
    pub produce_linger: Duration,
    /// Most bytes that one shard may keep pending in the buffer. Default 64MiB.
    pub pending_cap: Bytes,
    /// Most bytes that a worker keeps in flight. Default 256MiB.
    pub memory_cap: Bytes,
    /// Most bytes of one event. Default 64KiB.
    pub max_event: Bytes,
    /// Most bytes of one request. Default 4MiB.
    pub max_body: Bytes,
    /// API keys, hashed, one a line with the accounts they are for. Default `managed`.
    pub api_keys: SecretReference,
    /// Oldest `occurred_at` that is taken, counted back from when Kafka got the event. Default 34d.
    pub accept_past: Duration,
    /// Latest `occurred_at` that is taken, ahead of when Kafka got the event. Default 1h.
    pub accept_future: Duration,
    /// How long rows are kept in the shards. Default 400d.
    pub row_retention: Duration,
    /// How long totals stay in the buffer unread. Default 1h.
    pub total_ttl: Duration,
    /// Time to stop in after SIGTERM. Default 30s.
    pub stop_timeout: Duration,
    /// Silence after which Kafka takes a worker's partitions away. Default 6s.
    pub session_timeout: Duration,
}

impl Default for Ingest {
    fn default() -> Self {
        Self {
            image: None,
            event_rate: EventRate::from_per_minute(1_000_000),
            event_size: Bytes(1_024),
            api_replicas: 2,
            worker_replicas: 2,
            port: Port::known(8_000),
            metrics_port: Port::known(8_100),
            topic: "billing-events".to_owned(),
            dead_letter_topic: "billing-events-dead".to_owned(),
            consumer_group: "vvbill-ingest".to_owned(),
            batch_rows: 20_000,
            flush_interval: Duration::from_millis(25),
            produce_linger: Duration::from_millis(20),
            pending_cap: Bytes::from_mib(64),
            memory_cap: Bytes::from_mib(256),
            max_event: Bytes(64 << 10),
            max_body: Bytes::from_mib(4),
            api_keys: SecretReference::Managed,
            accept_past: Duration::from_secs(34 * 86_400),
            accept_future: Duration::from_secs(3_600),
            row_retention: Duration::from_secs(400 * 86_400),
            total_ttl: Duration::from_secs(3_600),
            stop_timeout: Duration::from_secs(30),
            session_timeout: Duration::from_secs(6),
        }
    }
}

/// What stands for the service that comes with vvbill where an image is named.
pub const BUNDLED: &str = "bundled";

impl Ingest {
    /// What a node pulls: the plan's image, with the region's own repository in the place of `bundled`. `None`
    /// while none was pushed, or while that repository is not known.
    pub fn image_in(&self, own_repository: Option<&str>) -> Option<String> {
        let image = self.image.as_deref()?;
        match image.strip_prefix(BUNDLED) {
            Some(digest) if digest.starts_with("@sha256:") => Some(format!("{}{digest}", own_repository?)),
            Some("") => None,
            _ => Some(image.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Ingest;

    /// Each region pulls from its own repository, and never a name without a digest.
    #[test]
    fn the_bundled_image_is_in_the_regions_own_repository() {
        let image = |image: &str, own: Option<&str>| {
            let ingest = Ingest {
                image: Some(image.into()),
                ..Ingest::default()
            };
            ingest.image_in(own)
        };
        let pinned = Some("r.example.com/a@sha256:00".to_owned());
        assert_eq!(image("bundled@sha256:00", Some("r.example.com/a")), pinned);
        assert_eq!(image("r.example.com/a@sha256:00", Some("elsewhere")), pinned);
        assert_eq!(image("bundled@sha256:00", None), None);
        assert_eq!(image("bundled", Some("r.example.com/a")), None);
        assert_eq!(Ingest::default().image_in(Some("r.example.com/a")), None);
    }
}
