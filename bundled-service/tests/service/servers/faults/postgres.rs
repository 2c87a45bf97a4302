//! The line to one of two shards: its outage stays its own.

use super::{EVERY_MODE, Scene};
use crate::support::{
    eventually,
    line::{HALF_OPEN, Mode},
};
use std::{
    thread::sleep,
    time::{Duration, Instant},
};

/// Longer than the service waits for a shard.
const LASTS: Duration = Duration::from_secs(5);
/// How soon after the line is well again the shard has rows that were sent since.
const BACK_WITHIN_SECONDS: u64 = 12;

/// Protects: with one shard cut off, slow or silent, in transactions and at their COMMIT, the other's rows go on and the API
/// takes events; afterwards everything lands, once.
#[test]
fn a_shard_behind_a_bad_line() {
    let scene = Scene::shared("line_postgres");
    let databases = [scene.world.database(0), scene.world.database(1)];
    let rows = |shard: usize| databases[shard].number("select count(*) from events");
    for mode in EVERY_MODE {
        let line = &scene.world.lines().shards[1];
        line.set(mode);
        let since = Instant::now();
        let mut rounds = 0;
        while since.elapsed() < LASTS {
            let before = rows(0);
            scene.stream.wait_until_taken(2);
            eventually("the other shard's rows go on", 3, || {
                (rows(0) > before).then_some(())
            });
            rounds += 1;
            sleep(Duration::from_millis(100));
        }
        assert!(rounds > 10, "{mode:?}: {rounds} rounds");
        let before = rows(1);
        line.set(Mode::Pass);
        let well = Instant::now();
        eventually("the shard's rows go on", BACK_WITHIN_SECONDS, || {
            (rows(1) > before).then_some(())
        });
        eprintln!("{mode:?}: rows again after {:.1} s", well.elapsed().as_secs_f64());
    }
    scene.end(30);
}

/// Protects: a shard that refuses writes for a while, in sessions that are open already and in new ones, costs the other one
/// nothing, and gets everything once when it takes them again; nobody has to start anything anew.
#[test]
fn a_shard_that_only_reads() {
    let scene = Scene::harmful("only_reads");
    let server = scene.world.database(1);
    let rows = || server.number("select count(*) from events");
    let set = |value: &str| {
        server.execute(&format!(
            "alter system set default_transaction_read_only = {value}"
        ));
        server.execute("select pg_reload_conf()");
    };
    set("on");
    let refused = "SQLSTATE 25006";
    eventually("the shard refuses rows", 10, || {
        scene.worker.log_text().contains(refused).then_some(())
    });
    // Transactions that had begun may still end.
    sleep(Duration::from_secs(1));
    let before = rows();
    let since = Instant::now();
    while since.elapsed() < LASTS {
        scene.stream.wait_until_taken(2);
        scene.wait_for_rows(0, 3);
    }
    assert_eq!(rows(), before, "the shard took rows although it only reads");
    set("off");
    scene.wait_for_rows(1, BACK_WITHIN_SECONDS);
    scene.end(30);
}

/// Protects: a session whose transaction the service gave up, and whose server was never told, doesn't keep the watermark
/// locked: the next connection ends it.
#[test]
fn a_session_that_is_given_up_holds_no_lock() {
    let scene = Scene::shared("given_up");
    let (line, lock) = (&scene.world.lines().shards[1], scene.world.database(1));
    lock.execute("begin; lock table usage_hourly in share mode");
    let waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' \
                   and datname = current_database()";
    eventually("transactions wait for the lock", 10, || {
        (lock.number(waiting) > 0).then_some(())
    });
    line.set(HALF_OPEN);
    lock.execute("commit");
    let idle = "select count(*) from pg_stat_activity where state = 'idle in transaction' \
                and datname = current_database()";
    eventually("they wait for the service now", 5, || {
        (lock.number(idle) > 0).then_some(())
    });
    // Longer than the service waits.
    sleep(Duration::from_secs(3));
    assert!(lock.number(idle) > 0, "their server was never told");
    line.set(Mode::Pass);
    scene.wait_for_rows(1, BACK_WITHIN_SECONDS);
    eventually("nothing is left of them", BACK_WITHIN_SECONDS, || {
        (lock.number(idle) == 0).then_some(())
    });
    scene.end(30);
}
