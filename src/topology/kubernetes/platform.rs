//! Where everything is, for workloads: one ConfigMap that all of them have in their environment.

use serde::Serialize;

use super::network::service_host;
use super::{Error, Writer};
use crate::spec::{PoolerKind, Tier};

#[derive(Serialize)]
struct Values {
    entries: Vec<(String, String)>,
}

impl Writer<'_> {
    pub(super) fn platform(&mut self) -> Result<(), Error> {
        let mut entries = vec![
            ("PLATFORM_NAME".to_owned(), self.spec.metadata.name.to_string()),
            ("PLATFORM_REGION".to_owned(), self.place.region.to_owned()),
        ];
        entries.extend(self.log_entries());
        entries.extend(self.store_entries());
        entries.extend(self.shard_entries());
        self.write(
            "10-platform.yaml",
            "platform.yaml",
            ("eks", "eks"),
            &Values { entries },
        )
    }

    fn log_entries(&self) -> Vec<(String, String)> {
        let Some(bootstrap) = self.bootstrap() else {
            return Vec::new();
        };
        let mut entries = vec![("KAFKA_BOOTSTRAP_SERVERS".to_owned(), bootstrap)];
        if let Some(ingest) = &self.spec.ingest {
            entries.push(("KAFKA_EVENTS_TOPIC".to_owned(), ingest.topic.clone()));
        }
        entries
    }

    /// The buffer by its Sentinels, the cache by the endpoint that ElastiCache keeps right.
    fn store_entries(&self) -> Vec<(String, String)> {
        let mut entries = Vec::new();
        let buffer = self
            .spec
            .buffer
            .as_ref()
            .filter(|_| self.place.runs(Tier::Buffer));
        if let Some(buffer) = buffer {
            entries.push(("BUFFER_PORT".to_owned(), buffer.port.to_string()));
            match &buffer.sentinel {
                Some(sentinel) => {
                    let sentinels = super::buffer::sentinel_addresses(sentinel);
                    entries.push(("BUFFER_SENTINELS".to_owned(), sentinels));
                    entries.push(("BUFFER_MASTER_NAME".to_owned(), sentinel.master_name.clone()));
                }
                None => entries.push(("BUFFER_HOST".to_owned(), service_host("buffer"))),
            }
        }
        let cache = self.spec.cache.as_ref().filter(|_| self.place.runs(Tier::Cache));
        if let Some(cache) = cache {
            let endpoint = |output| self.place.output("cache_replication_group", "main", output);
            entries.push(("CACHE_HOST".to_owned(), endpoint("endpoint")));
            entries.push(("CACHE_PORT".to_owned(), cache.port.to_string()));
            entries.push(("CACHE_TLS".to_owned(), cache.transit_encryption.to_string()));
        }
        entries
    }

    /// Each shard's writer, through its proxy where there is one, and its readers.
    fn shard_entries(&self) -> Vec<(String, String)> {
        let aurora = self
            .spec
            .aurora
            .as_ref()
            .filter(|_| self.place.runs(Tier::Database));
        let Some(aurora) = aurora else {
            return Vec::new();
        };
        let pooled = aurora
            .pooler
            .is_some_and(|pooler| pooler.kind == PoolerKind::RdsProxy);
        let writer = if pooled { "db_proxy" } else { "db_cluster" };
        let mut entries = vec![
            ("DATABASE_NAME".to_owned(), aurora.database_name.clone()),
            ("DATABASE_PORT".to_owned(), aurora.port.to_string()),
            ("SHARDS".to_owned(), aurora.shards.to_string()),
        ];
        for number in 0..aurora.shards {
            let shard = format!("shard-{number}");
            entries.push((
                format!("SHARD_{number}_HOST"),
                self.place.output(writer, &shard, "endpoint"),
            ));
            entries.push((
                format!("SHARD_{number}_READER_HOST"),
                self.place.output("db_cluster", &shard, "reader_endpoint"),
            ));
        }
        entries
    }
}
