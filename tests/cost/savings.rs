//! `tests/savings_cases/`: a plan, and which savings are found in it and which are not.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use rust_decimal::Decimal;
use serde::Deserialize;
use vvbill::cost::Book;
use vvbill::cost::savings::{Evidence, Question, Saving, find};
use vvbill::spec::{Spec, edit};
use vvbill::topology;

use super::plans::{estimate, plan};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What is protected.
    #[allow(dead_code)]
    what: String,
    plan: String,
    /// Set over the plan.
    #[serde(default)]
    given: Vec<String>,
    #[serde(default = "list_prices")]
    prices: String,
    /// Name → what a month costs less, or `unknown`.
    found: BTreeMap<String, String>,
    /// Names and kinds that must not be found.
    #[serde(default)]
    not: Vec<String>,
}

fn list_prices() -> String {
    "aws-2026-11".into()
}

fn savings(spec: &Spec, book: &str, evidence: Option<&Evidence>) -> Vec<Saving> {
    let book = Book::built_in(book).unwrap().unwrap();
    let lay_out = |spec: &Spec| topology::desired(spec).ok();
    find(&Question {
        spec,
        book: &book,
        scope: book.scope.as_ref(),
        as_of: "2026-11-24".parse().unwrap(),
        lay_out: &lay_out,
        evidence,
    })
}

fn figure(saving: &Saving) -> String {
    saving
        .monthly
        .map_or_else(|| "unknown".to_owned(), |monthly| monthly.normalize().to_string())
}

/// Each case with what is found in it, for all tests at once: laying plans out takes long.
static CASES: LazyLock<Vec<(String, Case, Vec<Saving>)>> = LazyLock::new(cases);

fn cases() -> Vec<(String, Case, Vec<Saving>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/savings_cases");
    let read = |path: &Path| {
        let text = std::fs::read_to_string(path).unwrap();
        let case: Case =
            serde_yaml::from_str(&text).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        let found = savings(&plan(&case.plan, &case.given), &case.prices, None);
        (path.display().to_string(), case, found)
    };
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries.map(|path| read(&path)).collect()
}

#[test]
fn each_kind_is_found_where_it_applies_and_not_where_it_does_not() {
    assert!(CASES.len() >= 10, "only {} cases were found", CASES.len());
    let mut wrong = Vec::new();
    for (name, case, found) in CASES.iter() {
        for (saving, expected) in &case.found {
            match found.iter().find(|one| one.name == *saving) {
                None => wrong.push(format!("{name}: {saving} is missing")),
                Some(one) if figure(one) != *expected => {
                    wrong.push(format!("{name}: {saving} saves {}, not {expected}", figure(one)));
                }
                Some(_) => {}
            }
        }
        for stranger in &case.not {
            if let Some(one) = found.iter().find(|one| one.is_called(stranger)) {
                wrong.push(format!("{name}: {} must not be there: {}", one.name, one.what));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Set over the plan as somebody would on the command line, each patch makes exactly the figure.
#[test]
fn a_figure_is_what_the_cost_of_the_two_plans_differs_by() {
    let mut compared = 0;
    for (name, case, found) in CASES.iter() {
        let before = estimate(&case.plan, &case.given, &case.prices, None).total();
        for saving in found {
            let Some((patch, monthly)) = saving.patch.as_ref().zip(saving.monthly) else {
                continue;
            };
            let sets = patch.sets().iter();
            let sets = sets.map(|set| format!("{}={}", set.path, edit::written(&set.value)));
            let sets: Vec<String> = case.given.iter().cloned().chain(sets).collect();
            let after = estimate(&case.plan, &sets, &case.prices, None).total();
            assert_eq!(
                before.known.expected - after.known.expected,
                monthly,
                "{name}: {}",
                saving.name
            );
            assert_eq!(before.unknown, after.unknown, "{name}: {}", saving.name);
            assert!(monthly > Decimal::ZERO, "{name}: {}", saving.name);
            compared += 1;
        }
    }
    assert!(compared >= 20, "only {compared} figures were compared");
}

/// What isn't known says what it would take, and nothing that is bought has a patch.
#[test]
fn each_saving_says_what_it_risks_and_what_is_missing() {
    for (name, _, found) in CASES.iter() {
        for saving in found {
            let said = |what: &str| format!("{name}: {} has no {what}", saving.name);
            assert!(!saving.because.is_empty(), "{}", said("risk"));
            assert!(
                saving.monthly.is_some() || !saving.missing.is_empty(),
                "{}",
                said("figure")
            );
            assert!(
                saving.monthly.is_none() || !saving.how.is_empty(),
                "{}",
                said("lines")
            );
            let bought = ["reserved", "savings-plan"]
                .iter()
                .any(|kind| saving.is_called(kind));
            assert_eq!(saving.patch.is_none(), bought, "{name}: {}", saving.name);
        }
    }
}

#[test]
fn nothing_runs_cheaper_on_this_machine() {
    assert_eq!(savings(&plan("local", &[]), "aws-2026-11", None), []);
}

/// As many nodes as it took, by the measured rate and the headroom that the plan's own load test asks for.
#[test]
fn a_load_test_shows_how_many_nodes_are_enough() {
    let given: Vec<String> = [
        "workloads.billing-api.replicas=2",
        "workloads.billing-api.min_available=1",
        "workloads.billing-api.autoscaling.min=2",
        "sizing=null",
    ]
    .map(str::to_owned)
    .into();
    let spec = plan("production", &given);
    let evidence = |accepted: u64, lost: u64, name: &str| {
        let progress = r#"{"type":"load_progress","stage":"sending"}"#;
        let account = serde_json::json!({
            "type": "load_account",
            "account": {
                "accepted": accepted, "lost": lost, "doubled": 0, "unexpected": 0,
                "seconds_sending": 55.0, "seconds_settling": 5.0,
            },
            "plan": { "name": name, "target": "aws", "nodes": { "app-nodes": 9 } },
        });
        Evidence::parse(&format!("{progress}\n{account}\n"), &spec)
    };
    let name = spec.metadata.name.as_str();
    // 3 M events in a minute on 9 nodes; 1 M/min × 1.5 are wanted: 9 × 1.5 ÷ 3 = 4.5.
    let measured = evidence(3_000_000, 0, name).unwrap();
    let found = savings(&spec, "aws-2026-11", Some(&measured));
    let saving = found
        .iter()
        .find(|one| one.name == "right-size/app-nodes")
        .unwrap();
    assert_eq!(saving.what, "5 nodes of app-nodes instead of 9");
    // Four nodes of 0.192 USD an hour with 100 GiB of 0.08 USD each.
    assert_eq!(figure(saving), "592.64");
    assert!(
        saving.because[0].contains("9 nodes × 25,000 events/s"),
        "{:?}",
        saving.because
    );
    let barely = evidence(1_500_000, 0, name).unwrap();
    let found = savings(&spec, "aws-2026-11", Some(&barely));
    assert!(
        !found.iter().any(|one| one.is_called("right-size")),
        "nine are needed"
    );
    let found = savings(&spec, "aws-2026-11", None);
    assert!(
        !found.iter().any(|one| one.is_called("right-size")),
        "nothing was measured"
    );
    for (wrong, expect) in [
        (evidence(1, 7, name), "lost 7"),
        (evidence(1, 0, "another"), "says nothing of"),
        (evidence(0, 0, name), "nothing was sent"),
        (Evidence::parse("{}", &spec), "no line of type"),
    ] {
        let why = wrong.unwrap_err().to_string();
        assert!(why.contains(expect), "{why}");
    }
}
