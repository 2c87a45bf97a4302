//! The success metrics, for people and programs.

use anstyle::Style;
use serde_json::{Value, json};

use super::cost::markdown::cell;
use super::style;
use super::table::Table;
use crate::slo::judge::time;
use crate::slo::{Account, ErrorBudget, Standing};

/// Each metric, and below it what it speaks of and where it comes from.
pub(crate) fn human(account: &Account) -> String {
    let mut table = Table::new(["SUCCESS METRIC", "PROMISED", "STANDS", "MEASURED"]);
    for line in &account.metrics {
        table.row([
            (line.title.to_owned(), None),
            (or_dash(line.promise.as_deref()), None),
            (words(line.standing).to_owned(), Some(color(line.standing))),
            (or_dash(line.value.as_deref()), None),
        ]);
        if line.standing != Standing::NotPromised {
            table.note(&format!("scope: {}", line.scope));
        }
        for evidence in &line.evidence {
            table.note(&format!("from:  {evidence}"));
        }
    }
    let mut out = table.render();
    out += &format!("\n{}\n", tally(account));
    if let Some(budget) = &account.error_budget {
        out += &format!("{}\n", spent(budget));
    }
    if let Some(why) = &account.unwatched {
        out += &format!("Prometheus could not be asked: {why}\n");
    }
    out
}

/// The same as a table of Markdown.
pub(crate) fn markdown(plan: &str, account: &Account) -> String {
    let mut out = format!(
        "# Success metrics of {plan}\n\n| metric | promised | stands | measured | scope | evidence |\n|---|---|---|---|---|---|\n"
    );
    for line in &account.metrics {
        out += &format!(
            "| {} | {} | {} | {} | {} | {} |\n",
            line.title,
            cell(&or_dash(line.promise.as_deref())),
            words(line.standing),
            cell(&or_dash(line.value.as_deref())),
            cell(&line.scope),
            cell(&line.evidence.join("; "))
        );
    }
    out += &format!("\n{}\n", tally(account));
    if let Some(budget) = &account.error_budget {
        out += &format!("\n{}\n", spent(budget));
    }
    if let Some(why) = &account.unwatched {
        out += &format!("\nPrometheus could not be asked: {why}\n");
    }
    out
}

/// The same for programs.
pub(crate) fn json(plan: &str, account: &Account) -> Value {
    let mut body = json!(account);
    body["plan"] = json!(plan);
    body["tally"] = json!({
        "met": account.count(Standing::Met),
        "not_met": account.count(Standing::NotMet),
        "not_yet_measured": account.count(Standing::NotYetMeasured),
        "not_promised": account.count(Standing::NotPromised),
    });
    body
}

fn words(standing: Standing) -> &'static str {
    match standing {
        Standing::Met => "met",
        Standing::NotMet => "not met",
        Standing::NotYetMeasured => "not yet measured",
        Standing::NotPromised => "not promised",
    }
}

fn color(standing: Standing) -> Style {
    match standing {
        Standing::Met => style::ADD,
        Standing::NotMet => style::ERROR,
        Standing::NotYetMeasured => style::CHANGE,
        Standing::NotPromised => style::FAINT,
    }
}

fn tally(account: &Account) -> String {
    let parts = [
        Standing::Met,
        Standing::NotMet,
        Standing::NotYetMeasured,
        Standing::NotPromised,
    ];
    let told = parts.iter().filter_map(|standing| {
        let count = account.count(*standing);
        (count > 0).then(|| format!("{count} {}", words(*standing)))
    });
    told.collect::<Vec<_>>().join(", ")
}

fn spent(budget: &ErrorBudget) -> String {
    format!(
        "Error budget of 30 days: {:.1} s of {:.1} s spent in the {} that were watched",
        budget.spent_seconds,
        budget.seconds,
        time(budget.watched_seconds)
    )
}

fn or_dash(text: Option<&str>) -> String {
    text.unwrap_or("-").to_owned()
}
