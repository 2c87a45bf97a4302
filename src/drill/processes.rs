//! Faults on this machine: processes are killed, and started again by the provider's own handling of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::future::{BoxFuture, FutureExt, join_all, ready};
use serde_json::Value;

use super::Trouble;
use super::faults::{Blow, Faults};
use crate::failover::Regions;
use crate::provider::local::{self, Kill};
use crate::provider::{Providers, Readiness};
use crate::resource::Address;
use crate::state::{Record, State};

/// The processes of a platform on this machine.
pub struct Processes {
    records: Vec<Record>,
    providers: Providers,
    regions: Option<Regions>,
    struck: Mutex<BTreeSet<Address>>,
}

/// How long a process may take until it can be depended on again.
const READY_WITHIN: Duration = Duration::from_secs(120);
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// So many processes are asked at once.
const AT_ONCE: usize = 8;
/// What a process is, and the output that says where it is reached.
const SERVERS: [(&str, &str); 8] = [
    ("kafka_mirror", "offset_syncs_topic"),
    ("kafka_broker", "endpoint"),
    ("redis_server", "endpoint"),
    ("redis_sentinel", "endpoint"),
    ("etcd_member", "endpoint"),
    ("patroni_member", "endpoint"),
    ("postgres_server", "endpoint"),
    ("ingest_process", "url"),
];

impl Processes {
    /// Those that the state knows: it says which process is meant, never how it is.
    pub fn new(state: &State, providers: Providers, regions: Option<Regions>) -> Self {
        let is_process = |record: &&Record| {
            let kind = record.address.kind();
            record.address.provider() == local::NAME && SERVERS.iter().any(|(server, _)| *server == kind)
        };
        Self {
            records: state.resources.values().filter(is_process).cloned().collect(),
            providers,
            regions,
            struck: Mutex::default(),
        }
    }

    fn find(&self, blow: &Blow) -> Result<(&Record, Kill), Trouble> {
        let at = |kind, output, place: &str| {
            let there = |record: &&Record| text(record, output) == Some(place);
            self.of_kind(kind).find(there)
        };
        let called = |kind, name: &str| {
            let there = |record: &&Record| record.address.name() == name;
            self.of_kind(kind).find(there)
        };
        let found = match blow {
            Blow::Broker { endpoint, .. } => at("kafka_broker", "endpoint", endpoint),
            Blow::Redis { endpoint } => at("redis_server", "endpoint", endpoint),
            Blow::Sentinel { endpoint } => at("redis_sentinel", "endpoint", endpoint),
            Blow::Postgres { endpoint, .. } | Blow::Member { endpoint, .. } => {
                at("patroni_member", "endpoint", endpoint)
            }
            Blow::Api { url } => at("ingest_process", "url", url),
            Blow::Worker { number } => called("ingest_process", &format!("ingest-worker-{number}")),
            Blow::Cluster { .. } | Blow::Pod { .. } | Blow::Roll { .. } | Blow::Cache => None,
            Blow::Etcd { number } => called("etcd_member", &format!("etcd-{number}")),
        };
        let how = match blow {
            Blow::Postgres { .. } => Kill::Postgres,
            _ => Kill::Everything,
        };
        found.map(|record| (record, how)).ok_or_else(|| {
            Trouble::new(
                format_args!("{} can't be struck", blow.words()),
                "it is no process of this machine that vvbill has started",
            )
        })
    }

    /// In the first region: the second one is no part of what a fault there strikes.
    fn of_kind(&self, kind: &'static str) -> impl Iterator<Item = &Record> {
        let records = self.records.iter().filter(is_in_first);
        records.filter(move |record| record.address.kind() == kind)
    }

    fn struck(&self) -> std::sync::MutexGuard<'_, BTreeSet<Address>> {
        self.struck.lock().expect("nobody panics while holding it")
    }

    /// Again and again: what ended because something else was away yet is started once more.
    async fn bring_back(&self, record: &Record) -> Result<(), Trouble> {
        let started = Instant::now();
        loop {
            let again =
                self.providers
                    .start_again(&record.address, &record.properties, &record.id, READY_WITHIN);
            match again.await {
                Ok(()) => break,
                Err(_) if started.elapsed() < READY_WITHIN => tokio::time::sleep(AGAIN_AFTER).await,
                Err(why) => {
                    let what = format_args!("{} could not be started again", record.address);
                    return Err(Trouble::new(what, why));
                }
            }
        }
        self.struck().remove(&record.address);
        Ok(())
    }

    async fn unwell(&self, record: &Record) -> Option<String> {
        let provider = self.providers.of(&record.address).ok()?;
        let asked = provider.readiness(&record.address, record.properties.clone(), &record.id);
        match asked.await {
            Ok(Readiness::Ready) => None,
            Ok(Readiness::Pending(why) | Readiness::Failed(why)) => {
                Some(format!("{} is not ready: {why}", record.address))
            }
            Err(why) => Some(format!("{} is not ready: {why}", record.address)),
        }
    }
}

fn is_in_first(record: &&Record) -> bool {
    record.address.region() == "global"
}

fn text<'a>(record: &'a Record, output: &str) -> Option<&'a str> {
    record.outputs.get(output).and_then(Value::as_str)
}

/// The zone that a process stands for, and what would strike it there: the last number of its name.
fn placed(record: &Record) -> Option<(u32, Blow)> {
    let (rest, number) = record.address.name().rsplit_once('-')?;
    let number: u32 = number.parse().ok()?;
    let output = SERVERS.iter().find(|(kind, _)| *kind == record.address.kind())?.1;
    let endpoint = text(record, output)?.to_owned();
    let blow = match record.address.kind() {
        "kafka_broker" => Blow::Broker {
            node: i32::try_from(number).ok()?,
            endpoint,
        },
        "redis_server" => Blow::Redis { endpoint },
        "redis_sentinel" => Blow::Sentinel { endpoint },
        "etcd_member" => Blow::Etcd { number },
        "patroni_member" => Blow::Member {
            shard: rest.rsplit_once('-')?.1.parse().ok()?,
            endpoint,
        },
        "ingest_process" if rest.ends_with("worker") => Blow::Worker { number },
        "ingest_process" => Blow::Api { url: endpoint },
        _ => return None,
    };
    Some((number, blow))
}

impl Faults for Processes {
    fn missing(&self) -> BoxFuture<'_, Vec<String>> {
        futures::stream::iter(&self.records)
            .map(|record| self.unwell(record))
            .buffered(AT_ONCE)
            .filter_map(ready)
            .collect()
            .boxed()
    }

    /// The first of everything is one zone, the second another.
    fn zones(&self) -> BoxFuture<'_, Result<BTreeMap<String, Vec<Blow>>, Trouble>> {
        let mut zones: BTreeMap<String, Vec<Blow>> = BTreeMap::new();
        for (number, blow) in self.records.iter().filter(is_in_first).filter_map(placed) {
            zones.entry(number.to_string()).or_default().push(blow);
        }
        ready(Ok(zones)).boxed()
    }

    fn regions(&self) -> Option<&Regions> {
        self.regions.as_ref()
    }

    fn strike<'a>(&'a self, blow: &'a Blow) -> BoxFuture<'a, Result<(), Trouble>> {
        async move {
            let (record, how) = self.find(blow)?;
            self.struck().insert(record.address.clone());
            local::kill(&record.address, &record.id, how)
                .await
                .map_err(|why| Trouble::new(format_args!("{} could not be struck", blow.words()), why))
        }
        .boxed()
    }

    /// All at the same time: they may need one another to become ready.
    fn heal(&self) -> BoxFuture<'_, Result<(), Trouble>> {
        async move {
            if let Some(regions) = self.regions.as_ref().filter(|it| it.is_first_lost()) {
                let back = regions.to_first(READY_WITHIN, &|_| {}).await;
                back.map_err(|why| Trouble(why.to_string()))?;
            }
            let struck = self.struck().clone();
            let records = self
                .records
                .iter()
                .filter(|record| struck.contains(&record.address));
            let results = join_all(records.map(|record| self.bring_back(record))).await;
            results.into_iter().collect()
        }
        .boxed()
    }
}
