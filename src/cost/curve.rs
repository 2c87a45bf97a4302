//! Costs over time and over load: the weeks of the rollout, and rates of events.

use std::collections::BTreeSet;

use rust_decimal::Decimal;

use super::Input;
use super::estimate::{Estimate, Line, Total};
use crate::spec::{NodeAutoscaler, Spec};

/// Events a minute, in thousands, that the curve is drawn over: 0.1 to 10 million.
const RATES: [u32; 7] = [100, 200, 500, 1_000, 2_000, 5_000, 10_000];
const HOURS_A_WEEK: u32 = 168;

/// A week of the rollout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Week {
    /// `week-1`.
    pub id: String,
    /// What it is for.
    pub title: String,
    /// What a month costs of what is up by then.
    pub total: Total,
    /// What that week costs, of what is known.
    pub week: Decimal,
}

/// The platform at another rate of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Events a minute.
    pub events_a_minute: Decimal,
    /// What a month costs.
    pub total: Total,
    /// What a million events cost, of what is known.
    pub a_million: Option<Decimal>,
    /// More than the plan is laid out for: more nodes than the groups may have, or shards, brokers and cache
    /// that were sized for less.
    pub is_beyond: bool,
}

/// The weeks in order. A section that no week brings up is there from the first.
pub fn rollout(spec: &Spec, estimate: &Estimate) -> Vec<Week> {
    let named: BTreeSet<String> = spec
        .rollout
        .values()
        .flat_map(|week| names(&week.sections))
        .collect();
    let mut up = BTreeSet::new();
    spec.rollout
        .iter()
        .map(|(id, week)| {
            up.extend(names(&week.sections));
            let is_up = |line: &&Line| up.contains(&line.section) || !named.contains(&line.section);
            let total = Total::of(estimate.lines.iter().filter(is_up));
            let share = Decimal::from(HOURS_A_WEEK) / Decimal::from(estimate.hours);
            Week {
                id: id.clone(),
                title: week.title.clone(),
                total,
                week: total.known.expected * share,
            }
        })
        .collect()
}

/// As desired resources and the plan name them.
fn names(sections: &BTreeSet<crate::spec::Section>) -> impl Iterator<Item = String> {
    sections.iter().filter_map(|section| {
        let name = serde_json::to_value(section).ok()?;
        Some(name.as_str()?.to_owned())
    })
}

/// The platform at 0.1 to 10 million events a minute. What the plan states in `cost` is taken to be at the
/// plan's own rate, and to grow with it where it is events.
pub fn rates(input: &Input<'_>) -> Vec<Rate> {
    let Some(ingest) = &input.spec.ingest else {
        return Vec::new();
    };
    let planned = ingest.event_rate.per_minute();
    if planned.is_zero() {
        return Vec::new();
    }
    let mut all: Vec<Decimal> = RATES
        .iter()
        .map(|rate| Decimal::from(*rate) * Decimal::from(1_000))
        .collect();
    all.push(planned);
    all.sort();
    all.dedup();
    all.into_iter()
        .map(|events_a_minute| {
            let load = events_a_minute / planned;
            let estimate = Input { load, ..*input }.estimate();
            Rate {
                events_a_minute,
                total: estimate.total(),
                a_million: estimate.cost_of_a_million_events(),
                is_beyond: load > headroom(input.spec),
            }
        })
        .collect()
}

/// How many times its rate a plan is laid out for. Nodes may come; shards, brokers and cache are sized for
/// the load test, where there is one.
fn headroom(spec: &Spec) -> Decimal {
    let Some(ingest) = &spec.ingest else {
        return Decimal::ONE;
    };
    let tested = spec.success_metrics.load_test_rate;
    let tested = tested.map_or(Decimal::ONE, |rate| {
        rate.per_minute() / ingest.event_rate.per_minute()
    });
    let nodes = spec.eks.iter().flat_map(|eks| {
        let kafka = spec.kafka.as_ref().and_then(|kafka| kafka.node_group.as_deref());
        let scales = eks.node_autoscaler != NodeAutoscaler::None;
        let groups = eks.node_groups.iter();
        groups
            .filter(move |(name, group)| Some(name.as_str()) != kafka && group.desired > 0 && scales)
            .map(|(_, group)| Decimal::from(group.max) / Decimal::from(group.desired))
    });
    nodes
        .fold(tested.max(Decimal::ONE), Decimal::min)
        .max(Decimal::ONE)
}
