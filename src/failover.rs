//! The move of a platform on this machine from one of its regions to the other.
//!
//! Away from the first: it is fenced, the second's shards become primaries, each shard goes on in the second
//! region's copy of the log (`vvbill-ingest cut-over`), and the service starts there. Back to the first: the second
//! takes no more events and makes durable what it has, the first region's shards are made anew from its, and the
//! log of the first is taken up where it was left, so that what had not been copied out of it becomes rows after all.
//!
//! Every step looks at what is there, so that a move that was interrupted is finished by another one. Decides
//! nothing: whether a region is lost is for others to say. Prints nothing.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::future::{join_all, try_join_all};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::endpoints::Endpoints;
use crate::load::LoadError;
use crate::load::settlement::Log;
use crate::load::shards::Shards;
use crate::provider::local::{self, Kill};
use crate::provider::{ProviderError, Providers};
use crate::resource::Address;
use crate::state::{Record, State};

/// The two regions of a platform, as its state knows them.
pub struct Regions {
    /// The one that takes events while nothing else is said.
    pub first: String,
    /// The one that stands by.
    pub second: String,
    /// What the second offers.
    pub endpoints: Endpoints,
    folder: PathBuf,
    records: Vec<Record>,
    providers: Providers,
    /// The first was struck, and is not back yet.
    is_lost: AtomicBool,
}

/// A part of a move, and how long it took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// What was done.
    pub what: String,
    /// In seconds.
    pub seconds: f64,
}

/// Why a move did not come to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {why}")]
pub struct FailoverError {
    what: String,
    why: String,
}

/// How long one server may take until it can be depended on.
const READY_WITHIN: Duration = Duration::from_secs(120);
const AGAIN_AFTER: Duration = Duration::from_millis(500);
/// Addresses of what a platform of one region has, and of the first of two, name this as their region.
const FIRST: &str = "global";
const BROKER: &str = "kafka_broker";
const MIRROR: &str = "kafka_mirror";
const SHARD: &str = "postgres_server";
const SERVICE: &str = "ingest_process";
/// In the order in which they are started.
const STORES: [&str; 4] = [BROKER, SHARD, "redis_server", "redis_sentinel"];

fn failed<E: fmt::Display>(what: impl fmt::Display) -> impl Fn(E) -> FailoverError {
    let what = what.to_string();
    move |why| FailoverError {
        what: what.clone(),
        why: why.to_string(),
    }
}

/// Hears of each part as it begins.
type Tell<'a> = &'a (dyn Fn(&str) + Sync);

/// The parts of a move that are done.
struct Steps<'a> {
    done: Vec<Step>,
    tell: Tell<'a>,
}

impl Steps<'_> {
    async fn step<T>(
        &mut self,
        what: &str,
        work: impl Future<Output = Result<T, FailoverError>>,
    ) -> Result<T, FailoverError> {
        (self.tell)(what);
        let started = Instant::now();
        let answer = work.await?;
        self.done.push(Step {
            what: what.to_owned(),
            seconds: started.elapsed().as_secs_f64(),
        });
        Ok(answer)
    }
}

impl Regions {
    /// Those of a platform whose plan has two; none where the state knows no second.
    pub fn new(
        (first, second): (&str, &str),
        state: &State,
        providers: Providers,
        endpoints: Endpoints,
    ) -> Option<Self> {
        let local = |record: &&Record| record.address.provider() == local::NAME;
        let records: Vec<Record> = state.resources.values().filter(local).cloned().collect();
        let platform = records.iter().find(|it| it.address.kind() == "platform_folder")?;
        let folder = PathBuf::from(&platform.id);
        let regions = Self {
            first: first.to_owned(),
            second: second.to_owned(),
            endpoints,
            folder,
            records,
            providers,
            is_lost: AtomicBool::new(false),
        };
        let stands = regions.of(second, SERVICE).next().is_some();
        stands.then_some(regions)
    }

    /// The region that takes events now.
    pub fn active(&self) -> String {
        local::active_region(&self.folder).unwrap_or_else(|| self.first.clone())
    }

    /// The first region was struck by [`Self::lose_first`], and is not back yet.
    pub fn is_first_lost(&self) -> bool {
        self.is_lost.load(Ordering::Relaxed)
    }

    fn of(&self, region: &str, kind: &'static str) -> impl Iterator<Item = &Record> {
        let region = match region == self.first {
            true => FIRST.to_owned(),
            false => region.to_owned(),
        };
        let is_there =
            move |record: &&Record| record.address.region() == region && record.address.kind() == kind;
        self.records.iter().filter(is_there)
    }

    fn role(&self, region: &str, role: &str) -> Vec<&Record> {
        let named = |record: &&Record| record.address.name().contains(role);
        self.of(region, SERVICE).filter(named).collect()
    }

    fn stores(&self, region: &str) -> Vec<&Record> {
        STORES.iter().flat_map(|kind| self.of(region, kind)).collect()
    }

    /// Everything of the first region ends at once, as when it is lost; what that was.
    ///
    /// # Errors
    /// When something of it can't be ended.
    pub async fn lose_first(&self) -> Result<Vec<String>, FailoverError> {
        let all: Vec<&Record> = self
            .stores(&self.first)
            .into_iter()
            .chain(self.of(&self.first, SERVICE))
            .collect();
        self.is_lost.store(true, Ordering::Relaxed);
        let kills = all
            .iter()
            .map(|record| local::kill(&record.address, &record.id, Kill::Everything));
        let ended: Result<Vec<()>, ProviderError> = join_all(kills).await.into_iter().collect();
        ended.map_err(failed("the first region could not be struck"))?;
        Ok(all.iter().map(|record| record.address.to_string()).collect())
    }

    /// The second region takes over; what is left of the first ends. Done again, it changes nothing.
    ///
    /// # Errors
    /// When a part of it can't be done. The first region stays fenced.
    pub async fn to_second(&self, tell: Tell<'_>) -> Result<Vec<Step>, FailoverError> {
        let mut steps = Steps {
            done: Vec::new(),
            tell,
        };
        let fence = format!("{} is fenced, and what still runs of it ends", self.first);
        steps.step(&fence, self.fence()).await?;
        let shards = async {
            let mirrors = self.of(&self.second, MIRROR).map(halt);
            let promoted = self.of(&self.second, SHARD).map(|shard| async {
                let promoted = local::promote(&shard.id).await;
                promoted.map_err(failed(&shard.address))
            });
            tokio::try_join!(try_join_all(mirrors), try_join_all(promoted)).map(drop)
        };
        steps
            .step("the mirror stops, and each shard is promoted", shards)
            .await?;
        let cut_over = format!("each shard goes on in {}'s copy of the log", self.second);
        steps.step(&cut_over, self.cut_over(&self.second)).await?;
        let start = format!("the service starts in {}", self.second);
        let service: Vec<&Record> = self.of(&self.second, SERVICE).collect();
        steps.step(&start, self.start(&service)).await?;
        Ok(steps.done)
    }

    async fn fence(&self) -> Result<(), FailoverError> {
        local::set_active_region(&self.folder, Some(&self.second)).map_err(failed("the fence"))?;
        // First what takes events: what it has accepted is in the log, and may still be copied.
        try_join_all(self.of(&self.first, SERVICE).map(halt)).await?;
        try_join_all(self.stores(&self.first).into_iter().map(halt)).await?;
        Ok(())
    }

    /// The first region takes over again, with what it lacks from the second. Events are not accepted meanwhile.
    ///
    /// # Errors
    /// When a part of it can't be done.
    pub async fn to_first(&self, patience: Duration, tell: Tell<'_>) -> Result<Vec<Step>, FailoverError> {
        let mut steps = Steps {
            done: Vec::new(),
            tell,
        };
        let (first, second) = (&self.first, &self.second);
        if local::active_region(&self.folder).is_some() {
            let drain = format!("{second} takes no more events, and makes durable what it has");
            steps.step(&drain, self.drain(patience)).await?;
            let copy = format!("{first}'s shards are made anew from {second}'s");
            steps.step(&copy, self.copy_shards(second, first, false)).await?;
            try_join_all(self.of(second, SHARD).map(halt)).await?;
            local::set_active_region(&self.folder, None).map_err(failed("the fence"))?;
        }
        let start = format!("{first}'s servers start");
        let stores = self.stores(first);
        steps.step(&start, self.start(&stores)).await?;
        let cut_over = format!("each shard goes on in {first}'s own log");
        steps.step(&cut_over, self.cut_over(first)).await?;
        let service: Vec<&Record> = self.of(first, SERVICE).collect();
        steps
            .step(&format!("the service starts in {first}"), self.start(&service))
            .await?;
        let again = async {
            self.copy_shards(first, second, true).await?;
            let shards: Vec<&Record> = self.of(second, SHARD).chain(self.of(second, MIRROR)).collect();
            self.start(&shards).await
        };
        steps
            .step(
                &format!("{second}'s shards follow {first}'s again, and its log is copied"),
                again,
            )
            .await?;
        self.is_lost.store(false, Ordering::Relaxed);
        Ok(steps.done)
    }

    /// The service of the second region ends when all that it accepted is rows.
    async fn drain(&self, patience: Duration) -> Result<(), FailoverError> {
        let why = || failed::<LoadError>("what was accepted is not durable yet");
        let settle = async {
            let shards = Shards::connect(&self.endpoints).await?;
            let log = Log::open(&self.endpoints)?;
            log.settle(&shards, patience).await.map(drop)
        };
        // What it has accepted already needs its workers, which an interrupted move has ended.
        let shards: Vec<&Record> = self.of(&self.second, SHARD).collect();
        self.start(&shards).await?;
        let workers = self.role(&self.second, "worker");
        self.start(&workers).await?;
        try_join_all(self.role(&self.second, "api").into_iter().map(halt)).await?;
        settle.await.map_err(why())?;
        try_join_all(workers.into_iter().map(halt)).await.map(drop)
    }

    async fn copy_shards(&self, from: &str, to: &str, standby: bool) -> Result<(), FailoverError> {
        let sources: Vec<&Record> = self.of(from, SHARD).collect();
        // A source that an interrupted move has stopped is needed once more.
        self.start(&sources).await?;
        let copies = self.of(to, SHARD).map(|shard| {
            let source = sources
                .iter()
                .find(|source| source.address.name() == shard.address.name());
            async move {
                let source =
                    source.ok_or_else(|| failed(&shard.address)("no shard to copy it from is recorded"))?;
                let copied = local::copy_again(&shard.id, &source.id, standby).await;
                copied.map_err(failed(&shard.address))
            }
        });
        try_join_all(copies).await.map(drop)
    }

    async fn cut_over(&self, region: &str) -> Result<(), FailoverError> {
        let what = failed(format!("the cut-over to {region}"));
        let process = self.of(region, SERVICE).next();
        let process = process.ok_or_else(|| failed(region)("no process of the service is recorded"))?;
        let mirror = self.of(region, MIRROR).next();
        let notes =
            mirror.and_then(|mirror| mirror.outputs.get("offset_syncs_topic").and_then(Value::as_str));
        let said = local::cut_over(&process.id, notes).await.map_err(what)?;
        tracing::info!(said, "the cut-over");
        Ok(())
    }

    /// Starts all at the same time, as they may need one another to become ready.
    async fn start(&self, records: &[&Record]) -> Result<(), FailoverError> {
        try_join_all(records.iter().map(|record| self.start_one(record)))
            .await
            .map(drop)
    }

    async fn start_one(&self, record: &Record) -> Result<(), FailoverError> {
        let started = Instant::now();
        loop {
            let (address, properties, id): (&Address, &Value, &str) =
                (&record.address, &record.properties, &record.id);
            match self
                .providers
                .start_again(address, properties, id, READY_WITHIN)
                .await
            {
                Ok(()) => return Ok(()),
                Err(why) if started.elapsed() >= READY_WITHIN => return Err(failed(address)(why)),
                Err(_) => tokio::time::sleep(AGAIN_AFTER).await,
            }
        }
    }
}

async fn halt(record: &Record) -> Result<(), FailoverError> {
    local::halt(&record.address, &record.id)
        .await
        .map_err(failed(&record.address))
}
