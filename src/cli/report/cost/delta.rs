//! What a plan makes of the monthly cost: the sums, the lines that change, and what is unknown.

use std::cmp::Reverse;
use std::fmt::Write as _;

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::super::style::{self, paint};
use super::{UNKNOWN, counted, decimal, how, signed_money, total};
use crate::cost::difference::{Change, Difference};
use crate::cost::{Estimate, Line};

/// More lines than these are told as a sum.
const MOST_LINES: usize = 8;

/// For a terminal, after the changes; ended by a newline.
pub(crate) fn text(difference: &Difference<'_>) -> String {
    let after = difference.after;
    let mut text = format!(
        "{}, at the prices `{}` of {}\n",
        paint(style::STRONG, summary(difference)),
        after.book,
        after.dated
    );
    let (known, unknown) = sorted(difference);
    for (change, delta) in known.iter().take(MOST_LINES) {
        let color = match delta.is_sign_negative() {
            true => style::ADD,
            false => style::WARNING,
        };
        let amount = paint(color, format_args!("{:>12}", signed_money(*delta)));
        let _ = writeln!(text, "  {amount}  {}", told(change));
    }
    if let Some(rest) = known.get(MOST_LINES..).filter(|rest| !rest.is_empty()) {
        let sum: Decimal = rest.iter().map(|(_, delta)| delta).sum();
        let lines = counted(rest.len(), "smaller change");
        let _ = writeln!(text, "  {:>12}  {lines}", signed_money(sum));
    }
    let label = || paint(style::WARNING, format_args!("{UNKNOWN:>12}"));
    for change in unknown.iter().take(MOST_LINES) {
        let _ = writeln!(text, "  {}  {}", label(), told_unknown(change, after));
    }
    if let Some(rest) = unknown.get(MOST_LINES..).filter(|rest| !rest.is_empty()) {
        let _ = writeln!(text, "  {}  {}", label(), counted(rest.len(), "further change"));
    }
    if let Some(why) = &after.outside_why {
        let _ = writeln!(
            text,
            "  {} not priced: {why}",
            counted(after.outside.len(), "line")
        );
    }
    text
}

/// `Cost of a month: 0.00 USD → 3,312.40 USD (+3,312.40 USD)`. What is unknown is said.
pub(crate) fn summary(difference: &Difference<'_>) -> String {
    let before = total(difference.before.total(), difference.before);
    let after = total(difference.after.total(), difference.after);
    if difference.changes.is_empty() {
        return format!("Cost of a month: {after}, which nothing changes");
    }
    let known = signed_money(difference.known());
    let delta = match difference.unknown() {
        0 => format!("{known} USD"),
        unknown => format!("{known} USD known, and {} unknown", counted(unknown, "change")),
    };
    format!("Cost of a month: {before} → {after} ({delta})")
}

/// The whole table as Markdown, as far as `MOST_LINES` allows; empty where nothing changes.
pub(crate) fn markdown(difference: &Difference<'_>, most_lines: usize) -> String {
    let cell = super::markdown::cell;
    let mut rows = String::new();
    let (known, unknown) = sorted(difference);
    for (change, delta) in known.iter().take(most_lines) {
        let _ = writeln!(rows, "| {} | {} |", signed_money(*delta), cell(&told(change)));
    }
    if let Some(rest) = known.get(most_lines..).filter(|rest| !rest.is_empty()) {
        let sum: Decimal = rest.iter().map(|(_, delta)| delta).sum();
        let lines = counted(rest.len(), "smaller change");
        let _ = writeln!(rows, "| {} | {lines} |", signed_money(sum));
    }
    for change in unknown.iter().take(most_lines) {
        let line = told_unknown(change, difference.after);
        let _ = writeln!(rows, "| {UNKNOWN} | {} |", cell(&line));
    }
    if let Some(rest) = unknown.get(most_lines..).filter(|rest| !rest.is_empty()) {
        let _ = writeln!(rows, "| {UNKNOWN} | {} |", counted(rest.len(), "further change"));
    }
    match rows.as_str() {
        "" => rows,
        _ => format!("| USD a month | what changes |\n|---:|---|\n{rows}"),
    }
}

/// For programs: decimals are strings, and what is unknown is null.
pub(crate) fn document(difference: &Difference<'_>) -> Value {
    let (before, after) = difference.totals();
    let changed: Vec<Value> = difference.changes.iter().map(changed_line).collect();
    let unknown: Vec<Value> = after_unknown(difference.after);
    json!({
        "currency": "USD",
        "price_book": difference.after.book,
        "prices_dated": difference.after.dated,
        "hours_per_month": difference.after.hours,
        "monthly_before": decimal(before.exact()),
        "monthly_after": decimal(after.exact()),
        "monthly_difference": decimal(exact(difference)),
        "known_monthly_before": decimal(Some(before.known.expected)),
        "known_monthly_after": decimal(Some(after.known.expected)),
        "known_monthly_difference": decimal(Some(difference.known())),
        "unknown_lines": unknown,
        "changed_lines": changed,
    })
}

/// What a month becomes dearer; none where a line that changes is unknown. One that stays unknown as it was
/// changes nothing.
fn exact(difference: &Difference<'_>) -> Option<Decimal> {
    (difference.unknown() == 0).then(|| difference.known())
}

/// Those with an amount, the largest first, and those without.
fn sorted<'d, 'a>(difference: &'d Difference<'a>) -> (Vec<(&'d Change<'a>, Decimal)>, Vec<&'d Change<'a>>) {
    let changes = difference.changes.iter();
    let mut known: Vec<(&Change<'_>, Decimal)> = changes
        .filter_map(|change| Some((change, change.delta?)))
        .collect();
    known.sort_by_key(|(_, delta)| Reverse(delta.abs()));
    let unknown = difference.changes.iter().filter(|change| change.delta.is_none());
    (known, unknown.collect())
}

/// `RDS Aurora: Primary, shard-0 in us-east-1: new`.
fn told(change: &Change<'_>) -> String {
    format!("{}: {}", named(change.line()), change.why.join("; "))
}

fn told_unknown(change: &Change<'_>, after: &Estimate) -> String {
    let reason = match change.after {
        Some(line) => how(line, &after.book),
        None => change.why.join("; "),
    };
    format!("{}: {reason}", named(change.line()))
}

fn named(line: &Line) -> String {
    format!("{}: {} in {}", line.row.group(), line.title, line.region)
}

fn after_unknown(after: &Estimate) -> Vec<Value> {
    let unknown = after.lines.iter().filter(|line| line.monthly.is_none());
    unknown
        .map(|line| {
            json!({
                "id": line.id,
                "name": named(line),
                "region": line.region,
                "field": line.origin,
                "why": how(line, &after.book),
            })
        })
        .collect()
}

fn changed_line(change: &Change<'_>) -> Value {
    let line = change.line();
    // A line that isn't there costs nothing, one without a price costs nobody knows what.
    let side = |line: Option<&Line>| match line {
        None => decimal(Some(Decimal::ZERO)),
        Some(line) => decimal(line.monthly.map(|range| range.expected)),
    };
    json!({
        "id": line.id,
        "name": named(line),
        "region": line.region,
        "field": line.origin,
        "monthly_before": side(change.before),
        "monthly_after": side(change.after),
        "monthly_difference": decimal(change.delta),
        "why": change.why,
    })
}
