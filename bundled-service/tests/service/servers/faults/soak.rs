//! Faults by chance, one after another.

use super::{EVERY_MODE, Scene};
use crate::support::{events::Generator, line::Mode};
use rand::{RngExt, seq::IndexedRandom};
use rustix::process::Signal;
use std::{thread::sleep, time::Duration};

/// How many; `VVBILL_TEST_FAULTS` sets another number.
fn faults() -> u32 {
    let given = std::env::var("VVBILL_TEST_FAULTS").ok();
    given.and_then(|faults| faults.parse().ok()).unwrap_or(3)
}

#[derive(Debug, Clone, Copy)]
enum Victim {
    Kafka,
    Redis,
    Shard(usize),
    Worker,
}

#[derive(Debug, Clone, Copy)]
enum Fault {
    Line(Mode),
    Stop,
    Kill,
}

const VICTIMS: [Victim; 5] = [
    Victim::Kafka,
    Victim::Redis,
    Victim::Shard(0),
    Victim::Shard(1),
    Victim::Worker,
];

/// How soon after a fault events are taken, and each shard has rows that it had not.
const BACK_WITHIN_SECONDS: u64 = 30;

/// Protects: the service outlives faults that nobody thought of in this order.
#[test]
fn faults_by_chance() {
    let mut scene = Scene::harmful("soak");
    let mut random = Generator::new("soak_faults", 1);
    for number in 1..=faults() {
        let victim = *VICTIMS.choose(random.random()).unwrap();
        let fault = match random.random().random_range(0..7) {
            line @ 0..5 => Fault::Line(EVERY_MODE[line]),
            5 => Fault::Stop,
            _ => Fault::Kill,
        };
        let lasts = Duration::from_millis(random.pause_ms(200..7_000));
        eprintln!(
            "fault {number}: {victim:?} {fault:?} for {} ms",
            lasts.as_millis()
        );
        harm(&mut scene, victim, fault, lasts);
        let seconds = scene.stream.wait_until_taken(BACK_WITHIN_SECONDS);
        scene.wait_for_rows(0, BACK_WITHIN_SECONDS);
        scene.wait_for_rows(1, BACK_WITHIN_SECONDS);
        eprintln!("fault {number}: events are taken after {seconds:.1} s");
    }
    scene.end(60);
}

fn harm(scene: &mut Scene, victim: Victim, fault: Fault, lasts: Duration) {
    match (victim, fault) {
        (Victim::Kafka, Fault::Kill) => {
            scene.world.platform_mut().kafka.kill();
            sleep(lasts);
            scene.world.platform_mut().kafka.restart();
        }
        (Victim::Redis, Fault::Kill) => {
            scene.world.redis.kill();
            sleep(lasts);
            scene.world.redis.restart();
        }
        (Victim::Shard(shard), Fault::Kill) => {
            scene.world.platform_mut().shards[shard].kill();
            sleep(lasts);
            scene.world.platform_mut().shards[shard].restart();
        }
        // It has no line to itself.
        (Victim::Worker, Fault::Kill | Fault::Line(_)) => {
            scene.worker.kill();
            sleep(lasts);
            scene.worker = scene.start_worker();
        }
        (_, Fault::Stop) => {
            signal(scene, victim, Signal::STOP);
            sleep(lasts);
            signal(scene, victim, Signal::CONT);
        }
        (_, Fault::Line(mode)) => {
            set(scene, victim, mode);
            sleep(lasts);
            set(scene, victim, Mode::Pass);
        }
    }
}

fn signal(scene: &Scene, victim: Victim, signal: Signal) {
    match victim {
        Victim::Kafka => scene.world.platform.kafka.signal(signal),
        Victim::Redis => scene.world.redis.signal(signal),
        Victim::Shard(shard) => scene.world.platform.shards[shard].signal(signal),
        Victim::Worker => scene.worker.signal(signal),
    }
}

fn set(scene: &Scene, victim: Victim, mode: Mode) {
    match victim {
        Victim::Kafka => scene.world.platform.kafka.line.set(mode),
        Victim::Redis => scene.world.lines().redis.set(mode),
        Victim::Shard(shard) => scene.world.lines().shards[shard].set(mode),
        Victim::Worker => unreachable!("a worker has no line to itself"),
    }
}
