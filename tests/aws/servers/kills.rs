//! SIGKILL to the program at seeded points of the production plan.

use std::process::Stdio;
use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use super::binary::{Site, plan, text};
use super::fake::Fake;
use super::production::UNPROTECTED;
use super::rig::{AWS_ALONE, random, seed, unexplained};

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
    let mut settings = vec![
        "--set",
        AWS_ALONE,
        "--set",
        "state.lease=300ms",
        "--lock-timeout",
        "30s",
    ];
    UNPROTECTED.iter().for_each(|set| settings.extend(["--set", set]));
    let apply = [&["apply", &file, "--auto-approve", "--json"], settings.as_slice()].concat();
    for _ in 0..KILLS {
        kill_amid_calls(&site, &fake, &apply, &mut random);
    }
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

/// AWS falls silent after some writes, with what it was asked last done or not done; then the program is killed.
fn kill_amid_calls(site: &Site, fake: &Fake, apply: &[&str], random: &mut ChaCha8Rng) {
    let silence = json!({ "after_writes": random.random_range(0..16), "done": random.random_bool(0.5) });
    fake.configure(&json!({ "silence": null }));
    fake.configure(&json!({ "silence": silence }));
    let mut child = site
        .command(apply)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while fake.stats()["silent"] == 0 {
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none(), "it was done before {silence}: {ended:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_millis(random.random_range(0..100)));
    child.kill().unwrap();
    child.wait().unwrap();
    fake.configure(&json!({ "silence": null }));
}
