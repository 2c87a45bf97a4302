//! The line to Kafka: the API's producer, the worker's consumer and its dead letters share it.

use super::{EVERY_MODE, Scene};
use crate::support::{
    eventually,
    line::{HALF_OPEN, Mode},
};
use std::{
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    thread::{scope, sleep},
    time::Duration,
};

/// Longer than the API waits for Kafka, and than the worker's session.
const LASTS: Duration = Duration::from_secs(5);
/// How soon after the line is well again events are taken.
const TAKEN_WITHIN_SECONDS: u64 = 15;

/// Protects: whatever a line to Kafka does, what is answered with 202 is there once, what is refused is a dead letter, and
/// every client of the service finds back.
#[test]
fn kafka_behind_a_bad_line() {
    let scene = Scene::harmful("line_kafka");
    let line = &scene.world.platform.kafka.line;
    let bad = |number: usize| scene.world.send_raw(&[(number.to_string(), b"{}".to_vec())]);
    for (number, mode) in EVERY_MODE.into_iter().enumerate() {
        let before = scene.stream.counts();
        bad(number);
        line.set(mode);
        bad(number);
        sleep(LASTS);
        line.set(Mode::Pass);
        let seconds = scene.stream.wait_until_taken(TAKEN_WITHIN_SECONDS);
        scene.wait_for_rows(0, TAKEN_WITHIN_SECONDS);
        scene.wait_for_rows(1, TAKEN_WITHIN_SECONDS);
        let (taken, refused) = scene.stream.counts();
        eprintln!(
            "{mode:?}: {} taken, {} refused; taken again after {seconds:.1} s",
            taken - before.0,
            refused - before.1
        );
        let hurt = refused > before.1;
        assert_eq!(hurt, matches!(mode, Mode::Cut | Mode::Lost(_)), "{mode:?}");
    }
    eventually("each bad record has its letter", 20, || {
        (scene.world.dead_letters().len() == 2 * EVERY_MODE.len()).then_some(())
    });
    scene.end(30);
}

/// Protects: producers that stay cut off are made anew, the API's and that of dead letters, and lose and double nothing by
/// it.
#[test]
fn producers_are_made_anew() {
    let mut scene = Scene::harmful("anew_kafka");
    let line = &scene.world.platform.kafka.line;
    // The worker has the bad record before the line goes, or not: its letter is owed either way.
    for _ in 0..10 {
        scene.world.send_raw(&[("1".to_owned(), b"{}".to_vec())]);
    }
    line.set(HALF_OPEN);
    eventually("the API's producer is made anew", 30, || {
        let text = scene.api.process.log_text();
        text.contains("the producer is made anew").then_some(())
    });
    line.set(Mode::Pass);
    let seconds = scene.stream.wait_until_taken(TAKEN_WITHIN_SECONDS);
    eprintln!("taken again after {seconds:.1} s");
    eventually("each bad record has its letter", 20, || {
        (scene.world.dead_letters().len() == 10).then_some(())
    });
    scene.worker.assert_alive();
    scene.end(30);
}

/// Protects: a broker that is killed and comes back while the machine is busy is found again by producers and consumer,
/// whatever librdkafka makes of partitions without a leader (its issue 5430).
#[test]
fn a_broker_comes_back_to_a_busy_machine() {
    let mut scene = Scene::harmful("busy");
    let idle = AtomicBool::new(false);
    scope(|scope| {
        let ended = EndOnDrop(&idle);
        for _ in 0..4 {
            scope.spawn(|| {
                while !idle.load(SeqCst) {
                    std::hint::spin_loop();
                }
            });
        }
        for round in 0..2 {
            scene.world.platform_mut().kafka.kill();
            sleep(Duration::from_millis(700));
            scene.world.platform_mut().kafka.restart();
            let seconds = scene.stream.wait_until_taken(30);
            scene.wait_for_rows(0, 30);
            scene.wait_for_rows(1, 30);
            eprintln!("round {round}: taken again after {seconds:.1} s");
        }
        drop(ended);
    });
    scene.end(30);
}

/// A check that fails must end the threads that burn, or their scope waits for ever.
struct EndOnDrop<'a>(&'a AtomicBool);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}
