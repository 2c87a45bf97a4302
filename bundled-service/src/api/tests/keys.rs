//! Who may do what, and that no key gets out.

use super::*;
use std::io::Write;
use tracing_subscriber::fmt::MakeWriter;

async fn status(harness: &Harness, headers: &[(&str, &str)], account: i64) -> (String, String) {
    let mut write = Request::post("/v1/events").header("content-type", "application/json");
    let mut read = Request::get(format!("/v1/accounts/{account}/usage"));
    for (name, value) in headers {
        write = write.header(*name, *value);
        read = read.header(*name, *value);
    }
    let write = harness
        .send(write.body(Body::from(event(account))).unwrap())
        .await;
    let read = harness.send(read.body(Body::empty()).unwrap()).await;
    (write.code(), read.code())
}

/// Each way to present a key, and each right that a key may have or lack.
#[tokio::test]
async fn keys_open_what_they_are_bound_to() {
    let harness = Harness::new();
    let bearer = |key: &str| format!("Bearer {key}");
    let (none, missing, other) = ("401 unauthorized", "403 not_permitted", "403 other_account");
    let wrong = FULL_KEY.replace("full", "fool");
    for (headers, account, write, read) in [
        (vec![], 1, none, none),
        (vec![("authorization", bearer(&wrong))], 1, none, none),
        (vec![("x-api-key", wrong)], 1, none, none),
        (
            vec![("authorization", format!("Basic {FULL_KEY}"))],
            1,
            none,
            none,
        ),
        (vec![("authorization", FULL_KEY.to_owned())], 1, none, none),
        (
            vec![
                ("authorization", bearer(FULL_KEY)),
                ("x-api-key", READ_KEY.to_owned()),
            ],
            1,
            none,
            none,
        ),
        (
            vec![
                ("x-api-key", FULL_KEY.to_owned()),
                ("x-api-key", FULL_KEY.to_owned()),
            ],
            1,
            none,
            none,
        ),
        (vec![("x-api-key", String::new())], 1, none, none),
        (vec![("authorization", bearer(FULL_KEY))], 11, "202 -", "200 -"),
        (
            vec![("authorization", format!("bearer  {FULL_KEY}"))],
            11,
            "202 -",
            "200 -",
        ),
        (vec![("x-api-key", FULL_KEY.to_owned())], 11, "202 -", "200 -"),
        (vec![("x-api-key", WRITE_KEY.to_owned())], 10, "202 -", missing),
        (vec![("x-api-key", WRITE_KEY.to_owned())], 11, other, missing),
        (vec![("x-api-key", READ_KEY.to_owned())], 10, missing, "200 -"),
        (vec![("x-api-key", READ_KEY.to_owned())], 11, missing, other),
    ] {
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let found = status(&harness, &headers, account).await;
        assert_eq!(
            (found.0.as_str(), found.1.as_str()),
            (write, read),
            "{headers:?} {account}"
        );
        let taken = usize::from(write.starts_with("202"));
        assert_eq!(harness.records().len(), taken, "{headers:?}");
    }
}

/// One event of another account refuses the whole request, and is named.
#[tokio::test]
async fn another_account_refuses_the_whole_request() {
    let harness = Harness::new();
    let body = [event(1), event(99), "{}".to_owned(), event(2), event(98)].join("\n");
    let request = post(WRITE_KEY, "application/x-ndjson")
        .body(Body::from(body))
        .unwrap();
    let answer = harness.send(request).await;
    assert_eq!(answer.code(), "403 other_account");
    assert_eq!(answer.json()["indexes"], serde_json::json!([1, 4]));
    assert!(harness.records().is_empty());
}

/// Without keys only on loopback, and only when asked for.
#[tokio::test]
async fn keys_are_off_by_an_explicit_flag_on_loopback_alone() {
    let started = |flags: &[&str]| {
        let outcome = authentication(&run(flags).api, &CancellationToken::new());
        outcome.map(|_| ()).map_err(|error| error.to_string())
    };
    assert!(started(&["--without-api-keys"]).is_ok());
    assert!(started(&["--without-api-keys", "--listen", "[::1]:8000"]).is_ok());
    for (flags, reason) in [
        (&[][..], "give --api-keys"),
        (&["--without-api-keys", "--listen", "0.0.0.0:8000"], "no loopback"),
        (
            &["--without-api-keys", "--listen", "10.0.0.1:8000"],
            "no loopback",
        ),
        (&["--api-keys", "/no/such/file"], "can't be read"),
    ] {
        let error = started(flags).unwrap_err();
        assert!(error.contains(reason), "{error}");
    }
}

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Captured {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// No key, right or wrong, stands in a log line at any level, an answer or a metric: not when it is
/// valid, refused, in the wrong header, in the address, or put into the key file by mistake.
#[tokio::test]
async fn no_key_gets_out() {
    let captured = Captured::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(captured.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    tracing::trace!("the capture works");
    let marker = "MARKER-0123456789-0123456789-0123456789";
    let harness = Harness::new();
    let mut said = String::new();
    for (header, value) in [
        ("authorization", format!("Bearer {marker}")),
        ("authorization", format!("Basic {marker}")),
        ("x-api-key", marker.to_owned()),
        ("cookie", marker.to_owned()),
        ("content-type", marker.to_owned()),
        ("x-api-key", FULL_KEY.to_owned()),
    ] {
        for path in [
            "/v1/events",
            "/v1/accounts/1/usage",
            &format!("/v1/accounts/1/usage?x-api-key={marker}"),
            &format!("/v1/accounts/{marker}/usage"),
        ] {
            let method = if path == "/v1/events" {
                Method::POST
            } else {
                Method::GET
            };
            let request = Request::builder().method(method).uri(path).header(header, &value);
            let answer = harness.send(request.body(Body::from(marker)).unwrap()).await;
            said += &format!("{:?} {}\n", answer.headers, answer.body);
        }
    }
    harness.log.acknowledges.lock().unwrap().clone_from(&0);
    said += &harness.post("application/json", event(1)).await.body;
    harness.usage.fails.store(true, SeqCst);
    said += &harness.get("/v1/accounts/1/usage").await.body;
    said += &harness.get("/metrics").await.body;

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    std::fs::write(
        &file,
        format!("{{\"name\":\"a\",\"sha256\":\"{marker}\",\"accounts\":\"*\",\"roles\":[\"read\"]}}"),
    )
    .unwrap();
    said += &authentication(&run(&["--api-keys", file.to_str().unwrap()]).api, &harness.stop)
        .map(|_| ())
        .unwrap_err()
        .to_string();

    let logged = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
    assert!(
        logged.contains("the capture works") && logged.contains("usage query"),
        "{logged}"
    );
    for key in [marker, FULL_KEY] {
        assert!(!logged.contains(key) && !said.contains(key), "{logged}\n{said}");
    }
}
