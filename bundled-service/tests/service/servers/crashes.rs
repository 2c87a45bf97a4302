//! Workers, and the broker, that end without notice.

use crate::support::{Platform, events::Generator, world::World};
use rustix::process::Signal;
use std::{sync::Arc, thread, time::Duration};

/// How many times the worker is killed; `VVBILL_TEST_KILLS` sets another number.
fn kills() -> u32 {
    std::env::var("VVBILL_TEST_KILLS")
        .ok()
        .and_then(|kills| kills.parse().ok())
        .unwrap_or(10)
}

/// One of two workers is killed again and again under load: lost 0, doubled 0.
#[test]
fn killed_workers_lose_and_double_nothing() {
    let world = World::new("kills");
    let mut generator = Generator::new("kills", 400);
    let mut workers = [world.start_worker(), world.start_worker()];
    for kill in 0..kills() {
        world.send(&generator.batch(3_000, 40));
        thread::sleep(Duration::from_millis(generator.pause_ms(20..1_500)));
        let victim = (kill % 2) as usize;
        workers[victim].kill();
        workers[victim] = world.start_worker();
    }
    world.send(&generator.batch(2_000, 40));
    world.wait_until_durable(90);
    assert_eq!(world.ledger(), (generator.distinct, generator.total()));
    world.assert_reconciled();
}

/// A worker that is stopped past its session and then goes on has lost its partitions: the fence
/// keeps what it still holds out, and it joins again.
#[test]
fn a_zombie_is_fenced() {
    let world = World::new("zombie");
    let mut generator = Generator::new("zombie", 200);
    let mut zombie = world.start_worker();
    world.send(&generator.batch(2_000, 50));
    world.wait_until_durable(60);
    // Stopped in the middle of its work.
    let records = generator.batch(20_000, 50);
    let sending = thread::scope(|scope| {
        let sender = scope.spawn(|| world.send(&records));
        thread::sleep(Duration::from_millis(150));
        zombie.signal(Signal::STOP);
        sender.join()
    });
    sending.unwrap();
    let mut heir = world.start_worker();
    world.wait_until_durable(60);
    zombie.signal(Signal::CONT);
    world.send(&generator.batch(3_000, 50));
    world.wait_until_durable(60);
    zombie.assert_alive();
    heir.assert_alive();
    assert_eq!(world.ledger(), (generator.distinct, generator.total()));
    world.assert_reconciled();
    // Both stop in order, and leave nothing undone.
    for worker in [&mut zombie, &mut heir] {
        worker.signal(Signal::TERM);
        assert!(worker.wait(30).success(), "{}", worker.log_text());
    }
}

/// The broker is killed under load and comes back: nothing that it acknowledged is missing.
#[test]
fn a_killed_broker_comes_back() {
    let mut platform = Arc::new(Platform::start());
    let mut world = World::on(Arc::clone(&platform), "broker");
    let mut generator = Generator::new("broker", 200);
    let mut worker = world.start_worker();
    for _ in 0..2 {
        world.send(&generator.batch(4_000, 50));
        // The world lends the platform for the moment that it is harmed.
        let borrowed = world.platform;
        drop(platform);
        let mut own = Arc::into_inner(borrowed).unwrap();
        own.kafka.kill();
        thread::sleep(Duration::from_millis(generator.pause_ms(100..1_000)));
        own.kafka.restart();
        platform = Arc::new(own);
        world.platform = Arc::clone(&platform);
        world.send(&generator.batch(1_000, 50));
    }
    world.wait_until_durable(90);
    worker.assert_alive();
    assert_eq!(world.ledger(), (generator.distinct, generator.total()));
    world.assert_reconciled();
}

/// Postgres ends connections under load, in the middle of transactions and at their COMMIT: what is
/// unknown is found out.
#[test]
fn cut_connections_lose_and_double_nothing() {
    let world = World::new("cut");
    let mut generator = Generator::new("cut", 200);
    let mut worker = world.start_worker();
    let databases = [world.database(0), world.database(1)];
    let cut = "select pg_terminate_backend(pid) from pg_stat_activity \
               where application_name = 'vvbill-ingest' and datname = current_database()";
    let mut ended = 0;
    for _ in 0..20 {
        world.send(&generator.batch(300, 40));
        thread::sleep(Duration::from_millis(generator.pause_ms(0..80)));
        ended += databases
            .iter()
            .map(|database| database.query(cut).len())
            .sum::<usize>();
    }
    assert!(ended > 20, "{ended} connections were cut");
    world.wait_until_durable(60);
    worker.assert_alive();
    assert_eq!(world.ledger(), (generator.distinct, generator.total()));
    world.assert_reconciled();
}

/// A topic that is deleted and made anew has offsets of its own: a running worker stops and says
/// why, and a new one refuses to start.
#[test]
fn a_topic_made_anew_stops_the_worker() {
    let world = World::new("anew");
    let mut generator = Generator::new("anew", 50);
    let mut worker = world.start_worker();
    world.send(&generator.batch(500, 40));
    world.wait_until_durable(60);
    let before = world.ledger();
    world.make_topic_anew();
    world.send(&generator.batch(2_000, 40));
    assert!(!worker.wait(30).success());
    assert!(
        worker.log_text().contains("another log now"),
        "{}",
        worker.log_text()
    );
    let mut second = world.start_worker();
    assert!(!second.wait(30).success());
    assert!(
        second.log_text().contains("has offsets of its own"),
        "{}",
        second.log_text()
    );
    assert_eq!(world.ledger(), before, "nothing was taken from the new topic");
}
