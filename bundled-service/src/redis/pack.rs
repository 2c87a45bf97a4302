//! Usage as text in Redis: integers in strings, so that no script ever computes with a float.

use crate::batch::Batch;
use std::{collections::BTreeMap, fmt::Write as _};

/// One pending entry: what a batch adds to a metric's hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pending {
    pub(super) metric: String,
    pub(super) hour: i64,
    pub(super) quantity: i128,
    pub(super) events: i64,
}

/// account → `metric|hour|quantity|events;…`
pub(super) fn deltas(batch: &Batch) -> BTreeMap<i64, String> {
    let mut packed: BTreeMap<i64, String> = BTreeMap::new();
    for (key, delta) in &batch.deltas {
        let text = packed.entry(key.account).or_default();
        let metric = &batch.metrics[key.metric as usize];
        let _ = write!(text, "{metric}|{}|{}|{};", key.hour, delta.quantity, delta.events);
    }
    packed
}

/// Reads what [`deltas`] wrote for one account; `None` where it is something else.
pub(super) fn parse_deltas(text: &str) -> Option<Vec<Pending>> {
    let mut found = Vec::new();
    for entry in text.split_terminator(';') {
        let mut parts = entry.split('|');
        found.push(Pending {
            metric: parts.next()?.to_owned(),
            hour: parts.next()?.parse().ok()?,
            quantity: parts.next()?.parse().ok()?,
            events: parts.next()?.parse().ok()?,
        });
    }
    Some(found)
}

/// `version:quantity:events` → quantity and events.
pub(super) fn parse_total(text: &str) -> Option<(i128, i64)> {
    let mut parts = text.split(':').skip(1);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// `metric|hour`
pub(super) fn parse_field(text: &str) -> Option<(&str, i64)> {
    let (metric, hour) = text.split_once('|')?;
    Some((metric, hour.parse().ok()?))
}
