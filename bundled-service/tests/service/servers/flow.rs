//! Events on their healthy way.

use crate::support::{events::Generator, eventually, world::World};
use rustix::process::Signal;

/// Every event once, repeats dropped: rows, sums and rollups are the generator's own.
#[test]
fn nothing_is_lost_and_nothing_doubled() {
    let world = World::new("flow");
    let mut generator = Generator::new("flow", 300);
    let mut worker = world.start_worker();
    for _ in 0..5 {
        world.send(&generator.batch(4_000, 50));
    }
    worker.assert_alive();
    world.wait_until_durable(60);
    assert!(generator.repeats > 0);
    assert_eq!(world.ledger(), (generator.distinct, generator.total()));
    for (shard, database) in [world.database(0), world.database(1)].iter().enumerate() {
        let sql = "select count(*) from (select account_id, metric, date_trunc('hour', occurred_at) h, \
                   sum(quantity) q, count(*) n from events group by 1, 2, 3) r \
                   full join usage_hourly u on u.account_id = r.account_id and u.metric = r.metric \
                   and u.hour = r.h where r.q is distinct from u.quantity or r.n is distinct from u.events";
        assert_eq!(database.number(sql), 0, "rollups of shard {shard}");
        assert!(database.number("select count(*) from events") > 1_000);
    }
    assert!(world.dead_letters().is_empty());
    world.assert_reconciled();
    worker.signal(Signal::TERM);
    assert!(worker.wait(30).success(), "{}", worker.log_text());
}

/// Postgres takes nothing for a while: batches in memory stay within their budget, the consumer
/// keeps its partitions, and all of it arrives afterwards.
#[test]
fn memory_is_bounded_while_postgres_waits() {
    let world = World::new("budget");
    let mut generator = Generator::new("budget", 200);
    let small = [
        "--role",
        "worker",
        "--in-flight-bytes",
        "300000",
        "--batch-rows",
        "500",
    ];
    let (mut worker, _) = world.start(&small);
    world.send(&generator.batch(1_000, 50));
    world.wait_until_durable(60);
    let locks = [world.database(0), world.database(1)];
    for lock in &locks {
        lock.execute("begin; lock table events in exclusive mode");
    }
    let before = world.ledger();
    world.send(&generator.batch(20_000, 50));
    eventually("the consumer holds still", 30, || {
        worker
            .log_text()
            .contains("memory for batches is used up")
            .then_some(())
    });
    // Longer than its session: it is still a member of the group.
    std::thread::sleep(std::time::Duration::from_secs(5));
    assert_eq!(world.ledger(), before);
    for lock in &locks {
        lock.execute("commit");
    }
    world.wait_until_durable(60);
    worker.assert_alive();
    assert_eq!(worker.log_text().matches("giving partitions up").count(), 0);
    assert_eq!(world.ledger(), (generator.distinct, generator.total()));
    world.assert_reconciled();
}
