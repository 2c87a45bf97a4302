//! What the measuring makes of series that were made up.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::*;

use super::catalogue::{Drill, minority, offers};
use super::markers::{Acknowledged, Markers, identity};
use super::series::{Attempt, Window, figure, is_settled, outages};
use crate::spec::Spec;

fn ms(value: u64) -> Duration {
    Duration::from_millis(value)
}

const FAULT: u64 = 5_000;

fn window(until: u64) -> Window {
    Window {
        from: ms(0),
        fault: ms(FAULT),
        until: ms(until),
        period: ms(50),
        slow: ms(500),
    }
}

/// An attempt every 50 ms until `until`; `answer` says of one begun then when it ends and whether it worked.
fn series(until: u64, answer: impl Fn(u64) -> (u64, bool)) -> Vec<Attempt> {
    (0..until / 50)
        .map(|number| {
            let began = number * 50;
            let (ended, worked) = answer(began);
            Attempt {
                began: ms(began),
                ended: ms(ended),
                worked,
            }
        })
        .collect()
}

/// (from, to, is over), in ms.
fn found(attempts: &[Attempt], until: u64) -> Vec<(u64, u64, bool)> {
    let whole = |time: Duration| u64::try_from(time.as_millis()).unwrap();
    outages(attempts, &window(until))
        .iter()
        .map(|outage| (whole(outage.from), whole(outage.to), outage.is_over))
        .collect()
}

/// Where nothing fails there is no outage, however the attempts lie to the fault.
#[test]
fn what_goes_on_was_never_away() {
    let attempts = series(12_000, |began| (began + 5, true));
    assert_eq!(found(&attempts, 12_000), []);
    let figure = figure("it", &attempts, &window(12_000));
    assert_eq!(
        (figure.away_seconds, figure.outages, figure.is_back),
        (0.0, 0, true)
    );
    assert_eq!((figure.attempts, figure.failed), (140, 0));
}

/// Refused at once for 1.2 s: the outage begins with the fault and ends with the first right answer.
#[test]
fn what_is_refused_is_away_until_it_answers() {
    let attempts = series(12_000, |began| match (5_000..6_200).contains(&began) {
        true => (began + 1, false),
        false => (began + 5, true),
    });
    assert_eq!(found(&attempts, 12_000), [(5_000, 6_205, true)]);
    assert_eq!(figure("it", &attempts, &window(12_000)).failed, 24);
}

/// Attempts hang until it is back, or run into their limit of 2 s: neither makes the outage any longer or shorter.
#[test]
fn what_hangs_is_away_until_it_answers() {
    let back = 8_500;
    let attempts = series(14_000, |began| match (4_990..back).contains(&began) {
        true if began + 2_000 < back => (began + 2_000, false),
        true => (back, true),
        false => (began + 5, true),
    });
    assert_eq!(found(&attempts, 14_000), [(5_000, 8_500, true)]);
    // Before it is back, nobody can say so.
    assert_eq!(found(&attempts, 8_000), [(5_000, 8_000, false)]);
}

/// An answer to what was sent before the fault proves nothing, even if it comes after it.
#[test]
fn an_answer_from_before_the_fault_is_no_recovery() {
    let attempts = series(12_000, |began| match began {
        4_950 => (5_400, true),
        5_000..7_000 => (began + 1, false),
        _ => (began + 5, true),
    });
    assert_eq!(found(&attempts, 12_000), [(5_000, 7_005, true)]);
}

/// An answer in the middle of an outage doesn't end it; one that comes a second later is another outage.
#[test]
fn it_is_back_when_it_is_stable() {
    let attempts = series(14_000, |began| match began {
        5_000..6_000 | 6_050..7_500 | 9_000..9_400 => (began + 1, false),
        _ => (began + 5, true),
    });
    assert_eq!(
        found(&attempts, 14_000),
        [(5_000, 7_505, true), (8_955, 9_405, true)]
    );
    assert!((figure("it", &attempts, &window(14_000)).away_seconds - 2.505).abs() < 1e-9);
}

/// It begins later than the fault: away from the last answer on.
#[test]
fn an_outage_that_begins_later_counts_from_the_last_answer() {
    let attempts = series(14_000, |began| match began {
        7_000..10_000 => (began + 2_000, false),
        _ => (began + 5, true),
    });
    assert_eq!(found(&attempts, 14_000), [(6_955, 10_005, true)]);
}

/// A pause as long as those before the fault, with nothing failed in it, is the machine's doing.
#[test]
fn a_pause_that_there_is_without_a_fault_is_none() {
    let slow = |began: u64| match began {
        2_000..2_900 | 6_000..6_890 => (began / 1_000 * 1_000 + 905, true),
        _ => (began + 5, true),
    };
    let attempts = series(12_000, slow);
    assert_eq!(found(&attempts, 12_000), []);
    let mut failing = attempts;
    failing[121].worked = false;
    assert_eq!(found(&failing, 12_000).len(), 1, "one failed in it");
}

/// The probe itself was kept from trying: nothing is known of that time, and what follows is no recovery.
#[test]
fn a_time_without_tries_is_no_outage() {
    let attempts = series(12_000, |began| (began + 5, true));
    let without = |from: u64, to: u64| -> Vec<Attempt> {
        let all = attempts.iter().copied();
        all.filter(|attempt| !(ms(from)..ms(to)).contains(&attempt.began))
            .collect()
    };
    assert_eq!(found(&without(6_000, 8_000), 12_000), []);
    assert_eq!(found(&without(4_900, 7_000), 12_000), [], "across the fault");
    assert_eq!(found(&without(9_000, 12_000), 12_000), [], "until the end");
    // One that was tried in it and failed makes it one, from then on.
    let mut tried = without(6_000, 8_000);
    tried.push(Attempt {
        began: ms(7_000),
        ended: ms(7_010),
        worked: false,
    });
    assert_eq!(found(&tried, 12_000), [(7_000, 8_005, true)]);
}

#[test]
fn what_never_comes_back_is_away_until_the_end() {
    let attempts = series(20_000, |began| (began + 5, began < FAULT));
    let figure = figure("it", &attempts, &window(20_000));
    assert_eq!((figure.away_seconds, figure.is_back), (15.0, false));
    assert!(!is_settled(&attempts, &window(20_000), ms(3_000)));
}

#[test]
fn it_is_settled_when_it_has_held() {
    let attempts = series(20_000, |began| (began + 5, !(5_000..6_000).contains(&began)));
    assert!(!is_settled(&attempts, &window(5_900), ms(3_000)));
    assert!(!is_settled(&attempts, &window(8_000), ms(3_000)));
    assert!(is_settled(&attempts, &window(9_100), ms(3_000)));
}

proptest! {
    /// A seeded outage of any length over a period's noise is found with its length, whatever else the attempts do.
    #[test]
    fn an_outage_is_found_with_its_length(
        length in 600_u64..10_000,
        delays in prop::collection::vec(1_u64..40, 600),
        hangs in prop::bool::ANY,
    ) {
        let back = FAULT + length;
        let attempts = series(30_000, |began| {
            let delay = delays[usize::try_from(began / 50).unwrap()];
            match (FAULT..back).contains(&began) {
                true if hangs && began + 2_000 >= back => (back, true),
                true => (began + if hangs { 2_000 } else { delay }, false),
                false => (began + delay, true),
            }
        });
        let outages = found(&attempts, 30_000);
        prop_assert_eq!(outages.len(), 1);
        let (from, to, is_over) = outages[0];
        prop_assert!(is_over && from == FAULT);
        prop_assert!(to >= back && to <= back + 90, "{} for {}", to - from, length);
    }
}

const START: i64 = 1_790_000_000_000;

fn markers() -> (Markers, Vec<Acknowledged>) {
    let acknowledged: Vec<Acknowledged> = [(7, 0, 100), (7, 1, 150), (7, 3, 900), (8, 0, 400)]
        .into_iter()
        .map(|(account, number, at)| Acknowledged {
            account,
            number,
            at: ms(at),
        })
        .collect();
    let sent = [(7, "http", 5), (8, "kafka", 2)];
    (Markers::of(START, &sent, &acknowledged), acknowledged)
}

fn rows(there: &[(u64, u32, u64)]) -> HashMap<(u64, uuid::Uuid), u64> {
    there
        .iter()
        .map(|(account, number, copies)| ((*account, identity(START, *account, *number)), *copies))
        .collect()
}

#[test]
fn markers_are_lost_doubled_or_neither() {
    let (markers, acknowledged) = markers();
    assert_eq!(markers.accounts[0].acknowledged, [(0, 2), (3, 4)]);
    let before_fault = |account: u64, number: u32| {
        let mut all = acknowledged.iter();
        let one = all
            .find(|one| (one.account, one.number) == (account, number))
            .unwrap();
        ms(1_000).saturating_sub(one.at)
    };
    // What was not acknowledged may be there or not.
    let all = [(7, 0, 1), (7, 1, 1), (7, 2, 1), (7, 3, 1), (8, 0, 1)];
    let clean = markers.compare(&rows(&all), before_fault);
    assert_eq!(
        (clean.lost, clean.doubled, clean.recovery_point_seconds),
        (0, 0, 0.0)
    );
    assert_eq!((clean.acknowledged_http, clean.acknowledged_kafka), (3, 1));
    // The oldest lost one was acknowledged 850 ms before the fault.
    let lost = markers.compare(&rows(&[(7, 0, 1), (8, 0, 1)]), before_fault);
    assert_eq!(
        (lost.lost, lost.doubled, lost.recovery_point_seconds),
        (2, 0, 0.85)
    );
    let doubled = markers.compare(&rows(&[(7, 0, 3), (7, 1, 1), (7, 3, 1), (8, 0, 1)]), before_fault);
    assert_eq!((doubled.lost, doubled.doubled), (0, 2));
    // A row that nobody sent.
    let stranger = markers.compare(&rows(&[&all[..], &[(8, 99, 1)]].concat()), before_fault);
    assert_eq!((stranger.lost, stranger.doubled), (0, 1));
}

fn spec(text: &str) -> Spec {
    let text = format!("metadata: {{ name: t }}\ntarget: local\n{text}");
    let loaded = crate::spec::load("plan.yaml", &crate::spec::Overrides::default(), &mut |_| {
        Ok(text.clone().into_bytes())
    });
    loaded
        .unwrap_or_else(|problems| panic!("{}", problems.render()))
        .spec
}

#[test]
fn a_plan_offers_what_can_be_taken_over() {
    let whole = "kafka: { version: 4.3.1, brokers: 3 }\n\
         buffer: { replicas: 1, maxmemory: 512MiB, sentinel: { count: 3, quorum: 2, master_name: m } }\n\
         ingest: { event_rate: 1M/min, api_replicas: 2, worker_replicas: 2 }\n";
    let names = |text: &str| -> Vec<&str> {
        let offers = offers(&spec(text));
        let offered = offers.iter().filter(|offer| offer.lacks.is_none());
        offered.map(|offer| offer.drill.name()).collect()
    };
    assert_eq!(
        names(whole),
        [
            "service-api",
            "service-worker",
            "sentinel-minority",
            "redis-master",
            "kafka-broker"
        ]
    );
    assert_eq!(
        names(&whole.replace("api_replicas: 2", "api_replicas: 1").replace("brokers: 3", "brokers: 1, default_replication_factor: 1, min_insync_replicas: 1, offsets_topic_replication_factor: 1, transaction_state_replication_factor: 1, transaction_state_min_isr: 1")),
        ["service-worker", "sentinel-minority", "redis-master"]
    );
    assert_eq!(
        Drill::ShardPrimary.lacks(&spec(whole)).as_deref(),
        Some("the plan has no shards")
    );
    for drill in Drill::ALL {
        assert_eq!(Drill::of(drill.name()), Some(drill));
    }
    assert_eq!([1, 2, 3, 4, 5].map(minority), [0, 0, 1, 1, 2]);
}
