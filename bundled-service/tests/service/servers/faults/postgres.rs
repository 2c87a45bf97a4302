//! The line to one of two shards: its outage stays its own.

use super::{EVERY_MODE, Scene};
use crate::support::{eventually, line::Mode};
use std::{
    thread::sleep,
    time::{Duration, Instant},
};

/// Longer than the service waits for a shard.
const LASTS: Duration = Duration::from_secs(5);
/// How soon after the line is well again the shard has rows that were sent since.
const BACK_WITHIN_SECONDS: u64 = 12;

/// Protects: with one shard cut off, slow or silent, in transactions and at their COMMIT, the other's rows go on and the API
/// takes events; afterwards everything lands, once.
#[test]
fn a_shard_behind_a_bad_line() {
    let scene = Scene::shared("line_postgres");
    let databases = [scene.world.database(0), scene.world.database(1)];
    let rows = |shard: usize| databases[shard].number("select count(*) from events");
    for mode in EVERY_MODE {
        let line = &scene.world.lines().shards[1];
        line.set(mode);
        let since = Instant::now();
        let mut rounds = 0;
        while since.elapsed() < LASTS {
            let before = rows(0);
            scene.stream.wait_until_taken(2);
            eventually("the other shard's rows go on", 3, || {
                (rows(0) > before).then_some(())
            });
            rounds += 1;
            sleep(Duration::from_millis(100));
        }
        assert!(rounds > 10, "{mode:?}: {rounds} rounds");
        let before = rows(1);
        line.set(Mode::Pass);
        let well = Instant::now();
        eventually("the shard's rows go on", BACK_WITHIN_SECONDS, || {
            (rows(1) > before).then_some(())
        });
        eprintln!("{mode:?}: rows again after {:.1} s", well.elapsed().as_secs_f64());
    }
    scene.end(30);
}
