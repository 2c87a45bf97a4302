//! The workload and its ledger, judged by reading the bytes back with another parser.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;

use proptest::prelude::*;
use serde_json::Value;
use uuid::Uuid;

use super::ledger::Total;
use super::workload::{Channel, Fate, Series};
use super::{Ledger, Mix, Popularity, Workload};

/// A mix in which every sort is frequent.
const DENSE: Mix = Mix {
    corrections: 50_000,
    belated: 20_000,
    repeats: 100_000,
    contradictions: 20_000,
    malformed: 30_000,
    oversized: 1_000,
    expired: 20_000,
};

fn workload(seed: u64, count: u64) -> Workload {
    Workload {
        seed,
        count,
        start_ms: 1_790_000_000_000,
        accounts: 100,
        popularity: Popularity::Uniform,
        metrics: 3,
        kafka_per_mille: 300,
        mix: DENSE,
    }
}

/// What a platform would hold that keeps the first payload of each identity, worked out from the bytes.
fn rows(series: &Series, order: impl Iterator<Item = u64>) -> HashMap<(u64, Uuid), i64> {
    let mut rows = HashMap::new();
    for item in order.map(|index| series.item(index)) {
        if matches!(item.fate, Fate::Refused | Fate::TooLarge | Fate::Expired) {
            continue;
        }
        let event: Value = serde_json::from_slice(&item.body).unwrap();
        let identity = (event["account_id"].as_u64().unwrap(), uuid_of(&event));
        let quantity = event["quantity"].to_string();
        let quantity: rust_decimal::Decimal = quantity.trim_matches('"').parse().unwrap();
        let millionths = i64::try_from(quantity * rust_decimal::Decimal::from(1_000_000)).unwrap();
        rows.entry(identity).or_insert(millionths);
    }
    rows
}

fn uuid_of(event: &Value) -> Uuid {
    event["event_id"].as_str().unwrap().parse().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    /// The ledger is what a platform must hold, whatever order the events arrive in.
    #[test]
    fn ledger_equals_what_first_payloads_add_up_to(seed: u64) {
        let workload = workload(seed, 5_000);
        let series = Series::new(&workload);
        let ledger = Ledger::of(&workload);
        for rows in [rows(&series, 0..5_000), rows(&series, (0..5_000).rev())] {
            let mut total = Total::default();
            let mut by_account = HashMap::<u64, Total>::new();
            for ((account, event_id), quantity) in rows {
                total.add(event_id, quantity);
                by_account.entry(account).or_default().add(event_id, quantity);
            }
            prop_assert_eq!(total, ledger.total());
            for (number, expected) in (0..).zip(&ledger.accounts) {
                let found = by_account.get(&series.account_id(number)).copied().unwrap_or_default();
                prop_assert_eq!(found, *expected);
            }
        }
    }

    /// Senders on different threads, and a second run, produce the same bytes.
    #[test]
    fn an_event_depends_on_seed_and_index_alone(seed: u64, index in 0..5_000_u64) {
        let (one, other) = (Series::new(&workload(seed, 5_000)), Series::new(&workload(seed, 5_000)));
        other.item(4_999 - index);
        prop_assert_eq!(one.item(index), other.item(index));
        prop_assert_ne!(one.item(index).body, Series::new(&workload(seed ^ 1, 5_000)).item(index).body);
    }
}

/// A repeat that differed by a byte would be a contradiction, and the demo's account would be wrong.
#[test]
fn repeats_repeat_bytes_and_contradictions_only_identities() {
    let series = Series::new(&workload(7, 20_000));
    let mut bodies = HashMap::new();
    let (mut repeats, mut contradictions) = (0, 0);
    for item in (0..20_000).map(|index| series.item(index)) {
        let identity = (item.account, item.event_id);
        match item.fate {
            Fate::Counted { .. } => {
                assert_eq!(bodies.insert(identity, item.body), None, "an id was used twice")
            }
            Fate::Repeated => {
                assert_eq!(bodies[&identity], item.body);
                repeats += 1;
            }
            Fate::Contradicted => {
                assert_ne!(bodies[&identity], item.body);
                contradictions += 1;
            }
            _ => {}
        }
    }
    assert!((1_500..2_500).contains(&repeats), "{repeats}");
    assert!((200..500).contains(&contradictions), "{contradictions}");
}

/// What is meant to be refused must not be understandable by accident, in whichever of its forms.
#[test]
fn malformed_events_are_wrong_in_what_they_say() {
    let series = Series::new(&workload(11, 20_000));
    let malformed = (0..20_000)
        .map(|index| series.item(index))
        .filter(|item| item.fate == Fate::Refused);
    let mut forms = 0;
    for item in malformed {
        forms += 1;
        let Ok(event) = serde_json::from_slice::<Value>(&item.body) else {
            continue;
        };
        let quantity = event["quantity"]
            .to_string()
            .trim_matches('"')
            .parse::<rust_decimal::Decimal>();
        let fits = |quantity: rust_decimal::Decimal| {
            quantity.scale() <= 6 && quantity.abs() <= rust_decimal::Decimal::new(i64::MAX, 6)
        };
        let id = event["event_id"]
            .as_str()
            .is_some_and(|id| id.parse::<Uuid>().is_ok());
        let account = event["account_id"].as_u64().is_some_and(|id| id > 0);
        let time = event["occurred_at"] != "yesterday";
        assert!(
            !(id && account && time && quantity.is_ok_and(fits)),
            "{}",
            String::from_utf8_lossy(&item.body)
        );
    }
    assert!(forms > 300, "{forms}");
}

/// Both channels carry every sort, and their counts add up to the series.
#[test]
fn both_channels_carry_every_sort() {
    let workload = workload(3, 50_000);
    let ledger = Ledger::of(&workload);
    for sent in [&ledger.http, &ledger.kafka] {
        let sorts = [
            sent.counted,
            sent.repeated,
            sent.contradicted,
            sent.refused,
            sent.too_large,
            sent.expired,
        ];
        assert!(sorts.iter().all(|count| *count > 0), "{sent:?}");
    }
    assert_eq!(ledger.http.events() + ledger.kafka.events(), workload.count);
    assert_eq!(ledger.http.counted + ledger.kafka.counted, ledger.total().events);
    let series = Series::new(&workload);
    let kafka = (0..50_000)
        .filter(|index| series.channel(*index) == Channel::Kafka)
        .count() as u64;
    assert_eq!(kafka, ledger.kafka.events());
    assert!((14_000..16_000).contains(&kafka), "{kafka}");
}

/// Few accounts carry most of a Zipf workload, all alike carry a uniform one.
#[test]
fn popularity_shapes_the_accounts() {
    let uniform = workload(5, 20_000);
    let zipf = Workload {
        popularity: Popularity::Zipf(1.1),
        ..uniform.clone()
    };
    let most = |workload| {
        Ledger::of(workload)
            .accounts
            .iter()
            .map(|total| total.events)
            .max()
            .unwrap()
    };
    assert!(most(&uniform) < 300);
    assert!(most(&zipf) > 3_000);
}
