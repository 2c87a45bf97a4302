//! Where the reader of a partition and a catch-up reader meet: from there on the shard's rows are the
//! former's again.
//!
//! The reader goes on at its own pace, and the other one never passes it. When they are close, the
//! reader names its position as the place and keeps the shard's rows from there on; the other one
//! reads up to it, not further. Either may back out until it is reached; one atomic decides, so
//! every offset is the affair of exactly one of them. Pure: no IO, no clock.

use super::lane::Watermark;
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering::SeqCst},
};

/// No place is named.
const NOWHERE: i64 = -1;
/// They have met.
const MET: i64 = -2;

/// What both sides see.
pub(super) struct Meeting {
    /// Where the reader was when the shard fell behind.
    first: i64,
    /// The next offset of the partition's reader, as it said last.
    reader: AtomicI64,
    /// The next offset of the catch-up reader, while it is ready to meet.
    catching_up: AtomicI64,
    place: AtomicI64,
    /// How far the shard is.
    pub(super) watermark: Arc<Watermark>,
}

/// What the catch-up reader does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The offset is its own.
    Take,
    /// The partition's reader has not been here yet.
    Wait,
    /// Everything before this offset is its own, the rest is not.
    Met(i64),
}

impl Meeting {
    pub(super) fn new(position: i64, watermark: Arc<Watermark>) -> Self {
        Self {
            first: position,
            reader: AtomicI64::new(position),
            catching_up: AtomicI64::new(NOWHERE),
            place: AtomicI64::new(NOWHERE),
            watermark,
        }
    }

    /// The reader: every offset before `position` was read.
    pub(super) fn pass(&self, position: i64) {
        self.reader.store(position, SeqCst);
    }

    /// The reader: names its position as the place if the other one is within `near` records of it.
    pub(super) fn propose(&self, position: i64, near: i64) -> Option<i64> {
        let other = self.catching_up.load(SeqCst);
        if other < 0 || position - other > near {
            return None;
        }
        // Ahead of us it only waits, and has read nothing yet.
        let place = position.max(other);
        let named = self.place.compare_exchange(NOWHERE, place, SeqCst, SeqCst);
        named.is_ok().then_some(place)
    }

    /// The reader: backs out. `false` when they have met already.
    pub(super) fn back_out(&self, place: i64) -> bool {
        let taken_back = self.place.compare_exchange(place, NOWHERE, SeqCst, SeqCst);
        taken_back.is_ok() || self.is_off()
    }

    /// The reader: has the other one backed out?
    pub(super) fn is_off(&self) -> bool {
        self.place.load(SeqCst) == NOWHERE
    }

    /// The catch-up reader: it is at `position`, with nothing that it would have to finish first.
    pub(super) fn ready(&self, position: i64) {
        self.catching_up.store(position, SeqCst);
    }

    /// The catch-up reader: backs out, and is not ready any more.
    pub(super) fn withdraw(&self) {
        self.catching_up.store(NOWHERE, SeqCst);
        self.place.store(NOWHERE, SeqCst);
    }

    /// The catch-up reader, which has taken everything before `offset`: what about it?
    pub(super) fn step(&self, offset: i64) -> Step {
        loop {
            let place = self.place.load(SeqCst);
            if place < 0 {
                return match offset < self.reader.load(SeqCst) {
                    true => Step::Take,
                    false => Step::Wait,
                };
            }
            if offset < place {
                return Step::Take;
            }
            let ready = self.catching_up.load(SeqCst) >= 0;
            let reached = if ready { MET } else { NOWHERE };
            let decided = self.place.compare_exchange(place, reached, SeqCst, SeqCst);
            if ready && decided.is_ok() {
                return Step::Met(place);
            }
        }
    }

    /// Where the reader was when the shard fell behind.
    pub(super) fn first(&self) -> i64 {
        self.first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEAR: i64 = 10;

    fn meeting(position: i64) -> Meeting {
        Meeting::new(position, Arc::new(Watermark::unknown()))
    }

    /// The catch-up reader follows the reader, and never passes it.
    #[test]
    fn it_waits_behind_the_reader() {
        let meeting = meeting(5);
        assert_eq!(meeting.step(4), Step::Take);
        assert_eq!(meeting.step(5), Step::Wait);
        meeting.pass(6);
        assert_eq!(meeting.step(5), Step::Take);
    }

    /// They meet where the reader was when the other one came near, at that very offset.
    #[test]
    fn they_meet_at_the_readers_position() {
        let meeting = meeting(100);
        assert_eq!(meeting.propose(100, NEAR), None, "it is not ready");
        meeting.ready(80);
        assert_eq!(meeting.propose(100, NEAR), None, "it is too far away");
        meeting.ready(90);
        assert_eq!(meeting.propose(100, NEAR), Some(100));
        meeting.pass(500);
        assert_eq!(meeting.step(99), Step::Take);
        assert_eq!(meeting.step(100), Step::Met(100));
        assert!(!meeting.back_out(100), "they have met");
    }

    /// A record beyond the place says that nothing lies before it.
    #[test]
    fn offsets_without_a_record_are_no_hindrance() {
        let meeting = meeting(100);
        meeting.ready(95);
        assert_eq!(meeting.propose(100, NEAR), Some(100));
        assert_eq!(meeting.step(104), Step::Met(100));
    }

    /// A shard that is ahead of the reader needs no catching up.
    #[test]
    fn a_shard_that_is_ahead() {
        let meeting = meeting(100);
        meeting.ready(120);
        assert_eq!(meeting.step(120), Step::Wait);
        assert_eq!(meeting.propose(101, NEAR), Some(120));
        assert_eq!(meeting.step(120), Step::Met(120));
    }

    /// Who backs out first decides, and they may try again.
    #[test]
    fn either_may_back_out() {
        let meeting = meeting(100);
        meeting.ready(95);
        assert_eq!(meeting.propose(100, NEAR), Some(100));
        assert!(meeting.back_out(100));
        assert_eq!(meeting.step(100), Step::Wait);
        assert_eq!(meeting.propose(103, NEAR), Some(103));
        meeting.withdraw();
        assert!(meeting.is_off());
        assert!(meeting.back_out(103), "it is off anyway");
        assert_eq!(meeting.propose(103, NEAR), None, "it is not ready");
    }

    /// A place that was named as the other one withdrew counts for nothing.
    #[test]
    fn a_place_named_too_late() {
        let meeting = meeting(100);
        meeting.ready(95);
        assert_eq!(meeting.propose(100, NEAR), Some(100));
        meeting.catching_up.store(NOWHERE, SeqCst);
        meeting.pass(110);
        assert_eq!(meeting.step(100), Step::Take);
        assert!(meeting.is_off());
    }

    /// Whatever the order in which both go on, every offset has exactly one owner.
    #[test]
    fn every_offset_has_one_owner() {
        use rand::{RngExt, SeedableRng};
        for seed in 0..200 {
            let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
            let end = 300;
            let meeting = meeting(40);
            let (mut reader, mut other) = (40, random.random_range(0..60));
            let (mut kept, mut place, mut met) = (Vec::new(), None, None);
            let mut taken: Vec<i64> = (0..other).collect();
            meeting.ready(other);
            for _ in 0..100_000 {
                match random.random_range(0..5) {
                    0 | 1 if reader < end => {
                        if place.is_some_and(|place| reader >= place) {
                            kept.push(reader);
                        }
                        reader += 1;
                    }
                    2 if met.is_none() => {
                        meeting.pass(reader);
                        match place {
                            None => place = meeting.propose(reader, NEAR),
                            Some(at) if random.random_ratio(1, 4) && meeting.back_out(at) => {
                                place = None;
                                kept.clear();
                            }
                            Some(_) => {}
                        }
                    }
                    3 | 4 if met.is_none() => match meeting.step(other) {
                        Step::Take => {
                            taken.push(other);
                            other += 1;
                            meeting.ready(other);
                        }
                        Step::Wait => {}
                        Step::Met(at) => met = Some(at),
                    },
                    _ => {}
                }
                if reader == end && met.is_some() {
                    break;
                }
            }
            assert_eq!(met, place, "seed {seed}");
            let all: Vec<i64> = taken.into_iter().chain(kept).collect();
            assert_eq!(all, (0..end.max(other)).collect::<Vec<_>>(), "seed {seed}");
        }
    }
}
