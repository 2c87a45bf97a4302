//! The sender against an API that fails in the ways an API fails.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::http;
use super::send::{Answers, Options, Progress};
use super::workload::Series;
use super::{LoadError, Mix, Popularity, Workload};
use crate::endpoints::Endpoints;

/// What the fake API does with a request that it has read.
pub(super) enum Behaviour {
    /// Takes everything.
    Take,
    /// Takes everything after a while.
    Wait(Duration),
    /// Takes everything and dies before it answers.
    TakeAndHangUp,
    /// Answers this and takes nothing.
    Say(&'static str, &'static str),
}

pub(super) fn options(count: u64) -> Options {
    let workload = Workload {
        seed: 1,
        count,
        start_ms: 1_790_000_000_000,
        accounts: 10,
        popularity: Popularity::Uniform,
        metrics: 1,
        kafka_per_mille: 0,
        mix: Mix::PLAIN,
    };
    Options {
        workload,
        connections: 1,
        batch: 50,
        profile: None,
        give_up_after: None,
        patience: Duration::from_secs(5),
    }
}

/// An API that behaves so, request by request, and `then` takes everything so long after it came. Answers with
/// where it is and the ids that it took.
pub(super) fn api(behaviours: Vec<Behaviour>, then: Duration) -> (Endpoints, &'static Mutex<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let behaviours: &_ = Box::leak(Box::new(Mutex::new(behaviours.into_iter())));
    let taken: &_ = Box::leak(Box::new(Mutex::new(Vec::new())));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            thread::spawn(move || serve(&stream, behaviours, then, taken));
        }
    });
    let endpoints = Endpoints {
        api: vec![url],
        ..Endpoints::default()
    };
    (endpoints, taken)
}

/// Sends 200 events to an API that behaves so, request by request, and takes everything afterwards.
/// Answers with what the sender says and the ids that the API took.
fn send_to(behaviours: Vec<Behaviour>) -> (Result<Answers, LoadError>, Vec<String>) {
    let (endpoints, taken) = api(behaviours, Duration::ZERO);
    let answers = send_closed(&endpoints, &options(200));
    (answers, taken.lock().unwrap().clone())
}

/// As fast as events are taken, on one connection.
pub(super) fn send_closed(endpoints: &Endpoints, options: &Options) -> Result<Answers, LoadError> {
    let targets = http::targets(endpoints).unwrap();
    let series = Series::new(&options.workload);
    let (next, progress) = (AtomicU64::new(0), Progress::default());
    http::send(&targets[0], &series, options, &next, &progress)
}

fn serve(
    stream: &TcpStream,
    behaviours: &Mutex<std::vec::IntoIter<Behaviour>>,
    then: Duration,
    taken: &Mutex<Vec<String>>,
) {
    let (mut reader, mut writer) = (BufReader::new(stream), stream);
    while let Some(body) = read_request(&mut reader) {
        let ids = body.lines().map(|line| {
            let event: Value = serde_json::from_str(line).unwrap();
            event["event_id"].as_str().unwrap().to_owned()
        });
        let behaviour = behaviours.lock().unwrap().next().unwrap_or(Behaviour::Wait(then));
        let (status, answer) = match behaviour {
            Behaviour::Say(status, answer) => (status, answer.to_owned()),
            Behaviour::Take | Behaviour::TakeAndHangUp | Behaviour::Wait(_) => {
                if let Behaviour::Wait(time) = behaviour {
                    thread::sleep(time);
                }
                taken.lock().unwrap().extend(ids);
                (
                    "202 Accepted",
                    format!("{{\"accepted\":{},\"rejected\":[]}}", body.lines().count()),
                )
            }
        };
        if matches!(behaviour, Behaviour::TakeAndHangUp) {
            return;
        }
        write!(
            writer,
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{answer}",
            answer.len()
        )
        .unwrap();
    }
}

fn read_request(reader: &mut BufReader<&TcpStream>) -> Option<String> {
    let (mut length, mut line) = (0, String::new());
    loop {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let header = line.trim_end().to_ascii_lowercase();
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if header.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    String::from_utf8(body).ok()
}

/// Whatever fails for a while, every event gets in; what may have got in twice is known.
#[test]
fn every_event_arrives_through_refusals_and_lost_connections() {
    let (answers, taken) = send_to(vec![
        Behaviour::Say("503 Service Unavailable", "{}"),
        Behaviour::TakeAndHangUp,
        Behaviour::Say("429 Too Many Requests", "{}"),
    ]);
    let answers = answers.unwrap();
    let distinct: BTreeSet<&String> = taken.iter().collect();
    assert_eq!(
        (distinct.len(), taken.len()),
        (200, 250),
        "one batch of 50 arrived twice"
    );
    assert_eq!((answers.accepted, answers.retries, answers.resent), (200, 3, 100));
    assert_eq!(answers.unexpected, 0);
    assert_eq!(
        answers.latency.len(),
        4,
        "one latency a batch, however often it was tried"
    );
}

/// An API that refuses a good event must not pass for one that works.
#[test]
fn a_wrong_refusal_is_told() {
    let refusal = r#"{"accepted":49,"rejected":[{"index":7,"code":"metric","reason":"no"}]}"#;
    let (answers, _) = send_to(vec![Behaviour::Say("400 Bad Request", refusal)]);
    let answers = answers.unwrap();
    assert_eq!(
        (answers.accepted, answers.rejected, answers.unexpected),
        (199, 1, 1)
    );
    assert!(
        answers.surprises[0].starts_with("400, refused, event 7"),
        "{:?}",
        answers.surprises
    );
}

/// An answer that doesn't account for every event of the request is an error, not a success.
#[test]
fn an_answer_that_does_not_add_up_is_an_error() {
    for (status, answer) in [
        ("202 Accepted", r#"{"accepted":49,"rejected":[]}"#),
        ("401 Unauthorized", "{}"),
        ("202 Accepted", "OK"),
    ] {
        let (answers, _) = send_to(vec![Behaviour::Say(status, answer)]);
        assert!(
            matches!(answers, Err(LoadError::Answer { .. })),
            "{status} {answer}: {answers:?}"
        );
    }
}
