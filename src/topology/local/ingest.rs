//! The bundled service: its schema, its key, its processes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::{Error, Group, Layout, address, kind, names, outputs_of};
use crate::provider::local::{ApiKey, Backends, IngestMigration, IngestProcess};
use crate::resource::{Address, Ref};
use crate::spec::{Ingest, SecretReference};

const SECTION: &str = "ingest";
const PROGRAM: &str = "vvbill-ingest";

impl Layout<'_> {
    pub(super) fn ingest(&mut self) -> Result<(), Error> {
        let Some(ingest) = &self.spec.ingest else {
            return Ok(());
        };
        let backends = self.backends(ingest)?;
        let topics: BTreeSet<Address> = [&ingest.topic, &ingest.dead_letter_topic]
            .map(|topic| address(kind::KAFKA_TOPIC, topic))
            .into();
        let migration = IngestMigration {
            folder: self.folder(),
            version: env!("CARGO_PKG_VERSION").into(),
            backends: backends.clone(),
            program: self.programs(&[PROGRAM]).remove(PROGRAM),
        };
        let migration = self.add(kind::INGEST_MIGRATION, "schema", &migration, SECTION, "ingest");
        self.depend(&migration, topics.iter().cloned());
        let keys = self.keys(ingest)?;
        let settings = service_settings(ingest);
        for (role, count, group) in [
            ("api", ingest.api_replicas, Group::Apis),
            ("worker", ingest.worker_replicas, Group::Workers),
        ] {
            for (index, name) in (0..).zip(names(&format!("ingest-{role}"), count, 1)) {
                let process = IngestProcess {
                    common: self.common(&name, &[PROGRAM]),
                    roles: vec![role.into()],
                    port: self.port(&name, group, index)?,
                    backends: backends.clone(),
                    api_keys: Some(keys.clone()),
                    settings: settings.clone(),
                };
                let origin = format!("ingest.{role}_replicas");
                let process = self.add(kind::INGEST_PROCESS, &name, &process, SECTION, &origin);
                self.depend(&process, [migration.clone()]);
            }
        }
        Ok(())
    }

    fn backends(&self, ingest: &Ingest) -> Result<Backends, Error> {
        let missing = |needs| Error::Missing {
            section: SECTION,
            needs,
        };
        let kafka = self.spec.kafka.as_ref().ok_or(missing("kafka"))?;
        let buffer = self.spec.buffer.as_ref().ok_or(missing("buffer"))?;
        let aurora = self.spec.aurora.as_ref().ok_or(missing("aurora"))?;
        let sentinel = buffer.sentinel.as_ref();
        let sentinels = names("sentinel", sentinel.map_or(0, |sentinel| sentinel.count), 1);
        let topic = |name: &String| Ref::output(&address(kind::KAFKA_TOPIC, name), "name");
        let password = buffer
            .auth
            .is_some()
            .then(|| address(kind::SECRET_FILE, "buffer"));
        Ok(Backends {
            brokers: outputs_of(kind::KAFKA_BROKER, &names("kafka", kafka.brokers, 1), "endpoint"),
            topic: topic(&ingest.topic),
            dead_letter_topic: topic(&ingest.dead_letter_topic),
            group: ingest.consumer_group.clone(),
            shards: outputs_of(
                kind::POSTGRES_DATABASE,
                &names("shard", aurora.shards, 0),
                "connection",
            ),
            redis: outputs_of(
                kind::REDIS_SERVER,
                &names("redis", buffer.replicas + 1, 1),
                "endpoint",
            ),
            sentinels: outputs_of(kind::REDIS_SENTINEL, &sentinels, "endpoint"),
            master_name: sentinel
                .map_or("mymaster", |sentinel| &sentinel.master_name)
                .into(),
            redis_password: password.map(|secret| Ref::output(&secret, "reference")),
        })
    }

    /// The file of keys: the plan's own, or one with a key that vvbill makes.
    fn keys(&mut self, ingest: &Ingest) -> Result<Ref<PathBuf>, Error> {
        match &ingest.api_keys {
            SecretReference::File(path) => Ok(Ref::Known(path.into())),
            SecretReference::Managed => {
                let key = ApiKey {
                    name: "platform".into(),
                    folder: self.folder(),
                    accounts: "*".into(),
                    roles: vec!["write".into(), "read".into()],
                };
                let address = self.add(kind::API_KEY, "platform", &key, SECTION, "ingest.api_keys");
                self.protect(&address);
                Ok(Ref::output(&address, "key_file"))
            }
            _ => Err(Error::Unusable {
                field: "ingest.api_keys".into(),
                why: "the service reads its keys from a file".into(),
                fix: "write `managed`, or `file:PATH` of a file of hashed keys".into(),
            }),
        }
    }
}

/// Batches, caps and times, as the service's environment.
pub(in crate::topology) fn service_settings(ingest: &Ingest) -> BTreeMap<String, String> {
    let settings = [
        ("BATCH_ROWS", ingest.batch_rows.to_string()),
        ("FLUSH_INTERVAL_MS", ingest.flush_interval.as_millis().to_string()),
        ("PRODUCE_LINGER_MS", ingest.produce_linger.as_millis().to_string()),
        ("PENDING_CAP_BYTES", ingest.pending_cap.as_bytes().to_string()),
        ("IN_FLIGHT_BYTES", ingest.memory_cap.as_bytes().to_string()),
        ("MAX_BODY_BYTES", ingest.max_body.as_bytes().to_string()),
        (
            "OCCURRED_BEFORE_SECONDS",
            ingest.accept_past.as_secs().to_string(),
        ),
        (
            "OCCURRED_AFTER_SECONDS",
            ingest.accept_future.as_secs().to_string(),
        ),
        ("TOTALS_TTL_SECONDS", ingest.total_ttl.as_secs().to_string()),
        ("STOP_TIMEOUT_SECONDS", ingest.stop_timeout.as_secs().to_string()),
        (
            "SESSION_TIMEOUT_MS",
            ingest.session_timeout.as_millis().to_string(),
        ),
    ];
    settings
        .into_iter()
        .map(|(name, value)| (format!("VVBILL_INGEST_{name}"), value))
        .collect()
}
