//! `vvbill cost` as a script sees it: formats and exit codes.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// The program in a folder, on a fixed day.
pub(crate) fn vvbill(folder: &Path, arguments: &[&str]) -> Run {
    let output = Command::new(env!("CARGO_BIN_EXE_vvbill"))
        .current_dir(folder)
        .args(arguments)
        .env("SOURCE_DATE_EPOCH", "1795478400")
        .env("NO_COLOR", "1")
        .env_remove("VVBILL_LOG")
        .output()
        .unwrap();
    Run {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn cost(arguments: &[&str]) -> Run {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    vvbill(folder, &[&["cost"], arguments].concat())
}

fn plan(name: &str) -> String {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("plans").join(name);
    path.to_string_lossy().into_owned()
}

#[test]
fn the_json_has_the_table_and_exactly_its_total() {
    let run = cost(&[
        &plan("specification.yaml"),
        "--prices",
        "specification",
        "--format",
        "json",
    ]);
    assert_eq!(run.code, 0, "{}", run.err);
    let document: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(document["totalMonthlyCost"], "6287");
    let resources = document["projects"][0]["breakdown"]["resources"]
        .as_array()
        .unwrap();
    let costs: Vec<&str> = resources
        .iter()
        .map(|resource| resource["monthlyCost"].as_str().unwrap())
        .collect();
    assert_eq!(
        costs,
        [
            "73", "1094", "410", "2074", "100", "95", "1166", "25", "900", "250", "100"
        ]
    );
    assert_eq!(resources[1]["costComponents"][0]["price"], "0.19");
}

#[test]
fn a_budget_that_is_kept_ends_in_0_and_one_that_is_not_in_3_with_the_lines() {
    let file = plan("specification.yaml");
    assert_eq!(cost(&[&file, "--max-monthly", "6287"]).code, 0);
    let over = cost(&[&file, "--max-monthly", "6286"]);
    assert_eq!(over.code, 3);
    assert!(over.err.contains("1 USD over `--max-monthly`"), "{}", over.err);
    assert!(over.err.contains("RDS Aurora: Primary, shard-0"), "{}", over.err);
    let budget = cost(&[&file, "--set", "cost.monthly_budget=6000 USD"]);
    assert_eq!(budget.code, 3);
    assert!(budget.err.contains("`cost.monthly_budget`"), "{}", budget.err);
}

#[test]
fn nobody_can_keep_a_budget_with_an_unknown_in_it() {
    let run = cost(&[
        &plan("production.yaml"),
        "--max-monthly",
        "1000000",
        "--format",
        "json",
    ]);
    assert_eq!(run.code, 3);
    assert!(run.err.contains("nobody can say"), "{}", run.err);
    assert!(run.err.contains("eu-west-1"), "{}", run.err);
    let document: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(document["totalMonthlyCost"], Value::Null);
}

#[test]
fn an_increase_over_its_limit_ends_in_3_with_what_became_dearer() {
    let file = plan("specification.yaml");
    let dearer = [
        "--against",
        &file,
        "--set",
        "cache.nodes=4",
        "--set",
        "cost.monthly_budget=null",
    ];
    let run = |limit: &str| {
        let mut arguments = vec![file.as_str(), "--max-monthly-increase", limit];
        arguments.extend(dearer);
        cost(&arguments)
    };
    // A fourth node: 1,555.2 − 1,166.4, each rounded.
    assert_eq!(run("389").code, 0);
    let over = run("388");
    assert_eq!(over.code, 3);
    assert!(over.err.contains("ElastiCache: Redis Cluster"), "{}", over.err);
    let alone = cost(&[&file, "--max-monthly-increase", "1"]);
    assert_eq!(alone.code, 64, "there is nothing to compare with");
}

#[test]
fn a_file_can_stand_in_for_a_built_in_book() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.yaml");
    std::fs::write(&path, "name: mine\ndated: 2026-11-01\nabout: ours\nprices: []\n").unwrap();
    let run = cost(&[&plan("specification.yaml"), "--prices", path.to_str().unwrap()]);
    assert_eq!(
        run.code, 3,
        "the plan's budget can't be judged without a price: {}",
        run.err
    );
    assert!(run.out.contains("prices `mine` of 2026-11-01"), "{}", run.out);
    let missing = cost(&[&plan("specification.yaml"), "--prices", "aws-1999"]);
    assert_eq!(missing.code, 1);
    assert!(missing.err.contains("aws-2026-11"), "{}", missing.err);
}

#[test]
fn the_page_runs_nothing_and_takes_no_text_for_a_tag() {
    let file = plan("specification.yaml");
    let owner = "aurora.identifier=\"<script>alert(1)</script>\"";
    let page = cost(&[&file, "--format", "html", "--set", owner]).out;
    assert!(page.starts_with("<!doctype html>"), "{page}");
    assert!(!page.contains("<script"), "no scripts, and no text as one");
    for needed in ["<svg", "prefers-color-scheme: dark", "@media print", "6,287 USD"] {
        assert!(page.contains(needed), "{needed} is missing");
    }
    assert!(
        !page.contains("http://") && !page.contains("https://"),
        "nothing is loaded from elsewhere"
    );
}

#[test]
fn the_spreadsheet_adds_up() {
    let sheet = cost(&[&plan("specification.yaml"), "--format", "csv"]).out;
    let mut records = sheet.split("\r\n").filter(|line| !line.is_empty()).map(cells);
    let heading = records.next().unwrap();
    let at = heading.iter().position(|name| name == "monthly_usd").unwrap();
    let mut sum = 0;
    for record in records {
        assert_eq!(record.len(), heading.len(), "{record:?}");
        sum += record[at].parse::<u32>().unwrap();
    }
    assert_eq!(sum, 6287);
}

/// The cells of a record, as RFC 4180 has them.
fn cells(record: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut quoted = false;
    for letter in record.chars() {
        match letter {
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            letter => cells.last_mut().unwrap().push(letter),
        }
    }
    cells
}

#[test]
fn the_comment_fits_and_begins_with_what_counts() {
    let comment = cost(&[&plan("production.yaml"), "--format", "markdown"]).out;
    assert!(comment.chars().count() < 65_535);
    assert!(comment.starts_with("## Monthly cost of"), "{comment}");
    let summary = comment.lines().take(8).collect::<String>();
    assert!(summary.contains("lines without a cost"), "{summary}");
}
