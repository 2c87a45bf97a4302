//! Commitments: the same machines for less, for who promises to pay for a year. They are bought, so there is nothing
//! to change in a plan.

use rust_decimal::Decimal;

use super::{Base, Risk, Saving};
use crate::cost::{Component, Item, Line, Unit, plain};
use crate::spec::Target;

/// A kind of commitment.
struct Kind {
    name: &'static str,
    what: &'static str,
    items: &'static [Item],
    /// What it doesn't fit any more after a change of the plan.
    bound: &'static str,
}

const KINDS: &[Kind] = &[
    Kind {
        name: "savings-plan/nodes",
        what: "a Compute Savings Plan for the nodes that always run, one year, nothing upfront",
        items: &[Item::Instance],
        bound: "it holds for any family, size and region, so it can follow Graviton, but not Spot",
    },
    Kind {
        name: "reserved/aurora",
        what: "reserved instances for Aurora, one year, nothing upfront",
        items: &[Item::DatabaseInstance, Item::DatabaseInstanceIoOptimized],
        bound: "it holds for one family in one region: choose the family first",
    },
    Kind {
        name: "reserved/cache",
        what: "reserved nodes for ElastiCache, one year, nothing upfront",
        items: &[Item::CacheNode],
        bound: "it holds for one family in one region: choose family and engine first",
    },
];

pub(super) fn savings(base: &Base<'_>) -> Vec<Saving> {
    if base.spec.target != Target::Aws {
        return Vec::new();
    }
    KINDS.iter().filter_map(|kind| saving(kind, base)).collect()
}

fn saving(kind: &Kind, base: &Base<'_>) -> Option<Saving> {
    let is_meant = |line: &Line| {
        let spot = line.of.as_deref().is_some_and(|of| of.ends_with(" spot"));
        kind.items.contains(&line.item) && line.of.is_some() && !spot
    };
    let (mut how, mut missing, mut saved) = (Vec::new(), Vec::new(), None);
    for line in base.lines(is_meant) {
        match told(line, base) {
            Ok((text, monthly)) => {
                how.push(text);
                saved = Some(saved.unwrap_or(Decimal::ZERO) + monthly);
            }
            Err(text) if !missing.contains(&text) => missing.push(text),
            Err(_) => {}
        }
    }
    let is_nothing = saved.is_some_and(|saved| saved <= Decimal::ZERO);
    if is_nothing || (how.is_empty() && missing.is_empty()) {
        return None;
    }
    Some(Saving {
        name: kind.name.to_owned(),
        what: kind.what.to_owned(),
        monthly: saved,
        how,
        missing,
        risk: Risk::Medium,
        because: vec![
            "it is paid for a year, whether it is used or not".to_owned(),
            kind.bound.to_owned(),
        ],
        patch: None,
    })
}

/// What a line saves by its rate, or what is missing to tell.
fn told(line: &Line, base: &Base<'_>) -> Result<(String, Decimal), String> {
    let of = line.of.as_deref().unwrap_or_default();
    let book = base.question.book;
    let price = |component: &Component| {
        let hours = component
            .quantity
            .filter(|_| component.unit == Some(Unit::Hour))?;
        Some((hours.low, component.price?))
    };
    let Some((hours, price)) = line.components.first().and_then(price) else {
        return Err(format!(
            "`{}` has no price for {of} in {}",
            book.name, line.region
        ));
    };
    let Some(rate) = book.commitment(line.item, of, &line.region) else {
        return Err(format!(
            "`{}` has no rate for {of} in {}: `{}` tells; put it under `commitments` in a book",
            book.name,
            line.region,
            ask(line.item, of, &line.region)
        ));
    };
    let saved = hours * (price - rate.price.0);
    let text = format!(
        "{}: {} h at least × ({} − {} USD) [{}]",
        line.title,
        plain(hours),
        plain(price),
        plain(rate.price.0),
        rate.source
    );
    Ok((text, saved))
}

/// The command that answers with the rate.
fn ask(item: Item, of: &str, region: &str) -> String {
    match item {
        Item::CacheNode => {
            let (engine, node) = of.split_once(' ').unwrap_or(("redis", of));
            format!(
                "aws elasticache describe-reserved-cache-nodes-offerings --region {region} --cache-node-type {node} \
                 --product-description {engine} --duration 1 --offering-type \"No Upfront\""
            )
        }
        Item::Instance => format!(
            "aws savingsplans describe-savings-plans-offering-rates --savings-plan-types Compute \
             --savings-plan-payment-options \"No Upfront\" --filters name=instanceType,values={of} \
             name=region,values={region}"
        ),
        _ => format!(
            "aws rds describe-reserved-db-instances-offerings --region {region} --db-instance-class {of} \
             --product-description aurora-postgresql --duration 1 --offering-type \"No Upfront\""
        ),
    }
}
