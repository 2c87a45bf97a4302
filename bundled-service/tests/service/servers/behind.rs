//! A shard that is down stops nothing but itself, and catches up when it is back. The verdict is told from rows.

use crate::support::{
    Platform,
    api::Api,
    events::{Generator, Record},
    eventually,
    line::Mode,
    process::Process,
    verdict::wait_for_usage,
    world::World,
};
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions},
    client::DefaultClientContext,
};
use rustix::process::Signal;
use std::{sync::Arc, thread::sleep, time::Duration};
use vvbill_ingest::{event::AccountId, slot::SlotMap};

/// A budget that a few thousand rows use up, and a shard that is soon given up on.
const SMALL: [&str; 12] = [
    "--role",
    "worker",
    "--in-flight-bytes",
    "2000000",
    "--batch-rows",
    "500",
    "--shard-timeout-ms",
    "2000",
    "--produce-timeout-ms",
    "3000",
    "--catch-up-records",
    "2000",
];
const BUDGET_BYTES: i64 = 2_000_000;
/// Long enough to see that a worker is in the midst of catching up.
const SLOW: Mode = Mode::Delay(Duration::from_millis(40));

fn rows(world: &World, shard: usize) -> i64 {
    world.database(shard).number("select count(*) from events")
}

/// Rows that a shard must have in the end.
fn expected(generator: &Generator, shard: usize) -> i64 {
    let map = SlotMap::even(2);
    let of_shard = (generator.by_account.iter())
        .filter(|(account, _)| map.shard_of(AccountId::new(**account).unwrap()).index() == shard);
    of_shard.map(|(_, (events, _))| events).sum()
}

fn wait_for_rows(world: &World, generator: &Generator, shard: usize, seconds: u64) {
    let expected = expected(generator, shard);
    eventually(&format!("shard {shard} has its {expected} rows"), seconds, || {
        (rows(world, shard) == expected).then_some(())
    });
}

/// Offsets that a shard has, over all partitions.
fn progress(world: &World, shard: usize) -> i64 {
    let sum = "select coalesce(sum(next), 0)::bigint from watermarks";
    world.database(shard).number(sum)
}

/// The sum of a metric's values of one shard; `None` without any.
fn metric(port: u16, name: &str, shard: usize) -> Option<i64> {
    let text = ureq::get(format!("http://127.0.0.1:{port}/metrics")).call();
    let text = text.ok()?.body_mut().read_to_string().ok()?;
    let label = format!("shard=\"{shard}\"");
    let lines = text.lines().filter(|line| {
        line.strip_prefix(name)
            .is_some_and(|rest| rest.starts_with('{') && rest.contains(&label) || rest.starts_with(' '))
    });
    let values: Vec<i64> = lines
        .map(|line| line.rsplit(' ').next().unwrap().parse().unwrap())
        .collect();
    (!values.is_empty()).then(|| values.iter().sum())
}

/// The most memory that a process ever held, in kilobytes.
fn peak_kilobytes(process: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.pid())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.unwrap().trim().trim_end_matches(" kB").parse().unwrap()
}

/// Each event is one row, rollups are their sums, and each record is accounted for.
fn assert_right(world: &World, generator: &Generator, seconds: u64) {
    world.wait_until_durable(seconds);
    world.assert_rows(generator);
    world.assert_reconciled();
}

/// Protects: an API and a worker start without a shard, be it refused or silent, and be it the one that decides the slot
/// map; the other shard's rows land at once, and those of the one that was away when it is back.
#[test]
fn a_start_without_a_shard() {
    let mut world = World::on(Arc::new(Platform::start()), "start_without");
    let mut generator = Generator::new("start_without", 100);
    let mut worker = world.start_worker();
    world.send(&generator.batch(1_000, 50));
    world.wait_until_durable(30);
    for (away, silent) in [(1, false), (0, false), (1, true)] {
        worker.kill();
        world.send(&generator.batch(2_000, 50));
        let shard = &mut world.platform_mut().shards[away];
        match silent {
            true => shard.signal(Signal::STOP),
            false => shard.stop(),
        }
        worker = world.start_worker();
        let api = Api::start(&world, &[]);
        wait_for_rows(&world, &generator, 1 - away, 15);
        world.send(&generator.batch(1_000, 50));
        wait_for_rows(&world, &generator, 1 - away, 5);
        let shard = &mut world.platform_mut().shards[away];
        match silent {
            true => shard.signal(Signal::CONT),
            false => shard.restart(),
        }
        wait_for_rows(&world, &generator, away, 30);
        world.send(&generator.batch(500, 50));
        assert_right(&world, &generator, 30);
        wait_for_usage(&api.client, &generator, 20);
        worker.assert_alive();
        assert!(worker.log_text().contains("the shard has caught up"));
    }
}

/// Protects: a shard that is cut off under a load beyond the budget costs the other one neither rows nor speed, memory stays
/// bounded, what is left of Kafka's retention is told, and it catches up under load.
#[test]
fn a_shard_is_away_beyond_the_budget() {
    let world = World::over_lines(Platform::shared(), "beyond");
    let mut generator = Generator::new("beyond", 200);
    let api = Api::start(&world, &[]);
    let (mut worker, port) = world.start_with(&SMALL, &[]);
    world.send(&generator.batch(2_000, 50));
    world.wait_until_durable(30);
    let line = &world.lines().shards[1];
    line.set(Mode::Cut);
    let mut most_bytes = 0;
    for _ in 0..20 {
        world.send(&generator.batch(3_000, 50));
        wait_for_rows(&world, &generator, 0, 10);
        most_bytes = most_bytes.max(metric(port, "ingest_in_flight_bytes", 0).unwrap());
    }
    // A batch that is being filled, for each partition, comes on top.
    assert!(most_bytes < BUDGET_BYTES * 3 / 2, "{most_bytes} bytes in flight");
    assert!(worker.log_text().contains("its rows are dropped from memory"));
    let left = || {
        let records = metric(port, "shard_retention_left_records", 1)?;
        let seconds = metric(port, "shard_retention_left_seconds", 1)?;
        let behind = metric(port, "shard_behind_records", 1)?;
        (records > 0 && seconds > 0 && behind > 50_000).then_some((records, seconds, behind))
    };
    eprintln!("{:?}", eventually("what is left is told", 20, left));
    line.set(Mode::Pass);
    while rows(&world, 1) < expected(&generator, 1) * 9 / 10 {
        world.send(&generator.batch(500, 50));
        wait_for_rows(&world, &generator, 0, 10);
    }
    world.send(&generator.batch(500, 50));
    assert_right(&world, &generator, 30);
    wait_for_usage(&api.client, &generator, 20);
    eventually("nothing is behind", 10, || {
        metric(port, "shard_behind_records", 1).is_none().then_some(())
    });
    let peak = peak_kilobytes(&worker);
    assert!(peak < 512 << 10, "{peak} KB at most");
    world.send(&generator.batch(1_000, 50));
    assert_right(&world, &generator, 10);
    worker.assert_alive();
}

/// A shard that is behind by tens of thousands of records, and slow to take them.
fn catching_up(name: &str) -> (World, Generator, Process) {
    let world = World::over_lines(Platform::shared(), name);
    let mut generator = Generator::new(name, 200);
    let (worker, _) = world.start_with(&SMALL, &[]);
    world.send(&generator.batch(1_000, 50));
    world.wait_until_durable(30);
    world.lines().shards[1].set(Mode::Cut);
    world.send(&generator.batch(40_000, 50));
    wait_for_rows(&world, &generator, 0, 30);
    eventually("its rows are dropped", 10, || {
        let dropped = worker.log_text().contains("its rows are dropped from memory");
        dropped.then_some(())
    });
    world.lines().shards[1].set(SLOW);
    wait_until_in_the_midst(&world);
    (world, generator, worker)
}

fn wait_until_in_the_midst(world: &World) {
    let before = progress(world, 1);
    eventually("the shard is catching up", 30, || {
        (progress(world, 1) > before).then_some(())
    });
    assert!(progress(world, 1) < progress(world, 0), "it still is");
}

/// Protects: a worker that is killed in the midst of catching up, and its heirs too, lose and double nothing, and no heir
/// keeps the other shard waiting.
#[test]
fn killed_while_catching_up() {
    let (world, mut generator, mut worker) = catching_up("killed_midst");
    for _ in 0..3 {
        worker.kill();
        world.send(&generator.batch(300, 50));
        (worker, _) = world.start_with(&SMALL, &[]);
        wait_for_rows(&world, &generator, 0, 10);
        wait_until_in_the_midst(&world);
    }
    world.lines().shards[1].set(Mode::Pass);
    world.send(&generator.batch(500, 50));
    assert_right(&world, &generator, 60);
    worker.assert_alive();
}

/// Protects: the shard's loss, and a rebalance, in the midst of catching up lose and double nothing, and the other shard's
/// rows go on.
#[test]
fn away_again_and_rebalanced_while_catching_up() {
    let (world, mut generator, mut worker) = catching_up("away_again");
    let line = &world.lines().shards[1];
    let send_and_see = |generator: &mut Generator| {
        let batch: Vec<Record> = generator.batch(300, 50);
        world.send(&batch);
        wait_for_rows(&world, generator, 0, 10);
    };
    for mode in [Mode::Cut, crate::support::line::HALF_OPEN] {
        line.set(mode);
        for _ in 0..4 {
            send_and_see(&mut generator);
            sleep(Duration::from_secs(1));
        }
        line.set(SLOW);
        wait_until_in_the_midst(&world);
    }
    let (mut second, _) = world.start_with(&SMALL, &[]);
    eventually("the second worker takes partitions", 20, || {
        second.log_text().contains("taking partitions").then_some(())
    });
    send_and_see(&mut generator);
    worker.signal(Signal::TERM);
    assert!(worker.wait(30).success(), "{}", worker.log_text());
    send_and_see(&mut generator);
    line.set(Mode::Pass);
    assert_right(&world, &generator, 60);
    second.assert_alive();
}

/// Protects: where Kafka has deleted what a shard needs, the error says what to do, nothing else stops, and doing it works.
#[test]
fn records_that_are_gone() {
    let world = World::over_lines(Platform::shared(), "gone");
    let mut generator = Generator::new("gone", 100);
    let mut worker = world.start_with(&SMALL, &[]).0;
    world.send(&generator.batch(1_000, u32::MAX));
    world.wait_until_durable(30);
    let line = &world.lines().shards[1];
    line.set(Mode::Cut);
    let before = expected(&generator, 1);
    world.send(&generator.batch(20_000, u32::MAX));
    wait_for_rows(&world, &generator, 0, 30);
    let lost = expected(&generator, 1) - before;
    eventually("its rows are dropped", 10, || {
        let dropped = worker.log_text().contains("its rows are dropped from memory");
        dropped.then_some(())
    });
    delete_all_records(&world);
    line.set(Mode::Pass);
    let sql = |text: &str| -> Vec<String> {
        let start = "update watermarks set next = ";
        let found = text.split(start).skip(1);
        found
            .filter_map(|rest| Some(format!("{start}{}", rest.split(". A longer").next()?)))
            .collect()
    };
    let mut todo = eventually("the error says what to do", 30, || {
        let mut todo = sql(&worker.log_text());
        todo.sort();
        todo.dedup();
        (todo.len() == 4).then_some(todo)
    });
    world.send(&generator.batch(1_000, u32::MAX));
    wait_for_rows(&world, &generator, 0, 10);
    let database = world.database(1);
    for statement in todo.drain(..) {
        database.execute(&statement);
    }
    world.wait_until_durable(60);
    assert_eq!(rows(&world, 1), expected(&generator, 1) - lost);
    world.assert_rollups();
    worker.assert_alive();
}

/// As retention does.
fn delete_all_records(world: &World) {
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", world.brokers())
        .create()
        .unwrap();
    let mut list = TopicPartitionList::new();
    for partition in 0..4 {
        list.add_partition_offset(&world.name, partition, Offset::End)
            .unwrap();
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let deleted = runtime.block_on(admin.delete_records(&list, &AdminOptions::new()));
    for element in deleted.unwrap().elements() {
        assert!(element.error().is_ok(), "{element:?}");
    }
}
