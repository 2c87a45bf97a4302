//! What MirrorMaker 2 notes about its copy: which offset of the copy belongs to which of the original.
//!
//! The topic `mm2-offset-syncs.SOURCE.internal` of the cluster that is copied to (where
//! `offset-syncs.topic.location` is `target`). A note's key is the topic (a length of two bytes, then
//! its name) and the partition (four bytes), its value the two offsets (eight bytes each), all big-endian.

use crate::{reconcile, service::ServiceError};
use rdkafka::{consumer::BaseConsumer, message::Message};
use std::collections::HashMap;

/// Pairs of offsets, by partition.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct OffsetSyncs(HashMap<i32, Vec<Pair>>);

/// A record of the original and its copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pair {
    original: i64,
    copy: i64,
}

impl OffsetSyncs {
    /// All notes about `topic`, in the order in which they were written.
    pub(super) fn read(consumer: &BaseConsumer, name: &str, topic: &str) -> Result<Self, ServiceError> {
        let mut syncs = Self::default();
        for (partition, oldest, end) in reconcile::bounds(consumer, name)? {
            reconcile::each(consumer, name, partition, oldest, end, |message| {
                let (key, value) = (message.key(), message.payload());
                syncs.note(topic, key.unwrap_or_default(), value.unwrap_or_default());
                true
            })?;
        }
        Ok(syncs)
    }

    /// Takes a note in, if it is about `topic`.
    fn note(&mut self, topic: &str, key: &[u8], value: &[u8]) {
        let parsed = || {
            let (length, rest) = key.split_first_chunk::<2>()?;
            let (name, partition) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
            let partition = i32::from_be_bytes(partition.try_into().ok()?);
            let (original, copy) = value.split_first_chunk::<8>()?;
            let pair = Pair {
                original: i64::from_be_bytes(*original),
                copy: i64::from_be_bytes(copy.try_into().ok()?),
            };
            (name == topic.as_bytes()).then_some((partition, pair))
        };
        if let Some((partition, pair)) = parsed() {
            self.0.entry(partition).or_default().push(pair);
        }
    }

    /// An offset of the copy behind which all lies that the original has from `next` on, as far as it was
    /// copied. `None`: nothing is known, so only the copy's beginning is sure to be early enough.
    ///
    /// Whatever was copied after a pair was noted lies behind it, so the pair with the highest original
    /// offset that is not above `next` is right; where a mirror that started again has copied that record
    /// twice, so is the later copy.
    pub fn translate(&self, partition: i32, next: i64) -> Option<i64> {
        let pairs = self.0.get(&partition)?.iter();
        let below = pairs.filter(|pair| pair.original <= next);
        below.max_by_key(|pair| pair.original).map(|pair| pair.copy)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn syncs(pairs: &[(i32, i64, i64)]) -> OffsetSyncs {
        let mut syncs = OffsetSyncs::default();
        for (partition, original, copy) in pairs {
            let mut key = vec![0, 6];
            key.extend_from_slice(b"events");
            key.extend_from_slice(&partition.to_be_bytes());
            let value = [original.to_be_bytes(), copy.to_be_bytes()].concat();
            syncs.note("events", &key, &value);
        }
        syncs
    }

    /// The nearest pair at or below, never one above: that could leave records out.
    #[test]
    fn a_watermark_is_translated_by_the_nearest_note_below() {
        let syncs = syncs(&[(0, 0, 0), (0, 100, 40), (0, 200, 140), (1, 7, 7)]);
        for (partition, next, expected) in [
            (0, 0, Some(0)),
            (0, 99, Some(0)),
            (0, 100, Some(40)),
            (0, 199, Some(40)),
            (0, 5_000, Some(140)),
            (1, 6, None),
            (1, 7, Some(7)),
            (2, 7, None),
        ] {
            assert_eq!(
                syncs.translate(partition, next),
                expected,
                "{partition} at {next}"
            );
        }
    }

    /// A mirror that starts again copies what it is not sure of a second time.
    #[test]
    fn of_two_copies_the_later_one_is_taken() {
        // 80 to 100 were copied to 80 to 100, and again to 101 to 121.
        let syncs = syncs(&[(0, 80, 80), (0, 100, 100), (0, 80, 101), (0, 150, 171)]);
        assert_eq!(syncs.translate(0, 90), Some(101));
        assert_eq!(syncs.translate(0, 120), Some(100));
        assert_eq!(syncs.translate(0, 150), Some(171));
    }

    /// A topic that was made anew begins at 0 again; an old pair may then be early, never late.
    #[test]
    fn an_original_that_was_made_anew() {
        let syncs = syncs(&[(0, 450, 450), (0, 400, 1_900), (0, 600, 2_100)]);
        assert_eq!(syncs.translate(0, 500), Some(450));
        assert_eq!(syncs.translate(0, 700), Some(2_100));
    }

    /// The bytes as MirrorMaker 4.3.1 wrote them about partition 1; notes of others, and what is no note,
    /// are passed over.
    #[test]
    fn notes_are_read_as_mirror_maker_writes_them() {
        let bytes = |text: &str| -> Vec<u8> {
            let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
            (0..text.len()).step_by(2).map(byte).collect()
        };
        let key = bytes("000e62696c6c696e672d6576656e747300000001");
        let value = bytes("00000000000000e000000000000000e1");
        let mut syncs = OffsetSyncs::default();
        syncs.note("billing-events", &key, &value);
        assert_eq!(syncs.translate(1, 300), Some(0xe1));
        let before = syncs.clone();
        syncs.note("other", &key, &value);
        for end in 0..key.len() {
            syncs.note("billing-events", &key[..end], &value);
        }
        for end in 0..value.len() {
            syncs.note("billing-events", &key, &value[..end]);
        }
        assert_eq!(syncs, before);
    }
}
