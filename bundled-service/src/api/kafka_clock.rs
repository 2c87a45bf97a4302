//! Kafka's clock, as far as its acknowledgements tell: they carry the time at which a record was appended.
//!
//! Between them a clock that nobody sets carries it on. It never looks at this machine's date.

use crate::event::Timestamp;
use std::{
    sync::atomic::{AtomicI64, Ordering::Relaxed},
    time::Instant,
};

/// What the last acknowledgement said.
pub(super) struct KafkaClock {
    started: Instant,
    last_ms: AtomicI64,
    /// Kafka's time at `started`, in milliseconds; the smallest number before it is known.
    origin_ms: AtomicI64,
}

impl KafkaClock {
    pub(super) fn new() -> Self {
        Self {
            started: Instant::now(),
            last_ms: AtomicI64::new(i64::MIN),
            origin_ms: AtomicI64::new(i64::MIN),
        }
    }

    /// A record was appended at this time. Called for every record: most come with the time of the one before.
    pub(super) fn learn(&self, appended_ms: i64) {
        if self.last_ms.swap(appended_ms, Relaxed) != appended_ms {
            self.origin_ms
                .store(appended_ms.saturating_sub(self.elapsed_ms()), Relaxed);
        }
    }

    pub(super) fn now(&self) -> Option<Timestamp> {
        match self.origin_ms.load(Relaxed) {
            i64::MIN => None,
            origin_ms => Some(Timestamp::from_millis(origin_ms + self.elapsed_ms())),
        }
    }

    fn elapsed_ms(&self) -> i64 {
        self.started.elapsed().as_millis() as i64
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Unknown at first; then what was said last, and the time since.
    #[test]
    fn it_goes_on_from_what_was_said_last() {
        let clock = KafkaClock::new();
        assert!(clock.now().is_none());
        for said in [5_000_000, 1_000_000] {
            clock.learn(said);
            std::thread::sleep(std::time::Duration::from_millis(5));
            let now = clock.now().unwrap().millis();
            assert!((said + 4..said + 4_000).contains(&now), "{said} {now}");
        }
    }
}
