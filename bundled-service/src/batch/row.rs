//! One row of `events` in the format of `COPY … (FORMAT binary)`, written and read by hand: generic
//! encoders take many times as long.
//!
//! The columns are those of [`COLUMNS`], in that order; everything before `metric` has a fixed
//! place.

use super::Origin;
use crate::event::{Event, Timestamp};
use bytes::{BufMut, BytesMut};

/// The columns, as COPY and INSERT name them.
pub const COLUMNS: &str = "account_id, event_id, id_time, occurred_at, quantity, kafka_offset, \
     partition, log_id, metric, properties";

/// Postgres counts microseconds from 2000-01-01.
const POSTGRES_EPOCH_MICROS: i64 = 946_684_800_000_000;
/// Before the metric's length: a column count and eight columns, each with a length.
const METRIC_AT: usize = 2 + (4 + 8) + (4 + 16) + 4 * (4 + 8) + (4 + 4) + (4 + 2);

/// One row, borrowed from the packed bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row<'a> {
    pub account: i64,
    pub event_id: [u8; 16],
    pub id_time: Timestamp,
    pub occurred_at: Timestamp,
    pub quantity: i64,
    pub offset: i64,
    pub metric: &'a str,
    pub properties: Option<&'a str>,
}

pub(super) fn encode(
    out: &mut BytesMut,
    event: &Event<'_>,
    id_time: Timestamp,
    partition: i32,
    origin: Origin,
) {
    let properties = event.properties.as_deref();
    out.reserve(METRIC_AT + 9 + event.metric.len() + properties.map_or(0, str::len));
    out.put_i16(10);
    out.put_i32(8);
    out.put_i64(event.account.get());
    out.put_i32(16);
    out.put_slice(event.id.as_bytes());
    out.put_i32(8);
    out.put_i64(id_time.micros() - POSTGRES_EPOCH_MICROS);
    out.put_i32(8);
    out.put_i64(event.occurred_at.micros() - POSTGRES_EPOCH_MICROS);
    out.put_i32(8);
    out.put_i64(event.quantity.millionths());
    out.put_i32(8);
    out.put_i64(origin.offset);
    out.put_i32(4);
    out.put_i32(partition);
    out.put_i32(2);
    out.put_i16(origin.log_id);
    out.put_i32(event.metric.len() as i32);
    out.put_slice(event.metric.as_bytes());
    match properties {
        None => out.put_i32(-1),
        Some(json) => {
            out.put_i32(json.len() as i32 + 1);
            out.put_u8(1); // the version of jsonb's binary format
            out.put_slice(json.as_bytes());
        }
    }
}

impl<'a> Row<'a> {
    /// Reads what `encode` wrote.
    pub fn decode(bytes: &'a [u8]) -> Self {
        let long = |at: usize| i64::from_be_bytes(array(bytes, at));
        let length = |at: usize| i32::from_be_bytes(array(bytes, at));
        let metric_end = METRIC_AT + 4 + length(METRIC_AT).max(0) as usize;
        let properties = match length(metric_end) {
            -1 => None,
            size => Some(text(
                &bytes[metric_end + 5..metric_end + 4 + size.max(0) as usize],
            )),
        };
        Self {
            account: long(6),
            event_id: array(bytes, 18),
            id_time: Timestamp::from_micros(long(38) + POSTGRES_EPOCH_MICROS),
            occurred_at: Timestamp::from_micros(long(50) + POSTGRES_EPOCH_MICROS),
            quantity: long(62),
            offset: long(74),
            metric: text(&bytes[METRIC_AT + 4..metric_end]),
            properties,
        }
    }
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("the range has N bytes")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("the row was encoded from a str")
}
