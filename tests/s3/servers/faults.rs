//! S3 on a bad day: 409, 412, 500, 503, broken connections, writes that arrive late.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use serde_json::json;
use vvbill::plan::Options;
use vvbill::provider::simulated;
use vvbill::state::store::{Expect, Object};
use vvbill::state::{Store, StoreError};

use super::{rig, store, take_lock, url};
use crate::proxy::{Faults, Proxy};
use crate::rig::{desired, mutated, random, random_platform, seed};

/// Protects: writers at once, each adding its words to what it has read, on a bad day: what was confirmed is
/// there once, and nothing else is.
#[tokio::test(flavor = "multi_thread")]
async fn writers_at_once_lose_nothing() {
    let seed = seed();
    for round in 0..4 {
        let (proxy, url) = (Arc::new(Proxy::new(seed + round)), url());
        proxy.set_faults(Faults::all(0.03));
        let writers = (0..4).map(|writer| {
            let (proxy, url) = (proxy.clone(), url.clone());
            tokio::spawn(async move { add_words(&*store(&proxy, &url).await, writer).await })
        });
        let mut confirmed = BTreeSet::new();
        for writer in writers.collect::<Vec<_>>() {
            confirmed.extend(writer.await.unwrap());
        }
        proxy.set_faults(Faults::default());
        let blob = store(&proxy, &url)
            .await
            .read(&Object::State)
            .await
            .unwrap()
            .unwrap();
        let text = String::from_utf8(blob.bytes).unwrap();
        let there: Vec<&str> = text.lines().collect();
        let once: BTreeSet<String> = there.iter().map(|word| (*word).to_owned()).collect();
        assert_eq!(there.len(), once.len(), "seed {}: twice there", seed + round);
        assert_eq!(once, confirmed, "seed {}", seed + round);
    }
}

async fn add_words(store: &dyn Store, writer: usize) -> Vec<String> {
    let mut confirmed = Vec::new();
    for number in 0..6 {
        let word = format!("{writer}-{number}");
        loop {
            let found = store.read(&Object::State).await;
            let (mut text, expect) = match found {
                Ok(Some(blob)) => (blob.bytes, Expect::Version(blob.version)),
                Ok(None) => (Vec::new(), Expect::Absent),
                // Not before the first write.
                Err(error) if error.to_string().contains("no such bucket") => (Vec::new(), Expect::Absent),
                Err(error) => panic!("{error}"),
            };
            // A write whose answer was lost, and on which another one built before it could be looked for, is called
            // a conflict: whoever is told so reads again before writing again.
            if text
                .split(|byte| *byte == b'\n')
                .any(|line| line == word.as_bytes())
            {
                break confirmed.push(word);
            }
            text.extend_from_slice(format!("{word}\n").as_bytes());
            match store.write(&Object::State, text, expect, &None).await {
                Ok(_) => break confirmed.push(word),
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
    confirmed
}

/// Protects: each entry of the journal is there once and in order, whatever became of the answers; the same
/// after an append that was given up on.
#[tokio::test(flavor = "multi_thread")]
async fn the_journal_holds_each_entry_once() {
    let seed = seed();
    for round in 0..4 {
        let (proxy, url) = (Proxy::new(seed + round), url());
        let config = super::config(&proxy.url(), Some("us-east-1")).await;
        let mut pace = super::pace();
        // Every few appends are given up on.
        pace.give_up = Duration::from_millis(if round % 2 == 0 { 20_000 } else { 1 });
        let store = vvbill::state::store::s3::S3Store::new(&config, &url)
            .unwrap()
            .with_pace(pace);
        let fence = Some("one".to_owned());
        take_lock(&store, "one").await;
        store.take_over(&fence).await.unwrap();
        proxy.set_faults(Faults::all(0.04));
        let mut expected = Vec::new();
        let mut failed = 0;
        for number in 0..60 {
            let line = format!("{number}\n").into_bytes();
            match store.append(line.clone(), &fence).await {
                Ok(()) => expected.extend(line),
                // The lock of this test is nobody's: a refusal would be called a lost one.
                Err(StoreError::Failed { .. }) => failed += 1,
                Err(error) => panic!("seed {}: {error}", seed + round),
            }
        }
        proxy.set_faults(Faults::default());
        tokio::time::sleep(Duration::from_millis(100)).await;
        store.append(b"last\n".to_vec(), &fence).await.unwrap();
        expected.extend(b"last\n");
        let there = store.read_journal().await.unwrap();
        assert_eq!(
            String::from_utf8(there).unwrap(),
            String::from_utf8(expected).unwrap(),
            "seed {}",
            seed + round
        );
        println!("{failed} appends given up on");
    }
}

/// Protects: applies over a bad S3 and a bad provider converge: nothing twice, nothing left behind, nothing
/// forgotten.
#[tokio::test(flavor = "multi_thread")]
async fn applies_converge() {
    let seed = seed();
    for round in 0..3 {
        println!("round {round}: VVBILL_TEST_SEED={}", seed + round);
        let mut random = random(seed + round);
        let (proxy, url) = (Proxy::new(seed + round), url());
        let rig = rig(&proxy, &url, seed + round).await;
        let mut platform = random_platform(&mut random, 8);
        for _ in 0..2 {
            proxy.set_faults(Faults::all(0.02 + random.random_range(0.0..0.03)));
            rig.world().set_faults(simulated::Faults {
                transient: 0.05,
                lost_answer: 0.05,
                ..Default::default()
            });
            rig.converge(&platform, 10).await;
            proxy.set_faults(Faults::default());
            rig.judge(&platform).await;
            platform = mutated(&mut random, &platform);
        }
    }
}

/// Protects: an apply of twenty resources costs a few dozen requests, however many entries its journal has.
#[tokio::test(flavor = "multi_thread")]
async fn an_apply_costs_few_requests() {
    let (proxy, url) = (Proxy::new(1), url());
    let rig = rig(&proxy, &url, 1).await;
    rig.converge(&[desired("volume", "first", json!({}))], 1).await;
    rig.world().set_faults(simulated::Faults {
        latency: Duration::from_millis(20),
        ..Default::default()
    });
    let platform: Vec<_> = (0..20)
        .map(|number| desired("node", &format!("n{number}"), json!({})))
        .collect();
    let before = proxy.requests().len();
    let outcome = rig.apply(&platform, &Options::default()).await;
    assert!(outcome.is_success());
    let requests = proxy.requests().split_off(before);
    let of = |part: &str| {
        requests
            .iter()
            .filter(|(line, _)| line.contains(part))
            .collect::<Vec<_>>()
    };
    let appends = of(".journal");
    let bytes: usize = requests.iter().map(|(_, size)| size).sum();
    println!(
        "{} requests, {} of them for the journal, {bytes} bytes up: {:#?}",
        requests.len(),
        appends.len(),
        requests
    );
    assert!(requests.len() < 60, "{} requests", requests.len());
    rig.judge(&platform).await;
}
