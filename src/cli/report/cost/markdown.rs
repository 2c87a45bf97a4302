//! The estimate for a pull request's comment.

use std::fmt::Write as _;

use super::{View, bounds, counted, how, millions, money, monthly, price, quantity, total};
use crate::cost::difference::signed;
use crate::cost::{Line, Part, Total, plain};

/// What GitHub takes of a comment, in characters, and less.
pub(crate) const CHARACTERS_AT_MOST: usize = 65_000;

/// Summary, changes, breaches, then every line. What is too long loses lines from the middle; the summary
/// stays.
pub(crate) fn render(view: &View<'_>) -> String {
    let head = summary(view) + &changes(view);
    let mut tail = String::new();
    tail += &rollout(view);
    tail += &rates(view);
    tail += &left_out(view);
    let lines = lines(view);
    shortened(&head, lines, &tail)
}

fn shortened(head: &str, mut middle: Vec<String>, tail: &str) -> String {
    let length = |text: &str| text.chars().count() + 1;
    let ends = length(head) + length(tail);
    let mut sum: usize = ends + middle.iter().map(|line| length(line)).sum::<usize>();
    let mut dropped = 0;
    while sum > CHARACTERS_AT_MOST && !middle.is_empty() {
        let line = middle.remove(middle.len() / 2);
        sum -= length(&line);
        dropped += 1;
    }
    if dropped > 0 {
        let at = middle.len() / 2;
        let note = format!("| … | {} left out here | | | | | |", counted(dropped, "line"));
        middle.insert(at, note);
    }
    let text = format!("{head}{}\n{tail}", middle.join("\n"));
    match text.char_indices().nth(CHARACTERS_AT_MOST) {
        Some((at, _)) => text[..at].to_owned(),
        None => text,
    }
}

fn summary(view: &View<'_>) -> String {
    let estimate = view.estimate;
    let whole = estimate.total();
    let mut text = format!("## Monthly cost of {}\n\n", cell(&estimate.plan));
    let _ = writeln!(text, "**{}** a month", total(whole, estimate));
    let range = bounds(Some(whole.known), estimate);
    if !range.is_empty() {
        let _ = writeln!(text, "({range} within the bounds of the plan)");
    }
    let _ = writeln!(text);
    for line in view.delta().into_iter().chain(view.a_million()) {
        let _ = writeln!(text, "- {}", cell(&line));
    }
    let _ = writeln!(text, "- {}", view.basis());
    for breach in &view.breaches {
        let _ = writeln!(text, "\n> [!WARNING]\n> {}", cell(&breach.message));
        for line in &breach.lines {
            let _ = writeln!(text, "> - {}", cell(line));
        }
    }
    text
}

fn changes(view: &View<'_>) -> String {
    let Some(difference) = view.difference.as_ref().filter(|it| !it.changes.is_empty()) else {
        return String::new();
    };
    let mut text = format!(
        "\n### Against {}\n\n| USD a month | component | region | why |\n|---:|---|---|---|\n",
        cell(&view.against)
    );
    for change in &difference.changes {
        let line = change.line();
        let _ = writeln!(
            text,
            "| {} | {}: {} | {} | {} |",
            change.delta.map_or_else(|| super::UNKNOWN.to_owned(), signed),
            line.row.group(),
            cell(&line.title),
            cell(&line.region),
            cell(&change.why.join("; "))
        );
    }
    text
}

fn lines(view: &View<'_>) -> Vec<String> {
    let mut rows = Vec::new();
    for part in Part::ALL {
        let lines: Vec<&Line> = view.estimate.part(part).collect();
        if lines.is_empty() {
            continue;
        }
        rows.push(format!("\n### {}\n", part.title()));
        rows.push("| component | what | quantity | USD each | USD a month | bounds | how |".to_owned());
        rows.push("|---|---|---:|---:|---:|---:|---|".to_owned());
        rows.extend(lines.iter().flat_map(|line| row(view, line)));
        let sum = Total::of(lines.iter().copied());
        rows.push(format!(
            "| **Sum** | | | | **{}** | | |",
            total(sum, view.estimate)
        ));
    }
    rows
}

fn row(view: &View<'_>, line: &Line) -> Vec<String> {
    let estimate = view.estimate;
    let source = line.source.as_ref().map(|source| format!("; {source}"));
    line.components
        .iter()
        .map(|component| {
            let cost = component.monthly.map_or_else(
                || monthly(line, estimate),
                |range| money(range.expected, estimate),
            );
            let what = format!("{} {}", line.detail, component.name);
            format!(
                "| {}: {} | {} | {} | {} | {cost} | {} | {}{} |",
                line.row.group(),
                cell(&line.title),
                cell(what.trim_end()),
                quantity(component),
                price(component),
                bounds(component.monthly, estimate),
                cell(&how(line, &estimate.book)),
                cell(source.as_deref().unwrap_or_default()),
            )
        })
        .collect()
}

fn rollout(view: &View<'_>) -> String {
    if view.weeks.is_empty() {
        return String::new();
    }
    let mut text = "\n### The rollout\n\n| week | USD a month | brings up |\n|---|---:|---|\n".to_owned();
    for week in &view.weeks {
        let cost = total(week.total, view.estimate);
        let _ = writeln!(text, "| {} | {cost} | {} |", cell(&week.id), cell(&week.title));
    }
    text
}

fn rates(view: &View<'_>) -> String {
    if view.rates.is_empty() {
        return String::new();
    }
    let mut text =
        "\n### At other rates of events\n\n| M events/min | USD a month | USD a million |\n|---:|---:|---:|\n".to_owned();
    for rate in &view.rates {
        let _ = writeln!(
            text,
            "| {} | {}{} | {} |",
            millions(rate.events_a_minute),
            total(rate.total, view.estimate),
            if rate.is_beyond {
                ", more than the plan is laid out for"
            } else {
                ""
            },
            rate.a_million
                .map_or_else(String::new, |cost| plain(cost.round_dp(4)))
        );
    }
    text
}

fn left_out(view: &View<'_>) -> String {
    let mut text = String::new();
    if let Some(why) = &view.estimate.outside_why {
        let count = counted(view.estimate.outside.len(), "line");
        let _ = writeln!(text, "\n{count} not priced: {}.", cell(why));
    }
    if !view.estimate.not_counted.is_empty() {
        text += "\nNot counted, as no field of the plan states it:\n\n";
        for left in &view.estimate.not_counted {
            let _ = writeln!(text, "- {}: {}", left.what, left.price);
        }
    }
    text
}

/// Text that can't end a cell or begin a tag.
pub(crate) fn cell(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('|', "\\|")
        .replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_loses_its_middle_and_keeps_both_ends() {
        let middle: Vec<String> = (0..2_000)
            .map(|number| format!("| line {number} | {} |", "x".repeat(60)))
            .collect();
        let text = shortened("head\n", middle, "tail\n");
        assert!(text.chars().count() <= CHARACTERS_AT_MOST + 100, "{}", text.len());
        assert!(text.starts_with("head\n") && text.ends_with("tail\n"));
        assert!(text.contains("| line 0 |") && text.contains("| line 1999 |"));
        assert!(text.contains("lines left out here") && !text.contains("| line 1000 |"));
    }
}
