//! What is done so that alerts fire and clear, and what Prometheus says meanwhile.
//!
//! In this order: nothing is sent; events flow; a shard's transactions wait on a lock that this holds; the lock is
//! given up; accounts that Redis knows nothing of are asked for, then one that it knows. A connection that breaks off
//! gives its lock up by itself.

use std::time::{Duration, Instant};

use super::copy::{Cause, Copy, file};
use super::planned;
use crate::rollout::events::Batch;
use crate::rollout::model::Measure;
use crate::rollout::prometheus::Prometheus;
use crate::rollout::service::Api;
use crate::rollout::sql::Ledger;
use crate::rollout::step::{Scene, Trouble};

/// A rate over less scrapes than this misses one now and then.
const SCRAPES: u32 = 4;
const WINDOW_AT_LEAST: Duration = Duration::from_secs(4);
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Events that flow with each look.
const FLOW_ACCOUNTS: u16 = 50;
/// Thresholds that this flow reaches: events a second, and records of one partition with a shard held.
const THROUGHPUT: f64 = 20.0;
const LAG: f64 = 100.0;
const LATENCY_SECONDS: f64 = 1.0;
/// A held shard is held for so long at least, so that its events are late by more than any threshold here.
const HELD_AT_LEAST: Duration = Duration::from_secs(3);
/// Queries of usage with each look.
const QUERIES: u16 = 20;
/// The share of hits by which asking for the unknown must be seen.
const HITS_FALL_BY: f64 = 0.05;

/// Tries every alert of the plan.
pub(super) async fn told(scene: &Scene) -> Result<Vec<Measure>, Trouble> {
    let prometheus = Prometheus::of(&scene.endpoints)?;
    let scrape = scene
        .spec
        .monitoring
        .clone()
        .unwrap_or_default()
        .scrape_interval
        .as_std();
    let window = (scrape * SCRAPES).max(WINDOW_AT_LEAST);
    let stage = Stage {
        scene,
        // What changes is in a series after a scrape and shows over a window; twice that is patience enough.
        limit: (window + scrape) * 2 + scene.patience,
        prometheus,
    };
    // What an earlier run may have left.
    scene.switch.rules(stage.prometheus.url(), None).await?;
    let (copies, mut measures) = stage.copies(window).await?;
    measures.extend(stage.quiet(&copies).await?);
    measures.extend(stage.held(&copies).await?);
    measures.extend(stage.misses(&copies).await?);
    measures.extend(stage.moved(&copies).await?);
    scene.switch.rules(stage.prometheus.url(), None).await?;
    Ok(measures)
}

struct Stage<'a> {
    scene: &'a Scene,
    prometheus: Prometheus,
    /// How long an alert may take to change.
    limit: Duration,
}

/// What goes on while an alert is waited for.
enum Meanwhile<'a> {
    Nothing,
    /// Events of a batch of accounts that is new each time.
    Flow,
    /// Queries of accounts that nobody has heard of.
    AskUnknown,
    /// Queries of one that has events.
    AskKnown(&'a [u64]),
}

impl Stage<'_> {
    /// A copy of each rule as Prometheus has it, and a miss for each that can't be tried.
    async fn copies(&self, window: Duration) -> Result<(Vec<Copy>, Vec<Measure>), Trouble> {
        let rules = self.prometheus.alerting_rules().await?;
        let (mut copies, mut measures) = (Vec::new(), Vec::new());
        for name in planned(self.scene).keys() {
            let rule = rules.iter().find(|rule| rule.name == *name);
            let copy = rule.and_then(|rule| {
                let held_for = Duration::from_secs_f64(rule.held_for_seconds.max(0.0));
                Copy::of(name, &rule.query, held_for, window)
            });
            match copy {
                Some(copy) => copies.push(copy),
                None => measures.push(Measure::equal(
                    format!("{name} can be tried"),
                    "no: Prometheus has no such rule that ends in a comparison with a number",
                    "yes",
                )),
            }
        }
        Ok((copies, measures))
    }

    /// Nothing is sent, then events flow.
    async fn quiet(&self, copies: &[Copy]) -> Result<Vec<Measure>, Trouble> {
        let copies = of(copies, Cause::Silence, |copy| copy.at_most(THROUGHPUT));
        if copies.is_empty() {
            return Ok(Vec::new());
        }
        self.load(&copies).await?;
        let mut measures = Vec::new();
        let fired = self.until(&copies, true, &Meanwhile::Nothing).await?;
        measures.extend(says(&copies, "fires while nothing is sent", &fired, true));
        let cleared = self.until(&copies, false, &Meanwhile::Flow).await?;
        measures.extend(says(&copies, "clears while events flow", &cleared, false));
        Ok(measures)
    }

    /// Events flow while a shard's transactions wait, then they don't.
    async fn held(&self, copies: &[Copy]) -> Result<Vec<Measure>, Trouble> {
        let copies = of(copies, Cause::HeldShard, |copy| match copy.is_of("lag") {
            true => copy.at_most(LAG),
            false => copy.at_most(LATENCY_SECONDS),
        });
        let (lags, latencies): (Vec<Copy>, Vec<Copy>) =
            copies.iter().cloned().partition(|copy| copy.is_of("lag"));
        if copies.is_empty() {
            return Ok(Vec::new());
        }
        self.load(&copies).await?;
        let before = self.until(&copies, false, &Meanwhile::Flow).await?;
        let shard = self.scene.endpoints.shards.first();
        let shard = shard.ok_or_else(|| Trouble("the platform offers no shard".into()))?;
        let mut measures = says(&copies, "does not fire before", &before, false);

        let held = Ledger::connect(shard).await?;
        held.hold_watermarks().await?;
        let since = Instant::now();
        let fired = self.until(&lags, true, &Meanwhile::Flow).await?;
        while since.elapsed() < HELD_AT_LEAST {
            self.go_on(&Meanwhile::Flow).await?;
        }
        // Its connection closes, and the lock with it.
        drop(held);
        let cause = format!("while shard {} commits nothing", shard.number);
        measures.extend(says(&lags, &format!("fires {cause}"), &fired, true));
        let fired = self.until(&latencies, true, &Meanwhile::Nothing).await?;
        let late = format!("fires when shard {} commits what waited", shard.number);
        measures.extend(says(&latencies, &late, &fired, true));
        let cleared = self.until(&copies, false, &Meanwhile::Flow).await?;
        measures.extend(says(&copies, "clears when it commits again", &cleared, false));
        Ok(measures)
    }

    /// Usage of unknown accounts is asked, then of one that Redis has.
    async fn misses(&self, copies: &[Copy]) -> Result<Vec<Measure>, Trouble> {
        let copies = of(copies, Cause::Misses, |copy| copy);
        if copies.is_empty() {
            return Ok(Vec::new());
        }
        let known = Batch::new(1, 1);
        let apis = Api::all(&self.scene.endpoints)?;
        apis[0].post(known.body(0..1)).await?;
        let known: Vec<u64> = known.accounts().collect();
        let mut measures = Vec::new();
        for copy in copies {
            // There is a share only once somebody has asked, and a fall only from above the threshold.
            let value = self.above(&copy, copy.threshold + HITS_FALL_BY, &known).await?;
            let copy = match value {
                Some(value) => copy.at_most(round(value - HITS_FALL_BY)),
                None => {
                    measures.push(Measure::at_least(
                        format!("{}: series that its expression gives", copy.alert),
                        0.0,
                        1.0,
                    ));
                    continue;
                }
            };
            let copy = [copy];
            self.load(&copy).await?;
            let fired = self.until(&copy, true, &Meanwhile::AskUnknown).await?;
            measures.extend(says(
                &copy,
                "fires while unknown accounts are asked for",
                &fired,
                true,
            ));
            let cleared = self.until(&copy, false, &Meanwhile::AskKnown(&known)).await?;
            measures.extend(says(&copy, "clears while known ones are", &cleared, false));
        }
        Ok(measures)
    }

    /// Asks for known accounts until the least of the copy's values is above this; none where there is no value.
    async fn above(&self, copy: &Copy, floor: f64, known: &[u64]) -> Result<Option<f64>, Trouble> {
        let started = Instant::now();
        loop {
            let least = self
                .prometheus
                .query(&copy.left)
                .await?
                .into_iter()
                .reduce(f64::min);
            let is_enough = least.is_some_and(|least| least > floor);
            if is_enough || started.elapsed() > self.limit {
                return Ok(least.filter(|least| least.is_finite()));
            }
            self.go_on(&Meanwhile::AskKnown(known)).await?;
        }
    }

    /// Where nothing is known to cause it: the threshold passes what is measured, and comes back.
    async fn moved(&self, copies: &[Copy]) -> Result<Vec<Measure>, Trouble> {
        let mut measures = Vec::new();
        for copy in of(copies, Cause::MovedThreshold, |copy| copy) {
            let values = self.prometheus.query(&copy.left).await?;
            let Some(value) = values.first().copied().filter(|value| value.is_finite()) else {
                measures.push(Measure::at_least(
                    format!("{}: series that its expression gives", copy.alert),
                    0.0,
                    1.0,
                ));
                continue;
            };
            let (most, least) = (
                values.iter().copied().fold(value, f64::max),
                values.iter().copied().fold(value, f64::min),
            );
            let (true_at, false_at) = match copy.operator {
                ">" | ">=" => (least - 1.0, most + 1.0),
                "<" | "<=" => (most + 1.0, least - 1.0),
                "==" => (value, most + 1.0),
                _ => (most + 1.0, value),
            };
            for (threshold, fires, verb) in [(true_at, true, "fires"), (false_at, false, "clears")] {
                let mut copy = copy.clone();
                let threshold = round(threshold);
                copy.changes
                    .push(format!("threshold moved from {} to {threshold}", copy.threshold));
                copy.threshold = threshold;
                let copy = [copy];
                self.load(&copy).await?;
                let firing = self.until(&copy, fires, &Meanwhile::Nothing).await?;
                let what = format!("{verb} by its threshold alone, as nothing here causes it");
                measures.extend(says(&copy, &what, &firing, fires));
            }
        }
        Ok(measures)
    }

    /// Loads copies in place of those that are there, and waits until Prometheus has them.
    async fn load(&self, copies: &[Copy]) -> Result<(), Trouble> {
        let url = self.prometheus.url();
        self.scene.switch.rules(url, Some(file(copies))).await?;
        let started = Instant::now();
        loop {
            let rules = self.prometheus.alerting_rules().await?;
            let is_there = |copy: &Copy| {
                let mut own = rules.iter().filter(|rule| rule.name == copy.name());
                own.any(|rule| rule.health != "unknown" && ends_in(&rule.query, copy.threshold))
            };
            if copies.iter().all(is_there) {
                return Ok(());
            }
            if started.elapsed() > self.limit {
                return Err(Trouble::new(
                    url,
                    "it does not take copies of alerts: its log says why",
                ));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until all of these fire, or none does, or it takes too long; which of them fire then.
    async fn until(
        &self,
        copies: &[Copy],
        fire: bool,
        meanwhile: &Meanwhile<'_>,
    ) -> Result<Vec<bool>, Trouble> {
        let started = Instant::now();
        loop {
            let firing = self.prometheus.firing().await?;
            let firing: Vec<bool> = copies.iter().map(|copy| firing.contains(&copy.name())).collect();
            if firing.iter().all(|fires| *fires == fire) || started.elapsed() > self.limit {
                return Ok(firing);
            }
            self.go_on(meanwhile).await?;
        }
    }

    async fn go_on(&self, meanwhile: &Meanwhile<'_>) -> Result<(), Trouble> {
        let apis = Api::all(&self.scene.endpoints);
        match meanwhile {
            Meanwhile::Nothing => {}
            Meanwhile::Flow => {
                apis?[0].post(Batch::new(FLOW_ACCOUNTS, 1).body(0..1)).await?;
            }
            Meanwhile::AskUnknown => {
                for api in apis? {
                    for account in Batch::new(QUERIES, 0).accounts() {
                        api.usage(account).await?;
                    }
                }
            }
            Meanwhile::AskKnown(accounts) => {
                for api in apis? {
                    for number in 0..usize::from(QUERIES) {
                        api.usage(accounts[number % accounts.len()]).await?;
                    }
                }
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
        Ok(())
    }
}

fn of(copies: &[Copy], cause: Cause, change: impl Fn(Copy) -> Copy) -> Vec<Copy> {
    let own = copies.iter().filter(|copy| copy.cause == cause);
    own.cloned().map(change).collect()
}

/// Three places: what is written is what is compared.
fn round(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

/// Whether Prometheus has the copy with this threshold, and not one that was there before.
fn ends_in(query: &str, threshold: f64) -> bool {
    let last = query.split_whitespace().next_back();
    last.and_then(|number| number.parse::<f64>().ok())
        .is_some_and(|number| (number - threshold).abs() < 1e-9)
}

fn says(copies: &[Copy], what: &str, firing: &[bool], fires: bool) -> Vec<Measure> {
    let word = |fires: bool| if fires { "firing" } else { "not firing" };
    let pairs = copies.iter().zip(firing);
    pairs
        .map(|(copy, firing)| {
            let name = format!("{} {what}", copy.told());
            Measure::equal(name, word(*firing), word(fires))
        })
        .collect()
}
