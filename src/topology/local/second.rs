//! The second region, as a second set of processes: one of each server that a region can't do without.
//!
//! Kafka's log is copied by a mirror, each shard by streaming replication, both asynchronously: what the second
//! region lacks never holds up the first. The service's processes wait for a failover.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::ingest::service_settings;
use super::kafka::topic_settings;
use super::{Error, Group, Layout, address, address_in, buffer, kind, names, outputs_in, outputs_of, shards};
use crate::provider::local::{
    Backends, Common, DataFolder, IngestProcess, KafkaBroker, KafkaCluster, KafkaMirror, KafkaTopic, Place,
    PostgresDatabase, PostgresServer, RedisSentinel, RedisServer, Runs,
};
use crate::resource::{Address, Ref};
use crate::spec::{Aurora, Buffer, Ingest, Kafka, SecondaryRegion, SecretReference, Spec};

const ORIGIN: &str = "regions.secondary";
const BROKER: &str = "kafka-1";
const REDIS: &str = "redis-1";
const SENTINEL: &str = "sentinel-1";
const MIRROR: &str = "mirror";
/// MirrorMaker took 110 MiB with ten partitions, measured.
const MIRROR_HEAP_MIB: u64 = 192;

/// The plan's second region.
pub(super) fn of(spec: &Spec) -> Option<&SecondaryRegion> {
    spec.regions.as_ref()?.secondary.as_ref()
}

/// The name that a part of the second region has beside those of the first: `kafka-1-south`.
fn local_name(name: &str, region: &str) -> String {
    format!("{name}-{region}")
}

impl Layout<'_> {
    /// Everything of the second region, where the plan has one.
    pub(super) fn second(&mut self) -> Result<(), Error> {
        let Some(region) = of(self.spec) else {
            return Ok(());
        };
        let parts = (
            &self.spec.kafka,
            &self.spec.buffer,
            &self.spec.aurora,
            &self.spec.ingest,
        );
        let (Some(kafka), Some(buffer), Some(aurora), Some(ingest)) = parts else {
            return Err(Error::Unusable {
                field: ORIGIN.into(),
                why: "a second region on this machine takes over the whole platform, and the plan lacks a part of it"
                    .into(),
                fix: "describe `kafka`, `buffer`, `aurora` and `ingest`, or leave the second region out".into(),
            });
        };
        self.second_kafka(region, kafka, ingest)?;
        self.second_buffer(region, buffer)?;
        self.second_shards(region, aurora)?;
        self.second_ingest(region, (buffer, aurora, ingest))
    }

    /// What the first region's servers have in common on a platform of two: they run while it is the active one.
    pub(super) fn first_place(&self) -> Option<Place> {
        let regions = self.spec.regions.as_ref()?;
        regions.secondary.as_ref()?;
        Some(Place {
            region: regions.primary.clone(),
            is_first: true,
            runs: Runs::WhileActive,
        })
    }

    fn common_of_second(
        &self,
        region: &SecondaryRegion,
        name: &str,
        programs: &[&str],
        runs: Option<Runs>,
    ) -> Common {
        let mut common = self.common(&local_name(name, &region.name), programs);
        common.place = runs.map(|runs| Place {
            region: region.name.clone(),
            is_first: false,
            runs,
        });
        common
    }

    fn add_second<R: serde::Serialize>(
        &mut self,
        region: &SecondaryRegion,
        kind: &str,
        name: &str,
        resource: &R,
        section: &str,
    ) -> Address {
        let address = address_in(&region.name, kind, name);
        let desired = crate::topology::erase(address.clone(), resource, section, ORIGIN);
        self.desired.push(desired);
        address
    }

    fn second_data(&mut self, region: &SecondaryRegion, name: &str, section: &str) -> Ref<PathBuf> {
        let folder = DataFolder {
            name: local_name(name, &region.name),
            folder: self.folder(),
        };
        let address = self.add_second(region, kind::DATA_FOLDER, name, &folder, section);
        self.protect(&address);
        Ref::output(&address, "path")
    }

    fn second_port(
        &self,
        region: &SecondaryRegion,
        name: &str,
        group: Group,
        index: u32,
    ) -> Result<u16, Error> {
        self.port_from(
            &local_name(name, &region.name),
            Group::SECOND_REGION,
            group,
            index,
        )
    }

    fn second_kafka(
        &mut self,
        region: &SecondaryRegion,
        kafka: &Kafka,
        ingest: &Ingest,
    ) -> Result<(), Error> {
        let cluster = KafkaCluster {
            name: local_name("main", &region.name),
            folder: self.folder(),
        };
        let cluster = self.add_second(region, kind::KAFKA_CLUSTER, "main", &cluster, "kafka");
        self.protect(&cluster);
        let alone = Kafka {
            brokers: 1,
            default_replication_factor: 1,
            min_insync_replicas: 1,
            offsets_topic_replication_factor: 1,
            transaction_state_replication_factor: 1,
            transaction_state_min_isr: 1,
            ..kafka.clone()
        };
        let controller = self.second_port(region, "kafka-controller-1", Group::Controllers, 0)?;
        let libraries = Ref::output(&address(kind::KAFKA_DISTRIBUTION, "kafka"), "libraries");
        let cluster_id = Ref::output(&cluster, "cluster_id");
        let broker = KafkaBroker {
            common: self.common_of_second(region, BROKER, &["java"], None),
            node_id: 1,
            port: self.second_port(region, BROKER, Group::Kafka, 0)?,
            voters: BTreeMap::from([(1, controller)]),
            cluster_id: cluster_id.clone(),
            data: self.second_data(region, BROKER, "kafka"),
            libraries: libraries.clone(),
            heap_mib: kafka.heap.max.as_mib(),
            initial_heap_mib: kafka.heap.initial.as_mib(),
            jmx_port: None,
            settings: self.broker_settings(&alone),
        };
        self.add_second(region, kind::KAFKA_BROKER, BROKER, &broker, "kafka");
        let brokers = outputs_in(&region.name, kind::KAFKA_BROKER, &[BROKER.to_owned()], "endpoint");
        let mut topics = BTreeSet::from([&ingest.topic, &ingest.dead_letter_topic]);
        topics.extend(kafka.topics.keys());
        for name in topics {
            let mut own = kafka.topics.get(name).cloned().unwrap_or_default();
            own.min_insync_replicas = Some(1);
            let made = KafkaTopic {
                name: name.clone(),
                region: Some(region.name.clone()),
                folder: self.folder(),
                brokers: brokers.clone(),
                cluster_id: cluster_id.clone(),
                partitions: own.partitions.unwrap_or(kafka.partitions),
                replication_factor: 1,
                settings: topic_settings(&alone, &own, *name == ingest.topic),
            };
            self.add_second(region, kind::KAFKA_TOPIC, name, &made, "kafka");
        }
        let mirror = KafkaMirror {
            common: self.common_of_second(region, MIRROR, &["java"], Some(Runs::WhileStandingBy)),
            source: self
                .spec
                .regions
                .as_ref()
                .map_or_else(String::new, |it| it.primary.clone()),
            source_brokers: outputs_of(kind::KAFKA_BROKER, &names("kafka", kafka.brokers, 1), "endpoint"),
            target: region.name.clone(),
            target_brokers: brokers,
            topics: vec![Ref::output(&address(kind::KAFKA_TOPIC, &ingest.topic), "name")],
            tasks: 1,
            libraries,
            heap_mib: MIRROR_HEAP_MIB,
        };
        let mirror = self.add_second(region, kind::KAFKA_MIRROR, MIRROR, &mirror, "kafka");
        self.depend(
            &mirror,
            [address_in(&region.name, kind::KAFKA_TOPIC, &ingest.topic)],
        );
        Ok(())
    }

    fn second_buffer(&mut self, region: &SecondaryRegion, buffer: &Buffer) -> Result<(), Error> {
        let section = "buffer";
        let secret = |name: &str| Ref::output(&address(kind::SECRET_FILE, name), "path");
        let password_file = buffer.auth.as_ref().map(|_| secret("buffer"));
        let port = self.second_port(region, REDIS, Group::Redis, 0)?;
        let sentinel_port = self.second_port(region, SENTINEL, Group::Sentinels, 0)?;
        let sentinel = buffer.sentinel.as_ref();
        let server = RedisServer {
            common: self.common_of_second(region, REDIS, &["redis-server"], None),
            port,
            data: self.second_data(region, REDIS, section),
            password_file: password_file.clone(),
            first_master_port: None,
            group_ports: BTreeSet::from([port]),
            sentinel_ports: sentinel.map(|_| sentinel_port).into_iter().collect(),
            master_name: sentinel
                .map_or("mymaster", |sentinel| &sentinel.master_name)
                .into(),
            settings: buffer::settings(buffer),
            snapshots: buffer::snapshots(buffer),
        };
        let server = self.add_second(region, kind::REDIS_SERVER, REDIS, &server, section);
        let Some(sentinel) = sentinel else {
            return Ok(());
        };
        let own = sentinel.auth.as_ref().map(|_| secret("sentinel"));
        let resource = RedisSentinel {
            common: self.common_of_second(region, SENTINEL, &["redis-sentinel"], None),
            port: sentinel_port,
            data: self.second_data(region, SENTINEL, section),
            password_file: own.or(password_file),
            master_name: sentinel.master_name.clone(),
            master_port: Ref::output(&server, "port"),
            group_ports: BTreeSet::from([port]),
            sentinels: 1,
            quorum: 1,
            down_after_ms: sentinel.down_after.as_millis(),
            failover_timeout_ms: sentinel.failover_timeout.as_millis(),
            parallel_syncs: sentinel.parallel_syncs,
        };
        let added = self.add_second(region, kind::REDIS_SENTINEL, SENTINEL, &resource, section);
        self.depend(&added, [server]);
        Ok(())
    }

    fn second_shards(&mut self, region: &SecondaryRegion, aurora: &Aurora) -> Result<(), Error> {
        let section = "aurora";
        let secret = |name: &str| Ref::output(&address(kind::SECRET_FILE, name), "path");
        let settings = shards::settings(self.spec, aurora)?;
        for (index, name) in (0..).zip(names("shard", aurora.shards, 0)) {
            let first = address(kind::POSTGRES_SERVER, &name);
            let server = PostgresServer {
                common: self.common_of_second(region, &name, &["postgres"], None),
                port: self.second_port(region, &name, Group::Shards, index)?,
                version: aurora.engine_version.split('.').next().unwrap_or_default().into(),
                data: self.second_data(region, &name, section),
                password_file: secret("postgres"),
                settings: settings.clone(),
                copy_of: Some(Ref::output(&first, "port")),
            };
            let server = self.add_second(region, kind::POSTGRES_SERVER, &name, &server, section);
            let database = PostgresDatabase {
                name: local_name(&name, &region.name),
                folder: self.folder(),
                host: self.host(),
                port: Ref::output(&server, "port"),
                other_ports: BTreeMap::new(),
                superuser_password_file: secret("postgres"),
                database: aurora.database_name.clone(),
                owner: aurora.master_username.clone(),
                password_file: secret("shards"),
            };
            let database = self.add_second(region, kind::POSTGRES_DATABASE, &name, &database, section);
            // It comes with the copy.
            self.depend(&database, [address(kind::POSTGRES_DATABASE, &name)]);
        }
        Ok(())
    }

    fn second_ingest(
        &mut self,
        region: &SecondaryRegion,
        (buffer, aurora, ingest): (&Buffer, &Aurora, &Ingest),
    ) -> Result<(), Error> {
        let of = |kind: &str, names: &[String], output: &str| outputs_in(&region.name, kind, names, output);
        let one = |name: &str| vec![name.to_owned()];
        let topic = |name: &String| Ref::output(&address_in(&region.name, kind::KAFKA_TOPIC, name), "name");
        let sentinels = buffer.sentinel.as_ref().map_or_else(Vec::new, |_| one(SENTINEL));
        let backends = Backends {
            brokers: of(kind::KAFKA_BROKER, &one(BROKER), "endpoint"),
            topic: topic(&ingest.topic),
            dead_letter_topic: topic(&ingest.dead_letter_topic),
            group: ingest.consumer_group.clone(),
            shards: of(
                kind::POSTGRES_DATABASE,
                &names("shard", aurora.shards, 0),
                "connection",
            ),
            redis: of(kind::REDIS_SERVER, &one(REDIS), "endpoint"),
            sentinels: of(kind::REDIS_SENTINEL, &sentinels, "endpoint"),
            master_name: buffer
                .sentinel
                .as_ref()
                .map_or("mymaster", |it| &it.master_name)
                .into(),
            redis_password: buffer
                .auth
                .as_ref()
                .map(|_| Ref::output(&address(kind::SECRET_FILE, "buffer"), "reference")),
        };
        let keys = match &ingest.api_keys {
            SecretReference::File(path) => Ref::Known(path.into()),
            _ => Ref::output(&address(kind::API_KEY, "platform"), "key_file"),
        };
        for (role, group) in [("api", Group::Apis), ("worker", Group::Workers)] {
            let name = format!("ingest-{role}-1");
            let process = IngestProcess {
                common: self.common_of_second(region, &name, &["vvbill-ingest"], Some(Runs::WhileActive)),
                roles: vec![role.into()],
                port: self.second_port(region, &name, group, 0)?,
                backends: backends.clone(),
                api_keys: Some(keys.clone()),
                settings: service_settings(ingest),
            };
            let process = self.add_second(region, kind::INGEST_PROCESS, &name, &process, "ingest");
            // The schema comes with the copy.
            self.depend(&process, [address(kind::INGEST_MIGRATION, "schema")]);
        }
        Ok(())
    }
}
