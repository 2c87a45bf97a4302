//! Nodes: Spot for what keeps nothing, and as many as a load test asks for.

use rust_decimal::Decimal;

use super::evidence::Evidence;
use super::patch::Patch;
use super::{Base, Idea, Risk};
use crate::cost::plain;
use crate::spec::{Capacity, FieldPath, NodeGroup, Spec, TaintEffect, Target};

/// Nodes below which the loss of one takes half away.
const NODES_AT_LEAST: u32 = 2;
/// What a plan has to carry above its rate where it names no rate of a load test: half as much again, as the
/// specification's 1.5 M against 1 M events a minute.
const HEADROOM_TENTHS: u32 = 15;

pub(super) fn ideas(base: &Base<'_>) -> Vec<Idea> {
    let spec = &base.spec;
    if spec.target != Target::Aws {
        return Vec::new();
    }
    let mut ideas: Vec<Idea> = stateless(spec)
        .filter_map(|(name, group)| spot(name, group, base))
        .collect();
    if let Some(evidence) = base.question.evidence {
        ideas.extend(right_sizes(spec, evidence));
    }
    ideas
}

/// A field of a node group.
pub(super) fn field(group: &str, name: &str) -> String {
    let groups = FieldPath::default().key("eks").key("node_groups");
    groups.key(group).key(name).to_string()
}

/// Groups on which no data lives: neither brokers nor the buffer's servers, named or for lack of another place.
fn stateless(spec: &Spec) -> impl Iterator<Item = (&String, &NodeGroup)> {
    let groups = spec.eks.iter().flat_map(|eks| &eks.node_groups);
    groups.filter(move |(name, group)| !holds_data(spec, name, group))
}

fn holds_data(spec: &Spec, name: &str, group: &NodeGroup) -> bool {
    let homes = [
        spec.kafka.as_ref().map(|kafka| kafka.node_group.as_deref()),
        spec.buffer.as_ref().map(|buffer| buffer.node_group.as_deref()),
    ];
    let is_open = !group
        .taints
        .iter()
        .any(|taint| taint.effect != TaintEffect::PreferNoSchedule);
    let marked = group
        .labels
        .values()
        .chain(group.taints.iter().map(|taint| &taint.value));
    let is_marked = marked
        .into_iter()
        .any(|mark| matches!(mark.as_str(), "kafka" | "redis" | "buffer"));
    let is_home = homes.into_iter().flatten().any(|home| match home {
        Some(home) => home == name,
        None => is_open,
    });
    is_home || is_marked
}

fn spot(name: &str, group: &NodeGroup, base: &Base<'_>) -> Option<Idea> {
    if group.capacity == Capacity::Spot {
        return None;
    }
    let patch = Patch::of(&field(name, "capacity"), "spot").ok()?;
    let what = format!("{name} on Spot instead of on demand");
    let mut idea = Idea::new(format!("spot/{name}"), what, Risk::High, patch)
        .because("EC2 takes nodes away with two minutes' notice, several at once when capacity is short")
        .because("a group with one instance type has one pool of capacity to find another in");
    idea.ask = Some(format!(
        "`aws ec2 describe-spot-price-history --region {} --instance-types {} --product-descriptions Linux/UNIX` \
         tells what Spot costs now; put it into a book as `item: instance`, `of: {} spot`",
        base.primary(),
        group.instance_type,
        group.instance_type
    ));
    Some(idea)
}

/// As many nodes, and workers, as the measured rate asks for.
fn right_sizes(spec: &Spec, evidence: &Evidence) -> Vec<Idea> {
    let Some(ingest) = &spec.ingest else {
        return Vec::new();
    };
    let rate = ingest.event_rate.per_second();
    let wanted = rate * headroom(spec);
    let measured = evidence.per_second;
    let needed = |tested: u32| {
        let exact = Decimal::from(tested) * wanted / measured;
        u32::try_from(exact.ceil()).unwrap_or(u32::MAX)
    };
    let groups: Vec<(&String, &NodeGroup)> = stateless_or_shared(spec).collect();
    let mut ideas = Vec::new();
    for (name, group) in &groups {
        let Some(tested) = evidence.nodes.get(*name).copied().filter(|tested| *tested > 0) else {
            continue;
        };
        let nodes = needed(tested).max(NODES_AT_LEAST);
        if nodes >= group.desired {
            continue;
        }
        let patch = Patch::of(&field(name, "desired"), nodes)
            .and_then(|patch| patch.and(&field(name, "min"), group.min.min(nodes)));
        let Ok(patch) = patch else { continue };
        let what = format!("{nodes} nodes of {name} instead of {}", group.desired);
        let formula = format!(
            "{tested} nodes × {} events/s wanted ({} × {} of headroom) ÷ {} events/s measured, rounded up, at least \
             {NODES_AT_LEAST}",
            plain(wanted.round_dp(1)),
            plain(rate.round_dp(1)),
            plain(headroom(spec)),
            plain(measured.round_dp(1))
        );
        let idea = Idea::new(format!("right-size/{name}"), what, Risk::Medium, patch);
        ideas.push(idea.because(formula).because(
            "it holds if the group stood at its `desired` size; what a test of minutes doesn't show isn't in it: other \
             workloads, events of another size, a node's loss",
        ));
    }
    ideas
}

/// Groups whose number follows the rate: all but those of brokers and of the buffer alone.
fn stateless_or_shared(spec: &Spec) -> impl Iterator<Item = (&String, &NodeGroup)> {
    let kafka = spec.kafka.as_ref().and_then(|kafka| kafka.node_group.clone());
    let buffer = spec.buffer.as_ref().and_then(|buffer| buffer.node_group.clone());
    let groups = spec.eks.iter().flat_map(|eks| &eks.node_groups);
    groups.filter(move |(name, group)| {
        let is_home = [&kafka, &buffer].into_iter().flatten().any(|home| home == *name);
        !is_home && !group.taints.iter().any(|taint| taint.value == "kafka")
    })
}

/// By how much more than its rate the plan has to carry.
fn headroom(spec: &Spec) -> Decimal {
    let metrics = &spec.success_metrics;
    let test = metrics.load_test_rate.map(|rate| rate.per_minute());
    let usual = metrics.rate.map(|rate| rate.per_minute());
    let stated = test.zip(usual).and_then(|(test, usual)| test.checked_div(usual));
    stated
        .unwrap_or(Decimal::new(i64::from(HEADROOM_TENTHS), 1))
        .max(Decimal::ONE)
}
