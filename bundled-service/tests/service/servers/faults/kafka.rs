//! The line to Kafka: the API's producer, the worker's consumer and its dead letters share it.

use super::{EVERY_MODE, Scene};
use crate::support::line::Mode;
use std::{thread::sleep, time::Duration};

/// Longer than the API waits for Kafka, and than the worker's session.
const LASTS: Duration = Duration::from_secs(5);
/// How soon after the line is well again events are taken.
const TAKEN_WITHIN_SECONDS: u64 = 15;

/// Protects: whatever a line to Kafka does, what is answered with 202 is there once, and both processes find back.
#[test]
fn kafka_behind_a_bad_line() {
    let scene = Scene::harmful("line_kafka");
    let line = &scene.world.platform.kafka.line;
    for mode in EVERY_MODE {
        let before = scene.stream.counts();
        line.set(mode);
        sleep(LASTS);
        line.set(Mode::Pass);
        let seconds = scene.stream.wait_until_taken(TAKEN_WITHIN_SECONDS);
        let (taken, refused) = scene.stream.counts();
        eprintln!(
            "{mode:?}: {} taken, {} refused; taken again after {seconds:.1} s",
            taken - before.0,
            refused - before.1
        );
        let hurt = refused > before.1;
        assert_eq!(hurt, matches!(mode, Mode::Cut | Mode::Lost(_)), "{mode:?}");
    }
    scene.end(30);
}
