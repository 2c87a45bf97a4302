//! The estimate for a terminal.

use std::fmt::Write as _;

use super::super::style::{self, paint};
use super::super::table::Table;
use super::{View, at_least, bounds, counted, how, millions, money, monthly, price, quantity, total};
use crate::cost::difference::signed;
use crate::cost::{Estimate, Line, Part, Total, plain};

/// The whole text, closed by a line feed.
pub(crate) fn render(view: &View<'_>) -> String {
    let estimate = view.estimate;
    let heading = format!("{}: {}", estimate.plan, view.basis());
    let mut text = format!("{}\n", paint(style::STRONG, heading));
    let mut sources = Sources::default();
    for part in Part::ALL {
        let lines: Vec<&Line> = estimate.part(part).collect();
        if !lines.is_empty() {
            text += &part_table(part, &lines, estimate, &mut sources);
        }
    }
    let whole = estimate.total();
    let _ = write!(
        text,
        "\n{}",
        paint(
            style::STRONG,
            format!("Total of a month: {}", total(whole, estimate))
        )
    );
    let range = bounds(Some(whole.known), estimate);
    if !range.is_empty() {
        let _ = write!(text, " ({range} within the bounds of the plan)");
    }
    text.push('\n');
    for line in view.a_million().into_iter().chain(view.delta()) {
        let _ = writeln!(text, "{line}");
    }
    text += &changes(view);
    text += &rollout(view);
    text += &rates(view);
    text += &left_out(estimate);
    text += &sources.render();
    text
}

fn part_table(part: Part, lines: &[&Line], estimate: &Estimate, sources: &mut Sources) -> String {
    let headings = [
        "COMPONENT",
        "WHAT",
        "QUANTITY",
        "USD EACH",
        "USD A MONTH",
        "BOUNDS",
        "HOW",
    ];
    let mut rows: Vec<[String; 7]> = Vec::new();
    for line in lines {
        let mark = line
            .source
            .as_deref()
            .map(|source| sources.mark(source))
            .unwrap_or_default();
        for (number, component) in line.components.iter().enumerate() {
            let first = number == 0;
            let cost = match (first, component.monthly) {
                (_, Some(range)) => money(range.expected, estimate),
                _ => monthly(line, estimate),
            };
            let named = match line.components.len() {
                1 => line.detail.clone(),
                _ => component.name.clone(),
            };
            rows.push([
                match first {
                    true => format!("{}: {}", line.row.group(), line.title),
                    false => String::new(),
                },
                named,
                quantity(component),
                price(component),
                cost,
                bounds(component.monthly, estimate),
                match first {
                    true => format!("{} {mark}", how(line, &estimate.book))
                        .trim_end()
                        .to_owned(),
                    false => String::new(),
                },
            ]);
        }
    }
    align_right(&mut rows, [2, 3, 4], headings);
    let mut table = Table::new(headings);
    for row in rows {
        let unknown = row[4].trim() == super::UNKNOWN;
        let mut column = 0;
        table.row(row.map(|cell| {
            column += 1;
            let color = (column == 5 && unknown).then_some(style::WARNING);
            (cell, color.or((column == 7).then_some(style::FAINT)))
        }));
    }
    let sum = Total::of(lines.iter().copied());
    format!(
        "\n{}\n{}{}\n",
        paint(style::STRONG, part.title()),
        table.render(),
        paint(
            style::STRONG,
            format!("{}: {}", part.title(), total(sum, estimate))
        )
    )
}

/// Pads these columns on the left.
fn align_right<const N: usize, const C: usize>(
    rows: &mut [[String; N]],
    columns: [usize; C],
    headings: [&str; N],
) {
    for column in columns {
        let widths = rows.iter().map(|row| row[column].chars().count());
        let width = widths.max().unwrap_or_default().max(headings[column].len());
        for row in rows.iter_mut() {
            let padding = width.saturating_sub(row[column].chars().count());
            row[column] = " ".repeat(padding) + &row[column];
        }
    }
}

fn changes(view: &View<'_>) -> String {
    let Some(difference) = &view.difference else {
        return String::new();
    };
    if difference.changes.is_empty() {
        return format!("\nNothing differs from {}.\n", view.against);
    }
    let headings = ["USD A MONTH", "COMPONENT", "REGION", "WHY"];
    let mut rows: Vec<[String; 4]> = difference
        .changes
        .iter()
        .map(|change| {
            let line = change.line();
            [
                change.delta.map_or_else(|| super::UNKNOWN.to_owned(), signed),
                format!("{}: {}", line.row.group(), line.title),
                line.region.clone(),
                change.why.join("; "),
            ]
        })
        .collect();
    align_right(&mut rows, [0], headings);
    let mut table = Table::new(headings);
    for row in rows {
        let color = match row[0].trim_start().chars().next() {
            Some('+') => style::WARNING,
            Some('-') => style::ADD,
            _ => style::FAINT,
        };
        let mut first = true;
        table.row(row.map(|cell| (cell, std::mem::take(&mut first).then_some(color))));
    }
    format!(
        "\n{}\n{}",
        paint(style::STRONG, format!("Against {}", view.against)),
        table.render()
    )
}

fn rollout(view: &View<'_>) -> String {
    if view.weeks.is_empty() {
        return String::new();
    }
    let headings = ["WEEK", "USD A MONTH", "USD THAT WEEK", "BRINGS UP"];
    let mut rows: Vec<[String; 4]> = view
        .weeks
        .iter()
        .map(|week| {
            [
                week.id.clone(),
                amount(week.total, view.estimate),
                super::cents(week.week),
                week.title.clone(),
            ]
        })
        .collect();
    align_right(&mut rows, [1, 2], headings);
    titled("The rollout, week by week", headings, rows)
}

fn rates(view: &View<'_>) -> String {
    if view.rates.is_empty() {
        return String::new();
    }
    let headings = ["M EVENTS/MIN", "USD A MONTH", "USD A MILLION", "NOTE"];
    let mut rows: Vec<[String; 4]> = view
        .rates
        .iter()
        .map(|rate| {
            let planned = Some(rate.events_a_minute) == view.estimate.events_a_minute;
            let note = match (planned, rate.is_beyond) {
                (true, _) => "the plan's rate",
                (_, true) => "more than the plan is laid out for",
                _ => "",
            };
            [
                millions(rate.events_a_minute),
                amount(rate.total, view.estimate),
                rate.a_million
                    .map_or_else(String::new, |cost| plain(cost.round_dp(4))),
                note.to_owned(),
            ]
        })
        .collect();
    align_right(&mut rows, [0, 1, 2], headings);
    titled("The same platform at other rates of events", headings, rows)
}

fn amount(total: Total, estimate: &Estimate) -> String {
    format!("{}{}", at_least(total), money(total.known.expected, estimate))
}

fn titled<const N: usize>(title: &str, headings: [&'static str; N], rows: Vec<[String; N]>) -> String {
    let mut table = Table::new(headings);
    for row in rows {
        table.row(row.map(|cell| (cell, None)));
    }
    format!("\n{}\n{}", paint(style::STRONG, title), table.render())
}

fn left_out(estimate: &Estimate) -> String {
    let mut text = String::new();
    if let Some(why) = &estimate.outside_why {
        let _ = writeln!(
            text,
            "\n{} not priced: {why}. `--prices aws-2026-11 --scope all` prices everything.",
            counted(estimate.outside.len(), "line")
        );
    }
    if !estimate.not_counted.is_empty() {
        text += "\nNot counted, as no field of the plan states it:\n";
        for left in &estimate.not_counted {
            let _ = writeln!(text, "  {}: {}", left.what, left.price);
        }
    }
    text
}

/// Where prices were seen, numbered as they are met.
#[derive(Default)]
struct Sources(Vec<String>);

impl Sources {
    fn mark(&mut self, source: &str) -> String {
        let at = self.0.iter().position(|known| known == source);
        let number = at.unwrap_or_else(|| {
            self.0.push(source.to_owned());
            self.0.len() - 1
        });
        format!("[{}]", number + 1)
    }

    fn render(&self) -> String {
        let mut text = String::new();
        if !self.0.is_empty() {
            text += "\nSources of the prices:\n";
        }
        for (number, source) in self.0.iter().enumerate() {
            let _ = writeln!(text, "  [{}] {source}", number + 1);
        }
        text
    }
}
