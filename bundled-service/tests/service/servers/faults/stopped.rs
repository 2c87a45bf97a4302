//! Servers that are stopped: the kernel goes on answering for them, so only a clock tells.

use super::Scene;
use crate::support::{eventually, verdict::usage};
use rustix::process::Signal;
use std::{thread::sleep, time::Duration};

const LASTS: Duration = Duration::from_secs(6);

/// Protects: a broker, a Redis and a Postgres that is stopped and goes on later holds nothing up for good.
#[test]
fn servers_that_are_stopped() {
    let scene = Scene::harmful("stopped");
    let platform = &scene.world.platform;
    let client = &scene.api.client;

    platform.kafka.signal(Signal::STOP);
    sleep(LASTS);
    platform.kafka.signal(Signal::CONT);
    let seconds = scene.stream.wait_until_taken(20);
    eprintln!("Kafka: taken again after {seconds:.1} s");

    scene.world.redis.signal(Signal::STOP);
    sleep(LASTS);
    let before = scene.world.ledger().0;
    eventually("rows go on", 4, || {
        (scene.world.ledger().0 > before).then_some(())
    });
    assert!(usage(client, 1).is_some(), "usage is answered without Redis");
    scene.world.redis.signal(Signal::CONT);

    let other = scene.world.database(1);
    let rows = || other.number("select count(*) from events");
    platform.shards[0].signal(Signal::STOP);
    sleep(LASTS);
    let before = rows();
    eventually("the other shard's rows go on", 4, || {
        (rows() > before).then_some(())
    });
    platform.shards[0].signal(Signal::CONT);
    scene.stream.wait_until_taken(5);
    scene.end(30);
}
