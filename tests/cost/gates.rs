//! The cost of what `plan` and `apply` would change, and the budgets that stop them, without AWS: nothing stands
//! yet, and nothing is looked at.

use std::path::Path;
use std::process::{Command, Output};

use rust_decimal::Decimal;
use serde_json::Value;
use tempfile::TempDir;

fn staging() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("plans/staging.yaml");
    path.to_string_lossy().into_owned()
}

/// What a plan is run with here: no look at AWS, and what runs on the cluster is left out.
const SETTINGS: [&str; 4] = [
    "--set",
    "cost.monthly_budget=null",
    "--set",
    "eks.apply_objects=false",
];

struct Run {
    code: i32,
    out: String,
    err: String,
}

fn vvbill(folder: &TempDir, arguments: &[&str]) -> Run {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_vvbill"))
        .args(arguments)
        .current_dir(folder.path())
        .env("SOURCE_DATE_EPOCH", "1795478400")
        .env("NO_COLOR", "1")
        .env_remove("VVBILL_LOG")
        .output()
        .unwrap();
    Run {
        code: status.code().unwrap(),
        out: String::from_utf8(stdout).unwrap(),
        err: String::from_utf8(stderr).unwrap(),
    }
}

/// A plan of staging with further arguments.
fn plan(folder: &TempDir, more: &[&str]) -> Run {
    let file = staging();
    let fixed = ["plan", &file, "--refresh=false"];
    vvbill(folder, &[&fixed[..], &SETTINGS, more].concat())
}

fn json(run: &Run) -> Value {
    serde_json::from_str(&run.out).unwrap_or_else(|why| panic!("{why}: {}{}", run.out, run.err))
}

fn amount(value: &Value) -> Decimal {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value}"))
        .parse()
        .unwrap()
}

/// Protects: what a plan says it will cost is what `cost` says of the same plan, line by line.
#[test]
fn from_nothing_the_delta_is_the_whole_estimate() {
    let folder = tempfile::tempdir().unwrap();
    let cost = json(&plan(&folder, &["--json"]))["cost"].clone();
    assert_eq!(cost["currency"], "USD");
    assert_eq!(cost["price_book"], "aws-2026-11");
    assert_eq!(cost["monthly_before"], "0");
    let estimate = json(&vvbill(
        &folder,
        &[&["cost", &staging(), "--format", "json"][..], &SETTINGS].concat(),
    ));
    let lines = estimate["projects"][0]["breakdown"]["resources"]
        .as_array()
        .unwrap();
    let known: Decimal = lines
        .iter()
        .filter(|line| !line["monthlyCost"].is_null())
        .map(|line| amount(&line["monthlyCost"]))
        .sum();
    assert_eq!(amount(&cost["known_monthly_after"]), known);
    assert_eq!(amount(&cost["known_monthly_difference"]), known);
    let changed = cost["changed_lines"].as_array().unwrap();
    assert_eq!(changed.len(), lines.len());
    let unknown = lines.iter().filter(|line| line["monthlyCost"].is_null()).count();
    assert_eq!(cost["unknown_lines"].as_array().unwrap().len(), unknown);
}

/// Protects the words: both sums, the book, the largest lines and the sum of the rest; a saved plan says the same.
#[test]
fn the_delta_is_told_after_the_changes_and_again_by_show() {
    let folder = tempfile::tempdir().unwrap();
    let target = ["--target", "network", "--out", "saved.plan"];
    let planned = plan(&folder, &target);
    assert_eq!(planned.code, 0, "{}", planned.err);
    let (changes, cost) = planned.out.split_once("Cost of a month: ").unwrap();
    assert!(changes.contains("to create"), "{changes}");
    insta::assert_snapshot!("delta_of_the_network", cost);
    let shown = vvbill(&folder, &["show", "saved.plan"]);
    assert_eq!(shown.out, planned.out);
    let of_saved = json(&vvbill(&folder, &["show", "saved.plan", "--json"]))["cost"].clone();
    let of_plan = json(&plan(&folder, &["--target", "network", "--json"]))["cost"].clone();
    assert_eq!(of_saved, of_plan);
}

/// Protects: a budget stops an apply before anything is made, and is judged again for a saved plan.
#[test]
fn over_a_budget_nothing_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let network = ["--target", "network"];
    for limit in ["--max-monthly", "--max-monthly-increase"] {
        let over = plan(
            &folder,
            &[&network[..], &[limit, "30", "--detailed-exitcode"]].concat(),
        );
        assert_eq!(over.code, 3, "{}", over.err);
        assert!(over.out.contains("to create"), "the plan is shown: {}", over.out);
        assert!(over.err.contains(&format!("`{limit}`")), "{}", over.err);
        assert!(over.err.contains("Network: NAT Gateways"), "{}", over.err);
        let within = plan(
            &folder,
            &[&network[..], &[limit, "500", "--detailed-exitcode"]].concat(),
        );
        assert_eq!(within.code, 2, "{}", within.err);
    }
    let own = ["--set", "cost.monthly_budget=30 USD", "--out", "saved.plan"];
    let over = plan(&folder, &[&network[..], &own].concat());
    assert_eq!(over.code, 3, "{}", over.err);
    assert!(over.err.contains("`cost.monthly_budget`"), "{}", over.err);
    let file = staging();
    let fresh = [
        &[
            "apply",
            &file,
            "--refresh=false",
            "--auto-approve",
            "--max-monthly",
            "30",
        ][..],
        &network,
        &SETTINGS,
    ]
    .concat();
    for apply in [&fresh[..], &["apply", "saved.plan"]] {
        let stopped = vvbill(&folder, apply);
        let said = &stopped.err;
        assert_eq!(stopped.code, 3, "{said}");
        assert!(
            said.contains("Cost of a month: 0.00 USD →") && said.contains("nothing was done"),
            "{said}"
        );
        assert!(!said.contains("creating"), "{said}");
    }
    let state = vvbill(&folder, &[&["state", "list", &file][..], &SETTINGS].concat());
    assert_eq!(state.out, "");
}

/// Protects: nobody keeps a budget with an unknown in it, and an unknown is no zero.
#[test]
fn without_a_price_no_budget_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let book = "name: mine\ndated: 2026-11-01\nabout: ours\nprices:\n  - { item: nat-gateway, region: us-east-1, \
                per: hour, price: 0.045 USD, source: seen }\n";
    std::fs::write(folder.path().join("mine.yaml"), book).unwrap();
    let mine = ["--target", "network", "--set", "cost.price_book=mine.yaml"];
    let free = plan(&folder, &[&mine[..], &["--out", "saved.plan"]].concat());
    assert_eq!(free.code, 0, "{}", free.err);
    assert!(free.out.contains("at least 32.85 USD, and "), "{}", free.out);
    assert!(free.out.contains("unknown"), "{}", free.out);
    let held = plan(
        &folder,
        &[&mine[..], &["--max-monthly", "1000000", "--json"]].concat(),
    );
    assert_eq!(held.code, 3, "{}", held.err);
    assert!(held.err.contains("nobody can say"), "{}", held.err);
    let cost = json(&held)["cost"].clone();
    assert!(
        cost["monthly_after"].is_null() && cost["monthly_difference"].is_null(),
        "{cost}"
    );
    // A saved plan has the prices with it.
    std::fs::remove_file(folder.path().join("mine.yaml")).unwrap();
    let shown = vvbill(&folder, &["show", "saved.plan"]);
    assert_eq!(shown.out, free.out);
}

/// Protects: as a comment the cost stands on top, and the whole fits.
#[test]
fn a_large_plan_fits_a_comment() {
    let folder = tempfile::tempdir().unwrap();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("plans/production.yaml");
    let file = file.to_string_lossy().into_owned();
    let planned = vvbill(
        &folder,
        &["plan", &file, "--refresh=false", "--out", "saved.plan"],
    );
    assert_eq!(planned.code, 0, "{}", planned.err);
    let comment = vvbill(&folder, &["show", "saved.plan", "--markdown"]).out;
    assert!(comment.chars().count() < 65_535, "{}", comment.len());
    let top: String = comment.lines().take(5).collect();
    assert!(
        top.contains("to create") && top.contains("Cost of a month: 0.00 USD"),
        "{top}"
    );
    assert!(comment.contains("left out here"), "it had to be cut");
    assert!(comment.contains("| what changes |") && comment.contains("Findings of the plan file"));
    assert_eq!(
        comment.matches("<details>").count(),
        comment.matches("</details>").count()
    );
}

/// Protects: a plan of this machine says nothing of cost, whatever budget it is given.
#[test]
fn what_is_on_nobodys_invoice_has_no_cost() {
    let folder = tempfile::tempdir().unwrap();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("plans/local.yaml");
    let file = file.to_string_lossy().into_owned();
    let planned = vvbill(&folder, &["plan", &file, "--json", "--max-monthly", "1"]);
    assert_eq!(planned.code, 0, "{}", planned.err);
    assert!(json(&planned).get("cost").is_none());
    let read = vvbill(&folder, &["plan", &file]);
    assert!(!read.out.contains("Cost of a month"), "{}", read.out);
}
