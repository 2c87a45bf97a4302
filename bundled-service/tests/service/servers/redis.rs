//! Redis is disposable: usage is right while it is there, while it is away, and after it was emptied.

use crate::support::{events::Generator, eventually, redis::Sentinels, world::World};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use vvbill_ingest::{
    config::{Cli, Command, Run},
    event::AccountId,
    service::Shared,
    usage::{Query, Source},
};

/// A reader of its own, as the API has one.
struct Reader {
    runtime: tokio::runtime::Runtime,
    shared: Arc<Shared>,
}

impl Reader {
    fn start(world: &World) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let run = settings(world);
        let shared = runtime.block_on(Shared::start(&run)).unwrap();
        let keep = Arc::clone(&shared.lives).keep(tokio_util::sync::CancellationToken::new());
        runtime.spawn(keep);
        Self { runtime, shared }
    }

    /// Events and quantity of each account, and whether Redis answered for all.
    fn read(&self, generator: &Generator) -> (BTreeMap<u64, (i64, i128)>, bool) {
        let now = jiff::Timestamp::now().as_second() / 3_600;
        let mut found = BTreeMap::new();
        let mut from_redis = true;
        for &account in generator.by_account.keys() {
            let query = Query {
                account: AccountId::new(account).unwrap(),
                metric: None,
                hours: now - 24..now + 2,
            };
            let usage = self.runtime.block_on(self.shared.usage.read(&query)).unwrap();
            from_redis &= usage.source == Source::Redis;
            let sum = usage.hours.iter().fold((0, 0), |sum: (i64, i128), hour| {
                (sum.0 + hour.events, sum.1 + hour.quantity)
            });
            found.insert(account, sum);
        }
        (found, from_redis)
    }

    fn wait_until_right(&self, generator: &Generator, seconds: u64) {
        eventually("usage is right", seconds, || {
            (self.read(generator).0 == generator.by_account).then_some(())
        });
    }
}

fn settings(world: &World) -> Run {
    let mut arguments: Vec<String> = ["vvbill-ingest", "run", "--role", "api"]
        .map(str::to_owned)
        .into();
    for (name, value) in world.variables() {
        let flag = match name {
            "VVBILL_INGEST_KAFKA_BROKERS" => "--kafka-brokers",
            "VVBILL_INGEST_TOPIC" => "--topic",
            "VVBILL_INGEST_SHARDS" => "--shard",
            "VVBILL_INGEST_REDIS" => "--redis",
            "VVBILL_INGEST_REDIS_MODE" => "--redis-mode",
            _ => continue,
        };
        arguments.extend([flag.to_owned(), value]);
    }
    let cli = <Cli as clap::Parser>::parse_from(arguments);
    let Command::Run(run) = cli.command else {
        unreachable!("the arguments say run")
    };
    *run
}

/// Totals come from Redis once they were asked for, and stay right as batches are committed.
#[test]
fn usage_comes_from_redis_and_is_right() {
    let world = World::new("usage");
    let mut generator = Generator::new("usage", 40);
    let mut worker = world.start_worker();
    let reader = Reader::start(&world);
    for _ in 0..4 {
        world.send(&generator.batch(2_000, 50));
        reader.wait_until_right(&generator, 30);
    }
    world.wait_until_durable(30);
    eventually("Redis answers alone", 30, || {
        let (found, from_redis) = reader.read(&generator);
        assert_eq!(found, generator.by_account);
        from_redis.then_some(())
    });
    // Nothing is pending any more, so nothing of it is kept.
    let pending: Vec<String> = world.redis.ask(&["KEYS", "*:b:*"]).unwrap();
    assert!(pending.is_empty(), "{pending:?}");
    worker.assert_alive();
}

/// An event is readable before Postgres has it: here a lock keeps Postgres from taking it.
#[test]
fn usage_shows_what_postgres_does_not_have_yet() {
    let world = World::new("pending");
    let mut generator = Generator::new("pending", 20);
    let _worker = world.start_worker();
    let reader = Reader::start(&world);
    world.send(&generator.batch(500, 1_000));
    reader.wait_until_right(&generator, 30);
    world.wait_until_durable(30);
    let locks = [world.database(0), world.database(1)];
    for lock in &locks {
        lock.execute("begin; lock table events in exclusive mode");
    }
    // Batch after batch, while the first of them waits. No repeats: what is pending may hold them until
    // Postgres has told them apart.
    for _ in 0..3 {
        world.send(&generator.batch(200, u32::MAX));
        reader.wait_until_right(&generator, 20);
    }
    assert!(world.ledger().0 < generator.distinct);
    for lock in &locks {
        lock.execute("commit");
    }
    world.wait_until_durable(30);
    assert_eq!(reader.read(&generator).0, generator.by_account);
}

/// Redis emptied, and Redis killed and started empty, under load: ingest goes on, usage is right
/// again within 30 seconds, and what the earlier life held is never read.
#[test]
fn usage_is_right_after_redis_lost_everything() {
    let mut world = World::new("emptied");
    let mut generator = Generator::new("emptied", 40);
    let mut worker = world.start_worker();
    let reader = Reader::start(&world);
    world.send(&generator.batch(2_000, 50));
    reader.wait_until_right(&generator, 30);
    let before: i64 = world.redis.ask(&["GET", "vv:{s0}:generation"]).unwrap();

    world.send(&generator.batch(2_000, 50));
    let _: String = world.redis.ask(&["FLUSHALL"]).unwrap();
    world.send(&generator.batch(2_000, 50));
    reader.wait_until_right(&generator, 30);

    world.send(&generator.batch(2_000, 50));
    world.redis.restart();
    world.send(&generator.batch(2_000, 50));
    reader.wait_until_right(&generator, 30);
    eventually("Redis answers alone again", 30, || {
        let (found, from_redis) = reader.read(&generator);
        assert_eq!(found, generator.by_account);
        from_redis.then_some(())
    });
    let after: i64 = world.redis.ask(&["GET", "vv:{s0}:generation"]).unwrap();
    assert!(after >= before + 2, "{before} → {after}");
    worker.assert_alive();
    world.wait_until_durable(30);
    assert_eq!(world.ledger(), (generator.distinct, generator.total()));
}

/// A worker dies between commit and Redis, or with batches pending: its heir puts Redis right.
#[test]
fn a_killed_worker_leaves_no_wrong_usage() {
    let world = World::new("heir");
    let mut generator = Generator::new("heir", 30);
    let mut worker = world.start_worker();
    let reader = Reader::start(&world);
    for _ in 0..4 {
        world.send(&generator.batch(1_500, 50));
        std::thread::sleep(Duration::from_millis(generator.pause_ms(0..300)));
        // Totals are kept for all accounts now, whatever state they are in.
        let _ = reader.read(&generator);
        worker.kill();
        worker = world.start_worker();
        reader.wait_until_right(&generator, 30);
    }
    world.wait_until_durable(30);
    assert_eq!(reader.read(&generator).0, generator.by_account);
    worker.assert_alive();
}

/// The master is killed and a Sentinel's replica takes over: ingest goes on, the generation is
/// raised on the new master, and usage is right.
#[test]
fn usage_is_right_after_a_failover() {
    let mut world = World::new("failover");
    world.sentinels = Some(Sentinels::watch(world.redis.port));
    let mut generator = Generator::new("failover", 40);
    let mut worker = world.start_worker();
    let reader = Reader::start(&world);
    world.send(&generator.batch(2_000, 50));
    reader.wait_until_right(&generator, 30);
    let before: i64 = world.redis.ask(&["GET", "vv:{s0}:generation"]).unwrap();
    world.redis.kill();
    world.send(&generator.batch(3_000, 50));
    reader.wait_until_right(&generator, 30);
    let replica = &world.sentinels.as_ref().unwrap().replica;
    let after = eventually("the generation is raised on the new master", 30, || {
        let role: Vec<redis::Value> = replica.ask(&["ROLE"]).ok()?;
        let after: i64 = replica.ask(&["GET", "vv:{s0}:generation"]).ok()?;
        (role[0] == redis::Value::BulkString(b"master".to_vec()) && after > before).then_some(after)
    });
    world.send(&generator.batch(2_000, 50));
    eventually("the new master answers alone", 30, || {
        let (found, from_redis) = reader.read(&generator);
        (found == generator.by_account && from_redis).then_some(())
    });
    let old: Vec<String> = replica.ask(&["KEYS", &format!("vv:{{s0}}:{before}:*")]).unwrap();
    assert!(
        old.is_empty(),
        "keys of generation {before} are left beside {after}: {old:?}"
    );
    worker.assert_alive();
    world.wait_until_durable(30);
    assert_eq!(world.ledger(), (generator.distinct, generator.total()));
}

/// A shard may keep next to nothing pending in Redis: batches go past it, and usage stays right.
#[test]
fn usage_is_right_when_the_pending_cap_is_reached() {
    let world = World::new("cap");
    let mut generator = Generator::new("cap", 30);
    let (mut worker, _) = world.start(&["--role", "worker", "--pending-cap-bytes", "20000"]);
    let reader = Reader::start(&world);
    for _ in 0..4 {
        world.send(&generator.batch(1_500, 50));
        let _ = reader.read(&generator);
        reader.wait_until_right(&generator, 30);
    }
    worker.kill();
    let _worker = world.start_worker();
    world.send(&generator.batch(1_500, 50));
    reader.wait_until_right(&generator, 30);
    world.wait_until_durable(30);
    assert_eq!(reader.read(&generator).0, generator.by_account);
}
