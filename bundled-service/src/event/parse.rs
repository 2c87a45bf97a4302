//! JSON → [`Event`], borrowing what it can, and back.

use super::{
    AccountId, Event, EventId, MAX_EVENT_BYTES, MAX_METRIC_BYTES, MAX_PROPERTIES_BYTES, Quantity, Rejection,
    Timestamp, nesting,
};
use sonic_rs::LazyValue;
use std::borrow::Cow;

/// The form on the wire. Fields given twice and unknown fields are refused: an event that
/// contradicts itself, or says something that would be dropped, is not taken.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire<'a> {
    #[serde(borrow)]
    event_id: Cow<'a, str>,
    account_id: u64,
    #[serde(borrow)]
    metric: Cow<'a, str>,
    #[serde(borrow)]
    quantity: LazyValue<'a>,
    #[serde(borrow)]
    occurred_at: LazyValue<'a>,
    #[serde(borrow, default)]
    properties: Option<LazyValue<'a>>,
}

/// Reads one JSON event and checks every bound but time's; for that see [`Event::check_time`].
pub fn parse(bytes: &[u8]) -> Result<Event<'_>, Rejection> {
    if bytes.len() > MAX_EVENT_BYTES {
        return Err(Rejection::Oversized);
    }
    let wire: Wire<'_> = sonic_rs::from_str(safe(bytes)?).map_err(|error| malformed(&error))?;
    Ok(Event {
        id: EventId::parse(&wire.event_id)?,
        account: AccountId::new(wire.account_id)?,
        metric: metric(wire.metric)?,
        quantity: quantity(wire.quantity.as_raw_str())?,
        occurred_at: occurred_at(wire.occurred_at.as_raw_str())?,
        properties: wire
            .properties
            .map_or(Ok(None), |value| properties(value.as_raw_cow()))?,
    })
}

/// Appends the event's canonical JSON, as the API hands it to Kafka.
pub fn write_json(event: &Event<'_>, out: &mut Vec<u8>) {
    let text = format!(
        r#"{{"event_id":"{}","account_id":{},"metric":"{}","quantity":"{}","occurred_at":"{}""#,
        event.id, event.account, event.metric, event.quantity, event.occurred_at
    );
    out.extend_from_slice(text.as_bytes());
    if let Some(properties) = &event.properties {
        out.extend_from_slice(br#","properties":"#);
        out.extend_from_slice(properties.as_bytes());
    }
    out.push(b'}');
}

pub(super) fn metric(name: Cow<'_, str>) -> Result<Cow<'_, str>, Rejection> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':' | b'/' | b'-');
    if name.is_empty() || name.len() > MAX_METRIC_BYTES || !name.bytes().all(allowed) {
        return Err(Rejection::Metric);
    }
    Ok(name)
}

/// A JSON number or a JSON string, as it stands in the text: no float comes in between.
pub(super) fn quantity(raw: &str) -> Result<Quantity, Rejection> {
    Ok(Quantity::parse(unquote(raw).unwrap_or(raw))?)
}

/// A string is RFC 3339, a number milliseconds.
pub(super) fn occurred_at(raw: &str) -> Result<Timestamp, Rejection> {
    match unquote(raw) {
        Some(text) => Timestamp::parse_rfc3339(text),
        None => Timestamp::parse_millis(raw),
    }
}

pub(super) fn properties(raw: Cow<'_, str>) -> Result<Option<Cow<'_, str>>, Rejection> {
    if raw == "null" {
        return Ok(None);
    }
    if !raw.starts_with('{') || raw.len() > MAX_PROPERTIES_BYTES {
        return Err(Rejection::Properties);
    }
    Ok(Some(raw))
}

/// What stands between the quotes of a JSON string without escapes.
fn unquote(raw: &str) -> Option<&str> {
    raw.strip_prefix('"')?.strip_suffix('"')
}

/// What the parser may see. It hands out slices as text before it has checked that they are UTF-8,
/// and it recurses; both are settled here.
pub(super) fn safe(bytes: &[u8]) -> Result<&str, Rejection> {
    let text = std::str::from_utf8(bytes).map_err(|_| Rejection::Malformed("not UTF-8".to_owned()))?;
    if nesting::is_too_deep(bytes) {
        let reason = format!("nested deeper than {} levels", nesting::MAX_NESTING);
        return Err(Rejection::Malformed(reason));
    }
    Ok(text)
}

/// The parser's message without the excerpt of the input that it draws beneath.
pub(super) fn malformed(error: &sonic_rs::Error) -> Rejection {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or("not JSON");
    Rejection::Malformed(line.chars().take(200).collect())
}
