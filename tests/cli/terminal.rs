//! The command line on a terminal: questions, colour and bars, which a pipe never sees.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags, open};
use rustix::process::Signal;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use serde_json::json;

use crate::binary::Folder;
use crate::interrupts::interrupt;
use crate::simulated::{chain, command};

/// What one run on a terminal showed, and how it ended.
struct Shown {
    text: String,
    code: i32,
}

/// What somebody at the terminal does once the screen holds a text.
enum Reaction {
    Type(&'static str),
    Interrupt,
}

/// Runs on a terminal of 24 × 100.
fn on_terminal(
    folder: &Folder,
    arguments: &[&str],
    environment: &[(&str, &str)],
    reaction: Option<(&str, Reaction)>,
) -> Shown {
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    let name = ptsname(&controller, Vec::new()).unwrap();
    let terminal = || -> OwnedFd { open(&name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap() };
    let mut process = command(folder, arguments);
    process
        .env("TERM", "xterm-256color")
        .envs(environment.iter().copied());
    process.stdin(terminal()).stdout(terminal()).stderr(terminal());
    let size = Winsize {
        ws_row: 24,
        ws_col: 100,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&controller, size).unwrap();
    let mut child = process.spawn().unwrap();
    // Only the child holds the terminal now: when it ends, reading ends.
    drop(process);

    let screen = Arc::new(Mutex::new(Vec::new()));
    let mut controller = File::from(controller);
    let (mut reading, seen) = (controller.try_clone().unwrap(), Arc::clone(&screen));
    let reader = std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        // The end of a terminal is an error of reading.
        while let Ok(count @ 1..) = reading.read(&mut buffer) {
            seen.lock().unwrap().extend_from_slice(&buffer[..count]);
        }
    });
    let text = || String::from_utf8_lossy(&screen.lock().unwrap()).into_owned();
    if let Some((awaited, reaction)) = reaction {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !text().contains(awaited) {
            assert!(Instant::now() < deadline, "{awaited:?} never came:\n{}", text());
            std::thread::sleep(Duration::from_millis(10));
        }
        match reaction {
            Reaction::Type(keys) => controller.write_all(keys.as_bytes()).unwrap(),
            Reaction::Interrupt => interrupt(&child, Signal::INT),
        }
    }
    let code = child.wait().unwrap().code().unwrap_or(-1);
    reader.join().unwrap();
    let text = text();
    Shown { text, code }
}

fn chained(settings: serde_json::Value) -> Folder {
    let folder = Folder::new();
    chain(&folder, &["first", "second"], settings);
    folder
}

const QUESTION: &str = "Only `yes` is accepted:";

/// `y`, `YES` and nothing are no approval: nothing is done.
#[test]
fn only_the_word_yes_approves() {
    for answer in ["y\n", "YES\n", "\n"] {
        let folder = chained(json!({}));
        let shown = on_terminal(
            &folder,
            &["apply", "plan.yaml"],
            &[],
            Some((QUESTION, Reaction::Type(answer))),
        );
        assert_eq!(shown.code, 1, "{answer:?}: {}", shown.text);
        assert!(
            shown.text.contains("not approved: nothing was done"),
            "{}",
            shown.text
        );
        let world = vvbill::provider::simulated::World::open(&folder.path("world.json"), 1).unwrap();
        assert_eq!(world.made(), 0, "{answer:?} was taken for an approval");
    }
    let folder = chained(json!({}));
    let shown = on_terminal(
        &folder,
        &["apply", "plan.yaml"],
        &[],
        Some((QUESTION, Reaction::Type("yes\n"))),
    );
    assert_eq!(shown.code, 0, "{}", shown.text);
    assert!(shown.text.contains("2 created"), "{}", shown.text);
}

/// A drill in production asks for the plan's name, and takes nothing else for it.
#[test]
fn a_drill_in_production_asks_for_the_name() {
    const QUESTION: &str = "Type the plan's name, `simulated`, to do this in production:";
    let arguments = [
        "drill",
        "run",
        "plan.yaml",
        "kafka-broker",
        "--i-know-this-is-production",
    ];
    let folder = Folder::new();
    chain(&folder, &["a"], json!({}));
    folder.write(
        "plan.yaml",
        "metadata: { name: simulated }\ntarget: local\nkafka: { version: 4.3.1, brokers: 3 }\n",
    );
    for (answer, said) in [
        ("yes\n", "not approved: nothing was struck"),
        ("simulated\n", "nothing of `simulated` stands"),
    ] {
        let shown = on_terminal(&folder, &arguments, &[], Some((QUESTION, Reaction::Type(answer))));
        assert_eq!(shown.code, 1, "{}", shown.text);
        assert!(shown.text.contains(said), "{answer:?}: {}", shown.text);
    }
}

/// Ctrl-C at the question ends in 130 and does nothing.
#[test]
fn an_interrupt_at_the_question_does_nothing() {
    let folder = chained(json!({}));
    let interrupted = Some((QUESTION, Reaction::Interrupt));
    let shown = on_terminal(&folder, &["apply", "plan.yaml"], &[], interrupted);
    assert_eq!(shown.code, 130, "{}", shown.text);
    let world = vvbill::provider::simulated::World::open(&folder.path("world.json"), 1).unwrap();
    assert_eq!(world.made(), 0);
    drop(world);
    let again = crate::simulated::run(&folder, &["apply", "plan.yaml", "--auto-approve"]);
    assert_eq!(again.code, 0, "the lock was given back: {}", again.transcript());
}

/// Colour is for terminals, and is left out where `NO_COLOR`, `CI` or `--no-color` say so.
#[test]
fn colour_is_only_where_it_is_wanted() {
    let is_coloured = |arguments: &[&str], environment: &[(&str, &str)]| {
        let folder = chained(json!({}));
        let shown = on_terminal(&folder, arguments, environment, None);
        assert_eq!(shown.code, 0, "{}", shown.text);
        shown.text.contains("\u{1b}[32m")
    };
    assert!(is_coloured(&["plan", "plan.yaml"], &[]));
    assert!(!is_coloured(&["plan", "plan.yaml"], &[("NO_COLOR", "1")]));
    assert!(!is_coloured(&["plan", "plan.yaml"], &[("CI", "true")]));
    assert!(!is_coloured(&["plan", "plan.yaml", "--no-color"], &[]));
}

/// Bars are drawn on a terminal and not in CI, which has a terminal at times.
#[test]
fn bars_are_drawn_on_a_terminal_and_not_in_ci() {
    let apply: &[&str] = &["apply", "plan.yaml", "--auto-approve"];
    let drawn = on_terminal(&chained(json!({ "delay_ms": 600 })), apply, &[], None);
    assert!(drawn.text.contains("of 2 in"), "{}", drawn.text);
    assert!(
        !drawn.text.contains("first: creating\r"),
        "a bar stands in the line's place: {}",
        drawn.text
    );
    let lines = on_terminal(
        &chained(json!({ "delay_ms": 600 })),
        apply,
        &[("CI", "true")],
        None,
    );
    assert!(!lines.text.contains("of 2 in"), "{}", lines.text);
    assert!(lines.text.contains("first: creating\r"), "{}", lines.text);
}
