//! What looks at a platform from outside: status, output and logs, as people and programs read them.

use std::io::{BufRead, BufReader, Write};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::interrupts::interrupt;
use crate::runs::chained;
use crate::simulated::{run, start};

/// The shapes that scripts and the demo read.
#[test]
fn status_and_output_as_json_keep_their_shapes() {
    let folder = chained(json!({}));
    let before: Value =
        serde_json::from_str(&run(&folder, &["status", "plan.yaml", "--json"]).expect(0).stdout).unwrap();
    assert_eq!(
        (&before["healthy"], &before["resources"]),
        (&json!(false), &json!([]))
    );
    run(&folder, &["apply", "plan.yaml", "--auto-approve"]).expect(0);

    let status: Value =
        serde_json::from_str(&run(&folder, &["status", "plan.yaml", "--json"]).expect(0).stdout).unwrap();
    assert_eq!(
        (&status["plan"], &status["healthy"]),
        (&json!("simulated"), &json!(true))
    );
    let first = &status["resources"][0];
    assert_eq!(first["address"], "simulated/global/node/first");
    assert_eq!(
        (&first["kind"], &first["id"]),
        (&json!("node"), &json!("node:first"))
    );
    assert_eq!(
        (&first["status"], &first["health"]),
        (&json!("ready"), &json!("healthy"))
    );
    assert_eq!(
        (&first["pid"], &first["port"], &first["detail"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert!(first["since"].is_string());
    assert_eq!(status["endpoints"]["api"], json!(["http://127.0.0.1:8000"]));

    let outputs: Value =
        serde_json::from_str(&run(&folder, &["output", "plan.yaml", "--json"]).expect(0).stdout).unwrap();
    let api = json!({ "sensitive": false, "type": ["list", "string"], "value": ["http://127.0.0.1:8000"] });
    assert_eq!(outputs["api"], api);
    assert_eq!(
        outputs["ids"]["value"]["simulated/global/node/first"],
        "node:first"
    );
    assert_eq!(
        outputs.get("prometheus"),
        None,
        "what the target doesn't have is left out"
    );
    assert_eq!(
        run(&folder, &["output", "plan.yaml", "api"]).expect(0).stdout,
        "http://127.0.0.1:8000\n"
    );
    run(&folder, &["output", "plan.yaml", "api", "--raw"]).expect(64);
}

/// A resource that isn't there any more makes status end in 1, and says so.
#[test]
fn status_names_what_is_missing() {
    let folder = chained(json!({}));
    run(&folder, &["apply", "plan.yaml", "--auto-approve"]).expect(0);
    let world = vvbill::provider::simulated::World::open(&folder.path("world.json"), 1).unwrap();
    world.meddle("node:second", "size", Value::Null).unwrap();
    drop(world);
    let status = run(&folder, &["status", "plan.yaml"]).expect(1);
    assert!(status.stdout.contains("missing"), "{}", status.transcript());
    assert!(
        status.stdout.contains("2 of 3 healthy"),
        "{}",
        status.transcript()
    );
}

/// The last lines, then what is written, also after the log was made anew; Ctrl-C ends it well.
#[test]
fn logs_follow_until_the_interrupt() {
    let folder = chained(json!({}));
    run(&folder, &["apply", "plan.yaml", "--auto-approve"]).expect(0);
    folder.write("first.log", "one\ntwo\nthree\n");
    folder.write("second.log", "other\n");
    let all = run(&folder, &["logs", "plan.yaml", "--tail", "1"]).expect(0);
    assert_eq!(all.stdout, "first  | three\nsecond | other\n");

    let arguments = ["logs", "plan.yaml", "first", "--tail", "2", "--follow"];
    let mut child = start(&folder, &arguments);
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut seen = String::new();
    let mut wait_for = |line: &str| {
        while !seen.ends_with(line) {
            assert!(
                lines.read_line(&mut seen).unwrap() > 0,
                "{line:?} never came:\n{seen}"
            );
        }
        assert!(
            !seen.contains("one\n"),
            "only the last two lines were asked for:\n{seen}"
        );
    };
    wait_for("two\nthree\n");
    let mut log = std::fs::OpenOptions::new()
        .append(true)
        .open(folder.path("first.log"))
        .unwrap();
    log.write_all(b"four\nhalf").unwrap();
    wait_for("three\nfour\n");
    log.write_all(b" a line\n").unwrap();
    wait_for("four\nhalf a line\n");
    folder.write("fresh.log", "anew\n");
    std::fs::rename(folder.path("fresh.log"), folder.path("first.log")).unwrap();
    wait_for("anew\n");
    interrupt(&child, Signal::INT);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
