//! The plan on this machine, one file a subsystem.

mod buffer;
mod ingest;
mod kafka;
mod members;
mod monitoring;
mod second;
mod shards;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

pub(super) use ingest::service_settings;
use serde::Serialize;

use super::{Error, erase};
use crate::endpoints::{Endpoints, Redis, Shard};
use crate::provider::local::{Common, DataFolder, NAME, PlatformFolder, SecretFile};
use crate::resource::{Address, Desired, Ref};
use crate::spec::{SecretReference, Spec};
use crate::state::State;

pub(super) fn desired(spec: &Spec) -> Result<Vec<Desired>, Error> {
    let mut layout = Layout::new(spec);
    layout.platform();
    layout.kafka()?;
    layout.buffer()?;
    layout.shards()?;
    layout.ingest()?;
    layout.second()?;
    layout.monitoring()?;
    Ok(layout.desired)
}

/// What has been laid out so far.
struct Layout<'a> {
    spec: &'a Spec,
    desired: Vec<Desired>,
}

/// The kinds' names, once.
mod kind {
    pub(super) const PLATFORM_FOLDER: &str = "platform_folder";
    pub(super) const DATA_FOLDER: &str = "data_folder";
    pub(super) const SECRET_FILE: &str = "secret_file";
    pub(super) const API_KEY: &str = "api_key";
    pub(super) const KAFKA_DISTRIBUTION: &str = "kafka_distribution";
    pub(super) const KAFKA_CLUSTER: &str = "kafka_cluster";
    pub(super) const KAFKA_BROKER: &str = "kafka_broker";
    pub(super) const KAFKA_MIRROR: &str = "kafka_mirror";
    pub(super) const KAFKA_TOPIC: &str = "kafka_topic";
    pub(super) const REDIS_SERVER: &str = "redis_server";
    pub(super) const REDIS_SENTINEL: &str = "redis_sentinel";
    pub(super) const POSTGRES_SERVER: &str = "postgres_server";
    pub(super) const ETCD_MEMBER: &str = "etcd_member";
    pub(super) const PATRONI_DISTRIBUTION: &str = "patroni_distribution";
    pub(super) const PATRONI_CLUSTER: &str = "patroni_cluster";
    pub(super) const PATRONI_MEMBER: &str = "patroni_member";
    pub(super) const POSTGRES_DATABASE: &str = "postgres_database";
    pub(super) const INGEST_MIGRATION: &str = "ingest_migration";
    pub(super) const INGEST_PROCESS: &str = "ingest_process";
    pub(super) const PROMETHEUS_SERVER: &str = "prometheus_server";
}

/// What a plan of one region has, and the first of two.
const FIRST: &str = "global";

fn address(kind: &str, name: &str) -> Address {
    address_in(FIRST, kind, name)
}

fn address_in(region: &str, kind: &str, name: &str) -> Address {
    Address::new(NAME, region, kind, name)
}

impl<'a> Layout<'a> {
    fn new(spec: &'a Spec) -> Self {
        Self {
            spec,
            desired: Vec::new(),
        }
    }

    /// The folder that everything lies in.
    fn platform(&mut self) {
        let local = &self.spec.local;
        let default = || format!(".vvbill/local/{}", self.spec.metadata.name.as_str());
        let folder = PlatformFolder {
            path: local.folder.clone().unwrap_or_else(default).into(),
            run_as: Some(local.run_as.clone()),
        };
        let address = self.add(kind::PLATFORM_FOLDER, "main", &folder, "local", "local.folder");
        self.protect(&address);
    }

    fn add<R: Serialize>(
        &mut self,
        kind: &str,
        name: &str,
        resource: &R,
        section: &str,
        origin: &str,
    ) -> Address {
        let address = address(kind, name);
        self.desired
            .push(erase(address.clone(), resource, section, origin));
        address
    }

    fn find(&mut self, address: &Address) -> &mut Desired {
        self.desired
            .iter_mut()
            .find(|desired| desired.address == *address)
            .expect("only what was added is asked for")
    }

    fn protect(&mut self, address: &Address) {
        self.find(address).protect = true;
    }

    fn depend(&mut self, address: &Address, on: impl IntoIterator<Item = Address>) {
        self.find(address).depends_on.extend(on);
    }

    /// The platform's folder, known once it stands.
    fn folder(&self) -> Ref<PathBuf> {
        Ref::output(&address(kind::PLATFORM_FOLDER, "main"), "path")
    }

    fn host(&self) -> IpAddr {
        self.spec.local.bind.get()
    }

    /// What the server `name` has in common with all; `programs` are those that it starts.
    fn common(&self, name: &str, programs: &[&str]) -> Common {
        let mut common = Common::new(name, self.folder(), self.host());
        common.programs = self.programs(programs);
        common.place = self.first_place();
        common
    }

    /// The plan's own paths of `programs`.
    fn programs(&self, programs: &[&str]) -> BTreeMap<String, PathBuf> {
        let own = &self.spec.local.programs;
        own.iter()
            .filter(|(name, _)| programs.contains(&name.as_str()))
            .map(|(name, path)| (name.clone(), path.into()))
            .collect()
    }

    /// Adds the data folder of the server `name`; the path it will have.
    fn data(&mut self, name: &str, section: &str, origin: &str) -> Ref<PathBuf> {
        let folder = DataFolder {
            name: name.into(),
            folder: self.folder(),
        };
        let address = self.add(kind::DATA_FOLDER, name, &folder, section, origin);
        self.protect(&address);
        Ref::output(&address, "path")
    }

    /// Adds the secret that `field` refers to; the address of its file.
    fn secret(
        &mut self,
        name: &str,
        from: &SecretReference,
        section: &str,
        field: &str,
    ) -> Result<Address, Error> {
        let unusable = |why: &str| Error::Unusable {
            field: field.into(),
            why: why.into(),
            fix: "write `managed`, `env:NAME` or `file:PATH`".into(),
        };
        let source = match from {
            SecretReference::Managed => None,
            SecretReference::Environment(variable) => Some(format!("env:{variable}")),
            SecretReference::File(path) => Some(format!("file:{path}")),
            SecretReference::SecretsManager(_) => {
                return Err(unusable("this machine has no AWS Secrets Manager"));
            }
            SecretReference::Literal(_) => return Err(unusable("a secret does not stand in a plan")),
        };
        let secret = SecretFile {
            name: name.into(),
            folder: self.folder(),
            source,
        };
        let address = self.add(kind::SECRET_FILE, name, &secret, section, field);
        self.protect(&address);
        Ok(address)
    }

    /// The port of the process `name`: the plan's own, or the one that its place gives it.
    fn port(&self, name: &str, group: Group, index: u32) -> Result<u16, Error> {
        self.port_from(name, 0, group, index)
    }

    /// The same in the block that begins `offset` ports behind the first.
    fn port_from(&self, name: &str, offset: u32, group: Group, index: u32) -> Result<u16, Error> {
        if let Some(port) = self.spec.local.ports.get(name) {
            return Ok(port.get());
        }
        let places = group.places();
        let port = u32::from(self.spec.local.port_base.get()) + offset + places.start + index;
        match u16::try_from(port) {
            Ok(port) if places.start + index < places.end => Ok(port),
            _ => Err(Error::Unusable {
                field: format!("local.ports.{name}"),
                why: "`local.port_base` leaves no port for it".into(),
                fix: format!("give `local.ports.{name}` a port"),
            }),
        }
    }
}

/// Which of the ports from `port_base` up a process gets: eight for each group, so that one more broker
/// moves no other port; behind them 32 each for the members of shards with replicas.
#[derive(Clone, Copy, Debug)]
enum Group {
    Kafka,
    Controllers,
    Redis,
    Sentinels,
    Shards,
    Apis,
    Workers,
    Prometheus,
    Etcd,
    EtcdPeers,
    Members,
    Patroni,
}

impl Group {
    const SIZE: u32 = 8;
    const MEMBERS: u32 = 32;
    /// Where the block of the second region begins, behind everything of the first.
    const SECOND_REGION: u32 = 160;

    fn places(self) -> std::ops::Range<u32> {
        let members = Self::Members as u32 * Self::SIZE;
        match self {
            Self::Members => members..members + Self::MEMBERS,
            Self::Patroni => members + Self::MEMBERS..members + 2 * Self::MEMBERS,
            other => {
                let start = other as u32 * Self::SIZE;
                start..start + Self::SIZE
            }
        }
    }
}

/// `kafka-1`, `kafka-2` …
fn names(prefix: &str, count: u32, first: u32) -> Vec<String> {
    (first..first + count)
        .map(|index| format!("{prefix}-{index}"))
        .collect()
}

/// Under each name, the output `output` of the resource of that kind and name.
fn outputs_of(kind: &str, names: &[String], output: &str) -> BTreeMap<String, Ref<String>> {
    outputs_in(FIRST, kind, names, output)
}

fn outputs_in(region: &str, kind: &str, names: &[String], output: &str) -> BTreeMap<String, Ref<String>> {
    let output = |name: &String| (name.clone(), Ref::output(&address_in(region, kind, name), output));
    names.iter().map(output).collect()
}

/// What the platform offers: the first region's, or the second's where the state knows that it was failed over to.
pub(super) fn endpoints(spec: &Spec, state: &State) -> Endpoints {
    let second = second::of(spec).map(|region| region.name.as_str());
    let platform = state.resources.get(&address(kind::PLATFORM_FOLDER, "main"));
    let active = platform.and_then(|record| record.outputs.get("active_region")?.as_str());
    match active.filter(|active| second == Some(active)) {
        Some(active) => endpoints_in(spec, state, Some(active)),
        None => endpoints_in(spec, state, None),
    }
}

/// What one region offers; `None`: the first.
pub(super) fn endpoints_in(spec: &Spec, state: &State, second: Option<&str>) -> Endpoints {
    let output_in = |region: &str, kind: &str, name: &str, key: &str| -> Option<String> {
        let record = state.resources.get(&address_in(region, kind, name))?;
        Some(record.outputs.get(key)?.as_str()?.to_string())
    };
    let output = |kind: &str, name: &str, key: &str| output_in(second.unwrap_or(FIRST), kind, name, key);
    let shared = |kind: &str, name: &str, key: &str| output_in(FIRST, kind, name, key);
    // The second region has one of each.
    let count = |first: u32| match second {
        Some(_) => first.min(1),
        None => first,
    };
    let all = |kind: &str, names: Vec<String>, key: &str| -> Vec<String> {
        names.iter().filter_map(|name| output(kind, name, key)).collect()
    };
    let ingest = spec.ingest.clone().unwrap_or_default();
    let sentinel = spec.buffer.as_ref().and_then(|buffer| buffer.sentinel.as_ref());
    let sentinels = sentinel.map_or(0, |sentinel| sentinel.count);
    let sentinels = all(
        kind::REDIS_SENTINEL,
        names("sentinel", count(sentinels), 1),
        "endpoint",
    );
    let brokers = spec.kafka.as_ref().map_or(0, |kafka| kafka.brokers);
    let shards = spec.aurora.as_ref().map_or(0, |aurora| aurora.shards);
    let replicas = spec.aurora.as_ref().map_or(0, |aurora| aurora.replicas_per_shard);
    Endpoints {
        kafka: all(kind::KAFKA_BROKER, names("kafka", count(brokers), 1), "endpoint"),
        redis: sentinel.filter(|_| !sentinels.is_empty()).map(|sentinel| Redis {
            sentinels,
            master_name: sentinel.master_name.clone(),
            password: shared(kind::SECRET_FILE, "buffer", "reference"),
        }),
        shards: (0..shards)
            .filter_map(|number| {
                let name = format!("shard-{number}");
                let members = members::names_of(replicas, number);
                let hosts = match members.is_empty() {
                    true => all(kind::POSTGRES_SERVER, vec![name.clone()], "endpoint"),
                    false => all(kind::PATRONI_MEMBER, members.clone(), "endpoint"),
                };
                Some(Shard {
                    number: u16::try_from(number).ok()?,
                    hosts: Some(hosts).filter(|hosts| !hosts.is_empty())?,
                    patroni: all(kind::PATRONI_MEMBER, members, "rest"),
                    database: output(kind::POSTGRES_DATABASE, &name, "database")?,
                    user: output(kind::POSTGRES_DATABASE, &name, "owner")?,
                    password: output(kind::POSTGRES_DATABASE, &name, "password"),
                })
            })
            .collect(),
        api: all(
            kind::INGEST_PROCESS,
            names("ingest-api", count(ingest.api_replicas), 1),
            "url",
        ),
        api_key: shared(kind::API_KEY, "platform", "reference"),
        prometheus: shared(kind::PROMETHEUS_SERVER, "prometheus", "url"),
        events_topic: ingest.topic,
        dead_letter_topic: ingest.dead_letter_topic,
    }
}
