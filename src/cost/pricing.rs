//! Demands and prices become the lines of an estimate.

use std::collections::BTreeSet;

use rust_decimal::{Decimal, RoundingStrategy};

use super::book::{Book, Price};
use super::estimate::{Component, Estimate, Line, Outside, Part, Unknown};
use super::free;
use super::inventory::Inventory;
use super::item::{Item, Row, Unit};
use super::quantity::{Count, Demand, Range, plain};
use super::{Input, Scope};
use crate::resource::Address;

/// Lines of `demands`, and of every resource that nothing speaks of.
pub(super) fn price(input: &Input<'_>, inventory: &Inventory<'_>, demands: Vec<Demand>) -> Estimate {
    let book = input.book;
    let scope = input.scope;
    let spoken_of: BTreeSet<Address> = demands.iter().flat_map(|it| it.resources.clone()).collect();
    let mut lines: Vec<Line> = demands
        .into_iter()
        .map(|demand| line(demand, inventory, book))
        .collect();
    let mut free_resources = 0;
    for desired in input.desired {
        if free::needs_no_line(desired) {
            free_resources += usize::from(!spoken_of.contains(&desired.address));
        } else if !spoken_of.contains(&desired.address) {
            lines.push(unsupported(
                &desired.address,
                &desired.section,
                &desired.origin,
                inventory,
            ));
        }
    }
    let (mut lines, outside): (Vec<Line>, Vec<Line>) =
        lines.into_iter().partition(|line| covers(scope, line));
    lines.sort_by_key(|line| (line.part, line.row));
    Estimate {
        plan: input.spec.metadata.name.as_str().to_owned(),
        book: book.name.clone(),
        dated: book.dated,
        hours: input.spec.cost.hours_per_month,
        events_a_minute: inventory
            .events_an_hour()
            .map(|events| events / Decimal::from(60)),
        rounded_to: book.round_lines_to.map(|money| money.0),
        lines,
        outside_why: scope
            .filter(|_| !outside.is_empty())
            .map(|scope| scope.why.clone()),
        outside: outside
            .into_iter()
            .map(|line| Outside {
                title: format!("{}: {}", line.row.group(), line.title),
                region: line.region,
            })
            .collect(),
        not_counted: match scope {
            Some(_) => Vec::new(),
            None => free::not_counted(input),
        },
        resources: input.desired.len(),
        free_resources,
    }
}

fn covers(scope: Option<&Scope>, line: &Line) -> bool {
    scope.is_none_or(|scope| scope.covers(line.row, line.part == Part::SecondRegion))
}

fn unsupported(address: &Address, section: &str, origin: &str, inventory: &Inventory<'_>) -> Line {
    let region = address.region().to_owned();
    Line {
        id: format!("{}/{address}", Row::Unsupported.name()),
        row: Row::Unsupported,
        part: part(Row::Unsupported, &region, inventory),
        region,
        title: address.to_string(),
        detail: format!("nothing is known of what a {} costs", address.kind()),
        item: Item::Instance,
        of: None,
        components: vec![nothing_known()],
        monthly: None,
        unknown: Some(Unknown::Kind),
        formula: String::new(),
        source: None,
        section: section.to_owned(),
        origin: origin.to_owned(),
        resources: vec![address.clone()],
        usage: false,
    }
}

fn nothing_known() -> Component {
    Component {
        name: String::new(),
        unit: None,
        quantity: None,
        price: None,
        monthly: None,
    }
}

fn part(row: Row, region: &str, inventory: &Inventory<'_>) -> Part {
    let elsewhere = region != inventory.primary() && region != "global";
    match (elsewhere, row.is_in_table()) {
        (true, _) => Part::SecondRegion,
        (false, true) => Part::Table,
        (false, false) => Part::LeftOut,
    }
}

fn line(demand: Demand, inventory: &Inventory<'_>, book: &Book) -> Line {
    let price = book.price(demand.item, demand.of.as_deref(), &demand.region);
    let (components, unknown) = components(&demand, price, inventory, book);
    let monthly = components
        .iter()
        .map(|component| component.monthly)
        .sum::<Option<Range>>();
    let formula = formula(&demand, price, inventory, book);
    let name = demand.row.name();
    let title = demand.title.unwrap_or(demand.row.title());
    let (id, title) = match demand.part.as_str() {
        "" => (format!("{name}/{}", demand.region), title.to_owned()),
        part => (
            format!("{name}/{}/{part}", demand.region),
            format!("{title}, {part}"),
        ),
    };
    Line {
        id,
        part: part(demand.row, &demand.region, inventory),
        row: demand.row,
        title,
        detail: demand.detail,
        item: demand.item,
        of: demand.of,
        components,
        monthly,
        unknown,
        formula,
        source: price.map(|price| price.source.clone()),
        region: demand.region,
        section: demand.section,
        origin: demand.origin,
        resources: demand.resources,
        usage: demand.usage,
    }
}

/// The quantity in the price's unit.
fn quantity(
    count: &Count,
    unit: Option<Unit>,
    price: Option<&Price>,
    inventory: &Inventory<'_>,
) -> Option<Range> {
    match (count, unit) {
        (Count::Amount(amount), _) => Some(*amount),
        (Count::Unstated(_), _) => None,
        (Count::Running(things), Some(Unit::Month)) => Some(*things),
        (Count::Running(things), _) => {
            let own = price.and_then(|price| price.hours).map(Decimal::from);
            let hours = own.unwrap_or(inventory.hours());
            Some(things.map(|it| it * hours))
        }
    }
}

fn components(
    demand: &Demand,
    price: Option<&Price>,
    inventory: &Inventory<'_>,
    book: &Book,
) -> (Vec<Component>, Option<Unknown>) {
    let unit = book.unit(demand.item, price);
    let quantity = quantity(&demand.count, unit, price, inventory);
    let unknown = match (&demand.count, price) {
        (Count::Unstated(field), _) => Some(Unknown::Quantity(field)),
        (_, None) => Some(Unknown::Price),
        _ => None,
    };
    let Some((price, quantity)) = price.zip(quantity) else {
        let tiers = price.map(Price::tiers).unwrap_or_default();
        let component = Component {
            unit,
            quantity,
            price: tiers.first().map(|tier| tier.price.0),
            ..nothing_known()
        };
        return (vec![component], unknown);
    };
    let mut components = Vec::new();
    let mut start = Decimal::ZERO;
    let tiers = price.tiers();
    for tier in &tiers {
        let within = |all: Decimal| (tier.up_to.map_or(all, |end| all.min(end)) - start).max(Decimal::ZERO);
        let share = quantity.map(within);
        if share.high > Decimal::ZERO || tiers.len() == 1 {
            let monthly = share.map(|it| rounded(it * tier.price.0, book));
            components.push(Component {
                name: tier_name(start, tier.up_to),
                unit: Some(price.per),
                quantity: Some(share),
                price: Some(tier.price.0),
                monthly: Some(monthly),
            });
        }
        start = tier.up_to.unwrap_or(start);
    }
    if let [only] = &mut components[..] {
        only.name.clear();
    }
    if components.is_empty() {
        components.push(Component {
            unit: Some(price.per),
            quantity: Some(quantity),
            price: tiers.first().map(|tier| tier.price.0),
            monthly: Some(Range::default()),
            ..nothing_known()
        });
    }
    (components, None)
}

fn tier_name(start: Decimal, end: Option<Decimal>) -> String {
    match end {
        None if start.is_zero() => String::new(),
        None => format!("over {}", plain(start)),
        Some(end) => format!("up to {}", plain(end)),
    }
}

fn rounded(cost: Decimal, book: &Book) -> Decimal {
    match book
        .round_lines_to
        .map(|money| money.0)
        .filter(|step| !step.is_zero())
    {
        None => cost,
        Some(step) => {
            let steps = (cost / step).round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero);
            steps * step
        }
    }
}

/// `8 nodes (4 to 16) × 720 h × 0.19 USD`.
fn formula(demand: &Demand, price: Option<&Price>, inventory: &Inventory<'_>, book: &Book) -> String {
    let mut factors = vec![demand.basis.clone()];
    let by_month = book.unit(demand.item, price) == Some(Unit::Month);
    if matches!(demand.count, Count::Running(_)) && !by_month {
        let hours = price
            .and_then(|price| price.hours)
            .map_or(inventory.hours(), Decimal::from);
        factors.push(format!("{} h", plain(hours)));
    }
    factors.push(match price.map(Price::tiers) {
        None => "? USD".to_owned(),
        Some(tiers) if tiers.len() == 1 => format!("{} USD", plain(tiers[0].price.0)),
        Some(tiers) => {
            let prices: Vec<String> = tiers.iter().map(|tier| plain(tier.price.0)).collect();
            format!("{} USD by tier", prices.join(", "))
        }
    });
    factors.retain(|factor| !factor.is_empty());
    factors.join(" × ")
}
