//! Week 2: the write-behind buffer keeps what it holds, and an event is readable before Postgres has it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::{BoxFuture, FutureExt, join_all};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::events::Batch;
use super::model::Measure;
use super::redis;
use super::service::Api;
use super::sql::{self, Ledger};
use super::step::{Scene, Step, Trial, Trouble};
use super::switch::{start_all, stop_all};
use super::week_1::workload;
use crate::endpoints::Redis;
use crate::load::audit::audit;
use crate::load::shards::Shards;
use crate::load::{self, Workload};
use crate::spec::{Buffer, Section, Spec};

pub(super) fn steps() -> Vec<Arc<dyn Step>> {
    vec![
        Arc::new(Sentinels),
        Arc::new(BufferKeeps),
        Arc::new(Events),
        Arc::new(WriteBehind),
    ]
}

const HOME: &str = "week-2";
const BUFFER: &[Section] = &[Section::Buffer];
const SERVICE: &[Section] = &[Section::Kafka, Section::Buffer, Section::Ingest];

fn buffer(scene: &Scene) -> Result<(&Buffer, &Redis), Trouble> {
    let plan = scene.spec.buffer.as_ref();
    let plan = plan.ok_or_else(|| Trouble("the plan has no buffer".into()))?;
    let found = scene.endpoints.redis.as_ref();
    let found =
        found.ok_or_else(|| Trouble("the platform offers no Sentinel: apply its plan first".into()))?;
    Ok((plan, found))
}

fn without_sentinel(spec: &Spec) -> Option<String> {
    let watched = spec
        .buffer
        .as_ref()
        .is_some_and(|buffer| buffer.sentinel.is_some());
    (!watched).then(|| "the plan's buffer has no Sentinel".into())
}

struct Sentinels;

impl Step for Sentinels {
    fn name(&self) -> &'static str {
        "redis-sentinels"
    }

    fn home(&self) -> &'static str {
        HOME
    }

    fn title(&self) -> &'static str {
        "Redis and the Sentinels agree on the master"
    }

    fn proves(&self) -> &'static str {
        "each Sentinel names the same master and could move it; that server says so itself and feeds its replicas"
    }

    fn sections(&self) -> &'static [Section] {
        BUFFER
    }

    fn skipped(&self, spec: &Spec) -> Option<String> {
        without_sentinel(spec)
    }

    fn verify<'a>(&'a self, scene: &'a Scene, _: &'a Value) -> BoxFuture<'a, Result<Vec<Measure>, Trouble>> {
        async move {
            let (plan, found) = buffer(scene)?;
            let asked = found.sentinels.iter();
            let asked = asked.map(|sentinel| redis::opinion(sentinel, &found.master_name));
            let opinions: Vec<_> = join_all(asked).await.into_iter().flatten().collect();
            let masters: BTreeSet<&String> = opinions.iter().filter_map(|one| one.master.as_ref()).collect();
            let with_quorum = opinions.iter().filter(|one| one.has_quorum).count();
            let wanted = plan.sentinel.as_ref().map_or(0, |sentinel| sentinel.count);
            let mut measures = vec![
                Measure::equal("Sentinels that answer", opinions.len(), wanted),
                Measure::equal("masters that they name", masters.len(), 1),
                Measure::equal("Sentinels that could move the master", with_quorum, wanted),
            ];
            if let Some(master) = masters.first() {
                let server = redis::server(master, found, &[]).await?;
                let role = server.role.clone();
                measures.push(Measure::equal(
                    format!("{master} says that it is"),
                    role,
                    "master",
                ));
                measures.push(Measure::equal(
                    format!("replicas that {master} feeds"),
                    server.replicas.len(),
                    plan.replicas,
                ));
            }
            Ok(measures)
        }
        .boxed()
    }
}

struct BufferKeeps;

impl Step for BufferKeeps {
    fn name(&self) -> &'static str {
        "buffer-keeps"
    }

    fn home(&self) -> &'static str {
        HOME
    }

    fn title(&self) -> &'static str {
        "the buffer drops nothing for want of memory"
    }

    fn proves(&self) -> &'static str {
        "noeviction, memory and append-only log as the plan says, asked of master and replicas; nothing was evicted"
    }

    fn sections(&self) -> &'static [Section] {
        BUFFER
    }

    fn needs(&self) -> &'static [&'static str] {
        &["redis-sentinels"]
    }

    fn skipped(&self, spec: &Spec) -> Option<String> {
        without_sentinel(spec)
    }

    fn verify<'a>(&'a self, scene: &'a Scene, _: &'a Value) -> BoxFuture<'a, Result<Vec<Measure>, Trouble>> {
        async move {
            let (plan, found) = buffer(scene)?;
            let wanted = [
                // Whatever the plan says: what a buffer evicts, its readers miss.
                ("maxmemory-policy", "noeviction".to_owned()),
                ("maxmemory", plan.maxmemory.as_bytes().to_string()),
                (
                    "appendonly",
                    if plan.appendonly { "yes" } else { "no" }.to_owned(),
                ),
            ];
            let settings = wanted.each_ref().map(|(setting, _)| *setting);
            let mut measures = Vec::new();
            for server in redis::servers(found, &settings).await? {
                let endpoint = &server.endpoint;
                measures.extend(wanted.iter().map(|(setting, wanted)| {
                    let value = server.settings.get(*setting).cloned();
                    Measure::equal(format!("{endpoint} {setting}"), value, wanted.clone())
                }));
                measures.push(Measure::equal(
                    format!("{endpoint} keys evicted"),
                    server.evicted,
                    0,
                ));
            }
            Ok(measures)
        }
        .boxed()
    }
}

struct Events;

impl Step for Events {
    fn name(&self) -> &'static str {
        "service-events"
    }

    fn home(&self) -> &'static str {
        HOME
    }

    fn title(&self) -> &'static str {
        "the service takes events over HTTP and Kafka and makes rows of them"
    }

    fn proves(&self) -> &'static str {
        "every event that was taken is one row, none is lost, doubled or altered, read from the shards themselves"
    }

    fn sections(&self) -> &'static [Section] {
        SERVICE
    }

    fn run<'a>(&'a self, scene: &'a Scene) -> BoxFuture<'a, Result<Trial, Trouble>> {
        async move {
            let workload = Workload {
                kafka_per_mille: 500,
                ..workload(scene.events, 100)
            };
            let options = load::Options {
                connections: scene.endpoints.api.len().max(2),
                batch: 100,
                profile: None,
                give_up_after: None,
                patience: scene.patience,
                workload: workload.clone(),
            };
            let outcome = load::run(&scene.endpoints, &options, &load::Progress::default()).await?;
            Ok(Trial {
                measures: vec![
                    Measure::equal("events taken", outcome.accepted, scene.events),
                    Measure::equal("events refused", outcome.rejected, 0),
                    Measure::equal("answers that aren't as documented", outcome.unexpected, 0),
                ],
                memory: json!(workload),
            })
        }
        .boxed()
    }

    fn verify<'a>(
        &'a self,
        scene: &'a Scene,
        memory: &'a Value,
    ) -> BoxFuture<'a, Result<Vec<Measure>, Trouble>> {
        async move {
            let workload: Workload = serde_json::from_value(memory.clone())
                .map_err(|why| Trouble::new("what was sent is not known", why))?;
            audited(scene, &workload).await
        }
        .boxed()
    }
}

/// The rows of a workload's accounts, against what was sent.
pub(super) async fn audited(scene: &Scene, workload: &Workload) -> Result<Vec<Measure>, Trouble> {
    let shards = Shards::connect(&scene.endpoints).await?;
    let found = audit(workload, &load::Ledger::of(workload), &shards).await?;
    Ok(vec![
        Measure::equal("rows", found.rows.iter().sum::<u64>(), found.rows_expected),
        Measure::equal("events lost", found.lost, 0),
        Measure::equal("events doubled", found.doubled, 0),
        Measure::equal("sum of quantities", found.quantity, found.quantity_expected),
    ])
}

struct WriteBehind;

const ACCOUNTS: u16 = 60;
const EACH: u32 = 5;

impl Step for WriteBehind {
    fn name(&self) -> &'static str {
        "write-behind"
    }

    fn home(&self) -> &'static str {
        HOME
    }

    fn title(&self) -> &'static str {
        "a shard is stopped while events for it go in"
    }

    fn proves(&self) -> &'static str {
        "usage includes an event that Postgres can't have yet, and its row is there once the shard is back"
    }

    fn sections(&self) -> &'static [Section] {
        SERVICE
    }

    fn needs(&self) -> &'static [&'static str] {
        &["service-events", "buffer-keeps"]
    }

    fn run<'a>(&'a self, scene: &'a Scene) -> BoxFuture<'a, Result<Trial, Trouble>> {
        async move {
            let apis = Api::all(&scene.endpoints)?;
            let batch = Batch::new(ACCOUNTS, 2 * EACH);
            let sent = u64::from(ACCOUNTS) * u64::from(EACH);
            let mut measures = Vec::new();
            // The accounts are known to Redis before their shard goes.
            let taken = apis[0].post(batch.body(0..EACH)).await?;
            measures.push(Measure::equal("events taken before", taken, sent));
            usage_reaches(scene, &apis, &batch.accounts().collect::<Vec<_>>(), EACH).await?;

            let (number, hosts, accounts) = victim(scene, &batch).await?;
            stop_all(&*scene.switch, &hosts).await?;
            let answers = join_all(hosts.iter().map(tokio::net::TcpStream::connect)).await;
            let answers = answers.iter().any(Result::is_ok);
            measures.push(Measure::equal(format!("shard {number} answers"), answers, false));
            let started = Instant::now();
            let taken = apis[0].post(batch.body(EACH..2 * EACH)).await?;
            measures.push(Measure::equal(
                format!("events taken with shard {number} away"),
                taken,
                sent,
            ));
            let reached = usage_reaches(scene, &apis, &accounts, 2 * EACH).await?;
            measures.push(Measure::equal(
                format!("accounts of shard {number} whose usage includes them meanwhile"),
                reached,
                accounts.len(),
            ));
            measures.push(Measure::at_most(
                "seconds until their usage included them",
                started.elapsed().as_secs_f64(),
                scene.patience.as_secs_f64(),
            ));
            start_all(&*scene.switch, &hosts).await?;
            Ok(Trial {
                measures,
                memory: json!(batch),
            })
        }
        .boxed()
    }

    fn verify<'a>(
        &'a self,
        scene: &'a Scene,
        memory: &'a Value,
    ) -> BoxFuture<'a, Result<Vec<Measure>, Trouble>> {
        async move { landed(scene, memory).await }.boxed()
    }
}

/// Of the shard with the most accounts of the batch: number, where its members are, these accounts.
pub(super) async fn victim(scene: &Scene, batch: &Batch) -> Result<(u16, Vec<String>, Vec<u64>), Trouble> {
    let shards = &scene.endpoints.shards;
    let first = shards
        .first()
        .ok_or_else(|| Trouble("the platform offers no shard".into()))?;
    let map = Ledger::connect(first).await?.slot_map().await?;
    let map = map.ok_or_else(|| Trouble(format!("shard {} has no slot map", first.number)))?;
    let mut by_shard: BTreeMap<u16, Vec<u64>> = BTreeMap::new();
    let map = map.map(shards.len())?;
    for account in batch.accounts() {
        if let Some(shard) = sql::home(&map, account) {
            by_shard.entry(shard).or_default().push(account);
        }
    }
    let most = by_shard.into_iter().max_by_key(|(_, accounts)| accounts.len());
    let (number, accounts) = most.ok_or_else(|| Trouble("no shard has an account".into()))?;
    let shard = shards.iter().find(|shard| shard.number == number);
    let shard = shard.ok_or_else(|| Trouble(format!("the platform offers no shard {number}")))?;
    Ok((number, shard.hosts.clone(), accounts))
}

/// Asks until the usage of each account has come to `each`, or the patience is over; how many have.
pub(super) async fn usage_reaches(
    scene: &Scene,
    apis: &[Api],
    accounts: &[u64],
    each: u32,
) -> Result<usize, Trouble> {
    let wanted = Decimal::from(each);
    let started = Instant::now();
    let mut reached = 0;
    let mut refusal = None;
    while reached < accounts.len() {
        let (api, account) = (&apis[reached % apis.len()], accounts[reached]);
        match api.usage(account).await {
            Ok(usage) if usage.quantity == wanted => {
                reached += 1;
                continue;
            }
            Ok(_) => {}
            Err(why) => refusal = Some(why),
        }
        if started.elapsed() > scene.patience {
            if let Some(why) = refusal {
                tracing::warn!(account, %why, "the usage of an account could not be read");
            }
            return Ok(reached);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(reached)
}

/// Every row of a batch, each account's on all shards together.
pub(super) async fn landed(scene: &Scene, memory: &Value) -> Result<Vec<Measure>, Trouble> {
    let batch: Batch = serde_json::from_value(memory.clone())
        .map_err(|why| Trouble::new("what was sent is not known", why))?;
    let mut rows: BTreeMap<u64, u64> = BTreeMap::new();
    for shard in sql::all(&scene.endpoints).await? {
        for (account, count) in shard.rows(&batch.accounts()).await? {
            *rows.entry(account).or_default() += count;
        }
    }
    let each = u64::from(batch.each);
    let wanted = batch.accounts().count() as u64 * each;
    let of = |account: u64| rows.get(&account).copied().unwrap_or(0);
    let lost: u64 = batch
        .accounts()
        .map(|account| each.saturating_sub(of(account)))
        .sum();
    let doubled: u64 = batch
        .accounts()
        .map(|account| of(account).saturating_sub(each))
        .sum();
    Ok(vec![
        Measure::equal("rows in Postgres", rows.values().sum::<u64>(), wanted),
        Measure::equal("events lost", lost, 0),
        Measure::equal("events doubled", doubled, 0),
    ])
}
