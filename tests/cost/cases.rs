//! `tests/cost_cases/`: a plan before and after a change, and exactly the lines that differ.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use vvbill::cost::Scope;
use vvbill::cost::difference::{Difference, signed};

use super::plans::estimate;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What is protected.
    #[allow(dead_code)]
    what: String,
    plan: String,
    /// Set on both sides.
    #[serde(default)]
    given: Vec<String>,
    /// Set on the second.
    set: Vec<String>,
    #[serde(default = "list_prices")]
    prices: String,
    /// Prices of the first side, where they are others.
    #[serde(default)]
    against_prices: Option<String>,
    /// Only what the specification's table lists is compared.
    #[serde(default)]
    only_the_table: bool,
    /// Line → what it adds to a month, and why.
    changes: BTreeMap<String, String>,
}

fn list_prices() -> String {
    "aws-2026-11".into()
}

#[test]
fn a_change_of_the_plan_changes_the_lines_that_depend_on_it_and_no_other() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cost_cases");
    let mut wrong = Vec::new();
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let case: Case =
            serde_yaml::from_str(&text).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        let found = changes(&case);
        count += 1;
        if found != case.changes {
            let found: Vec<String> = found
                .iter()
                .map(|(line, change)| format!("  {line}: \"{change}\""))
                .collect();
            wrong.push(format!("{} has:\nchanges:\n{}", path.display(), found.join("\n")));
        }
    }
    assert!(count >= 10, "only {count} cases were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn changes(case: &Case) -> BTreeMap<String, String> {
    let table = Scope::table();
    let scope = case.only_the_table.then_some(&table);
    let before = estimate(
        &case.plan,
        &case.given,
        case.against_prices.as_deref().unwrap_or(&case.prices),
        scope,
    );
    let sets: Vec<String> = case.given.iter().chain(&case.set).cloned().collect();
    let after = estimate(&case.plan, &sets, &case.prices, scope);
    let difference = Difference::between(&before, &after);
    let told = difference.changes.iter().map(|change| {
        let delta = change
            .delta
            .map_or_else(|| "unknown".to_owned(), |delta| signed(delta.round_dp(2)));
        (
            change.line().id.clone(),
            format!("{delta}, {}", change.why.join("; ")),
        )
    });
    told.collect()
}
