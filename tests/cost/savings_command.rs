//! `vvbill savings` as a script sees it, and what it writes.

use std::path::Path;

use serde_json::Value;

use super::command::{Run, vvbill};

/// A folder with the repository's plans, to change them in.
struct Plans(tempfile::TempDir);

impl Plans {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["specification", "production", "staging"] {
            let file = format!("{name}.yaml");
            let plan = Path::new(env!("CARGO_MANIFEST_DIR")).join("plans").join(&file);
            std::fs::copy(plan, folder.path().join(file)).unwrap();
        }
        Self(folder)
    }

    fn run(&self, arguments: &[&str]) -> Run {
        vvbill(self.0.path(), arguments)
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let run = self.run(&[arguments, &["--format", "json"]].concat());
        assert_eq!(run.code, 0, "{}", run.err);
        serde_json::from_str(&run.out).unwrap()
    }

    fn total(&self, plan: &str) -> rust_decimal::Decimal {
        let cost = self.json(&["cost", plan, "--set", "cost.monthly_budget=null"]);
        cost["totalMonthlyCost"].as_str().unwrap().parse().unwrap()
    }

    fn errors(&self, plan: &str) -> Vec<String> {
        let run = self.run(&["validate", plan, "--format", "json"]);
        let found: Value = serde_json::from_str(&run.out).unwrap();
        let found = found["diagnostics"].as_array().unwrap();
        let errors = found.iter().filter(|finding| finding["severity"] == "error");
        errors
            .map(|finding| finding["code"].as_str().unwrap().to_owned())
            .collect()
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.0.path().join(file)).unwrap()
    }

    fn write(&self, file: &str, text: &str) {
        std::fs::write(self.0.path().join(file), text).unwrap();
    }
}

fn names(document: &Value) -> Vec<&str> {
    let savings = document["savings"].as_array().unwrap().iter();
    savings.map(|saving| saving["name"].as_str().unwrap()).collect()
}

/// The promise of `--write`: the cost falls by exactly the figure, the saving is gone, comments are still there, no
/// rule is newly broken, and a second time nothing happens.
#[test]
fn what_is_written_costs_exactly_so_much_less_and_is_not_offered_again() {
    for (name, plan) in [
        ("valkey", "staging.yaml"),
        ("graviton/app-nodes", "staging.yaml"),
        ("log-retention", "staging.yaml"),
    ] {
        let plans = Plans::new();
        let (before, text, errors) = (plans.total(plan), plans.read(plan), plans.errors(plan));
        let one = plans.json(&["savings", plan, "--only", name, "--write"]);
        assert_eq!(one["written"], serde_json::json!([name]));
        let saved: rust_decimal::Decimal = one["savings"][0]["monthlySaving"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
        assert!(saved.is_sign_positive() && !saved.is_zero(), "{name}: {saved}");
        assert_eq!(before - plans.total(plan), saved, "{name}");
        let all = plans.json(&["savings", plan]);
        assert!(!names(&all).contains(&name), "{name} is still there");
        let now = plans.read(plan);
        for comment in text
            .lines()
            .filter_map(|line| line.split_once('#'))
            .map(|(_, it)| it)
        {
            assert!(now.contains(comment), "{name}: lost `#{comment}`");
        }
        assert_eq!(plans.errors(plan), errors, "{name}");
        let again = plans.run(&["savings", plan, "--write", "--only", name]);
        assert_eq!(again.code, 0, "{}", again.err);
        assert!(again.err.contains("nothing to write"), "{}", again.err);
        assert_eq!(plans.read(plan), now, "{name}: a second time");
    }
}

#[test]
fn without_only_what_is_known_and_safe_is_written_and_the_rest_is_named() {
    let plans = Plans::new();
    let before = plans.total("staging.yaml");
    let run = plans.run(&["savings", "staging.yaml", "--write"]);
    assert_eq!(run.code, 0, "{}", run.err);
    assert!(
        run.err.contains("staging.yaml: cache.engine: valkey"),
        "{}",
        run.err
    );
    assert!(
        run.err
            .contains("graviton/app-nodes: not written: its risk is high"),
        "{}",
        run.err
    );
    assert!(
        run.err.contains("reserved/aurora: not written: it is bought"),
        "{}",
        run.err
    );
    assert!(
        run.err.contains("endpoints/s3: not written: nobody knows"),
        "{}",
        run.err
    );
    assert!(plans.total("staging.yaml") < before);
    let written = plans.read("staging.yaml");
    assert!(!written.contains("m7g"), "{written}");
    let again = plans.run(&["savings", "staging.yaml", "--write"]);
    assert_eq!(again.code, 0, "{}", again.err);
    assert!(again.err.contains("nothing to write"), "{}", again.err);
    assert_eq!(plans.read("staging.yaml"), written);
}

/// What a plan only inherits is written into the plan itself, not into the one that it extends.
#[test]
fn a_plan_that_extends_another_gets_the_value_itself() {
    let plans = Plans::new();
    plans.write(
        "mine.yaml",
        "# mine\nextends: staging.yaml\n\ncache: # ours\n  description: ours # why\n",
    );
    let staging = plans.read("staging.yaml");
    let run = plans.run(&[
        "savings",
        "mine.yaml",
        "--only",
        "valkey,graviton/app-nodes",
        "--write",
    ]);
    assert_eq!(run.code, 0, "{}", run.err);
    assert_eq!(plans.read("staging.yaml"), staging);
    assert_eq!(
        plans.read("mine.yaml"),
        "# mine\nextends: staging.yaml\n\ncache: # ours\n  engine: valkey\n  engine_version: \"7.2\"\n  \
         parameter_family: valkey7\n  parameter_group: billing-staging-valkey\n  description: ours # why\n\n\
         eks:\n  node_groups:\n    app-nodes:\n      instance_type: m7g.xlarge\n"
    );
}

/// A text that a line can't be put into, and an override that decides otherwise: the patch is left to a person.
#[test]
fn what_cannot_be_written_is_said_and_the_file_stays() {
    let plans = Plans::new();
    let text = "extends: staging.yaml\ncache: { description: ours }\n";
    plans.write("mine.yaml", text);
    let run = plans.run(&["savings", "mine.yaml", "--only", "valkey", "--write"]);
    assert_eq!(run.code, 1, "{}", run.err);
    assert!(
        run.err.contains("line 2: `cache` is not written as a block"),
        "{}",
        run.err
    );
    assert!(run.err.contains("`cache.engine: valkey`"), "{}", run.err);
    assert_eq!(plans.read("mine.yaml"), text);
    let staging = plans.read("staging.yaml");
    let set = "eks.node_groups.app-nodes.instance_type=m6i.2xlarge";
    let arguments = [
        "savings",
        "staging.yaml",
        "--only",
        "graviton/app-nodes",
        "--write",
        "--set",
        set,
    ];
    let run = plans.run(&arguments);
    assert_eq!(run.code, 1, "{}", run.err);
    assert!(run.err.contains("an override"), "{}", run.err);
    assert_eq!(plans.read("staging.yaml"), staging);
}

#[test]
fn a_name_that_is_none_is_wrong_usage() {
    let plans = Plans::new();
    let run = plans.run(&["savings", "staging.yaml", "--only", "magic"]);
    assert_eq!(run.code, 64, "{}", run.err);
    assert!(run.err.contains("valkey"), "{}", run.err);
    let run = plans.run(&["savings", "staging.yaml", "--evidence", "staging.yaml"]);
    assert_eq!(run.code, 1, "{}", run.err);
    assert!(run.err.contains("load_account"), "{}", run.err);
}

#[test]
fn each_format_has_figure_risk_and_patch() {
    let plans = Plans::new();
    let table = plans.run(&["savings", "staging.yaml", "--only", "valkey"]).out;
    let comment = plans
        .run(&[
            "savings",
            "staging.yaml",
            "--only",
            "valkey",
            "--format",
            "markdown",
        ])
        .out;
    let document = plans.json(&["savings", "staging.yaml", "--only", "valkey"]);
    let saving = &document["savings"][0];
    let exact: rust_decimal::Decimal = saving["monthlySaving"].as_str().unwrap().parse().unwrap();
    // Two shards of two nodes: (0.065 − 0.052) USD × 4 × 730 h.
    assert_eq!(exact.to_string(), "37.96");
    assert_eq!(saving["risk"]["level"], "medium");
    assert_eq!(saving["patch"][0]["path"], "cache.engine");
    assert!(
        table.contains("valkey  37.96 USD a month  medium risk"),
        "{table}"
    );
    assert!(comment.contains("| `valkey` | 37.96 | medium |"), "{comment}");
    for text in [&table, &comment] {
        assert!(text.contains("cache.engine: valkey"), "{text}");
    }
}
