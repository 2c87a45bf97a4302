//! The drills that there are, and which of them a plan offers. Pure.

use crate::spec::{Spec, Target};

/// A drill: what is struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Drill {
    /// A Kafka broker, the one that is the controller.
    KafkaBroker,
    /// The master of the buffer.
    RedisMaster,
    /// The Postgres of a shard's primary.
    ShardPrimary,
    /// A shard's primary with who watches it, as a node that is gone.
    ShardNode,
    /// A process of the API.
    ServiceApi,
    /// A worker.
    ServiceWorker,
    /// As many Sentinels as may be lost.
    SentinelMinority,
    /// Everything placed in one zone.
    Zone,
    /// The first region, which the second takes over.
    Region,
}

/// A drill as a plan offers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Which.
    pub drill: Drill,
    /// Why this plan doesn't offer it.
    pub lacks: Option<String>,
}

impl Drill {
    /// In the order in which `all` runs them.
    pub const ALL: [Self; 9] = [
        Self::ServiceApi,
        Self::ServiceWorker,
        Self::SentinelMinority,
        Self::RedisMaster,
        Self::KafkaBroker,
        Self::ShardPrimary,
        Self::ShardNode,
        Self::Zone,
        Self::Region,
    ];

    /// As it is called: `redis-master`.
    pub fn name(self) -> &'static str {
        match self {
            Self::KafkaBroker => "kafka-broker",
            Self::RedisMaster => "redis-master",
            Self::ShardPrimary => "shard-primary",
            Self::ShardNode => "shard-node",
            Self::ServiceApi => "service-api",
            Self::ServiceWorker => "service-worker",
            Self::SentinelMinority => "sentinel-minority",
            Self::Zone => "zone",
            Self::Region => "region",
        }
    }

    /// The drill called so.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|drill| drill.name() == name)
    }

    /// What is struck, in a few words.
    pub fn title(self) -> &'static str {
        match self {
            Self::KafkaBroker => "the Kafka broker that is the controller is killed",
            Self::RedisMaster => "the buffer's master is killed",
            Self::ShardPrimary => "the Postgres of a shard's primary is killed",
            Self::ShardNode => "the node of a shard's primary is lost",
            Self::ServiceApi => "a process of the API is killed",
            Self::ServiceWorker => "a worker is killed",
            Self::SentinelMinority => "as many Sentinels are killed as may be lost",
            Self::Zone => "everything placed in one zone is lost at once",
            Self::Region => "the first region is lost as a whole",
        }
    }

    /// What takes over.
    pub fn expects(self) -> &'static str {
        match self {
            Self::KafkaBroker => "other replicas lead its partitions, another node is the controller",
            Self::RedisMaster => "the Sentinels make a replica the master, which every client finds",
            Self::ShardPrimary | Self::ShardNode => {
                "a replica that has every commit becomes the primary; the other shards go on"
            }
            Self::ServiceApi => "clients go on with another address",
            Self::ServiceWorker => {
                "its partitions go to another worker, from where the shards' watermarks stand"
            }
            Self::SentinelMinority => "the master stays, and the rest is a quorum still",
            Self::Zone => "every part is taken over elsewhere",
            Self::Region => {
                "the second region takes events, from where its copies reach; then the first is brought back, with \
                 what only its log had"
            }
        }
    }

    /// Why this plan has nothing that could take over.
    pub fn lacks(self, spec: &Spec) -> Option<String> {
        match self {
            Self::KafkaBroker => lacks_broker(spec),
            Self::RedisMaster => lacks_master(spec),
            Self::ShardPrimary | Self::ShardNode => lacks_replica(spec),
            Self::ServiceApi => lacks_processes(spec, "api_replicas", |ingest| ingest.api_replicas),
            Self::ServiceWorker => lacks_processes(spec, "worker_replicas", |ingest| ingest.worker_replicas),
            Self::SentinelMinority => lacks_sentinel(spec),
            Self::Region => lacks_region(spec),
            Self::Zone => {
                let parts = [
                    Self::KafkaBroker,
                    Self::RedisMaster,
                    Self::ShardNode,
                    Self::ServiceApi,
                    Self::ServiceWorker,
                    Self::SentinelMinority,
                ];
                parts.into_iter().find_map(|part| part.lacks(spec))
            }
        }
    }
}

/// Every drill, with why the plan lacks it where it does.
pub fn offers(spec: &Spec) -> Vec<Offer> {
    let offer = |drill: Drill| Offer {
        drill,
        lacks: drill.lacks(spec),
    };
    Drill::ALL.map(offer).into()
}

fn lacks_region(spec: &Spec) -> Option<String> {
    let regions = spec.regions.as_ref();
    match (
        regions.and_then(|regions| regions.secondary.as_ref()),
        spec.target,
    ) {
        (None, _) => Some("the plan has no second region (`regions.secondary`)".into()),
        (Some(_), Target::Aws) => {
            Some("vvbill moves only platforms of this machine from one region to the other".into())
        }
        (Some(_), Target::Local) => None,
    }
}

fn lacks_broker(spec: &Spec) -> Option<String> {
    let Some(kafka) = &spec.kafka else {
        return Some("the plan has no Kafka".into());
    };
    let copies = kafka.default_replication_factor;
    if kafka.brokers < 3 {
        return Some(format!(
            "with `kafka.brokers: {}` no majority of controllers is left",
            kafka.brokers
        ));
    }
    (copies <= kafka.min_insync_replicas).then(|| {
        format!(
            "{copies} copies of which {} must be in sync leave none to lose",
            kafka.min_insync_replicas
        )
    })
}

fn lacks_master(spec: &Spec) -> Option<String> {
    let Some(buffer) = &spec.buffer else {
        return Some("the plan has no buffer".into());
    };
    if buffer.replicas == 0 {
        return Some("the buffer has no replica that could become the master".into());
    }
    lacks_sentinel(spec)
}

fn lacks_sentinel(spec: &Spec) -> Option<String> {
    let sentinel = spec.buffer.as_ref().and_then(|buffer| buffer.sentinel.as_ref());
    match sentinel {
        None => Some("no Sentinel watches the buffer".into()),
        Some(sentinel) if minority(sentinel.count) == 0 => Some(format!(
            "{} Sentinels are no majority without one",
            sentinel.count
        )),
        Some(_) => None,
    }
}

fn lacks_replica(spec: &Spec) -> Option<String> {
    match &spec.aurora {
        None => Some("the plan has no shards".into()),
        Some(aurora) if aurora.replicas_per_shard == 0 => Some(
            "the shards have no replica that could take over (`aurora.replicas_per_shard`): a restart is no failover"
                .into(),
        ),
        Some(_) => None,
    }
}

fn lacks_processes(spec: &Spec, field: &str, count: fn(&crate::spec::Ingest) -> u32) -> Option<String> {
    match spec.ingest.as_ref().map(count) {
        None => Some("the plan has no `ingest`".into()),
        Some(count) if count < 2 => Some(format!(
            "with `ingest.{field}: {count}` there is no other to go on"
        )),
        Some(_) => None,
    }
}

/// How many of so many may be lost with a majority left.
pub fn minority(count: u32) -> u32 {
    count.saturating_sub(1) / 2
}
