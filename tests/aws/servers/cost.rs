//! What a plan costs is said before it is done, and what is over a budget is not done.

use serde_json::{Value, json};

use super::binary::{Site, plan, text};
use super::fake::Fake;
use super::production::OWN_ZONE;
use super::rig::AWS_ALONE;

/// Staging's network alone, so that it is quick; its budget is about the whole.
const SETTINGS: [&str; 12] = [
    "--set",
    OWN_ZONE,
    "--set",
    "network.nat=per-zone",
    "--set",
    AWS_ALONE,
    "--set",
    "cost.monthly_budget=null",
    "--target",
    "network",
    "--parallelism",
    "20",
];

struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

fn run(site: &Site<'_>, command: &str, more: &[&str]) -> Ran {
    let file = plan("staging.yaml").display().to_string();
    let output = site.run(&[&[command, &file][..], &SETTINGS, more].concat());
    Ran {
        code: output.status.code(),
        out: text(&output.stdout),
        err: text(&output.stderr),
    }
}

fn cost_of(ran: &Ran) -> Value {
    let document: Value = serde_json::from_str(&ran.out).unwrap_or_else(|why| panic!("{why}: {}", ran.err));
    document["cost"].clone()
}

/// Protects: the whole way of a budget. Over it nothing is made; what stands costs what was said; what becomes
/// dearer is held to it, and what becomes cheaper never.
#[test]
fn a_budget_holds_before_anything_is_made() {
    let fake = Fake::start(&json!({}));
    let site = Site::new(&fake);
    let planned = run(&site, "plan", &["--json"]);
    assert_eq!(planned.code, Some(0), "{}", planned.err);
    let first = cost_of(&planned);
    assert_eq!(first["monthly_before"], "0");

    let over = run(&site, "apply", &["--auto-approve", "--max-monthly", "1"]);
    assert_eq!(over.code, Some(3), "{}", over.err);
    assert!(over.err.contains("Cost of a month: 0.00 USD → "), "{}", over.err);
    assert!(over.err.contains("over `--max-monthly` of 1 USD"), "{}", over.err);
    assert!(fake.inventory().is_empty(), "{:?}", fake.inventory());

    let applied = run(
        &site,
        "apply",
        &["--auto-approve", "--json", "--max-monthly", "500"],
    );
    assert_eq!(applied.code, Some(0), "{}{}", applied.out, applied.err);
    let lines: Vec<Value> = applied
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let at = |kind: &str| lines.iter().position(|line| line["type"] == kind).unwrap();
    assert!(at("change_summary") < at("cost") && at("cost") < at("apply_start"));
    assert_eq!(lines[at("cost")]["cost"], first);

    // A second plan changes nothing, and a budget is no reason to stop nothing.
    let again = run(&site, "plan", &["--json", "--max-monthly", "1"]);
    assert_eq!(again.code, Some(0), "{}", again.err);
    let second = cost_of(&again);
    assert_eq!(second["changed_lines"], json!([]));
    assert_eq!(second["monthly_before"], first["monthly_after"]);
    assert_eq!(second["monthly_after"], first["monthly_after"]);

    let changed = |setting: &str| run(&site, "plan", &["--set", setting, "--max-monthly", "1", "--json"]);
    // An interface in each of three zones: 3 × 730 h × 0.01 USD.
    let dearer = changed("network.endpoints=[sts]");
    assert_eq!(dearer.code, Some(3), "{}", dearer.err);
    assert_eq!(cost_of(&dearer)["monthly_difference"], "21.9");
    // Two gateways and two addresses less: 2 × 730 h × (0.045 + 0.005) USD.
    let cheaper = changed("network.nat=single");
    assert_eq!(cheaper.code, Some(0), "{}", cheaper.err);
    assert_eq!(cost_of(&cheaper)["monthly_difference"], "-73");
    assert!(cheaper.err.contains("no dearer"), "{}", cheaper.err);
}
