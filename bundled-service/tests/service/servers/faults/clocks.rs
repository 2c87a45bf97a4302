//! The service's clocks are wrong and jump; Kafka's is right, and decides.

use super::Scene;
use crate::support::{Platform, clock::Clock, events::Generator, world::World};
use std::{thread::sleep, time::Duration};

const HOUR: i64 = 3_600;
const OFFSETS: [i64; 5] = [2 * HOUR, -2 * HOUR, 24 * HOUR, -24 * HOUR, 0];

/// Protects: with clocks two hours or a day off, either way, and jumping, every good event is taken and counted once, no
/// timer hangs, and what is too far in Kafka's future is refused by Kafka's time.
#[test]
fn clocks_that_are_wrong_and_jump() {
    let world = World::over_lines(Platform::shared(), "clocks");
    let clock = Clock::new(&world);
    // The service is wrong from its first moment on.
    clock.set(-2 * HOUR);
    let variables = clock.variables();
    let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
    let scene = Scene::with(world, "clocks", &variables);
    let log = scene.worker.log_text();
    let said: jiff::Timestamp = log.split_whitespace().next().unwrap().parse().unwrap();
    let behind = jiff::Timestamp::now().as_second() - said.as_second();
    assert!((2 * HOUR..2 * HOUR + 60).contains(&behind), "{behind} s behind");
    let now = jiff::Timestamp::now().as_millisecond();
    let json = |id: uuid::Uuid| {
        let occurred = now + 2 * 3_600_000;
        let event = format!(
            r#"{{"event_id":"{id}","account_id":1,"metric":"api.calls","quantity":"1","occurred_at":{occurred}}}"#
        );
        ("1".to_owned(), event.into_bytes())
    };
    let mut other = Generator::new("clocks_future", 1);
    for offset in OFFSETS {
        clock.set(offset);
        scene.world.send_raw(&[json(other.id(now))]);
        scene.stream.wait_until_taken(10);
        scene.wait_for_rows(0, 10);
        scene.wait_for_rows(1, 10);
    }
    for jump in 0..20 {
        clock.set(OFFSETS[jump % OFFSETS.len()]);
        sleep(Duration::from_millis(150));
    }
    clock.set(0);
    scene.stream.wait_until_taken(10);
    let letters = scene.world.dead_letters();
    let reasons: Vec<&str> = letters.iter().map(|letter| letter.reason.as_str()).collect();
    assert_eq!(reasons, ["in_the_future"; 5]);
    scene.end(20);
}
