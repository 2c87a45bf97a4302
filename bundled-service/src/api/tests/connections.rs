//! Real sockets on loopback: clients that are slow, many, or there when the service stops.

use super::*;
use crate::api::server::{self, Bounds};
use std::time::Instant;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinHandle,
};

const BOUNDS: Bounds = Bounds {
    connections: 8,
    idle: Duration::from_millis(300),
    drain: Duration::from_secs(5),
};

async fn start(harness: &Harness, bounds: Bounds) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = server::run(listener, harness.router.clone(), bounds, harness.stop.clone());
    (address, tokio::spawn(server))
}

async fn open(address: SocketAddr, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

/// Everything until the other side closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut text)).await;
    // A reset is an end as well.
    let _ = read.expect("the service closes the connection");
    String::from_utf8_lossy(&text).into_owned()
}

fn request(body: &str, more: &str) -> String {
    format!(
        "POST /v1/events HTTP/1.1\r\nhost: x\r\nx-api-key: {FULL_KEY}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n{more}\r\n{body}",
        body.len()
    )
}

/// A client that sends nothing, or its head byte by byte, is cut off.
#[tokio::test]
async fn a_slow_head_is_cut_off() {
    let harness = Harness::new();
    let (address, _server) = start(&harness, BOUNDS).await;
    let started = Instant::now();
    assert_eq!(rest(&mut open(address, "").await).await, "");
    let mut trickle = open(address, "GET /health HTTP/1.1\r\n").await;
    let trickled = async {
        for _ in 0..100 {
            if trickle.write_all(b"a: b\r\n").await.is_err() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        false
    };
    assert!(
        trickled.await,
        "the head never ended, and neither did the connection"
    );
    assert!(started.elapsed() < Duration::from_secs(5));
    harness.stop.cancel();
}

/// A body that comes too slowly is answered with 408, and the connection ends.
#[tokio::test]
async fn a_slow_body_is_408() {
    let harness = Harness::with(&["--body-timeout-ms", "200"]);
    let (address, _server) = start(&harness, BOUNDS).await;
    let mut slow = open(address, &request(&event(1), "")[..250]).await;
    let answer = rest(&mut slow).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    harness.stop.cancel();
}

/// A head with too many lines, or too long, is 431.
#[tokio::test]
async fn heads_are_bounded() {
    let harness = Harness::new();
    let (address, _server) = start(&harness, BOUNDS).await;
    for head in ["a: b\r\n".repeat(65), format!("a: {}\r\n", "b".repeat(17_000))] {
        let answer = rest(&mut open(address, &request("", &head)).await).await;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }
    harness.stop.cancel();
}

/// Connections above the bound wait, and are served when others have ended.
#[tokio::test]
async fn connections_are_bounded() {
    let harness = Harness::new();
    let bounds = Bounds {
        connections: 1,
        ..BOUNDS
    };
    let (address, _server) = start(&harness, bounds).await;
    let asked = "GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let first = open(address, "").await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let mut second = open(address, asked).await;
    let mut byte = [0; 1];
    let early = tokio::time::timeout(Duration::from_millis(100), second.peek(&mut byte)).await;
    assert!(early.is_err(), "the second was served beside the first");
    drop(first);
    assert!(rest(&mut second).await.starts_with("HTTP/1.1 200 "));
    harness.stop.cancel();
}

/// A stop refuses new connections, and answers what is under way.
#[tokio::test]
async fn a_stop_answers_what_is_under_way() {
    let harness = Harness::new();
    harness.log.answers.forget_permits(Semaphore::MAX_PERMITS);
    let (address, server) = start(&harness, BOUNDS).await;
    let mut idle = open(address, "").await;
    let mut under_way = open(address, &request(&event(1), "")).await;
    while harness.metrics.http_in_flight_bytes.with(&[]).get() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    harness.stop.cancel();
    assert_eq!(rest(&mut idle).await, "");
    assert!(
        TcpStream::connect(address).await.is_err(),
        "the listener is closed"
    );
    assert!(!server.is_finished());
    harness.log.answers.add_permits(1);
    let answer = rest(&mut under_way).await;
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
    server.await.unwrap();
    assert_eq!(harness.records().len(), 1);
}

/// A request that never ends does not hold up a stop beyond its bound.
#[tokio::test]
async fn a_stop_is_bounded() {
    let harness = Harness::new();
    harness.log.answers.forget_permits(Semaphore::MAX_PERMITS);
    let drain = Duration::from_millis(200);
    let (address, server) = start(&harness, Bounds { drain, ..BOUNDS }).await;
    let _hanging = open(address, &request(&event(1), "")).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    harness.stop.cancel();
    tokio::time::timeout(Duration::from_secs(3), server)
        .await
        .unwrap()
        .unwrap();
}

/// A client that sends all of a body before it reads gets the refusal all the same, not a reset.
#[tokio::test]
async fn a_refusal_reaches_a_client_that_still_sends() {
    let harness = Harness::new();
    let (address, _server) = start(&harness, BOUNDS).await;
    for (body, more, status) in [
        ("x".repeat(8 << 20), "", "413"),
        ("x".repeat(3 << 20), "x-api-key: another\r\n", "401"),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = request(&body, more);
        let sent = stream.write_all(request.as_bytes()).await;
        assert!(sent.is_ok(), "{status}: {sent:?}");
        let mut answer = [0; 12];
        let read = stream.read_exact(&mut answer).await;
        assert!(read.is_ok(), "{status}: {read:?}");
        assert_eq!(String::from_utf8_lossy(&answer), format!("HTTP/1.1 {status}"));
    }
    harness.stop.cancel();
}
