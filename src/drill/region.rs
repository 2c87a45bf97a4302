//! The loss of a region: everything of the first is killed, the second takes over, and the way back is gone.
//!
//! A copy of the log and of the shards is always a little behind. What was acknowledged last may be missing in the
//! second region: that is the recovery point, in seconds. When the first region is back, its own log gives it back.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::background::{self, Load};
use super::engine::{Listener, Order, Stage, quiet, reachable, tiers, until_whole, whole_before};
use super::markers::{Markers, now_ms};
use super::outcome::{Moved, Outcome, Tier, TierFigure};
use super::probe::Probes;
use super::stream::{Span, Stream};
use super::{Trouble, marker_check};
use crate::endpoints::Endpoints;
use crate::failover::{FailoverError, Regions, Step};
use crate::load::settlement::Log;
use crate::load::shards::Shards;
use crate::spec::Spec;

impl From<FailoverError> for Trouble {
    fn from(error: FailoverError) -> Self {
        Self(error.to_string())
    }
}

/// What is sent to a region that is lost is given up soon.
const PATIENCE_BEFORE: Duration = Duration::from_secs(10);
/// A tier works again when it has for so long.
const HOLD: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What the plan promises of every tier when a region is lost, in seconds.
pub(super) fn objective_seconds(spec: &Spec) -> Option<f64> {
    let promised = &spec.success_metrics.recovery_time;
    Some(promised.region.or(promised.overall)?.as_std().as_secs_f64())
}

/// What happens until the second region works.
struct Away {
    fault: Duration,
    turned: Duration,
    victims: Vec<String>,
    fault_at: Timestamp,
    striking: Duration,
    steps: Vec<Step>,
    load: Load,
    probes: Probes,
}

pub(super) async fn tried(order: &Order<'_>, listener: &dyn Listener) -> Result<Outcome, Trouble> {
    let tell = |stage: Stage| listener.stage(order.drill, &stage);
    let regions = order.faults.regions();
    let regions = regions.ok_or_else(|| Trouble("the platform has no second region that stands".into()))?;
    let (active, first) = (regions.active(), &regions.first);
    if active != *first {
        return Err(Trouble(format!(
            "{active} takes events already, so nothing was struck: `vvbill failover PLAN --to {first}` goes back"
        )));
    }
    tell(Stage::Checking);
    reachable(order.endpoints)?;
    whole_before(order).await?;
    let began_at = Timestamp::now();
    let (clock, start_ms) = (Instant::now(), now_ms());
    let before = Probes::begin(order.endpoints, clock, order.period, start_ms).await?;
    let load = Load::begin(order.endpoints, &[], order.rate, PATIENCE_BEFORE);
    tell(Stage::Quiet);
    let from = quiet(order, &before, clock).await?;
    let away = away(order, (regions, &load, &before), (clock, start_ms), &tell).await?;
    let span = |until| Span {
        from,
        fault: away.fault,
        until,
    };
    let joined = || joined(&before, &away.probes, span(away.turned));
    watch(order, &joined, clock, &span, &tell).await;
    let healing = clock.elapsed();
    let streams = joined();
    let there = Span {
        fault: away.turned,
        ..span(healing)
    };
    let tiers = quiet_healing(tiers(order, &streams, span(healing), there));
    away.probes.end();
    tell(Stage::Accounting);
    let sent = [load.finish().await?, away.load.finish().await?].concat();
    settle(&regions.endpoints, order.patience).await?;
    let markers = Markers {
        start_ms,
        accounts: [before.markers().accounts, away.probes.markers().accounts].concat(),
    };
    let acknowledged = [before.acknowledged.events(), away.probes.acknowledged.events()].concat();
    let found = marker_check::read(&regions.endpoints, &markers, &acknowledged, away.fault).await?;
    tell(Stage::Healing);
    let moving = |what: &str| tell(Stage::Moving(what.to_owned()));
    let back = regions.to_first(order.patience, &moving).await?;
    let missing = until_whole(order, order.patience, &|missing| {
        let missing = missing.to_vec();
        tell(Stage::Restoring { missing });
    })
    .await;
    let restored = clock.elapsed();
    tell(Stage::Accounting);
    let background = background::account(order.endpoints, &sent, order.rate, order.patience).await?;
    let finally = marker_check::read(order.endpoints, &markers, &acknowledged, away.fault).await?;
    Ok(Outcome {
        drill: order.drill.name().to_owned(),
        victims: away.victims,
        began_at,
        fault_at: away.fault_at,
        striking_seconds: away.striking.as_secs_f64(),
        ended_at: Timestamp::now(),
        tiers,
        healed_after_seconds: (healing - away.fault).as_secs_f64(),
        restored_seconds: missing.is_empty().then(|| (restored - healing).as_secs_f64()),
        missing,
        found,
        background,
        markers,
        moved: Some(Moved {
            region: regions.second.clone(),
            turned_after_seconds: (away.turned - away.fault).as_secs_f64(),
            away: away.steps,
            back,
            found: finally,
        }),
    })
}

/// Strikes, fails over, and turns clients to the second region.
async fn away(
    order: &Order<'_>,
    (regions, load, before): (&Regions, &Load, &Probes),
    (clock, start_ms): (Instant, i64),
    tell: &(dyn Fn(Stage) + Sync),
) -> Result<Away, Trouble> {
    let (fault, fault_at) = (clock.elapsed(), Timestamp::now());
    let victims = regions.lose_first().await?;
    let striking = clock.elapsed().saturating_sub(fault);
    load.abandon();
    tell(Stage::Struck(victims.clone()));
    let moving = |what: &str| tell(Stage::Moving(what.to_owned()));
    let steps = regions.to_second(&moving).await?;
    before.end();
    let turned = clock.elapsed();
    let probes = Probes::begin(&regions.endpoints, clock, order.period, start_ms).await?;
    let load = Load::begin(&regions.endpoints, &[], order.rate, order.patience);
    Ok(Away {
        fault,
        turned,
        victims,
        fault_at,
        striking,
        steps,
        load,
        probes,
    })
}

/// Each part as it was tried in the first region, and then in the second; what the second has not, is not looked at.
fn joined(before: &Probes, after: &Probes, between: Span) -> Vec<Stream> {
    let then = |stream: &Stream| {
        let same = |other: &&Stream| other.tier == stream.tier && other.what == stream.what;
        Some(stream.joined(after.streams.iter().find(same)?, between))
    };
    before.streams.iter().filter_map(then).collect()
}

/// The way back is a planned one, during which events are not accepted: how long it took is told elsewhere.
fn quiet_healing(mut tiers: Vec<TierFigure>) -> Vec<TierFigure> {
    tiers.iter_mut().for_each(|tier| tier.healing_seconds = 0.0);
    tiers
}

/// Waits until everything works in the second region, the patience is over, or somebody wants no more of it.
async fn watch(
    order: &Order<'_>,
    joined: &(dyn Fn() -> Vec<Stream> + Sync),
    clock: Instant,
    span: &(dyn Fn(Duration) -> Span + Sync),
    tell: &(dyn Fn(Stage) + Sync),
) {
    let mut told = Instant::now();
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let span = span(clock.elapsed());
        let streams = joined();
        let since = span.until.saturating_sub(span.fault);
        let is_over = streams.iter().all(|stream| stream.is_settled(span, HOLD));
        if is_over || since >= order.patience || (order.is_interrupted)() {
            return;
        }
        if told.elapsed() >= super::engine::TELL_EVERY {
            told = Instant::now();
            let streams = streams.iter().filter(|stream| stream.is_away(span));
            let mut away: Vec<Tier> = streams.map(|stream| stream.tier).collect();
            away.sort();
            away.dedup();
            tell(Stage::Watching { since, away });
        }
    }
}

async fn settle(endpoints: &Endpoints, patience: Duration) -> Result<(), Trouble> {
    let shards = Shards::connect(endpoints).await?;
    Log::open(endpoints)?.settle(&shards, patience).await?;
    Ok(())
}
