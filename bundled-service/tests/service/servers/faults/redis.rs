//! The line to Redis, which is disposable: nothing but usage may notice, and usage stays right.

use super::{EVERY_MODE, Scene};
use crate::support::{
    eventually,
    line::Mode,
    verdict::{source, usage},
};
use std::{
    thread::sleep,
    time::{Duration, Instant},
};

const LASTS: Duration = Duration::from_secs(4);
/// A usage query waits for Redis once, then for Postgres.
const USAGE_WITHIN: Duration = Duration::from_secs(3);
/// How soon a row follows its event while Redis is silent: a batch waits for it once.
const ROWS_WITHIN_SECONDS: u64 = 4;

/// Protects: ingest goes on past a Redis that is cut off, slow or silent, usage is answered meanwhile and right
/// afterwards, and Redis is used again.
#[test]
fn redis_behind_a_bad_line() {
    let scene = Scene::shared("line_redis");
    let line = &scene.world.lines().redis;
    for mode in EVERY_MODE {
        line.set(mode);
        let since = Instant::now();
        while since.elapsed() < LASTS {
            let asked = Instant::now();
            assert!(usage(&scene.api.client, 1).is_some(), "{mode:?}");
            assert!(asked.elapsed() < USAGE_WITHIN, "{mode:?}: {:?}", asked.elapsed());
            scene.stream.wait_until_taken(1);
            let before = scene.world.ledger().0;
            eventually("rows go on", ROWS_WITHIN_SECONDS, || {
                (scene.world.ledger().0 > before).then_some(())
            });
        }
        line.set(Mode::Pass);
        eventually("Redis answers again", 10, || {
            (source(&scene.api.client, 1)? == "redis").then_some(())
        });
        sleep(Duration::from_millis(200));
    }
    scene.end(20);
}
