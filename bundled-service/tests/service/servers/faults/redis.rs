//! The line to Redis, which is disposable: nothing but usage may notice, and usage stays right.

use super::{EVERY_MODE, Scene};
use crate::support::{
    Platform, eventually,
    line::{HALF_OPEN, Mode},
    redis::Sentinels,
    verdict::{source, usage},
    world::World,
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

/// Protects: a master that nobody reaches, though it lives, is replaced; when it is back, and still takes itself for one,
/// nothing of it is read and nothing written to it counts.
#[test]
fn a_master_behind_a_line_that_is_lost() {
    let mut world = World::over_lines(Platform::shared(), "line_sentinel");
    world.sentinels = Some(Sentinels::watch(world.lines().redis.port()));
    let scene = Scene::on(world, "line_sentinel");
    let by_redis = || (source(&scene.api.client, 1)? == "redis").then_some(());
    eventually("Redis has totals", 20, by_redis);
    let line = &scene.world.lines().redis;
    line.set(HALF_OPEN);
    let replica = &scene.world.sentinels.as_ref().unwrap().replica;
    eventually("the replica is the master", 20, || {
        let role: Vec<redis::Value> = replica.ask(&["ROLE"]).ok()?;
        (role[0] == redis::Value::BulkString(b"master".to_vec())).then_some(())
    });
    eventually("the new master answers", 20, by_redis);
    line.set(Mode::Pass);
    let since = Instant::now();
    while since.elapsed() < LASTS {
        assert!(usage(&scene.api.client, 1).is_some());
        scene.stream.wait_until_taken(2);
        sleep(Duration::from_millis(100));
    }
    eventually("Redis answers", 20, by_redis);
    scene.end(20);
}
