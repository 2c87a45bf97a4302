//! Week 3: every account lives on its own shard, and a shard that is away takes no other with it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::{BoxFuture, FutureExt};
use serde_json::{Value, json};
use vvbill_ingest::postgres::newest_schema;

use super::events::Batch;
use super::model::Measure;
use super::service::Api;
use super::sql::{self, Copy, Ledger};
use super::step::{Scene, Step, Trial, Trouble};
use super::switch::{start_all, stop_all};
use super::week_2::{landed, usage_reaches, victim};
use crate::spec::{Section, Spec};

pub(super) fn steps() -> Vec<Arc<dyn Step>> {
    vec![
        Arc::new(Schema),
        Arc::new(SlotMaps),
        Arc::new(Routing),
        Arc::new(ShardOutage),
    ]
}

const HOME: &str = "week-3";
const SECTIONS: &[Section] = &[Section::Aurora, Section::Ingest];
const TABLES: &[&str] = &[
    "logs",
    "watermarks",
    "events",
    "usage_hourly",
    "slot_maps",
    "redis_generation",
];
/// The fullest shard may have so many times the mean; by chance alone 600 accounts come nowhere near it.
const SKEW_AT_MOST: f64 = 1.25;
const ACCOUNTS: u16 = 600;

struct Schema;

impl Step for Schema {
    fn name(&self) -> &'static str {
        "shards-schema"
    }

    fn home(&self) -> &'static str {
        HOME
    }

    fn title(&self) -> &'static str {
        "every shard runs the plan's Postgres with the newest schema"
    }

    fn proves(&self) -> &'static str {
        "number of shards, version of the server, migrations and tables, asked of each shard"
    }

    fn sections(&self) -> &'static [Section] {
        SECTIONS
    }

    fn verify<'a>(&'a self, scene: &'a Scene, _: &'a Value) -> BoxFuture<'a, Result<Vec<Measure>, Trouble>> {
        async move {
            let plan = scene.spec.aurora.as_ref();
            let plan = plan.ok_or_else(|| Trouble("the plan has no aurora".into()))?;
            let shards = sql::all(&scene.endpoints).await?;
            let major: i32 = plan
                .engine_version
                .split('.')
                .next()
                .and_then(|major| major.parse().ok())
                .unwrap_or(0);
            let mut measures = vec![Measure::equal("shards that answer", shards.len(), plan.shards)];
            for shard in &shards {
                let number = shard.number();
                let version = shard.major_version().await?;
                let schema = shard.schema().await?;
                let missing = shard.missing(TABLES).await?.join(", ");
                measures.extend([
                    Measure::equal(format!("shard {number} Postgres"), version, major),
                    Measure::equal(format!("shard {number} schema"), schema, newest_schema()),
                    Measure::equal(format!("shard {number} tables missing"), missing, ""),
                ]);
            }
            Ok(measures)
        }
        .boxed()
    }
}

struct SlotMaps;

impl Step for SlotMaps {
    fn name(&self) -> &'static str {
        "slot-map"
    }

    fn home(&self) -> &'static str {
        HOME
    }

    fn title(&self) -> &'static str {
        "every shard has the same slot map, with slots for all of them"
    }

    fn proves(&self) -> &'static str {
        "each copy is that of shard 0, every slot points at a shard that is there, no shard has too many"
    }

    fn sections(&self) -> &'static [Section] {
        SECTIONS
    }

    fn needs(&self) -> &'static [&'static str] {
        &["shards-schema"]
    }

    fn verify<'a>(&'a self, scene: &'a Scene, _: &'a Value) -> BoxFuture<'a, Result<Vec<Measure>, Trouble>> {
        async move {
            let shards = sql::all(&scene.endpoints).await?;
            let (first, copies) = maps(&shards).await?;
            let same = copies.iter().filter(|copy| **copy == first).count();
            let shares = first.shares();
            let known = shards.len();
            let strange = shares
                .keys()
                .filter(|shard| !(0..known as i16).contains(shard))
                .count();
            let mean = first.slots.len() as f64 / known as f64;
            let fullest = shares.values().max().copied().unwrap_or(0) as f64;
            Ok(vec![
                Measure::equal("slots", first.slots.len(), Copy::SLOTS),
                Measure::equal("shards with the slot map of shard 0", same, known),
                Measure::equal("shards that the slot map names and nobody knows", strange, 0),
                Measure::equal("shards that have slots", shares.len(), known),
                Measure::at_most(
                    "slots of the fullest shard over the mean",
                    fullest / mean,
                    SKEW_AT_MOST,
                ),
            ])
        }
        .boxed()
    }
}

/// The map of shard 0, and every shard's copy.
async fn maps(shards: &[Ledger]) -> Result<(Copy, Vec<Copy>), Trouble> {
    let mut copies = Vec::new();
    for shard in shards {
        let map = shard.slot_map().await?;
        copies.push(map.ok_or_else(|| Trouble(format!("shard {} has no slot map", shard.number())))?);
    }
    let first = copies.first().cloned();
    Ok((
        first.ok_or_else(|| Trouble("the platform offers no shard".into()))?,
        copies,
    ))
}

struct Routing;

impl Step for Routing {
    fn name(&self) -> &'static str {
        "shard-routing"
    }

    fn home(&self) -> &'static str {
        HOME
    }

    fn title(&self) -> &'static str {
        "accounts are charged, and every row is looked for on every shard"
    }

    fn proves(&self) -> &'static str {
        "each account's rows lie on its own shard and on no other, and no shard has too many accounts"
    }

    fn sections(&self) -> &'static [Section] {
        SECTIONS
    }

    fn needs(&self) -> &'static [&'static str] {
        &["slot-map"]
    }

    fn run<'a>(&'a self, scene: &'a Scene) -> BoxFuture<'a, Result<Trial, Trouble>> {
        async move {
            let apis = Api::all(&scene.endpoints)?;
            let batch = Batch::new(ACCOUNTS, 2);
            let mut taken = 0;
            for number in 0..2 {
                taken += apis[number as usize % apis.len()]
                    .post(batch.body(number..number + 1))
                    .await?;
            }
            Ok(Trial {
                measures: vec![Measure::equal("events taken", taken, u64::from(ACCOUNTS) * 2)],
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
        async move {
            let batch: Batch = serde_json::from_value(memory.clone())
                .map_err(|why| Trouble::new("what was sent is not known", why))?;
            let shards = sql::all(&scene.endpoints).await?;
            let (map, _) = maps(&shards).await?;
            let map = map.map(shards.len())?;
            let (mut at_home, mut strays) = (BTreeMap::new(), Vec::new());
            for shard in &shards {
                let here = |account: &u64| sql::home(&map, *account) == Some(shard.number());
                let rows = shard.rows(&batch.accounts()).await?;
                let whole = rows.iter().filter(|(account, rows)| here(account) && **rows == 2);
                at_home.insert(shard.number(), whole.count());
                // Not of this batch alone: a row of anybody's that lies elsewhere is billed to nobody.
                let accounts = shard.accounts().await?.into_iter();
                let elsewhere = accounts.filter(|account| !here(account));
                strays.extend(
                    elsewhere.map(|account| format!("account {account} on shard {}", shard.number())),
                );
            }
            let mean = f64::from(ACCOUNTS) / shards.len() as f64;
            let fullest = at_home.values().max().copied().unwrap_or(0) as f64;
            strays.truncate(3);
            let mut measures = landed(scene, memory).await?;
            measures.extend([
                Measure::equal(
                    "accounts whole on their own shard",
                    at_home.values().sum::<usize>(),
                    ACCOUNTS,
                ),
                Measure::equal("accounts with rows on another shard", strays.join("; "), ""),
                Measure::at_most(
                    "accounts of the fullest shard over the mean",
                    fullest / mean,
                    SKEW_AT_MOST,
                ),
            ]);
            Ok(measures)
        }
        .boxed()
    }
}

struct ShardOutage;

const EACH: u32 = 2;
const OUTAGE_ACCOUNTS: u16 = 60;

impl Step for ShardOutage {
    fn name(&self) -> &'static str {
        "shard-outage"
    }

    fn home(&self) -> &'static str {
        HOME
    }

    fn title(&self) -> &'static str {
        "one shard is stopped while events for all of them go in"
    }

    fn proves(&self) -> &'static str {
        "the others' rows are committed and their usage answered meanwhile; the stopped one catches up"
    }

    fn sections(&self) -> &'static [Section] {
        SECTIONS
    }

    fn needs(&self) -> &'static [&'static str] {
        &["shard-routing"]
    }

    fn skipped(&self, spec: &Spec) -> Option<String> {
        let shards = spec.aurora.as_ref().map_or(0, |aurora| aurora.shards);
        (shards < 2).then(|| "the plan has one shard: its outage is everybody's".into())
    }

    fn run<'a>(&'a self, scene: &'a Scene) -> BoxFuture<'a, Result<Trial, Trouble>> {
        async move {
            let apis = Api::all(&scene.endpoints)?;
            let batch = Batch::new(OUTAGE_ACCOUNTS, EACH);
            let (number, hosts, away) = victim(scene, &batch).await?;
            let others: Vec<u64> = batch
                .accounts()
                .filter(|account| !away.contains(account))
                .collect();
            stop_all(&*scene.switch, &hosts).await?;
            let taken = apis[0].post(batch.body(0..EACH)).await?;
            let committed = committed_by_others(scene, &batch, number, others.len() * EACH as usize).await?;
            let answered = usage_reaches(scene, &apis, &others, EACH).await?;
            start_all(&*scene.switch, &hosts).await?;
            Ok(Trial {
                measures: vec![
                    Measure::equal(
                        format!("events taken with shard {number} away"),
                        taken,
                        u64::from(OUTAGE_ACCOUNTS) * u64::from(EACH),
                    ),
                    Measure::equal(
                        "rows that the other shards committed meanwhile",
                        committed,
                        others.len() * EACH as usize,
                    ),
                    Measure::equal(
                        "accounts of other shards whose usage was answered meanwhile",
                        answered,
                        others.len(),
                    ),
                ],
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

/// Waits until all shards but this one have `wanted` rows of the batch, or the patience is over; how many they have.
async fn committed_by_others(
    scene: &Scene,
    batch: &Batch,
    away: u16,
    wanted: usize,
) -> Result<usize, Trouble> {
    let started = Instant::now();
    loop {
        let mut found = 0;
        for shard in scene.endpoints.shards.iter().filter(|shard| shard.number != away) {
            let rows = Ledger::connect(shard).await?.rows(&batch.accounts()).await?;
            found += rows.values().sum::<u64>();
        }
        let found = usize::try_from(found).unwrap_or(usize::MAX);
        if found >= wanted || started.elapsed() > scene.patience {
            return Ok(found);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
