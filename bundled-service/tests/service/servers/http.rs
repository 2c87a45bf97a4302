//! The API in front of a real log.

use crate::support::{
    Platform,
    api::{Api, create_key},
    events::Generator,
    eventually,
    world::World,
};
use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
};
use rustix::process::Signal;
use serde_json::Value;
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};
use vvbill_ingest::event::Quantity;

/// Ids of the events in the topic, each as often as it is there.
fn ids_in_kafka(world: &World) -> Vec<String> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", world.brokers())
        .set("group.id", "http-tests")
        .set("enable.auto.commit", "false")
        .create()
        .unwrap();
    let timeout = Duration::from_secs(20);
    let metadata = consumer.fetch_metadata(Some(&world.name), timeout).unwrap();
    let mut assigned = TopicPartitionList::new();
    let mut left = 0;
    for partition in metadata.topics()[0].partitions() {
        let (low, high) = consumer
            .fetch_watermarks(&world.name, partition.id(), timeout)
            .unwrap();
        left += high - low;
        assigned
            .add_partition_offset(&world.name, partition.id(), Offset::Beginning)
            .unwrap();
    }
    consumer.assign(&assigned).unwrap();
    let mut ids = Vec::new();
    while left > 0 {
        let message = consumer.poll(timeout).expect("a record in time").unwrap();
        let event: Value = serde_json::from_slice(message.payload().unwrap()).unwrap();
        assert_eq!(message.key().unwrap(), event["account_id"].to_string().as_bytes());
        ids.push(id(&event));
        left -= 1;
    }
    ids
}

fn id(event: &Value) -> String {
    event["event_id"].as_str().unwrap().to_owned()
}

fn ids(lines: &[String]) -> Vec<String> {
    lines
        .iter()
        .map(|line| id(&serde_json::from_str(line).unwrap()))
        .collect()
}

fn lines(generator: &mut Generator, count: usize) -> Vec<String> {
    let batch = generator.batch(count, u32::MAX);
    batch.into_iter().map(|record| record.json).collect()
}

/// What was answered with 202 (or listed as good beside bad ones) is in Kafka at that moment, under
/// its account's key; then in the ledger, and in the account's usage.
#[test]
fn accepted_events_are_durable_and_counted() {
    let world = World::new("http");
    let mut generator = Generator::new("http", 20);
    let api = Api::start(&world, &[]);
    let mut worker = world.start_worker();
    let good = lines(&mut generator, 2_000);
    let answer = api.client.post(&good.join("\n")).unwrap();
    assert_eq!(
        (answer.status, &answer.json()["accepted"]),
        (202, &Value::from(2_000)),
        "{}",
        answer.text
    );
    let mut expected = ids(&good);
    let mut mixed = lines(&mut generator, 3);
    expected.extend(ids(&mixed));
    mixed.insert(1, mixed[0].replace("\"quantity\":\"", "\"quantity\":\"x"));
    mixed.push(format!("{{\"event_id\":\"{}\"}}", "x".repeat(20_000)));
    let answer = api.client.post(&mixed.join("\n")).unwrap();
    assert_eq!(answer.status, 400);
    let answer = answer.json();
    assert_eq!(answer["accepted"], 3);
    let told = |place: usize| {
        (
            answer["rejected"][place]["index"].as_u64(),
            answer["rejected"][place]["code"].as_str(),
        )
    };
    assert_eq!(told(0), (Some(1), Some("quantity")));
    assert_eq!(told(1), (Some(4), Some("oversized")));

    let mut found = ids_in_kafka(&world);
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    world.wait_until_durable(60);
    worker.assert_alive();
    assert_eq!(world.ledger(), (generator.distinct, generator.total()));
    for (account, (events, millionths)) in &generator.by_account {
        let usage = api
            .client
            .get(&format!("/v1/accounts/{account}/usage?granularity=total"))
            .unwrap();
        assert_eq!(usage.status, 200, "{}", usage.text);
        let usage = usage.json();
        let parts = usage["usage"].as_array().unwrap();
        let sum = |part: &Value| {
            let quantity = Quantity::parse(part["quantity"].as_str().unwrap());
            i128::from(quantity.unwrap().millionths())
        };
        assert_eq!(
            parts.iter().map(sum).sum::<i128>(),
            *millionths,
            "{account}: {usage}"
        );
        let counted: i64 = parts.iter().map(|part| part["events"].as_i64().unwrap()).sum();
        assert_eq!(counted, *events, "{account}: {usage}");
    }
}

/// No key, a wrong key, another account's key; a new key works within seconds, one taken out stops
/// working; none stands in a log at the level of trace.
#[test]
fn keys_are_held_to_their_accounts_and_stay_secret() {
    let world = World::new("http_keys");
    let mut generator = Generator::new("http_keys", 9);
    let mut api = Api::start_with_log(&world, &[], "trace");
    let event = lines(&mut generator, 1).remove(0);
    let wrong = format!("vvb_{}", "0123456789abcdef".repeat(4));
    let other = create_key(&world, "1000-2000");
    let stranger = api.client.with_key(&other);
    eventually("the new key is known", 10, || {
        (stranger.post(&event)?.status == 403).then_some(())
    });
    assert_eq!(stranger.get("/v1/accounts/1/usage").unwrap().status, 403);
    assert_eq!(stranger.get("/v1/accounts/1500/usage").unwrap().status, 200);
    for key in [wrong.as_str(), "", "x"] {
        let client = api.client.with_key(key);
        assert_eq!(client.post(&event).unwrap().status, 401);
        assert_eq!(client.get("/v1/accounts/1/usage").unwrap().status, 401);
    }
    assert!(ids_in_kafka(&world).is_empty(), "nothing of it was taken");
    assert_eq!(api.client.post(&event).unwrap().status, 202);

    let text = std::fs::read_to_string(world.file("keys")).unwrap();
    std::fs::write(world.file("keys"), text.lines().next().unwrap()).unwrap();
    eventually("the key is void", 10, || {
        (stranger.get("/v1/accounts/1500/usage")?.status == 401).then_some(())
    });
    let mut said = api.client.get("/metrics").unwrap().text + &text;
    api.process.signal(Signal::TERM);
    assert!(api.process.wait(30).success());
    said += &api.process.log_text();
    assert!(
        said.contains("TRACE") || said.contains("DEBUG"),
        "the log says everything it can"
    );
    for key in [&api.client.key, &other, &wrong] {
        assert!(!said.contains(key.as_str()) && !said.contains(&key[4..]));
    }
}

struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

/// With Kafka gone the answer is 503 in bounded time and never 202, bytes under way stay bounded
/// (429), and the process says that it isn't ready; when Kafka is back, so is the API. Whatever was
/// answered with 202, before, meanwhile or after, is in Kafka.
#[test]
fn without_kafka_nothing_is_accepted() {
    let mut world = World::on(Arc::new(Platform::start()), "http_away");
    let mut generator = Generator::new("http_away", 50);
    let flags = ["--produce-timeout-ms", "3000", "--api-in-flight-bytes", "20000"];
    let mut api = Api::start(&world, &flags);
    let mut promised = BTreeSet::new();
    let stop = AtomicBool::new(false);
    let client = api.client.clone();
    std::thread::scope(|scope| {
        // A check that fails must end the stream as well, or the scope waits for it for ever.
        let stopping = StopOnDrop(&stop);
        let stream = scope.spawn(|| {
            let (mut taken, mut statuses) = (Vec::new(), BTreeSet::new());
            while !stop.load(SeqCst) {
                let batch = lines(&mut generator, 50);
                let answer = client.post(&batch.join("\n")).unwrap();
                statuses.insert(answer.status);
                if answer.status == 202 {
                    taken.extend(ids(&batch));
                }
            }
            (taken, statuses)
        });
        std::thread::sleep(Duration::from_secs(1));
        let kafka = &mut Arc::get_mut(&mut world.platform).unwrap().kafka;
        kafka.kill();
        std::thread::sleep(Duration::from_secs(2));
        let mut other = Generator::new("http_away_other", 50);
        let started = Instant::now();
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let posts: Vec<_> = (0..4)
                .map(|_| lines(&mut other, 60).join("\n"))
                .map(|body| {
                    let client = api.client.clone();
                    scope.spawn(move || client.post(&body).unwrap())
                })
                .collect();
            posts
                .into_iter()
                .map(|post| post.join().unwrap().status)
                .collect()
        });
        assert!(
            started.elapsed() < Duration::from_secs(8),
            "{:?}",
            started.elapsed()
        );
        assert!(
            statuses.iter().all(|status| matches!(status, 503 | 429)),
            "{statuses:?}"
        );
        assert!(statuses.contains(&503) && statuses.contains(&429), "{statuses:?}");
        eventually("not ready", 10, || {
            (api.client.get("/ready")?.status == 503).then_some(())
        });
        assert_eq!(api.client.get("/health").unwrap().status, 200);
        kafka.restart();
        eventually("ready again", 30, || {
            (api.client.get("/ready")?.status == 200).then_some(())
        });
        let last = lines(&mut other, 10);
        eventually("taken again", 30, || {
            (api.client.post(&last.join("\n"))?.status == 202).then_some(())
        });
        promised.extend(ids(&last));
        drop(stopping);
        let (taken, statuses) = stream.join().unwrap();
        promised.extend(taken);
        assert!(statuses.contains(&202) && statuses.contains(&503), "{statuses:?}");
    });
    api.process.assert_alive();
    let found: BTreeSet<_> = ids_in_kafka(&world).into_iter().collect();
    let lost: Vec<_> = promised.difference(&found).collect();
    assert!(
        lost.is_empty(),
        "{} of {} were promised and are not there",
        lost.len(),
        promised.len()
    );
    let text = api.client.get("/metrics").unwrap().text;
    assert!(text.contains("http_in_flight_bytes 0"), "{text}");
}

/// A stop in the midst of traffic answers what it has begun, within its bound; what was answered
/// with 202 is in Kafka, and each record once.
#[test]
fn a_stop_under_load_keeps_its_promises() {
    let world = World::new("http_stop");
    let mut api = Api::start(&world, &[]);
    let clients: Vec<_> = (0..4).map(|_| api.client.clone()).collect();
    let mut promised = BTreeSet::new();
    std::thread::scope(|scope| {
        let streams: Vec<_> = (clients.iter().enumerate())
            .map(|(number, client)| {
                scope.spawn(move || {
                    let mut generator = Generator::new(&format!("http_stop {number}"), 50);
                    let mut taken = Vec::new();
                    loop {
                        let batch = lines(&mut generator, 500);
                        match client.post(&batch.join("\n")) {
                            Some(answer) if answer.status == 202 => taken.extend(ids(&batch)),
                            Some(answer) => panic!("{} {}", answer.status, answer.text),
                            None => return taken,
                        }
                    }
                })
            })
            .collect();
        std::thread::sleep(Duration::from_secs(2));
        let started = Instant::now();
        api.process.signal(Signal::TERM);
        assert!(api.process.wait(30).success(), "{}", api.process.log_text());
        assert!(started.elapsed() < Duration::from_secs(30));
        for stream in streams {
            promised.extend(stream.join().unwrap());
        }
    });
    let found = ids_in_kafka(&world);
    let distinct: BTreeSet<_> = found.iter().cloned().collect();
    assert_eq!(found.len(), distinct.len(), "the producer doubled a record");
    assert!(
        promised.len() > 1_000 && promised.is_subset(&distinct),
        "{} of {}",
        distinct.len(),
        promised.len()
    );
}
