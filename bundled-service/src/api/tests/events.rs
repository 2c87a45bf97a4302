//! `POST /v1/events`: what is taken, what is refused, and what is durable when the answer comes.

use super::*;
use proptest::prelude::*;
use serde_json::json;

/// Each format reaches the log as events keyed by their account.
#[tokio::test]
async fn every_format_is_taken() {
    let harness = Harness::new();
    let (one, two) = (event(1), event(2));
    let accepted = |answer: Answer, count: usize| {
        assert_eq!(answer.status, 202, "{}", answer.body);
        assert_eq!(answer.json(), json!({"accepted": count, "rejected": []}));
    };
    accepted(harness.post("application/json", format!(" {one} ")).await, 1);
    assert_eq!(harness.records(), [(1, one.clone())]);
    accepted(
        harness
            .post("application/json; charset=utf-8", format!("[{one},\n {two}]"))
            .await,
        2,
    );
    assert_eq!(harness.records(), [(1, one.clone()), (2, two.clone())]);
    accepted(
        harness
            .post("application/x-ndjson", format!("\n{two}\r\n{one}"))
            .await,
        2,
    );
    assert_eq!(harness.records(), [(2, two), (1, one)]);

    let now = super::super::events::now();
    let cloud = json!({
        "specversion": "1.0", "id": "a-1", "source": "/meters/1", "type": "usage", "time": now.to_string(),
        "data": {"account_id": 7, "metric": "storage", "quantity": -0.25, "properties": {"zone": "\u{e9}"}},
    });
    accepted(
        harness
            .post("application/cloudevents+json", cloud.to_string())
            .await,
        1,
    );
    let batch = json!([cloud, cloud]).to_string();
    accepted(harness.post("application/cloudevents-batch+json", batch).await, 2);
    let records = harness.records();
    assert_eq!(records.len(), 3);
    for (account, text) in records {
        let read = parse(text.as_bytes()).unwrap();
        assert_eq!(
            (account, read.account.get(), read.quantity.millionths()),
            (7, 7, -250_000)
        );
        assert_eq!((read.occurred_at, &*read.metric), (now, "storage"));
        assert_eq!(read.properties.as_deref(), Some("{\"zone\":\"\u{e9}\"}"));
        assert_eq!(read.id, crate::event::EventId::of_cloud_event("/meters/1", "a-1"));
    }
    assert_eq!(harness.metrics.http_in_flight_bytes.with(&[]).get(), 0);
}

/// A bad event is refused by its index, code and reason; the good ones around it are durable.
#[tokio::test]
async fn bad_events_are_refused_alone() {
    let harness = Harness::new();
    let good = event(1);
    let now = super::super::events::now().millis();
    let stale = good.replace(&now.to_string()[..6], &(now - 40 * 86_400_000).to_string()[..6]);
    let large = good.replace("[1]", &format!("\"{}\"", "x".repeat(20_000)));
    let lines = [
        "{\"event_id\":tru".to_owned(),
        good.clone(),
        good.replace("1.5", "1.0000001"),
        good.replace("api.calls", "api calls"),
        stale,
        large,
        good.replace("\"account_id\":1", "\"account_id\":0"),
        good.clone(),
    ];
    for (content_type, body) in [
        ("application/x-ndjson", lines.join("\n")),
        (
            "application/json",
            format!("[{}]", lines[1..].join(",")).replacen('[', "[{\"event_id\":tru},", 1),
        ),
    ] {
        let answer = harness.post(content_type, body).await;
        assert_eq!(answer.code(), "400 events_rejected", "{}", answer.body);
        let answer = answer.json();
        assert_eq!(answer["accepted"], 2);
        let rejected = answer["rejected"].as_array().unwrap().iter();
        let rejected: Vec<_> = rejected
            .map(|event| format!("{} {}", event["index"], event["code"]))
            .collect();
        let expected = [
            "0 \"malformed\"",
            "2 \"quantity\"",
            "3 \"metric\"",
            "4 \"too_late\"",
            "5 \"oversized\"",
            "6 \"account_id\"",
        ];
        assert_eq!(rejected, expected);
        assert_eq!(harness.records(), [(1, good.clone()), (1, good.clone())]);
    }
    let text = harness.metrics.render();
    assert!(
        text.contains("events_rejected_total{reason=\"too_late\"} 2"),
        "{text}"
    );
}

/// Protects: an event that is right by Kafka's clock is taken, however wrong ours is; what no clock lets pass is not.
#[tokio::test]
async fn times_are_judged_by_the_logs_clock() {
    let harness = Harness::new();
    let hours = |hours: i64| event_at(1, crate::api::events::now().millis() + hours * 3_600_000);
    // (Kafka's clock is ahead by so many hours, the event by so many, is it taken)
    for (ahead, at, taken) in [
        (Some(0), 0, true),
        (Some(0), 2, false),
        (Some(2), 2, true),
        (Some(2), 4, false),
        (Some(-2), 0, true),
        (None, 2, true),
        (None, 26, true),
        (None, 28, false),
        (None, -35 * 24, true),
        (None, -36 * 24, false),
    ] {
        *harness.log.ahead_seconds.lock().unwrap() = ahead.map(|hours: i64| hours * 3_600);
        let answer = harness.post("application/json", hours(at)).await;
        assert_eq!(answer.status == 202, taken, "{ahead:?} {at}: {}", answer.body);
    }
}

/// Of thousands of bad events each is named, and the answer stays small.
#[tokio::test]
async fn an_answer_is_bounded() {
    let harness = Harness::new();
    let answer = harness.post("application/x-ndjson", "{}\n".repeat(10_000)).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json()["rejected"].as_array().unwrap().len(), 10_000);
    assert!(answer.body.len() < 1_000_000, "{}", answer.body.len());
}

/// What is too large is refused whole, before it is read where its length is known.
#[tokio::test]
async fn too_large_is_413() {
    let harness = Harness::with(&["--max-body-bytes", "30000", "--max-batch-events", "3"]);
    let lines = "application/x-ndjson";
    let large = event(1).replace("[1]", &format!("\"{}\"", "x".repeat(20_000)));
    assert_eq!(
        harness.post(lines, large.clone()).await.code(),
        "413 events_rejected"
    );
    assert_eq!(
        harness
            .post(lines, [&*event(1), "{}", "{}", "{}"].join("\n"))
            .await
            .code(),
        "413 too_large"
    );
    assert_eq!(
        harness.post(lines, "x".repeat(30_001)).await.code(),
        "413 too_large"
    );
    let chunks = futures::stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 1000])));
    assert_eq!(
        harness.post(lines, Body::from_stream(chunks)).await.code(),
        "413 too_large"
    );
    let endless = Body::from_stream(futures::stream::pending::<Result<Bytes, std::io::Error>>());
    let request = post(FULL_KEY, lines)
        .header("content-length", "30001")
        .body(endless)
        .unwrap();
    assert_eq!(harness.send(request).await.code(), "413 too_large");
    assert!(harness.records().is_empty());
    let answer = harness.post(lines, format!("{large}\n{}", event(1))).await;
    assert_eq!(
        (answer.code().as_str(), answer.json()["accepted"].as_u64()),
        ("400 events_rejected", Some(1))
    );
}

/// What no parser can make events of is refused whole.
#[tokio::test]
async fn bodies_without_events_are_400() {
    let harness = Harness::new();
    for body in ["", "  \n", "[]", "[{}", "[{},]", "[{}] x"] {
        let answer = harness.post("application/json", body).await;
        assert_eq!(answer.code(), "400 malformed_body", "{body:?}");
        assert_eq!(answer.json()["accepted"], 0);
    }
    assert_eq!(
        harness
            .post("application/cloudevents-batch+json", "{}")
            .await
            .code(),
        "400 malformed_body"
    );
    let broken = futures::stream::iter([Ok(Bytes::from_static(b"{")), Err(std::io::Error::other("gone"))]);
    assert_eq!(
        harness
            .post("application/json", Body::from_stream(broken))
            .await
            .code(),
        "400 broken_body"
    );
}

/// Other content types and codings are 415; the body isn't looked at.
#[tokio::test]
async fn other_media_types_are_415() {
    let harness = Harness::new();
    for content_type in [
        "text/plain",
        "application/json; charset=latin1",
        "application/x-www-form-urlencoded",
    ] {
        assert_eq!(
            harness.post(content_type, event(1)).await.status,
            415,
            "{content_type}"
        );
    }
    let request = post(FULL_KEY, "application/json").header("content-encoding", "gzip");
    assert_eq!(
        harness
            .send(request.body(Body::from(event(1))).unwrap())
            .await
            .status,
        415
    );
}

/// Without all acknowledgements there is no 202, and the answer says how many there were.
#[tokio::test]
async fn what_is_not_durable_is_503() {
    let harness = Harness::new();
    for acknowledged in [0, 1] {
        *harness.log.acknowledges.lock().unwrap() = acknowledged;
        let body = [event(1), event(2), "{}".to_owned()].join("\n");
        let answer = harness.post("application/x-ndjson", body).await;
        assert_eq!(answer.code(), "503 not_durable");
        let answer = answer.json();
        assert_eq!(
            (&answer["acknowledged"], &answer["events"]),
            (&json!(acknowledged), &json!(2))
        );
    }
}

/// Bytes under way are bounded: above it 429 and nothing taken, until Kafka has acknowledged. A
/// client that breaks off gives nothing free.
#[tokio::test]
async fn bytes_in_flight_are_bounded() {
    let harness = Arc::new(Harness::with(&["--api-in-flight-bytes", "300"]));
    harness.log.answers.forget_permits(Semaphore::MAX_PERMITS);
    let waiting = Arc::clone(&harness);
    let first = tokio::spawn(async move { waiting.post("application/json", event(1)).await });
    while harness.metrics.http_in_flight_bytes.with(&[]).get() == 0 {
        tokio::task::yield_now().await;
    }
    let refused = harness.post("application/json", event(2)).await;
    assert_eq!(refused.code(), "429 too_many_bytes");
    assert_eq!(refused.headers["retry-after"], "1");
    let chunked = Body::from_stream(futures::stream::iter([Ok::<_, std::io::Error>(event(2))]));
    assert_eq!(harness.post("application/json", chunked).await.status, 429);
    harness.log.answers.add_permits(2);
    assert_eq!(first.await.unwrap().status, 202);
    assert_eq!(harness.post("application/json", event(2)).await.status, 202);
    assert_eq!(harness.metrics.http_in_flight_bytes.with(&[]).get(), 0);
}

/// No nesting exhausts the stack of a thread as small as the runtime's own.
#[test]
fn deep_nesting_is_harmless() {
    let bodies = || {
        let deep = |open: &str, close: &str, levels: usize| open.repeat(levels) + &close.repeat(levels);
        let within = |inner: String| event(1).replace("[1]", &inner);
        vec![
            "[".repeat(4_000_000),
            "{\"a\":".repeat(600_000),
            deep("[", "]", 2_000_000),
            deep("[", "]", 8_000),
            within(deep("[", "]", 8_000)),
            within("{\"a\":".repeat(3_000) + "1" + &"}".repeat(3_000)),
            within(deep("[", "]", 2_000)),
            event(1).replace("\"1.5\"", &deep("[", "]", 8_000)),
            event(1).replace(
                "\"metric\"",
                &format!("\"x\":{},\"metric\"", deep("[", "]", 8_000)),
            ),
        ]
    };
    let small = std::thread::Builder::new().stack_size(2 << 20).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let harness = Harness::new();
            for body in bodies() {
                for content_type in [
                    "application/json",
                    "application/x-ndjson",
                    "application/cloudevents+json",
                ] {
                    let answer = harness.post(content_type, body.clone()).await;
                    assert!(
                        matches!(answer.status.as_u16(), 202 | 400 | 413),
                        "{}",
                        answer.status
                    );
                }
            }
        });
    });
    small.unwrap().join().unwrap();
}

/// Bytes that are often nearly an event.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(event(1).into_bytes()),
        Just(b"[".to_vec()),
        Just(b"]".to_vec()),
        Just(b",".to_vec()),
        Just(b"\n".to_vec()),
        Just(br#"{"specversion":"1.0","id":"a","source":"b","time":1,"data":{"account_id":1,"metric":"a","quantity":1}}"#.to_vec()),
        Just(b"\"\\u0000\xff".to_vec()),
        prop::collection::vec(any::<u8>(), 0..40),
    ];
    (
        prop::collection::vec(piece, 0..6),
        any::<prop::sample::Index>(),
        any::<u8>(),
        any::<bool>(),
    )
        .prop_map(|(pieces, place, byte, spoil)| {
            let mut body = pieces.concat();
            if spoil && !body.is_empty() {
                let place = place.index(body.len());
                body[place] = byte;
            }
            body
        })
}

proptest! {
    /// No body makes the service panic or fail; the answer accounts for what the log got.
    #[test]
    fn any_body_is_answered(body in body(), content_type in prop::sample::select(vec![
        "application/json", "application/x-ndjson", "application/cloudevents+json", "application/cloudevents-batch+json",
    ])) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let harness = Harness::new();
            let answer = harness.post(content_type, body).await;
            prop_assert!(matches!(answer.status.as_u16(), 202 | 400), "{} {}", answer.status, answer.body);
            let records = harness.records();
            prop_assert_eq!(answer.json()["accepted"].as_u64(), Some(records.len() as u64));
            for (account, text) in records {
                prop_assert_eq!(parse(text.as_bytes()).unwrap().account.get(), account);
            }
            Ok(())
        })?;
    }
}
