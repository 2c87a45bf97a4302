//! Two at once, and the first and second interrupt, on a simulated provider that takes its time.

use std::io::{BufRead, BufReader};
use std::process::Child;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::binary::Folder;
use crate::simulated::{chain, finish, run, start};

/// Reads standard error until a line holds `text`.
fn wait_for(child: &mut Child, text: &str) -> String {
    let mut seen = String::new();
    let mut lines = BufReader::new(child.stderr.as_mut().unwrap());
    loop {
        let before = seen.len();
        assert!(
            lines.read_line(&mut seen).unwrap() > 0,
            "{text:?} never came:\n{seen}"
        );
        if seen[before..].contains(text) {
            return seen;
        }
    }
}

pub(crate) fn interrupt(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

const APPLY: &[&str] = &["apply", "plan.yaml", "--auto-approve"];

/// The first interrupt starts nothing new, lets what runs finish, and ends in 130; the next apply goes on.
#[test]
fn the_first_interrupt_lets_running_operations_finish() {
    for signal in [Signal::INT, Signal::TERM] {
        let folder = Folder::new();
        chain(
            &folder,
            &["first", "second", "third"],
            json!({ "delay_ms": 1500 }),
        );
        let mut child = start(&folder, APPLY);
        wait_for(&mut child, "first: creating");
        interrupt(&child, signal);
        let ended = finish(&folder, APPLY, child.wait_with_output().unwrap());
        assert_eq!(ended.code, 130, "{}", ended.transcript());
        assert!(ended.stderr.contains("first: created"), "{}", ended.transcript());
        assert!(
            !ended.stderr.contains("second: creating"),
            "{}",
            ended.transcript()
        );
        let list = run(&folder, &["state", "list", "plan.yaml"]).expect(0);
        assert_eq!(list.stdout, "simulated/global/node/first\n");

        chain(&folder, &["first", "second", "third"], json!({}));
        let next = run(&folder, APPLY).expect(0);
        assert!(next.stderr.contains("2 created"), "{}", next.transcript());
    }
}

/// The second interrupt stops at once, and the next apply finds what was in flight: no second copy.
#[test]
fn the_second_interrupt_stops_at_once() {
    let folder = Folder::new();
    chain(&folder, &["first", "second"], json!({ "delay_ms": 30_000 }));
    let mut child = start(&folder, APPLY);
    wait_for(&mut child, "first: creating");
    interrupt(&child, Signal::INT);
    wait_for(&mut child, "Interrupted");
    let since = Instant::now();
    interrupt(&child, Signal::INT);
    let ended = finish(&folder, APPLY, child.wait_with_output().unwrap());
    assert_eq!(ended.code, 130, "{}", ended.transcript());
    assert!(
        since.elapsed() < Duration::from_secs(5),
        "it took {:?}",
        since.elapsed()
    );

    let world = vvbill::provider::simulated::World::open(&folder.path("world.json"), 1).unwrap();
    assert_eq!(world.made(), 1);
    drop(world);
    run(&folder, &["status", "plan.yaml"]).expect(1);
    let list = run(&folder, &["state", "list", "plan.yaml"]).expect(0);
    assert!(list.stdout.contains("node/first"), "{}", list.transcript());
}

/// Two applies at once: the second ends in 4 and names who holds the lock, from where, since when.
#[test]
fn the_second_of_two_applies_names_the_first() {
    let folder = Folder::new();
    chain(&folder, &["first", "second"], json!({ "delay_ms": 2500 }));
    let mut child = start(&folder, APPLY);
    let pid = child.id();
    wait_for(&mut child, "first: creating");
    let second = run(&folder, APPLY).expect(4);
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    for part in [
        "is locked by".to_owned(),
        format!("@{}", host.trim()),
        format!("process {pid} "),
        "`apply` since 20".to_owned(),
        "vvbill unlock".to_owned(),
    ] {
        assert!(
            second.stderr.contains(&part),
            "{part:?} is missing in {}",
            second.transcript()
        );
    }
    let holder = run(&folder, &["unlock", "plan.yaml"]).expect(0);
    assert!(
        holder.stdout.contains(&format!("process {pid}")),
        "{}",
        holder.transcript()
    );
    let wrong = run(&folder, &["unlock", "plan.yaml", "not-this-one"]).expect(1);
    assert!(wrong.stderr.contains("not-this-one"), "{}", wrong.transcript());

    let second = "simulated/global/node/second";
    let forget = ["state", "rm", "plan.yaml", second, "--lock-timeout", "30s"];
    let waited = run(&folder, &forget).expect(0);
    assert!(
        waited.stderr.contains("Forgot"),
        "it waited for the first: {}",
        waited.transcript()
    );
    let first = finish(&folder, APPLY, child.wait_with_output().unwrap());
    assert_eq!(first.code, 0, "{}", first.transcript());
}

/// A reader that goes in the middle of an apply doesn't stop it.
#[test]
fn an_apply_outlives_its_reader() {
    let folder = Folder::new();
    chain(&folder, &["first", "second"], json!({ "delay_ms": 300 }));
    let mut child = start(&folder, &["apply", "plan.yaml", "--auto-approve", "--json"]);
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut seen = String::new();
    while !seen.contains("apply_start") {
        assert!(
            reader.read_line(&mut seen).unwrap() > 0,
            "it never started:\n{seen}"
        );
    }
    drop(reader);
    drop(child.stderr.take());
    child.wait().unwrap();
    let list = run(&folder, &["state", "list", "plan.yaml"]).expect(0);
    assert_eq!(list.stdout.lines().count(), 2, "{}", list.transcript());
}
