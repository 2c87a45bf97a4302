//! CloudEvents 1.0 → [`Event`]: `(source, id)` becomes a UUIDv5, `time` is `occurred_at`, `data`
//! holds the rest.

use super::{AccountId, Event, EventId, MAX_EVENT_BYTES, Rejection, parse};
use sonic_rs::LazyValue;
use std::borrow::Cow;

/// Extension attributes are allowed by the standard, so unknown ones are passed over.
#[derive(serde::Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    specversion: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(borrow)]
    time: LazyValue<'a>,
    #[serde(borrow)]
    data: Data<'a>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Data<'a> {
    account_id: u64,
    #[serde(borrow)]
    metric: Cow<'a, str>,
    #[serde(borrow)]
    quantity: LazyValue<'a>,
    #[serde(borrow, default)]
    properties: Option<LazyValue<'a>>,
}

/// Reads one structured-mode CloudEvent (JSON) whose `data` has `account_id`, `metric`, `quantity`
/// and optionally `properties`.
pub fn from_cloud_event(bytes: &[u8]) -> Result<Event<'_>, Rejection> {
    if bytes.len() > MAX_EVENT_BYTES {
        return Err(Rejection::Oversized);
    }
    let envelope: Envelope<'_> =
        sonic_rs::from_str(parse::safe(bytes)?).map_err(|error| parse::malformed(&error))?;
    if envelope.specversion != "1.0" {
        return Err(Rejection::Malformed("specversion must be 1.0".to_owned()));
    }
    if envelope.id.is_empty() || envelope.source.is_empty() {
        return Err(Rejection::Malformed("id and source must not be empty".to_owned()));
    }
    let data = envelope.data;
    Ok(Event {
        id: EventId::of_cloud_event(&envelope.source, &envelope.id),
        account: AccountId::new(data.account_id)?,
        metric: parse::metric(data.metric)?,
        quantity: parse::quantity(data.quantity.as_raw_str())?,
        occurred_at: parse::occurred_at(envelope.time.as_raw_str())?,
        properties: data
            .properties
            .map_or(Ok(None), |value| parse::properties(value.as_raw_cow()))?,
    })
}
