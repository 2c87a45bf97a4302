//! Servers that come back as they were earlier: a snapshot restored, a replica promoted that lagged behind.

use super::Scene;
use crate::support::{
    eventually,
    stream::Stream,
    verdict::{source, usage, wait_for_usage},
};
use rustix::process::Signal;
use std::{
    fs,
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

/// Protects: totals of an earlier time are never read, not even while no worker is there to raise the generation.
#[test]
fn redis_rolled_back() {
    let mut scene = Scene::shared("redis_back");
    let client = scene.api.client.clone();
    let by_redis = || (source(&client, 1)? == "redis").then_some(());
    eventually("Redis has totals", 20, by_redis);
    scene.world.redis.save();
    scene.stream.wait_until_taken(5);
    sleep(Duration::from_secs(1));
    let generator = scene.stream.finish();
    wait_for_usage(&client, &generator, 20);
    eventually("Redis answers alone", 20, by_redis);

    scene.worker.signal(Signal::STOP);
    scene.world.redis.restart();
    let since = Instant::now();
    while since.elapsed() < Duration::from_secs(3) {
        for (account, expected) in &generator.by_account {
            // Its own life of Redis has to end first: then Postgres answers.
            if let Some(found) = usage(&client, *account) {
                assert_eq!(found, *expected, "account {account}");
            }
        }
    }
    scene.worker.signal(Signal::CONT);
    let stream = Stream::start(&client, generator);
    eventually("Redis answers again", 20, by_redis);
    let generator = stream.finish();
    scene.world.assert_right(&generator, &client, 20);
    scene.worker.assert_alive();
}

/// Protects: a shard that is back at an earlier state gets from the log what it lacks, each row once, and Redis, which knows
/// more than it by then, does not keep totals and owners that the shard never heard of.
#[test]
fn a_shard_rolled_back() {
    let mut scene = Scene::harmful("shard_back");
    let client = scene.api.client.clone();
    let copy = scene.world.file("copy");
    let shard = &mut scene.world.platform_mut().shards[0];
    shard.stop();
    copy_folder(&shard.data(), &copy);
    shard.restart();
    // Owners that the copy does not know.
    for _ in 0..2 {
        scene.worker.kill();
        scene.worker = scene.start_worker();
        scene.wait_for_rows(0, 20);
    }
    for account in 1..=40 {
        eventually("usage is answered", 10, || usage(&client, account));
    }
    let before = scene.world.database(0).number("select count(*) from events");

    let shard = &mut scene.world.platform_mut().shards[0];
    shard.stop();
    fs::remove_dir_all(shard.data()).unwrap();
    copy_folder(&copy, &shard.data());
    shard.restart();
    scene.wait_for_rows(0, 20);
    eventually("what it had is there again", 20, || {
        let rows = scene.world.database(0).number("select count(*) from events");
        (rows > before).then_some(())
    });
    scene.end(30);
}

/// With owners and modes.
fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    let copied = Command::new("cp").arg("-a").args([from, to]).status().unwrap();
    assert!(copied.success(), "{} → {}", from.display(), to.display());
}
