//! What can be saved, as texts. Nothing here computes a figure.

use std::fmt::Write as _;

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::cost::cents;
use super::style::{self, paint};
use crate::cost::Book;
use crate::cost::savings::{Patch, Risk, Saving, Set};

/// Everything that is said.
#[derive(Debug)]
pub(crate) struct View<'a> {
    /// The plan file.
    pub path: String,
    /// The plan's name.
    pub plan: &'a str,
    pub book: &'a Book,
    /// The hours of a month.
    pub hours: u32,
    pub savings: &'a [Saving],
    /// What `--write` did; none: it wasn't asked for.
    pub written: Option<Written>,
}

/// What was written into the plan file.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub names: Vec<String>,
    /// What is known of a month's cost, before and after.
    pub monthly: Option<(Decimal, Decimal)>,
}

impl View<'_> {
    fn basis(&self) -> String {
        format!(
            "prices `{}` of {}, {} hours a month",
            self.book.name, self.book.dated, self.hours
        )
    }

    /// `written: a, b; a month costs 4,000.00 USD instead of 5,000.00`.
    fn outcome(&self) -> Option<String> {
        let written = self
            .written
            .as_ref()
            .filter(|written| !written.names.is_empty())?;
        let names = written.names.join(", ");
        Some(match written.monthly {
            None => format!("written into {}: {names}", self.path),
            Some((before, after)) => format!(
                "written into {}: {names}; what is known of a month costs {} USD instead of {}, {} less",
                self.path,
                cents(after),
                cents(before),
                cents(before - after)
            ),
        })
    }
}

/// For a terminal, closed by a line feed.
pub(crate) fn human(view: &View<'_>) -> String {
    let heading = format!("{}: {}", view.plan, view.basis());
    let mut text = format!("{}\n", paint(style::STRONG, heading));
    if view.savings.is_empty() {
        text += "nothing found that would cost less\n";
    }
    for saving in view.savings {
        let color = match saving.risk {
            Risk::Low => style::ADD,
            Risk::Medium => style::FAINT,
            Risk::High => style::WARNING,
        };
        let _ = writeln!(
            text,
            "\n{}  {}  {}",
            paint(style::STRONG, &saving.name),
            figure(saving),
            paint(color, format!("{} risk", saving.risk.name()))
        );
        let _ = writeln!(text, "  {}", saving.what);
        for (word, lines) in details(saving) {
            for line in lines {
                let _ = writeln!(text, "  {}  {line}", paint(style::FAINT, format!("{word:<7}")));
            }
        }
    }
    if let Some(outcome) = view.outcome() {
        let _ = writeln!(text, "\n{}", paint(style::STRONG, outcome));
    }
    text
}

/// For a pull request's comment.
pub(crate) fn markdown(view: &View<'_>) -> String {
    let mut text = format!("## Savings of {}\n\n{}\n\n", cell(view.plan), view.basis());
    if view.savings.is_empty() {
        text += "Nothing found that would cost less.\n";
        return text;
    }
    text += "| saving | USD a month | risk | what |\n|---|---:|---|---|\n";
    for saving in view.savings {
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} |",
            saving.name,
            saving.monthly.map_or_else(|| "unknown".to_owned(), cents),
            saving.risk.name(),
            cell(&saving.what)
        );
    }
    for saving in view.savings {
        let _ = writeln!(text, "\n**{}**\n", saving.name);
        for (word, lines) in details(saving) {
            for line in lines {
                let _ = writeln!(text, "- {word}: {}", cell(&line));
            }
        }
    }
    if let Some(outcome) = view.outcome() {
        let _ = writeln!(text, "\n{}", cell(&outcome));
    }
    text
}

/// For a program: decimals are exact, and texts.
pub(crate) fn json(view: &View<'_>) -> Value {
    let savings: Vec<Value> = view.savings.iter().map(one).collect();
    let mut document = json!({
        "plan": view.plan,
        "path": view.path,
        "prices": { "name": view.book.name, "dated": view.book.dated.to_string() },
        "hoursPerMonth": view.hours,
        "currency": "USD",
        "savings": savings,
    });
    if let Some(written) = &view.written {
        document["written"] = json!(written.names);
        let (before, after) = written.monthly.unzip();
        document["pastKnownMonthlyCost"] = exact(before);
        document["knownMonthlyCost"] = exact(after);
    }
    document
}

fn one(saving: &Saving) -> Value {
    let set = |set: &Set| json!({ "path": set.path.to_string(), "value": set.value });
    let patch = |patch: &Patch| patch.sets().iter().map(set).collect::<Vec<_>>();
    json!({
        "name": saving.name,
        "what": saving.what,
        "monthlySaving": exact(saving.monthly),
        "how": saving.how,
        "missing": saving.missing,
        "risk": { "level": saving.risk.name(), "because": saving.because },
        "patch": saving.patch.as_ref().map(patch),
    })
}

fn exact(amount: Option<Decimal>) -> Value {
    amount.map_or(Value::Null, |amount| amount.normalize().to_string().into())
}

fn figure(saving: &Saving) -> String {
    match saving.monthly {
        Some(monthly) => paint(style::ADD, format!("{} USD a month", cents(monthly))),
        None => paint(style::WARNING, "unknown"),
    }
}

/// What stands below a saving, each under its word.
fn details(saving: &Saving) -> [(&'static str, Vec<String>); 4] {
    let patch = match &saving.patch {
        Some(patch) => patch.sets().iter().map(Set::told).collect(),
        None => vec!["none: it is bought".to_owned()],
    };
    [
        ("how", saving.how.clone()),
        ("risk", saving.because.clone()),
        ("unknown", saving.missing.clone()),
        ("patch", patch),
    ]
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
