//! Demands and prices become lines and a total.

use std::collections::BTreeSet;

use rust_decimal::{Decimal, RoundingStrategy};

use super::book::{Book, Price};
use super::free;
use super::inventory::Inventory;
use super::item::{Item, Row, Unit};
use super::quantity::{Count, Demand, Range, plain};
use super::{Input, Scope};
use crate::resource::Address;

/// The monthly cost of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// The plan's name.
    pub plan: String,
    /// The book's name.
    pub book: String,
    /// The day of the book's prices.
    pub dated: jiff::civil::Date,
    /// The hours of a month.
    pub hours: u32,
    /// Events a minute, where the plan has them.
    pub events_a_minute: Option<Decimal>,
    /// The step that lines are rounded to; none: exact.
    pub rounded_to: Option<Decimal>,
    /// What is priced, in the order of the rows; the first region's first.
    pub lines: Vec<Line>,
    /// What the scope leaves out.
    pub outside: Vec<Outside>,
    /// Why the scope leaves it out.
    pub outside_why: Option<String>,
    /// Use that no field states.
    pub not_counted: Vec<NotCounted>,
    /// How many resources the plan wants.
    pub resources: usize,
    /// How many of them cost nothing by themselves.
    pub free_resources: usize,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The same in every estimate of the same thing: `workers/us-east-1/app-nodes`.
    pub id: String,
    /// What it is.
    pub row: Row,
    /// Where it stands in the estimate.
    pub part: Part,
    /// The region, or `global`.
    pub region: String,
    /// Row and what tells it apart: `Worker Nodes, app-nodes`.
    pub title: String,
    /// `8 × m6i.xlarge`.
    pub detail: String,
    /// What is bought.
    pub item: Item,
    /// Quantity, price and cost; several where prices fall with the amount.
    pub components: Vec<Component>,
    /// The cost of a month; none: unknown.
    pub monthly: Option<Range>,
    /// Why it is unknown.
    pub unknown: Option<Unknown>,
    /// How the cost comes about, with its units.
    pub formula: String,
    /// Where the price was seen.
    pub source: Option<String>,
    /// The plan's section that brings it.
    pub section: String,
    /// The plan's field that decides it.
    pub origin: String,
    /// The resources it is about.
    pub resources: Vec<Address>,
    /// Whether use decides it.
    pub usage: bool,
}

/// A quantity at one price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// Which of several, such as `up to 10,240`; empty where there is one.
    pub name: String,
    /// What is counted; none: not known.
    pub unit: Option<Unit>,
    /// How many; none: not stated.
    pub quantity: Option<Range>,
    /// Of one; none: not in the book.
    pub price: Option<Decimal>,
    /// Of all.
    pub monthly: Option<Range>,
}

/// The three parts of an estimate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Lines of the specification's cost table.
    Table,
    /// Lines of the first region that the table leaves out.
    LeftOut,
    /// The second region.
    SecondRegion,
}

impl Part {
    /// All of them, in order.
    pub const ALL: [Self; 3] = [Self::Table, Self::LeftOut, Self::SecondRegion];

    /// As a heading.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Table => "The specification's table",
            Self::LeftOut => "What that table leaves out",
            Self::SecondRegion => "The second region",
        }
    }
}

/// Why a line has no cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// The book has no price for it.
    Price,
    /// Only use can tell how much, and this field of the plan isn't set.
    Quantity(&'static str),
    /// Nobody has said whether this kind costs anything.
    Kind,
}

/// A line that a scope leaves out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outside {
    /// What it is.
    pub title: String,
    /// Where it is.
    pub region: String,
}

/// Use that no field of a plan states, and that no line counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotCounted {
    /// What it is.
    pub what: &'static str,
    /// What it costs.
    pub price: &'static str,
}

/// A sum of lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Total {
    /// Of the lines whose cost is known.
    pub known: Range,
    /// How many lines have no cost.
    pub unknown: usize,
}

impl Total {
    /// Of these lines.
    pub fn of<'a>(lines: impl IntoIterator<Item = &'a Line>) -> Self {
        lines
            .into_iter()
            .fold(Self::default(), |total, line| match line.monthly {
                Some(monthly) => Self {
                    known: total.known + monthly,
                    ..total
                },
                None => Self {
                    unknown: total.unknown + 1,
                    ..total
                },
            })
    }

    /// The sum, where every line has a cost.
    pub fn exact(&self) -> Option<Decimal> {
        (self.unknown == 0).then_some(self.known.expected)
    }
}

impl Estimate {
    /// Of all lines.
    pub fn total(&self) -> Total {
        Total::of(&self.lines)
    }

    /// The lines of a part.
    pub fn part(&self, part: Part) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(move |line| line.part == part)
    }

    /// Millions of events in a month.
    pub fn millions_of_events(&self) -> Option<Decimal> {
        let minutes = Decimal::from(self.hours) * Decimal::from(60);
        let millions = self.events_a_minute? * minutes / Decimal::from(1_000_000);
        (!millions.is_zero()).then_some(millions)
    }

    /// The cost of a million events, of what is known.
    pub fn cost_of_a_million_events(&self) -> Option<Decimal> {
        Some(self.total().known.expected / self.millions_of_events()?)
    }
}

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
    lines.sort_by(|one, other| (one.part, one.row).cmp(&(other.part, other.row)));
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
