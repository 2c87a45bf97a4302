//! Every answer that is no success: `application/problem+json` (RFC 9457). It never quotes a header.

use super::framing::MEDIA_TYPES;
use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

/// Why a request was refused.
#[derive(Debug)]
pub(super) enum Problem {
    /// The body holds no events that could be told apart.
    MalformedBody(String),
    /// Some events were refused; the others are durable.
    EventsRejected(Vec<RejectedEvent>, usize),
    BadParameter(String),
    Unauthorized,
    NotPermitted(&'static str),
    /// Places of events that belong to accounts the key doesn't open. Nothing was taken.
    OtherAccounts(Vec<usize>),
    NotFound,
    MethodNotAllowed,
    BodyTimeout,
    TooLarge(String),
    UnsupportedMediaType,
    TooManyBytes,
    /// The client broke off, or sent no proper HTTP.
    BrokenBody,
    /// Kafka acknowledged only so many of so many.
    NotDurable {
        acknowledged: usize,
        events: usize,
        cause: String,
    },
    Unavailable(String),
}

/// One event that was refused, and why.
#[derive(Debug, Clone, Serialize)]
pub(super) struct RejectedEvent {
    /// Its place among the request's events, from 0; blank lines don't count.
    pub(super) index: usize,
    pub(super) code: &'static str,
    pub(super) reason: String,
}

#[derive(Serialize)]
struct Text<'a> {
    title: &'a str,
    status: u16,
    code: &'static str,
    detail: String,
    #[serde(flatten)]
    more: More,
}

/// What some problems say beside it.
#[derive(Serialize)]
#[serde(untagged)]
enum More {
    Nothing {},
    Rejected {
        accepted: usize,
        rejected: Vec<RejectedEvent>,
    },
    OtherAccounts {
        accepted: usize,
        indexes: Vec<usize>,
    },
    NotDurable {
        acknowledged: usize,
        events: usize,
    },
}

impl Problem {
    /// Status, stable code, and a sentence for people.
    fn describe(&self) -> (StatusCode, &'static str, String) {
        let unavailable = StatusCode::SERVICE_UNAVAILABLE;
        match self {
            Self::MalformedBody(reason) => (StatusCode::BAD_REQUEST, "malformed_body", reason.clone()),
            Self::EventsRejected(rejected, accepted) => rejected_events(rejected, *accepted),
            Self::BadParameter(reason) => (StatusCode::BAD_REQUEST, "bad_parameter", reason.clone()),
            Self::Unauthorized => (
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "send one valid API key as `Authorization: Bearer …` or `x-api-key`".to_owned(),
            ),
            Self::NotPermitted(what) => (
                StatusCode::FORBIDDEN,
                "not_permitted",
                format!("this key may not {what}"),
            ),
            Self::OtherAccounts(_) => (
                StatusCode::FORBIDDEN,
                "other_account",
                "this key does not open the account; nothing of the request was taken".to_owned(),
            ),
            Self::NotFound => (
                StatusCode::NOT_FOUND,
                "not_found",
                "there is no such resource; see /openapi.json".to_owned(),
            ),
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "this resource has no such method; see /openapi.json".to_owned(),
            ),
            Self::BodyTimeout => (
                StatusCode::REQUEST_TIMEOUT,
                "body_timeout",
                "the request's body took too long; nothing was taken".to_owned(),
            ),
            Self::TooLarge(reason) => (StatusCode::PAYLOAD_TOO_LARGE, "too_large", reason.clone()),
            Self::UnsupportedMediaType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                format!("send one of {MEDIA_TYPES} in UTF-8 and without Content-Encoding"),
            ),
            Self::TooManyBytes => (
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_bytes",
                "too many bytes of events are under way; nothing was taken".to_owned(),
            ),
            Self::BrokenBody => (
                StatusCode::BAD_REQUEST,
                "broken_body",
                "the request's body broke off; nothing was taken".to_owned(),
            ),
            Self::NotDurable {
                acknowledged,
                events,
                cause,
            } => (
                unavailable,
                "not_durable",
                format!(
                    "Kafka acknowledged {acknowledged} of {events} events ({cause}); send the whole request \
                     again, repeats are removed"
                ),
            ),
            Self::Unavailable(reason) => (unavailable, "unavailable", reason.clone()),
        }
    }

    fn more(self) -> More {
        match self {
            Self::EventsRejected(rejected, accepted) => More::Rejected { accepted, rejected },
            Self::MalformedBody(_) | Self::TooLarge(_) => More::Rejected {
                accepted: 0,
                rejected: Vec::new(),
            },
            Self::OtherAccounts(indexes) => More::OtherAccounts { accepted: 0, indexes },
            Self::NotDurable {
                acknowledged, events, ..
            } => More::NotDurable { acknowledged, events },
            _ => More::Nothing {},
        }
    }
}

/// 413 when nothing was taken and all of it is too large; otherwise 400.
fn rejected_events(rejected: &[RejectedEvent], accepted: usize) -> (StatusCode, &'static str, String) {
    let too_large = accepted == 0 && rejected.iter().all(|event| event.code == "oversized");
    let status = match too_large {
        true => StatusCode::PAYLOAD_TOO_LARGE,
        false => StatusCode::BAD_REQUEST,
    };
    let detail = format!(
        "{} of {} events were refused; the other {accepted} are durable",
        rejected.len(),
        rejected.len() + accepted
    );
    (status, "events_rejected", detail)
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, code, detail) = self.describe();
        let text = Text {
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            code,
            detail,
            more: self.more(),
        };
        let mut response = json(status, "application/problem+json", &text);
        let headers = response.headers_mut();
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
        ) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// An answer in JSON that no cache may keep.
pub(super) fn json<T: Serialize>(status: StatusCode, content_type: &'static str, value: &T) -> Response {
    let body = serde_json::to_vec(value).expect("answers have text keys and no failing parts");
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
