//! SIGKILL to the program at seeded points of the production plan.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use rand::RngExt;
use serde_json::{Value, json};

use super::binary::{Site, plan, text};
use super::fake::Fake;
use super::production::UNPROTECTED;
use super::rig::{random, seed, unexplained};

const KILLS: usize = 15;

/// Protects: killed again and again, the program still comes to its end; the second plan is empty; and
/// destroying what the state knows leaves nothing, so nothing was made twice or orphaned.
#[test]
fn killed_at_fifteen_points_it_converges() {
    let mut random = random(seed());
    // Slow enough that a kill hits something on its way.
    let fake = Fake::start(
        &json!({ "creating": { "eks:cluster": 1.0, "rds:instance": 0.8, "elasticache:group": 1.0 } }),
    );
    let site = Site::new(&fake);
    let file = plan("production.yaml").display().to_string();
    let mut settings = vec!["--set", "state.lease=300ms", "--lock-timeout", "30s"];
    UNPROTECTED.iter().for_each(|set| settings.extend(["--set", set]));
    let apply = [&["apply", &file, "--auto-approve", "--json"], settings.as_slice()].concat();
    let mut killed = 0;
    while killed < KILLS {
        let lines = random.random_range(1..25usize);
        let mut child = site
            .command(&apply)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut seen = 0;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let event: Value = serde_json::from_str(&line.unwrap()).unwrap();
            seen += usize::from(
                event["type"]
                    .as_str()
                    .is_some_and(|kind| kind.starts_with("apply_")),
            );
            if seen >= lines {
                break;
            }
        }
        if seen < lines {
            child.wait().unwrap();
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        killed += 1;
    }
    assert!(killed >= KILLS, "only {killed} kills before it was done");
    let done = site.run(&apply);
    assert!(
        done.status.success(),
        "{}{}",
        text(&done.stdout),
        text(&done.stderr)
    );
    let second = site.run(&[&["plan", &file, "--detailed-exitcode"], settings.as_slice()].concat());
    assert_eq!(
        second.status.code(),
        Some(0),
        "{}{}",
        text(&second.stdout),
        text(&second.stderr)
    );
    let destroy = [
        &["destroy", &file, "--auto-approve", "--destroy-data"],
        settings.as_slice(),
    ]
    .concat();
    let gone = site.run(&destroy);
    assert!(
        gone.status.success(),
        "{}{}",
        text(&gone.stdout),
        text(&gone.stderr)
    );
    let left = unexplained(&fake, &text(&gone.stderr));
    assert!(left.is_empty(), "made twice or orphaned:\n{}", left.join("\n"));
}
