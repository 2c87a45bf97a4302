//! What can't be taken ends where it should, and holds up nothing.

use crate::support::{events::Generator, world::World};
use std::collections::BTreeMap;

const HOUR_MS: i64 = 3_600_000;

/// Malformed, oversized, late, of the future, with unknown fields, refused by Postgres: each has a
/// dead letter with its reason and origin, and the events around them are rows.
#[test]
fn each_kind_has_its_dead_letter() {
    let world = World::new("bad");
    let mut generator = Generator::new("bad", 50);
    let now = jiff::Timestamp::now().as_millisecond();
    let event = |id: uuid::Uuid, quantity: &str, occurred: i64, more: &str| {
        format!(
            r#"{{"event_id":"{id}","account_id":7,"metric":"m","quantity":{quantity},"occurred_at":{occurred}{more}}}"#
        )
    };
    let mut expected: BTreeMap<&str, u32> = BTreeMap::new();
    let mut records: Vec<(String, Vec<u8>)> = Vec::new();
    let mut bad = |reason, json: Vec<u8>| {
        *expected.entry(reason).or_default() += 1;
        records.push(("7".to_owned(), json));
    };
    let huge = "x".repeat(20_000);
    let v4 = || uuid::Builder::from_random_bytes([9; 16]).into_uuid();
    bad("malformed", b"{not json".to_vec());
    bad("malformed", b"\xff\xfe\x00binary".to_vec());
    bad("malformed", b"".to_vec());
    bad(
        "malformed",
        event(generator.id(now), "1", now, r#","colour":"red""#).into_bytes(),
    );
    bad(
        "oversized",
        event(
            generator.id(now),
            "1",
            now,
            &format!(r#","properties":{{"a":"{huge}"}}"#),
        )
        .into_bytes(),
    );
    bad("oversized", vec![b'x'; 1_500_000]);
    bad(
        "too_late",
        event(v4(), "1", now - 35 * 24 * HOUR_MS, "").into_bytes(),
    );
    bad(
        "in_the_future",
        event(generator.id(now), "1", now + 2 * HOUR_MS, "").into_bytes(),
    );
    bad(
        "identity_time",
        event(generator.id(now - 40 * 24 * HOUR_MS), "1", now, "").into_bytes(),
    );
    bad(
        "quantity",
        event(generator.id(now), "1.0000001", now, "").into_bytes(),
    );
    bad(
        "event_id",
        event(v4(), "1", now, "").replace("0909", "zzzz").into_bytes(),
    );
    // JSON that only Postgres refuses: found by halving among thousands of good rows.
    for _ in 0..3 {
        let json = event(generator.id(now), "1", now, r#","properties":{"a":"\u0000"}"#);
        bad("refused_by_database", json.into_bytes());
    }
    let good = generator.batch(6_000, 100);
    let mut all: Vec<(String, Vec<u8>)> = good
        .iter()
        .map(|record| (record.account.to_string(), record.json.clone().into_bytes()))
        .collect();
    for (index, record) in records.iter().enumerate() {
        all.insert(200 * index, record.clone());
    }
    // At the very edges of the window (with a minute to spare for the way), an event is taken.
    let late = event(v4(), "-2.5", now - 34 * 24 * HOUR_MS + 60_000, "");
    let soon = event(generator.id(now), "0.5", now + HOUR_MS - 60_000, "");
    all.push(("7".to_owned(), late.into_bytes()));
    all.push(("7".to_owned(), soon.into_bytes()));
    let mut worker = world.start_worker();
    world.send_raw(&all);
    world.wait_until_durable(90);
    worker.assert_alive();
    let mut found: BTreeMap<String, u32> = BTreeMap::new();
    for letter in world.dead_letters() {
        assert_eq!(letter.topic, world.name);
        assert!(!letter.detail.is_empty());
        assert_eq!(
            letter.payload_truncated,
            letter.reason == "oversized"
                && letter.payload.as_ref().is_some_and(|text| text.starts_with("xx"))
        );
        *found.entry(letter.reason).or_default() += 1;
    }
    let expected: BTreeMap<String, u32> = expected
        .into_iter()
        .map(|(reason, count)| (reason.to_owned(), count))
        .collect();
    assert_eq!(found, expected);
    assert_eq!(
        world.ledger(),
        (generator.distinct + 2, generator.total() - 2_000_000)
    );
    world.assert_reconciled();
}

/// The same identity with another payload is a dead letter, whenever it comes; the same payload is
/// a repeat, whenever it comes.
#[test]
fn an_identity_has_one_payload() {
    let world = World::new("identity");
    let mut generator = Generator::new("identity", 20);
    let now = jiff::Timestamp::now().as_millisecond();
    let id = generator.id(now);
    let event = |quantity: i32, occurred: i64, metric: &str| {
        let json = format!(
            r#"{{"event_id":"{id}","account_id":3,"metric":"{metric}","quantity":{quantity},"occurred_at":{occurred},"properties":{{"a":1, "b":[2]}}}}"#
        );
        ("3".to_owned(), json.into_bytes())
    };
    let mut worker = world.start_worker();
    world.send_raw(&[event(5, now, "m"), event(5, now, "m"), event(6, now, "m")]);
    world.send(&generator.batch(500, 1_000));
    world.wait_until_durable(60);
    // After a restart nothing is remembered in memory: the unique key finds it.
    worker.kill();
    let mut worker = world.start_worker();
    world.send_raw(&[event(5, now, "m"), event(5, now + 1, "m"), event(5, now, "n")]);
    world.send(&generator.batch(500, 1_000));
    world.wait_until_durable(60);
    worker.assert_alive();
    let letters = world.dead_letters();
    let reasons: Vec<&str> = letters.iter().map(|letter| letter.reason.as_str()).collect();
    assert_eq!(reasons, ["other_payload"; 3], "{letters:?}");
    assert_eq!(
        world.ledger(),
        (generator.distinct + 1, generator.total() + 5_000_000)
    );
    world.assert_reconciled();
}
