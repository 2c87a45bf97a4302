//! What an estimate is: lines, their parts and their total.

use rust_decimal::Decimal;

use super::item::{Item, Row, Unit};
use super::quantity::Range;
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
    /// Which of its kind, as the book names it: `m6i.xlarge`.
    pub of: Option<String>,
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
