//! What is said of a path that holds no plan, and of a plan that doesn't hold.

use std::os::unix::fs::PermissionsExt;

use insta::assert_snapshot;
use serde_json::Value;

use crate::binary::{Folder, repository_plan};

const SMALLEST: &str = "metadata: { name: small }\ntarget: local\n";

/// A path that holds no plan file is told apart from a plan that doesn't hold: each has its own hint.
#[test]
fn a_path_that_holds_no_plan_says_what_it_is() {
    let folder = Folder::new();
    folder.write("plans/one.yaml", SMALLEST);
    folder.write("saved.plan", r#"{"vvbill_saved_plan": 1, "plan": {}}"#);
    folder.write("newer.plan", r#"{"vvbill_saved_plan": 99}"#);
    folder.write("state.json", r#"{"lineage": "x", "resources": []}"#);
    for (name, arguments) in [
        ("missing", &["validate", "nowhere.yaml"][..]),
        ("directory", &["validate", "plans"]),
        ("directory_to_apply", &["apply", "plans", "--auto-approve"]),
        ("saved_plan_as_plan", &["plan", "saved.plan"]),
        ("state_as_plan", &["validate", "state.json"]),
        ("plan_as_saved_plan", &["show", "plans/one.yaml"]),
        ("broken_saved_plan", &["show", "saved.plan"]),
        ("newer_saved_plan", &["apply", "newer.plan"]),
        (
            "missing_var_file",
            &["validate", "plans/one.yaml", "--var-file", "nowhere.yaml"],
        ),
    ] {
        let run = folder.run(arguments).expect(1);
        assert_eq!(run.stdout, "", "{name}: an error is no data");
        assert_snapshot!(format!("plan_file_{name}"), run.transcript());
    }
    let run = folder.run(&["-C", "nowhere", "validate", "x.yaml"]).expect(64);
    assert_snapshot!("plan_file_missing_folder", run.transcript());
}

/// Root reads everything, so this holds for other users only; a root run checks the readable side.
#[test]
fn a_plan_that_may_not_be_read_says_so() {
    let folder = Folder::new();
    let path = folder.write("secret.yaml", SMALLEST);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    let run = folder.run(&["validate", "secret.yaml"]);
    match std::fs::read(&path) {
        Ok(_) => assert_eq!(run.code, 0, "{}", run.transcript()),
        Err(_) => assert!(
            run.stderr.contains("this user may not read it"),
            "{}",
            run.transcript()
        ),
    }
}

/// All problems at once, each with file, line, column, the line, the caret, and what to do.
#[test]
fn every_problem_is_shown_at_once() {
    let folder = Folder::new();
    folder.write(
        "wrong.yaml",
        "metadata:\n  name: Wrong_Name\ntarget: lcoal\nkafka:\n  brokerz: 3\n  retention: 7 fortnights\n  brokers: many\n",
    );
    let run = folder.run(&["validate", "wrong.yaml"]).expect(1);
    assert_snapshot!("validate_every_problem", run.transcript());
    let run = folder.run(&["plan", "wrong.yaml"]).expect(1);
    assert_eq!(run.stdout, "", "findings that stop a command are no data");
    assert_snapshot!("plan_every_problem", run.transcript());
}

/// Editors get ranges that count from 0, as the Language Server Protocol has them.
#[test]
fn findings_as_json_have_ranges() {
    let folder = Folder::new();
    folder.write(
        "wrong.yaml",
        "metadata:\n  name: small\n  onwer: me\ntarget: local\n",
    );
    let run = folder
        .run(&["validate", "wrong.yaml", "--format", "json"])
        .expect(1);
    let document: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(run.stderr, "");
    assert_eq!(
        (&document["valid"], &document["error_count"]),
        (&false.into(), &1.into())
    );
    let finding = &document["diagnostics"][0];
    assert_eq!(finding["code"], "VV002");
    assert_eq!(finding["file"], "wrong.yaml");
    assert_eq!(
        finding["range"]["start"],
        serde_json::json!({ "line": 2, "character": 2 })
    );
    assert_eq!(
        finding["range"]["end"],
        serde_json::json!({ "line": 2, "character": 7 })
    );
}

/// `--set` wins over `--var-file`, which wins over the plan; the environment gives the same flags.
#[test]
fn overrides_are_laid_over_the_plan_in_their_order() {
    let folder = Folder::new();
    folder.write("one.yaml", SMALLEST);
    folder.write(
        "over.yaml",
        "metadata: { environment: Never_Right }\ntarget: nowhere\n",
    );
    let wrong = folder
        .run(&["validate", "one.yaml", "--var-file", "over.yaml"])
        .expect(1);
    assert!(wrong.stdout.contains("over.yaml:2:9"), "{}", wrong.transcript());
    let right = [
        "validate",
        "one.yaml",
        "--var-file",
        "over.yaml",
        "--set",
        "target=local",
    ];
    folder.run(&right).expect(0);
    let output = folder
        .command(&["validate", "one.yaml"])
        .env("VVBILL_VAR_FILE", "over.yaml")
        .env("VVBILL_SET", "target=local\nmetadata.owner=somebody")
        .output()
        .unwrap();
    folder.finish(&["validate", "one.yaml"], output).expect(0);
}

/// `schema` is valid JSON that describes the repository's own plans' sections.
#[test]
fn the_schema_is_json_and_knows_the_sections() {
    let run = Folder::new().run(&["schema"]).expect(0);
    let schema: Value = serde_json::from_str(&run.stdout).unwrap();
    for section in ["metadata", "kafka", "buffer", "aurora", "ingest", "rollout"] {
        assert!(
            schema["$defs"]["Plan"]["properties"][section].is_object(),
            "{section}"
        );
    }
}

#[test]
fn explain_knows_fields_and_codes_and_names_the_nearest() {
    let folder = Folder::new();
    for (name, code, subject) in [
        ("field", 0, "kafka.retention"),
        ("unknown_field", 64, "kafka.retnetion"),
    ] {
        let run = folder.run(&["explain", subject]).expect(code);
        assert_snapshot!(format!("explain_{name}"), run.transcript());
    }
}

/// `| head` ends the reader early: no panic, no error, no broken-pipe noise.
#[test]
fn a_reader_that_goes_early_is_no_error() {
    let folder = Folder::new();
    let mut child = folder.start(&["schema"]);
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

/// No escape sequence reaches a pipe or a file.
#[test]
fn there_is_no_colour_without_a_terminal() {
    let folder = Folder::new();
    folder.write("wrong.yaml", "metadata: 3\n");
    let run = folder.run(&["validate", "wrong.yaml"]).expect(1);
    assert!(!run.transcript().contains('\u{1b}'), "{:?}", run.transcript());
    let help = folder.run(&["--help"]).expect(0);
    assert!(!help.stdout.contains('\u{1b}'));
}

/// The plans that come with vvbill hold; what is left to say of each is a snapshot.
#[test]
fn the_plans_of_the_repository_are_as_their_snapshots_say() {
    let folder = Folder::new();
    let plans = repository_plan("");
    let mut names: Vec<String> = std::fs::read_dir(&plans)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".yaml"))
        .collect();
    names.sort();
    assert!(names.len() >= 2, "{names:?}");
    for name in names {
        let root = plans.parent().unwrap().to_string_lossy().into_owned();
        let path = format!("plans/{name}");
        let run = folder.run(&["-C", &root, "validate", &path]);
        let text = run.transcript().replace(&root, "[repository]");
        assert_snapshot!(format!("validate_{}", name.trim_end_matches(".yaml")), text);
        if name != "specification.yaml" {
            assert_eq!(run.code, 0, "{text}");
        }
    }
}
