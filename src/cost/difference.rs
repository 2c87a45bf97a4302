//! What differs between two estimates, line by line, and why.

use rust_decimal::Decimal;

use super::estimate::{Component, Estimate, Line, Total};
use super::item::Unit;
use super::quantity::plain;

/// Two estimates, compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference<'a> {
    /// What was before.
    pub before: &'a Estimate,
    /// What is now.
    pub after: &'a Estimate,
    /// The lines that differ, in the order of the rows.
    pub changes: Vec<Change<'a>>,
}

/// A line that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change<'a> {
    /// The line before; none: it is new.
    pub before: Option<&'a Line>,
    /// The line now; none: it is gone.
    pub after: Option<&'a Line>,
    /// What it adds to a month; none: one side is unknown.
    pub delta: Option<Decimal>,
    /// Why, in words: each cause with what it adds.
    pub why: Vec<String>,
}

impl<'a> Difference<'a> {
    /// Compares lines that are called the same.
    pub fn between(before: &'a Estimate, after: &'a Estimate) -> Self {
        let find = |estimate: &'a Estimate, id: &str| estimate.lines.iter().find(|line| line.id == id);
        let now = after
            .lines
            .iter()
            .map(|line| (find(before, &line.id), Some(line)));
        let gone = before
            .lines
            .iter()
            .filter(|line| find(after, &line.id).is_none())
            .map(|line| (Some(line), None));
        let mut changes: Vec<Change<'a>> = now.chain(gone).filter_map(Change::between).collect();
        changes.sort_by_key(|change| {
            let line = change.line();
            (line.part, line.row)
        });
        Self {
            before,
            after,
            changes,
        }
    }

    /// What is added to a month where both sides are known whole.
    pub fn exact(&self) -> Option<Decimal> {
        Some(self.after.total().exact()? - self.before.total().exact()?)
    }

    /// What the lines add that are known on both sides.
    pub fn known(&self) -> Decimal {
        self.changes.iter().filter_map(|change| change.delta).sum()
    }

    /// Changes that nobody can put into money.
    pub fn unknown(&self) -> usize {
        self.changes
            .iter()
            .filter(|change| change.delta.is_none())
            .count()
    }

    /// The totals before and after.
    pub fn totals(&self) -> (Total, Total) {
        (self.before.total(), self.after.total())
    }
}

impl<'a> Change<'a> {
    /// The line as it is now, or as it was.
    pub fn line(&self) -> &'a Line {
        self.after
            .or(self.before)
            .expect("a change has one of the two by construction")
    }

    fn between((before, after): (Option<&'a Line>, Option<&'a Line>)) -> Option<Self> {
        let cost = |line: Option<&Line>| line.map(|line| line.monthly.map(|range| range.expected));
        let delta = match (cost(before), cost(after)) {
            (Some(Some(one)), Some(Some(other))) => Some(other - one),
            (None, Some(Some(cost))) => Some(cost),
            (Some(Some(cost)), None) => Some(-cost),
            _ => None,
        };
        let why = match (before, after) {
            (Some(one), Some(other)) if same(one, other) => return None,
            (Some(one), Some(other)) => reasons(one, other, delta),
            (None, Some(_)) => vec!["new".to_owned()],
            _ => vec!["gone".to_owned()],
        };
        Some(Self {
            before,
            after,
            delta,
            why,
        })
    }
}

/// Whether both cost the same for the same reason. Words don't count.
fn same(one: &Line, other: &Line) -> bool {
    let figures = |line: &Line| {
        let figures = |it: &Component| (it.unit, it.quantity, it.price, it.monthly);
        line.components.iter().map(figures).collect::<Vec<_>>()
    };
    figures(one) == figures(other) && one.unknown == other.unknown
}

/// The change as what the quantity adds at the old price, what the price adds for the new quantity, and what
/// rounding adds.
fn reasons(one: &Line, other: &Line, delta: Option<Decimal>) -> Vec<String> {
    let (Some(delta), [before], [after]) = (delta, &one.components[..], &other.components[..]) else {
        return vec![in_words(one, other)];
    };
    let (Some((q0, p0)), Some((q1, p1))) = (known(before), known(after)) else {
        return vec![in_words(one, other)];
    };
    if before.unit != after.unit {
        return vec![format!("{} instead of {}", at(after), at(before))];
    }
    let (by_quantity, by_price) = ((q1 - q0) * p0, q1 * (p1 - p0));
    let by_rounding = delta - by_quantity - by_price;
    let mut reasons = Vec::new();
    if q0 != q1 {
        let quantities = format!("{} → {} {}", plain(q0), plain(q1), unit(after));
        reasons.push(format!("{}: {}", quantities.trim_end(), signed(by_quantity)));
    }
    if p0 != p1 {
        reasons.push(format!("{} → {} USD: {}", plain(p0), plain(p1), signed(by_price)));
    }
    if !by_rounding.is_zero() {
        reasons.push(format!("rounding: {}", signed(by_rounding)));
    }
    if reasons.is_empty() {
        reasons.push(in_words(one, other));
    }
    reasons
}

fn known(component: &Component) -> Option<(Decimal, Decimal)> {
    Some((component.quantity?.expected, component.price?))
}

/// Things that are paid by the month are only counted.
fn unit(component: &Component) -> &'static str {
    let unit = component.unit.filter(|unit| *unit != Unit::Month);
    unit.map_or("", Unit::plural)
}

fn at(component: &Component) -> String {
    let unit = unit(component);
    match known(component) {
        Some((quantity, price)) => {
            let quantity = format!("{} {unit}", plain(quantity));
            format!("{} × {} USD", quantity.trim_end(), plain(price))
        }
        None => "unknown".to_owned(),
    }
}

fn in_words(one: &Line, other: &Line) -> String {
    match (&one.unknown, &other.unknown) {
        (Some(_), None) => "was unknown".to_owned(),
        (None, Some(_)) => "has become unknown".to_owned(),
        _ if one.detail != other.detail => format!("{} instead of {}", other.detail, one.detail),
        _ => format!("{} instead of {}", other.formula, one.formula),
    }
}

/// `+1,234.5`, with no more digits than it has.
pub fn signed(amount: Decimal) -> String {
    match amount.is_sign_negative() && !amount.is_zero() {
        true => plain(amount.round_dp(4)),
        false => format!("+{}", plain(amount.round_dp(4))),
    }
}
