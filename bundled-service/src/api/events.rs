//! `POST /v1/events`: checks each event, hands the good ones to the log, answers when they are durable.

use super::{
    Api,
    framing::{self, Format, FramingError},
    in_flight::Reservation,
    keys::{Key, Permission},
    log::{Entry, Records},
    problem::{self, Problem, RejectedEvent},
};
use crate::event::{self, Event, Rejection, Timestamp, Window};
use axum::{
    body::{Body, BodyDataStream, Bytes},
    http::{HeaderMap, Request, StatusCode, header},
    response::Response,
};
use bytes::BytesMut;
use futures::StreamExt as _;
use serde::Serialize;
use std::time::{Duration, Instant};

/// So many refused events are told why in a sentence, the others by their code alone.
const MAX_REASONS: usize = 100;
/// Places of other accounts' events that are named.
const MAX_INDEXES: usize = 100;
/// Of a body that is refused, so much is read all the same, for so long.
const MAX_DISCARDED_BYTES: usize = 16 << 20;
const DISCARD_TIME: Duration = Duration::from_secs(1);
/// What is known of Kafka's time may be off by so much before an event is refused here that Kafka's
/// own time would let pass. The worker judges by that time.
const CLOCK_SLACK_SECONDS: i64 = 600;
/// This machine's clock alone is not believed any closer than this.
const UNSURE_SLACK_SECONDS: i64 = 26 * 3_600;

#[derive(Serialize)]
struct Accepted {
    accepted: usize,
    rejected: [RejectedEvent; 0],
}

pub(super) async fn post(api: &Api, request: Request<Body>) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let mut body = body.into_data_stream();
    let answer = take(api, &head.headers, &mut body).await;
    if answer.is_err() && !head.headers.contains_key(header::EXPECT) {
        discard(&mut body).await;
    }
    answer
}

/// Reads what a client still sends, within bounds: it would find the connection reset before it had
/// read the refusal.
async fn discard(body: &mut BodyDataStream) {
    let read = async {
        let mut left = MAX_DISCARDED_BYTES;
        while let Some(Ok(chunk)) = body.next().await {
            left = left.saturating_sub(chunk.len());
            if left == 0 {
                return;
            }
        }
    };
    // What comes later than that is the client's own loss.
    let _ = tokio::time::timeout(DISCARD_TIME, read).await;
}

async fn take(api: &Api, headers: &HeaderMap, body: &mut BodyDataStream) -> Result<Response, Problem> {
    let key = api.authorize(headers, Permission::Write)?;
    let format = format(headers)?;
    let (body, reservation) = receive(api, headers, body).await?;
    let checked = check(api, key.as_deref(), format, body)?;
    count_rejected(api, &checked.rejected);
    let events = checked.records.entries.len();
    if events > 0 {
        let started = Instant::now();
        let appended = api.log.append(checked.records, reservation).await;
        api.produce_duration.observe(started.elapsed().as_secs_f64());
        if let Some(cause) = appended.cause {
            return Err(Problem::NotDurable {
                acknowledged: appended.acknowledged,
                events,
                cause,
            });
        }
    }
    if !checked.rejected.is_empty() {
        return Err(Problem::EventsRejected(checked.rejected, events));
    }
    let answer = Accepted {
        accepted: events,
        rejected: [],
    };
    Ok(problem::json(StatusCode::ACCEPTED, "application/json", &answer))
}

fn format(headers: &HeaderMap) -> Result<Format, Problem> {
    if headers
        .get(header::CONTENT_ENCODING)
        .is_some_and(|coding| coding != "identity")
    {
        return Err(Problem::UnsupportedMediaType);
    }
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    content_type
        .and_then(Format::of)
        .ok_or(Problem::UnsupportedMediaType)
}

/// The whole body, within its bounds of size, time and bytes in flight.
async fn receive(
    api: &Api,
    headers: &HeaderMap,
    body: &mut BodyDataStream,
) -> Result<(Bytes, Reservation), Problem> {
    let declared = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok())
        .unwrap_or(0);
    if declared > api.limits.body_bytes {
        return Err(too_large(api));
    }
    let reservation = api.in_flight.reserve(declared).ok_or(Problem::TooManyBytes)?;
    match tokio::time::timeout(api.limits.body_timeout, read(api, declared, body, reservation)).await {
        Ok(read) => read,
        Err(_elapsed) => Err(Problem::BodyTimeout),
    }
}

async fn read(
    api: &Api,
    declared: usize,
    chunks: &mut BodyDataStream,
    mut reservation: Reservation,
) -> Result<(Bytes, Reservation), Problem> {
    let mut whole = BytesMut::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Problem::BrokenBody)?;
        if whole.len() + chunk.len() > api.limits.body_bytes {
            return Err(too_large(api));
        }
        if !reservation.grow(chunk.len()) {
            return Err(Problem::TooManyBytes);
        }
        if whole.is_empty() && chunk.len() == declared {
            return Ok((chunk, reservation));
        }
        whole.extend_from_slice(&chunk);
    }
    Ok((whole.freeze(), reservation))
}

fn too_large(api: &Api) -> Problem {
    Problem::TooLarge(format!(
        "the body is larger than {} bytes; nothing was taken",
        api.limits.body_bytes
    ))
}

/// A body's events, told apart into those to append and those to refuse.
struct Checked {
    records: Records,
    rejected: Vec<RejectedEvent>,
}

fn check(api: &Api, key: Option<&Key>, format: Format, body: Bytes) -> Result<Checked, Problem> {
    let ranges = framing::split(format, &body, api.limits.batch_events).map_err(|error| match error {
        FramingError::TooMany(_) => Problem::TooLarge(format!("{error}; nothing was taken")),
        _ => Problem::MalformedBody(error.to_string()),
    })?;
    let now = now();
    let mut entries = Vec::with_capacity(ranges.len());
    let mut rejected = Vec::new();
    let mut other_accounts = Vec::new();
    // CloudEvents are written anew as the events that they stand for.
    let mut rewritten = Vec::new();
    for (index, range) in ranges.into_iter().enumerate() {
        let event = match read_event(api, format, &body[range.clone()], now) {
            Ok(event) => event,
            Err(rejection) => {
                rejected.push(refuse(index, &rejection, rejected.len()));
                continue;
            }
        };
        if key.is_some_and(|key| !key.covers(event.account)) {
            if other_accounts.len() < MAX_INDEXES {
                other_accounts.push(index);
            }
            continue;
        }
        let account = event.account;
        let range = match format.is_cloud() {
            true => rewrite(&event, &mut rewritten),
            false => range,
        };
        entries.push(Entry { account, range });
    }
    if !other_accounts.is_empty() {
        return Err(Problem::OtherAccounts(other_accounts));
    }
    let text = match format.is_cloud() {
        true => Bytes::from(rewritten),
        false => body,
    };
    Ok(Checked {
        records: Records { text, entries },
        rejected,
    })
}

fn read_event<'a>(api: &Api, format: Format, text: &'a [u8], now: Timestamp) -> Result<Event<'a>, Rejection> {
    let event = match format.is_cloud() {
        true => event::from_cloud_event(text)?,
        false => event::parse(text)?,
    };
    // Of two clocks the one that lets it pass is right here: the worker decides.
    if event.check_time(now, api.limits.window).is_err() {
        match api.log.now() {
            Some(of_log) => event.check_time(of_log, api.limits.window)?,
            None => event.check_time(now, api.limits.unsure_window)?,
        }
    }
    Ok(event)
}

fn rewrite(event: &Event<'_>, out: &mut Vec<u8>) -> std::ops::Range<usize> {
    let start = out.len();
    event::write_json(event, out);
    start..out.len()
}

fn refuse(index: usize, rejection: &Rejection, earlier: usize) -> RejectedEvent {
    let code = rejection.code();
    let reason = match earlier < MAX_REASONS {
        true => rejection.to_string(),
        false => code.to_owned(),
    };
    RejectedEvent { index, code, reason }
}

fn count_rejected(api: &Api, rejected: &[RejectedEvent]) {
    for event in rejected {
        api.metrics.events_rejected_total.with(&[event.code]).add(1);
    }
}

/// The window widened by what clocks may differ and Kafka may take.
pub(super) fn lenient(window: Window, produce_timeout_seconds: i64) -> Window {
    let slack = CLOCK_SLACK_SECONDS + produce_timeout_seconds;
    Window {
        before_seconds: window.before_seconds.saturating_add(slack),
        after_seconds: window.after_seconds.saturating_add(slack),
    }
}

/// The window for a clock that may be about a day off.
pub(super) fn unsure(window: Window) -> Window {
    Window {
        before_seconds: window.before_seconds.saturating_add(UNSURE_SLACK_SECONDS),
        after_seconds: window.after_seconds.saturating_add(UNSURE_SLACK_SECONDS),
    }
}

pub(super) fn now() -> Timestamp {
    Timestamp::from_micros(jiff::Timestamp::now().as_microsecond())
}
