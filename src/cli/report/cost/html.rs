//! The estimate as a page: one file, no scripts, for screens light and dark and for paper.

use rust_decimal::Decimal;
use serde::Serialize;

use super::chart::{self, Bars, Columns, Curve, Sample};
use super::{View, bounds, cents, counted, how, millions, money, monthly, price, quantity, total};
use crate::cost::{Line, Part, Total, plain};
use crate::templates::{TemplateError, Templates, sources};

static TEMPLATES: Templates = Templates::new(sources!["report/cost.html", "report/curve.svg"]);

/// What the template is filled with. Texts are escaped there.
#[derive(Debug, Serialize)]
struct Values {
    plan: String,
    basis: String,
    generated: String,
    version: &'static str,
    total: String,
    is_known: bool,
    bounds: String,
    facts: Vec<String>,
    breaches: Vec<BreachValues>,
    groups: Bars,
    weeks: Option<Columns>,
    rates: Option<Curve>,
    a_million: Option<Curve>,
    has_beyond: bool,
    parts: Vec<PartValues>,
    against: String,
    changes: Vec<ChangeValues>,
    outside: Vec<String>,
    outside_why: String,
    not_counted: Vec<String>,
}

#[derive(Debug, Serialize)]
struct BreachValues {
    message: String,
    lines: Vec<String>,
}

#[derive(Debug, Serialize)]
struct PartValues {
    title: &'static str,
    sum: String,
    note: String,
    rows: Vec<RowValues>,
}

#[derive(Debug, Serialize)]
struct RowValues {
    group: String,
    title: String,
    what: String,
    region: String,
    quantity: String,
    price: String,
    cost: String,
    bounds: String,
    how: String,
    source: String,
    is_unknown: bool,
}

#[derive(Debug, Serialize)]
struct ChangeValues {
    delta: String,
    /// A class of the style sheet's; empty where nothing became dearer or cheaper.
    tone: &'static str,
    component: String,
    region: String,
    why: Vec<String>,
}

/// The page.
pub(crate) fn render(view: &View<'_>) -> Result<String, TemplateError> {
    let estimate = view.estimate;
    let whole = estimate.total();
    let facts = view.delta().into_iter().chain(view.a_million());
    let values = Values {
        plan: estimate.plan.clone(),
        basis: words(&view.basis()),
        generated: view.generated.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        version: env!("CARGO_PKG_VERSION"),
        total: total(whole, estimate),
        is_known: whole.unknown == 0,
        bounds: bounds(Some(whole.known), estimate),
        facts: facts.map(|fact| words(&fact)).collect(),
        breaches: breaches(view),
        groups: groups(view),
        weeks: weeks(view),
        rates: rates(view),
        a_million: a_million(view),
        has_beyond: view.rates.iter().any(|rate| rate.is_beyond),
        parts: parts(view),
        against: words(&view.against),
        changes: changes(view),
        outside: estimate
            .outside
            .iter()
            .map(|line| format!("{} ({})", line.title, line.region))
            .collect(),
        outside_why: words(estimate.outside_why.as_deref().unwrap_or_default()),
        not_counted: estimate
            .not_counted
            .iter()
            .map(|left| words(&format!("{}: {}", left.what, left.price)))
            .collect(),
    };
    TEMPLATES.fill("report/cost.html", &values)
}

/// Without the marks that a terminal has around names.
fn words(text: &str) -> String {
    text.replace('`', "")
}

fn breaches(view: &View<'_>) -> Vec<BreachValues> {
    view.breaches
        .iter()
        .map(|breach| BreachValues {
            message: words(&breach.message),
            lines: breach.lines.iter().map(|line| words(line)).collect(),
        })
        .collect()
}

/// What is known, by heading.
fn groups(view: &View<'_>) -> Bars {
    let estimate = view.estimate;
    let mut sums: Vec<(&'static str, Decimal)> = Vec::new();
    for line in &estimate.lines {
        let Some(cost) = line.monthly.map(|range| range.expected) else {
            continue;
        };
        let group = line.row.group();
        match sums.iter_mut().find(|(known, _)| *known == group) {
            Some((_, sum)) => *sum += cost,
            None => sums.push((group, cost)),
        }
    }
    let shown = sums.into_iter().filter(|(_, sum)| !sum.is_zero());
    chart::bars(
        shown
            .map(|(group, sum)| (group.to_owned(), money(sum, estimate), sum))
            .collect(),
    )
}

fn weeks(view: &View<'_>) -> Option<Columns> {
    let column = |week: &crate::cost::curve::Week| {
        let known = week.total.known.expected;
        let value = plain(known.round_dp(0));
        (week.id.clone(), week.title.clone(), value, known)
    };
    (!view.weeks.is_empty()).then(|| chart::columns(view.weeks.iter().map(column).collect()))
}

fn rates(view: &View<'_>) -> Option<Curve> {
    let samples = view
        .rates
        .iter()
        .map(|rate| sample(view, rate, rate.total.known.expected, 0));
    (!view.rates.is_empty()).then(|| chart::curve(samples.collect()))
}

fn a_million(view: &View<'_>) -> Option<Curve> {
    let samples: Option<Vec<Sample>> = view
        .rates
        .iter()
        .map(|rate| Some(sample(view, rate, rate.a_million?, 3)))
        .collect();
    samples.filter(|samples| !samples.is_empty()).map(chart::curve)
}

fn sample(view: &View<'_>, rate: &crate::cost::curve::Rate, y: Decimal, digits: u32) -> Sample {
    Sample {
        x: rate.events_a_minute,
        y,
        label: millions(rate.events_a_minute),
        value: plain(y.round_dp(digits)),
        is_plan: Some(rate.events_a_minute) == view.estimate.events_a_minute,
        is_beyond: rate.is_beyond,
    }
}

fn parts(view: &View<'_>) -> Vec<PartValues> {
    let estimate = view.estimate;
    let parts = Part::ALL.into_iter().map(|part| {
        let lines: Vec<&Line> = estimate.part(part).collect();
        let sum = Total::of(lines.iter().copied());
        PartValues {
            title: part.title(),
            sum: money(sum.known.expected, estimate),
            note: match sum.unknown {
                0 => String::new(),
                unknown => format!("at least: {} without a cost", counted(unknown, "line")),
            },
            rows: lines.into_iter().flat_map(|line| rows(view, line)).collect(),
        }
    });
    parts.filter(|part| !part.rows.is_empty()).collect()
}

fn rows(view: &View<'_>, line: &Line) -> Vec<RowValues> {
    let estimate = view.estimate;
    let row = |(number, component): (usize, &crate::cost::Component)| {
        let first = number == 0;
        let only_first = |text: String| if first { text } else { String::new() };
        RowValues {
            group: only_first(line.row.group().to_owned()),
            title: only_first(line.title.clone()),
            what: match component.name.as_str() {
                "" => line.detail.clone(),
                name => format!("{}, {name}", line.detail),
            },
            region: only_first(line.region.clone()),
            quantity: quantity(component),
            price: price(component),
            cost: component.monthly.map_or_else(
                || monthly(line, estimate),
                |range| money(range.expected, estimate),
            ),
            bounds: bounds(component.monthly, estimate),
            how: only_first(words(&how(line, &estimate.book))),
            source: only_first(line.source.clone().unwrap_or_default()),
            is_unknown: line.unknown.is_some(),
        }
    };
    line.components.iter().enumerate().map(row).collect()
}

fn changes(view: &View<'_>) -> Vec<ChangeValues> {
    let changes = view.difference.iter().flat_map(|difference| &difference.changes);
    changes
        .map(|change| {
            let line = change.line();
            ChangeValues {
                delta: change.delta.map_or_else(
                    || super::UNKNOWN.to_owned(),
                    |delta| match delta.is_sign_negative() {
                        true => format!("−{}", cents(-delta)),
                        false => format!("+{}", cents(delta)),
                    },
                ),
                tone: match change.delta {
                    Some(delta) if delta.is_zero() => "",
                    Some(delta) if delta < Decimal::ZERO => "less",
                    _ => "more",
                },
                component: format!("{}: {}", line.row.group(), line.title),
                region: line.region.clone(),
                why: change.why.clone(),
            }
        })
        .collect()
}
