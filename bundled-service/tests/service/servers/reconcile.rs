//! `reconcile` finds what is wrong, and names the place.

use crate::support::{events::Generator, world::World};

/// A row deleted, added, or changed by hand, and a rollup that was tampered with: each is found,
/// with partition, hour and shard, and the exit code says so.
#[test]
fn a_row_that_was_touched_by_hand_is_found() {
    let world = World::new("reconcile");
    let mut generator = Generator::new("reconcile", 100);
    let mut worker = world.start_worker();
    world.send(&generator.batch(3_000, 30));
    world.send_raw(&[("1".to_owned(), b"rubbish".to_vec())]);
    world.wait_until_durable(60);
    worker.kill();
    let (report, equal) = world.reconcile();
    assert!(equal, "{report:#}");
    let rows = report["summary"]["rows"].as_array().unwrap();
    assert_eq!(
        rows.iter().map(|rows| rows.as_i64().unwrap()).sum::<i64>(),
        generator.distinct
    );
    assert_eq!(report["summary"]["repeats"].as_i64().unwrap(), generator.repeats);
    assert_eq!(report["summary"]["dead_letters"], 1);

    let database = world.database(1);
    let tampered = |change: &str, undo: &str, kind: &str| {
        database.execute("create table kept as select * from events");
        database.execute("create table kept_usage as select * from usage_hourly");
        database.execute(change);
        let (report, equal) = world.reconcile();
        assert!(!equal, "{kind} was not found");
        let found = &report["differences"][0];
        assert_eq!(found["kind"], kind, "{report:#}");
        assert_eq!(found["shard"], 1);
        assert!(found["hour"].as_str().unwrap().ends_with("00:00Z"), "{found}");
        assert!(!report["rollups"].as_array().unwrap().is_empty(), "{report:#}");
        database.execute(undo);
        database.execute("drop table kept; drop table kept_usage");
        world.assert_reconciled();
    };
    let one = "(select event_id from events order by event_id limit 1)";
    let restore = "delete from events; insert into events select * from kept";
    tampered(
        &format!("delete from events where event_id = {one}"),
        restore,
        "lost",
    );
    let add = "insert into events select account_id, gen_random_uuid(), id_time, occurred_at, quantity, \
               kafka_offset, partition, log_id, metric, properties from events limit 1";
    tampered(add, restore, "added");
    let elsewhere = add.replace("kafka_offset, partition", "kafka_offset + 1000000, partition");
    tampered(&elsewhere, restore, "added");
    let change = format!("update events set quantity = quantity + 1 where event_id = {one}");
    tampered(&change, restore, "changed");

    // A rollup alone.
    database.execute(
        "update usage_hourly set quantity = quantity + 1 where ctid = (select min(ctid) from usage_hourly)",
    );
    let (report, equal) = world.reconcile();
    assert!(!equal);
    assert_eq!(report["differences"].as_array().unwrap().len(), 0);
    assert_eq!(report["rollups"][0]["shard"], 1);
}
