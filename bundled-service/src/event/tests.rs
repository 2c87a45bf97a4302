//! What an event may be: parsing, quantities, identities and times at their boundaries.

#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;

const V7: &str = "0198c5a2-7c00-7000-8000-000000000001";

fn json(fields: &str) -> String {
    format!(r#"{{"event_id":"{V7}","account_id":7,"metric":"api.calls",{fields}}}"#)
}

fn code(text: &str) -> &'static str {
    parse(text.as_bytes()).unwrap_err().code()
}

/// A quantity is read to the millionth, from a number or a string, and nothing is rounded.
#[test]
fn quantity_is_exact() {
    for (text, millionths) in [
        ("0.1", 100_000),
        ("-12.000001", -12_000_001),
        ("1000000000", 1_000_000_000_000_000),
        ("3.2500000", 3_250_000),
        ("-0", 0),
    ] {
        assert_eq!(Quantity::parse(text).unwrap().millionths(), millionths, "{text}");
    }
    for (text, error) in [
        ("0.0000001", QuantityError::TooPrecise),
        ("1000000000.000001", QuantityError::OutOfRange),
        ("99999999999999999999", QuantityError::OutOfRange),
        ("1e3", QuantityError::NotDecimal),
        ("", QuantityError::NotDecimal),
        ("-", QuantityError::NotDecimal),
        (".5", QuantityError::NotDecimal),
        ("5.", QuantityError::NotDecimal),
        ("NaN", QuantityError::NotDecimal),
        ("--1", QuantityError::NotDecimal),
    ] {
        assert_eq!(Quantity::parse(text), Err(error), "{text}");
    }
}

/// Each event outside the bounds is refused for the reason that its dead letter will carry.
#[test]
fn each_bound_has_its_reason() {
    let good = r#""quantity":1,"occurred_at":1750000000000"#;
    assert!(parse(json(good).as_bytes()).is_ok());
    assert_eq!(code("{"), "malformed");
    assert_eq!(code("[]"), "malformed");
    assert_eq!(
        code(&json(r#""quantity":1,"quantity":2,"occurred_at":1"#)),
        "malformed"
    );
    assert_eq!(code(&json(&format!(r#"{good},"colour":"red""#))), "malformed");
    assert_eq!(code(&format!("{} x", json(good))), "malformed");
    assert_eq!(code(&json(r#""quantity":1e3,"occurred_at":1"#)), "quantity");
    assert_eq!(
        code(&json(r#""quantity":"1.0000001","occurred_at":1"#)),
        "quantity"
    );
    assert_eq!(
        code(&json(r#""quantity":1,"occurred_at":"yesterday""#)),
        "occurred_at"
    );
    assert_eq!(code(&json(r#""quantity":1,"occurred_at":1.5"#)), "occurred_at");
    assert_eq!(code(&json(&format!(r#"{good},"properties":[1]"#))), "properties");
    let long = "x".repeat(MAX_PROPERTIES_BYTES);
    assert_eq!(
        code(&json(&format!(r#"{good},"properties":{{"k":"{long}"}}"#))),
        "properties"
    );
    let huge = "x".repeat(MAX_EVENT_BYTES);
    assert_eq!(
        code(&json(&format!(r#"{good},"properties":{{"k":"{huge}"}}"#))),
        "oversized"
    );
    assert_eq!(code(&json(good).replace(V7, "not-a-uuid")), "event_id");
    assert_eq!(code(&json(good).replace(":7,", ":0,")), "account_id");
    assert_eq!(
        code(&json(good).replace(":7,", ":9223372036854775808,")),
        "account_id"
    );
    assert_eq!(code(&json(good).replace("api.calls", "api calls")), "metric");
}

/// Time is judged by Kafka's, at both ends of the window, and a UUIDv7's own time with it.
#[test]
fn time_is_judged_by_what_kafka_says() {
    let window = Window::default();
    let received = Timestamp::from_millis(1_760_000_000_000);
    let mut event = parse(br#"{"event_id":"6ba7b810-9dad-11d1-80b4-00c04fd430c8","account_id":1,"metric":"m","quantity":1,"occurred_at":0}"#).unwrap();
    let mut at = |micros| {
        event.occurred_at = Timestamp::from_micros(micros);
        event.check_time(received, window)
    };
    let earliest = received.micros() - 34 * 86_400_000_000;
    let latest = received.micros() + 3_600_000_000;
    assert_eq!(at(earliest), Ok(()));
    assert_eq!(at(earliest - 1), Err(Rejection::TooLate));
    assert_eq!(at(latest), Ok(()));
    assert_eq!(at(latest + 1), Err(Rejection::InTheFuture));
    event.occurred_at = received;
    event.id = EventId::parse("00000000-0000-7000-8000-000000000000").unwrap();
    assert_eq!(event.check_time(received, window), Err(Rejection::IdentityTime));
}

/// A UUIDv7 lies at its own time, any other at `occurred_at`.
#[test]
fn identity_time() {
    let v7 = EventId::parse(V7).unwrap();
    assert_eq!(v7.time().unwrap().millis(), 0x0198_c5a2_7c00);
    assert_eq!(
        EventId::parse("6ba7b810-9dad-11d1-80b4-00c04fd430c8")
            .unwrap()
            .time(),
        None
    );
    assert_eq!(EventId::parse(&V7.replace('-', "")).unwrap(), v7);
    assert_eq!(v7.to_string(), V7);
}

/// A CloudEvent's `(source, id)` decides its identity, and nothing else does.
#[test]
fn cloud_event_identity() {
    let text = |id: &str, quantity: i32| {
        format!(
            r#"{{"specversion":"1.0","id":"{id}","source":"/s","type":"t","traceparent":"x","time":"2026-01-01T00:00:00Z","data":{{"account_id":1,"metric":"m","quantity":{quantity}}}}}"#
        )
    };
    let id = |text: String| from_cloud_event(text.as_bytes()).unwrap().id;
    assert_eq!(id(text("a", 1)), id(text("a", 2)));
    assert_ne!(id(text("a", 1)), id(text("b", 1)));
    assert_ne!(
        EventId::of_cloud_event("a", "bc"),
        EventId::of_cloud_event("ab", "c")
    );
    assert_eq!(id(text("a", 1)).as_bytes()[6] >> 4, 5);
}

proptest! {
    /// What is printed reads back as the same quantity.
    #[test]
    fn quantity_round_trip(millionths in -Quantity::MAX.millionths()..=Quantity::MAX.millionths()) {
        let quantity = Quantity::from_millionths(millionths).unwrap();
        prop_assert_eq!(Quantity::parse(&quantity.to_string()), Ok(quantity));
    }

    /// The hand-written RFC 3339 parser agrees with jiff's, offsets and leap years included.
    #[test]
    fn rfc3339_agrees_with_jiff(micros in 0_i64..253_402_207_200_000_000, offset in -1439_i64..=1439) {
        let moment = jiff::Timestamp::from_microsecond(micros).unwrap();
        prop_assert_eq!(Timestamp::parse_rfc3339(&moment.to_string()).unwrap().micros(), micros);
        let local = jiff::Timestamp::from_microsecond(micros + offset * 60_000_000);
        if let Ok(local) = local && local.as_microsecond() >= 0 {
            let sign = if offset < 0 { '-' } else { '+' };
            let text = format!("{}{sign}{:02}:{:02}", local.to_string().trim_end_matches('Z'), offset.abs() / 60, offset.abs() % 60);
            prop_assert_eq!(Timestamp::parse_rfc3339(&text).unwrap().micros(), micros);
        }
    }

    /// No input panics, and what is accepted survives its own canonical form.
    #[test]
    fn parse_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in ".{0,60}") {
        let _ = parse(&bytes);
        let _ = Quantity::parse(&text);
        let _ = Timestamp::parse_rfc3339(&text);
        let _ = EventId::parse(&text);
    }

    /// An event written by the API is read by the worker as the same event.
    #[test]
    fn canonical_json_round_trip(
        id in any::<[u8; 16]>(), account in 1_u64..=i64::MAX as u64, metric in "[A-Za-z0-9_.:/-]{1,64}",
        millionths in -Quantity::MAX.millionths()..=Quantity::MAX.millionths(),
        micros in 0_i64..253_402_207_200_000_000, note in proptest::option::of("[a-z]{0,20}"),
    ) {
        let event = Event {
            id: EventId::from_bytes(id),
            account: AccountId::new(account).unwrap(),
            metric: metric.into(),
            quantity: Quantity::from_millionths(millionths).unwrap(),
            occurred_at: Timestamp::from_micros(micros),
            properties: note.map(|note| format!(r#"{{"note":"{note}"}}"#).into()),
        };
        let mut bytes = Vec::new();
        write_json(&event, &mut bytes);
        prop_assert_eq!(parse(&bytes).unwrap(), event);
    }
}
