//! A drill from the look before to the account after it. Whatever comes between, what was struck is brought back.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::join_all;
use jiff::Timestamp;

use super::background::Load;
use super::catalogue::Drill;
use super::faults::Faults;
use super::markers::now_ms;
use super::outcome::{Outcome, Tier, TierFigure};
use super::probe::Probes;
use super::stream::{Span, Stream};
use super::victims::{self, Victim};
use super::{Trouble, marker_check, region, whole};
use crate::endpoints::Endpoints;
use crate::spec::Spec;

/// How a drill is done.
pub struct Order<'a> {
    /// Which.
    pub drill: Drill,
    /// What the platform must be like, and what it promises.
    pub spec: &'a Spec,
    /// Where to reach it.
    pub endpoints: &'a Endpoints,
    /// Who strikes.
    pub faults: &'a dyn Faults,
    /// Events a second of the load.
    pub rate: f64,
    /// How often each tier is tried.
    pub period: Duration,
    /// How long a tier may take to work again, and the platform to be whole again.
    pub patience: Duration,
    /// Asked again and again: healing is to begin now.
    pub is_interrupted: &'a (dyn Fn() -> bool + Sync),
}

/// What a drill is doing.
#[derive(Clone, Debug, PartialEq)]
pub enum Stage {
    /// Looks whether the platform is whole.
    Checking,
    /// Load and probes run; nothing is struck yet.
    Quiet,
    /// These were struck.
    Struck(Vec<String>),
    /// Waits until every tier works again.
    Watching {
        /// Time since the fault.
        since: Duration,
        /// Tiers that don't work at the moment.
        away: Vec<Tier>,
    },
    /// A part of the move to another region, or back.
    Moving(String),
    /// Brings back what was struck.
    Healing,
    /// Waits until all is whole.
    Restoring {
        /// What is missing still.
        missing: Vec<String>,
    },
    /// Waits until all is durable, and reads the rows.
    Accounting,
}

/// Hears how a drill goes.
pub trait Listener: Send + Sync {
    /// It has come to this.
    fn stage(&self, drill: Drill, stage: &Stage);
}

/// Each probe has to find its tier at work within this.
const WORKS_WITHIN: Duration = Duration::from_secs(20);
/// Load and probes run for so long before the fault, from when everything works.
const QUIET: Duration = Duration::from_secs(5);
/// What comes only seconds after the fault is seen, too.
const WATCH_AT_LEAST: Duration = Duration::from_secs(6);
/// A tier works again when it has for so long.
const HOLD: Duration = Duration::from_secs(3);
/// How long a platform may take to be found whole before the fault.
const WHOLE_WITHIN: Duration = Duration::from_secs(15);
/// After all is whole, what that has brought is seen, too.
const AFTERMATH: Duration = Duration::from_secs(1);
/// The load outlasts watching, healing and what comes after it.
const LOAD_PATIENCE: u32 = 3;
const LOOK_EVERY: Duration = Duration::from_millis(500);
pub(super) const TELL_EVERY: Duration = Duration::from_secs(1);

/// Carries a drill out.
///
/// # Errors
/// When the platform isn't whole before it, when nothing could be struck or measured, or when what was struck
/// does not come back.
pub async fn run(order: &Order<'_>, listener: &dyn Listener) -> Result<Outcome, Trouble> {
    let tried = match order.drill {
        Drill::Region => {
            AssertUnwindSafe(region::tried(order, listener))
                .catch_unwind()
                .await
        }
        _ => AssertUnwindSafe(tried(order, listener)).catch_unwind().await,
    };
    let healed = order.faults.heal().await;
    let outcome = tried.unwrap_or_else(|_| {
        Err(Trouble(
            "the drill itself broke off, which is a mistake in vvbill".into(),
        ))
    });
    match (outcome, healed) {
        (Ok(_), Err(why)) => Err(why),
        (Err(first), Err(why)) => Err(Trouble(format!("{first}; and {why}"))),
        (outcome, Ok(())) => outcome,
    }
}

async fn tried(order: &Order<'_>, listener: &dyn Listener) -> Result<Outcome, Trouble> {
    let tell = |stage: Stage| listener.stage(order.drill, &stage);
    tell(Stage::Checking);
    reachable(order.endpoints)?;
    whole_before(order).await?;
    let began_at = Timestamp::now();
    let victims = victims::find(order.drill, order.endpoints, order.faults).await?;
    let clock = Instant::now();
    let probes = Probes::begin(order.endpoints, clock, order.period, now_ms()).await?;
    let struck: Vec<&str> = victims.iter().filter_map(Victim::api).collect();
    let load = Load::begin(
        order.endpoints,
        &struck,
        order.rate,
        order.patience * LOAD_PATIENCE,
    );
    tell(Stage::Quiet);
    let from = quiet(order, &probes, clock).await?;
    let strike = strike(order, &victims, clock).await?;
    let span = |until: Duration| Span {
        from,
        fault: strike.fault,
        until,
    };
    tell(Stage::Struck(victims.iter().map(Victim::words).collect()));
    watch(order, &probes, clock, &span, &tell).await;
    let healing = clock.elapsed();
    tell(Stage::Healing);
    order.faults.heal().await?;
    let missing = until_whole(order, order.patience, &|missing| {
        let missing = missing.to_vec();
        tell(Stage::Restoring { missing });
    })
    .await;
    let restored = clock.elapsed();
    tokio::time::sleep(AFTERMATH).await;
    let aftermath = Span {
        fault: healing,
        ..span(clock.elapsed())
    };
    let tiers = tiers(order, &probes.streams, span(healing), aftermath);
    probes.end();
    tell(Stage::Accounting);
    let background = load.end(order.endpoints).await?;
    let markers = probes.markers();
    let acknowledged = probes.acknowledged.events();
    let found = marker_check::read(order.endpoints, &markers, &acknowledged, strike.fault).await?;
    Ok(Outcome {
        drill: order.drill.name().to_owned(),
        victims: victims.iter().map(Victim::words).collect(),
        began_at,
        fault_at: strike.at,
        striking_seconds: strike.took.as_secs_f64(),
        ended_at: Timestamp::now(),
        tiers,
        healed_after_seconds: (healing - strike.fault).as_secs_f64(),
        restored_seconds: missing.is_empty().then(|| (restored - healing).as_secs_f64()),
        missing,
        found,
        background,
        markers,
        moved: None,
    })
}

/// The platform must be whole before anything is struck.
pub(super) async fn whole_before(order: &Order<'_>) -> Result<(), Trouble> {
    let missing = until_whole(order, WHOLE_WITHIN.min(order.patience), &|_| {}).await;
    match missing.is_empty() {
        true => Ok(()),
        false => Err(Trouble::new(
            "the platform is not whole, so nothing was struck",
            missing.join("; "),
        )),
    }
}

/// Without these there is neither load nor account.
pub(super) fn reachable(endpoints: &Endpoints) -> Result<(), Trouble> {
    let parts = [
        (endpoints.kafka.is_empty(), "Kafka"),
        (endpoints.shards.is_empty(), "shards"),
        (endpoints.api.is_empty(), "API"),
    ];
    let away: Vec<&str> = parts
        .iter()
        .filter(|(away, _)| *away)
        .map(|(_, what)| *what)
        .collect();
    match away.is_empty() {
        true => Ok(()),
        false => Err(Trouble(format!(
            "the platform is not whole, so nothing was struck: it offers no {} that can be reached from here",
            away.join(", no ")
        ))),
    }
}

/// Every probe has to find its tier at work before the fault: what it can't measure then, it can't after it.
pub(super) async fn quiet(order: &Order<'_>, probes: &Probes, clock: Instant) -> Result<Duration, Trouble> {
    let started = Instant::now();
    let mut since = None;
    loop {
        if (order.is_interrupted)() {
            return Err(Trouble("interrupted before anything was struck".into()));
        }
        tokio::time::sleep(LOOK_EVERY).await;
        match (since, works(probes)) {
            (Some(since), _) if clock.elapsed() >= since + QUIET => return Ok(since),
            (None, Ok(())) => since = Some(clock.elapsed()),
            (None, Err(why)) if started.elapsed() >= WORKS_WITHIN => return Err(why),
            _ => {}
        }
    }
}

/// Every probe has found its tier at work.
fn works(probes: &Probes) -> Result<(), Trouble> {
    probes.streams.iter().try_for_each(|stream| {
        let (tier, what) = (stream.tier.name(), &stream.what);
        stream.works().map_err(|why| {
            Trouble::new(
                format_args!("{tier}, {what}: does not work before the fault"),
                why,
            )
        })
    })
}

/// The fault.
struct Strike {
    fault: Duration,
    at: Timestamp,
    took: Duration,
}

async fn strike(order: &Order<'_>, victims: &[Victim], clock: Instant) -> Result<Strike, Trouble> {
    let (fault, at) = (clock.elapsed(), Timestamp::now());
    let blows = victims.iter().map(|victim| order.faults.strike(&victim.blow));
    let struck: Result<Vec<()>, Trouble> = join_all(blows).await.into_iter().collect();
    struck?;
    Ok(Strike {
        fault,
        at,
        took: clock.elapsed().saturating_sub(fault),
    })
}

/// Waits until everything works again, the patience is over, or somebody wants no more of it.
pub(super) async fn watch(
    order: &Order<'_>,
    probes: &Probes,
    clock: Instant,
    span: &(dyn Fn(Duration) -> Span + Sync),
    tell: &(dyn Fn(Stage) + Sync),
) {
    let mut told = Instant::now();
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let span = span(clock.elapsed());
        let since = span.until.saturating_sub(span.fault);
        let settled = |stream: &Stream| stream.is_settled(span, HOLD);
        let is_over = since >= WATCH_AT_LEAST && probes.streams.iter().all(settled);
        if is_over || since >= order.patience || (order.is_interrupted)() {
            return;
        }
        if told.elapsed() >= TELL_EVERY {
            told = Instant::now();
            let mut away: Vec<Tier> = probes
                .streams
                .iter()
                .filter(|stream| stream.is_away(span))
                .map(|stream| stream.tier)
                .collect();
            away.sort();
            away.dedup();
            tell(Stage::Watching { since, away });
        }
    }
}

/// What is missing when it is whole, or the time is over.
pub(super) async fn until_whole(
    order: &Order<'_>,
    within: Duration,
    tell: &(dyn Fn(&[String]) + Sync),
) -> Vec<String> {
    let started = Instant::now();
    loop {
        let missing = whole::missing(order.spec, order.endpoints, order.faults).await;
        if missing.is_empty() || started.elapsed() >= within {
            return missing;
        }
        tell(&missing);
        tokio::time::sleep(TELL_EVERY / 2).await;
    }
}

/// Each tier by its worst part.
pub(super) fn tiers(order: &Order<'_>, streams: &[Stream], span: Span, aftermath: Span) -> Vec<TierFigure> {
    let of_tier = |tier: Tier| {
        let streams = streams.iter().filter(move |stream| stream.tier == tier);
        let worst = streams.clone().map(|stream| stream.figure(span));
        let recovery = worst.max_by(|one, other| {
            let one = (!one.is_back, one.away_seconds);
            let other = (!other.is_back, other.away_seconds);
            one.partial_cmp(&other).unwrap_or(std::cmp::Ordering::Equal)
        })?;
        let healing_seconds = streams
            .map(|stream| stream.longest(aftermath))
            .fold(0.0, f64::max);
        Some(TierFigure {
            tier,
            objective_seconds: match order.drill {
                Drill::Region => region::objective_seconds(order.spec),
                _ => tier.objective_seconds(order.spec),
            },
            recovery,
            healing_seconds,
        })
    };
    Tier::ALL.into_iter().filter_map(of_tier).collect()
}
