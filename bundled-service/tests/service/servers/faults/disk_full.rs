//! Disks without room: an outage, not a loss. A server that gives up over it is started again, as its keeper would.

use super::Scene;
use crate::support::{
    Platform, disk::Disk, eventually, kafka::Kafka, postgres::Postgres, redis::Redis, verdict::source,
    world::World,
};
use std::sync::Arc;

/// Protects: a shard without room takes nothing, says so or ends, and the other goes on; with room again it gets
/// everything once.
#[test]
fn a_shards_disk_is_full() {
    let platform = Platform {
        kafka: Kafka::start(),
        shards: [Postgres::start_on(Some(Disk::new(160))), Postgres::start()],
    };
    let mut scene = Scene::on(World::over_lines(Arc::new(platform), "disk_shard"), "disk_shard");
    scene.world.platform.shards[0].disk().fill(256);
    let full = "SQLSTATE 53100";
    eventually("the shard has no room", 20, || {
        let ended = scene.world.platform_mut().shards[0].has_ended();
        (ended || scene.worker.log_text().contains(full)).then_some(())
    });
    scene.wait_for_rows(1, 5);
    scene.stream.wait_until_taken(5);
    let shard = &mut scene.world.platform_mut().shards[0];
    shard.disk().free();
    let ended = shard.restart_if_ended();
    eprintln!("Postgres ended: {ended}");
    scene.wait_for_rows(0, 20);
    scene.end(30);
}

/// Protects: a Redis that can't write its file refuses writes; events go past it, and it is used again afterwards.
#[test]
fn the_disk_of_redis_is_full() {
    let redis = Redis::start_on(Some(Disk::new(16)));
    let world = World::over_lines_with(Platform::shared(), "disk_redis", redis);
    let scene = Scene::on(world, "disk_redis");
    scene.world.redis.disk().fill(32);
    eventually("Redis has no room", 20, || {
        let info: String = scene.world.redis.ask(&["INFO", "persistence"]).ok()?;
        info.contains("aof_last_write_status:err").then_some(())
    });
    scene.wait_for_rows(0, 5);
    scene.wait_for_rows(1, 5);
    scene.stream.wait_until_taken(5);
    scene.world.redis.disk().free();
    eventually("Redis answers again", 20, || {
        (source(&scene.api.client, 1)? == "redis").then_some(())
    });
    scene.end(30);
}

/// Protects: what a broker acknowledged before its disk was full is there afterwards, and both processes find back to it.
#[test]
fn the_disk_of_kafka_is_full() {
    let platform = Platform {
        kafka: Kafka::start_on(Some(Disk::new(64))),
        shards: [Postgres::start(), Postgres::start()],
    };
    let mut scene = Scene::on(World::over_lines(Arc::new(platform), "disk_kafka"), "disk_kafka");
    let (_, before) = scene.stream.counts();
    scene.world.platform.kafka.disk().fill(64);
    eventually("the broker takes nothing", 30, || {
        (scene.stream.counts().1 > before).then_some(())
    });
    let kafka = &mut scene.world.platform_mut().kafka;
    kafka.disk().free();
    let ended = kafka.restart_if_ended();
    eprintln!("Kafka ended: {ended}");
    scene.stream.wait_until_taken(30);
    scene.end(30);
}
