//! The bundled service: its migration, API and workers.

use std::collections::BTreeMap;

use serde::Serialize;

use super::buffer::{first_server, sentinel_addresses};
use super::network::{Policy, from, from_monitoring, from_network, policy, to, to_network};
use super::pieces::quantity;
use super::{Error, Writer};
use crate::spec::{Bytes, Ingest, Tier};

/// The service's user in its image.
const USER: u32 = 65_532;

/// Time in which load balancers stop sending to a pod that is about to end.
const DRAIN_SECONDS: u64 = 10;

/// What a worker takes besides the batches in flight: what it fetches ahead, a second time while it is packed.
const WORKER_MIB: u64 = 512;

/// Requests that the API holds until Kafka has them, and what it runs on.
const API_MEMORY: Bytes = Bytes::from_mib(512);

/// The target group of the service, as the load balancer's part names it.
const TARGET_GROUP: &str = "ingest";

#[derive(Serialize)]
struct Values {
    comments: BTreeMap<&'static str, Vec<String>>,
    user: u32,
    image: String,
    version: &'static str,
    job: String,
    migrates: bool,
    settings: Vec<(String, String)>,
    stands_by: bool,
    roles: Vec<Role>,
    buffer_auth: bool,
    grace: u64,
    drain: u64,
    target_group: Option<String>,
    policies: Vec<Policy>,
}

#[derive(Serialize)]
struct Role {
    name: &'static str,
    replicas: u32,
    /// Once the region takes writes.
    replicas_in_use: u32,
    port: u16,
    cpu: &'static str,
    cpu_limit: &'static str,
    memory: String,
    /// Whether others than Prometheus come in.
    serves: bool,
}

impl Writer<'_> {
    pub(super) fn ingest(&mut self) -> Result<(), Error> {
        let Some(ingest) = self
            .spec
            .ingest
            .as_ref()
            .filter(|_| self.place.runs(Tier::Ingest))
        else {
            return Ok(());
        };
        let stands_by = self.place.stands_by();
        let version = env!("CARGO_PKG_VERSION");
        let values = Values {
            comments: self.said(&[
                ("ingest", &["ingest", "api_replicas"]),
                ("ingest", &["ingest", "worker_replicas"]),
                ("settings", &["ingest", "session_timeout"]),
                ("settings", &["ingest", "memory_cap"]),
                ("settings", &["ingest", "pending_cap"]),
                ("settings", &["ingest", "accept_past"]),
                ("keys", &["ingest", "api_keys"]),
            ]),
            user: USER,
            image: self.bundled_image(),
            version,
            job: format!("ingest-migrate-{}", version.replace(['.', '+'], "-")),
            migrates: self.place.primary,
            settings: self.service_settings(ingest),
            stands_by,
            roles: vec![
                Role {
                    name: "api",
                    replicas: if stands_by { 0 } else { ingest.api_replicas },
                    replicas_in_use: ingest.api_replicas,
                    port: ingest.port.get(),
                    cpu: "250m",
                    cpu_limit: "2",
                    memory: quantity(API_MEMORY),
                    serves: true,
                },
                Role {
                    name: "worker",
                    replicas: if stands_by { 0 } else { ingest.worker_replicas },
                    replicas_in_use: ingest.worker_replicas,
                    port: ingest.metrics_port.get(),
                    cpu: "400m",
                    cpu_limit: "2",
                    memory: quantity(Bytes::from_mib(ingest.memory_cap.as_mib() + WORKER_MIB)),
                    serves: false,
                },
            ],
            buffer_auth: self
                .spec
                .buffer
                .as_ref()
                .is_some_and(|buffer| buffer.auth.is_some()),
            grace: ingest.stop_timeout.as_secs() + DRAIN_SECONDS + 5,
            drain: DRAIN_SECONDS,
            target_group: self.service_target_group(),
            policies: self.service_policies(ingest),
        };
        self.write("40-ingest.yaml", "ingest.yaml", ("ingest", "ingest"), &values)
    }

    /// The image that comes with vvbill: the one that was pushed last, or, before one was, this version's in the
    /// region's own repository.
    pub(super) fn bundled_image(&self) -> String {
        let repository = self.place.output("ecr_repository", "ingest", "uri");
        let pushed = self.spec.ingest.as_ref();
        let pushed = pushed.and_then(|ingest| ingest.image_in(Some(&repository)));
        pushed.unwrap_or_else(|| format!("{repository}:{}", env!("CARGO_PKG_VERSION")))
    }

    fn service_target_group(&self) -> Option<String> {
        let balancer = self.spec.load_balancer.as_ref()?;
        let own = !balancer.target_groups.contains_key(TARGET_GROUP) && self.place.runs(Tier::Edge);
        own.then(|| self.place.output("target_group", TARGET_GROUP, "arn"))
    }

    /// The service's variables.
    fn service_settings(&self, ingest: &Ingest) -> Vec<(String, String)> {
        let mut settings = vec![
            ("LOG_JSON", "true".to_owned()),
            ("KAFKA_BROKERS", self.bootstrap().unwrap_or_default()),
            ("TOPIC", ingest.topic.clone()),
            ("DEAD_LETTER_TOPIC", ingest.dead_letter_topic.clone()),
            ("GROUP", ingest.consumer_group.clone()),
            ("API_KEYS", "/etc/vvbill/keys/api-keys.jsonl".to_owned()),
        ];
        if let Some(aurora) = &self.spec.aurora {
            let files: Vec<String> = (0..aurora.shards)
                .map(|number| format!("file:/etc/vvbill/shards/shard-{number}"))
                .collect();
            settings.push(("SHARDS", files.join(";")));
        }
        if let Some(buffer) = &self.spec.buffer {
            match &buffer.sentinel {
                Some(sentinel) => settings.extend([
                    ("REDIS_MODE", "sentinel".to_owned()),
                    ("REDIS", sentinel_addresses(sentinel)),
                    ("REDIS_MASTER_NAME", sentinel.master_name.clone()),
                ]),
                None => settings.extend([
                    ("REDIS_MODE", "primary-endpoint".to_owned()),
                    ("REDIS", first_server(buffer)),
                ]),
            }
            if buffer.auth.is_some() {
                settings.push(("REDIS_PASSWORD", "file:/etc/vvbill/buffer/password".to_owned()));
            }
        }
        settings
            .into_iter()
            .map(|(name, value)| (format!("VVBILL_INGEST_{name}"), value))
            .chain(crate::topology::service_settings(ingest))
            .collect()
    }

    fn service_policies(&self, ingest: &Ingest) -> Vec<Policy> {
        let mut out = Vec::new();
        if let Some(port) = self
            .bootstrap()
            .and_then(|at| at.rsplit(':').next()?.parse().ok())
        {
            out.push(to(&["kafka"], &[port]));
        }
        if let (Some(cidr), Some(aurora)) = (self.place.cidr(), &self.spec.aurora) {
            out.push(to_network(&cidr, &[aurora.port.get()]));
        }
        let migrate = policy("ingest-migrate", Vec::new(), out.clone());
        out.extend(self.to_buffer());
        let (port, metrics) = (ingest.port.get(), ingest.metrics_port.get());
        let mut into = vec![from_monitoring(&[port])];
        into.extend(self.place.cidr().map(|cidr| from_network(&cidr, &[port])));
        let neighbours: Vec<String> = match self.place.runs(Tier::Api) {
            true => self
                .spec
                .workloads
                .keys()
                .map(|name| super::pieces::object_name(name))
                .collect(),
            false => Vec::new(),
        };
        if !neighbours.is_empty() {
            let names: Vec<&str> = neighbours.iter().map(String::as_str).collect();
            into.push(from(&names, &[port]));
        }
        vec![
            migrate,
            policy("ingest-api", into, out.clone()),
            policy("ingest-worker", vec![from_monitoring(&[metrics])], out),
        ]
    }

    /// To the buffer's servers and Sentinels, where they run here.
    pub(super) fn to_buffer(&self) -> Vec<serde_json::Value> {
        let Some(buffer) = self
            .spec
            .buffer
            .as_ref()
            .filter(|_| self.place.runs(Tier::Buffer))
        else {
            return Vec::new();
        };
        let servers = to(&["buffer"], &[buffer.port.get()]);
        let sentinels = buffer.sentinel.as_ref();
        let sentinels = sentinels.map(|sentinel| to(&["buffer-sentinel"], &[sentinel.port.get()]));
        std::iter::once(servers).chain(sentinels).collect()
    }
}
