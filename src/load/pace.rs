//! When each event is due: at a fixed rate whatever the platform does, or as soon as it can be sent.

use std::time::{Duration, Instant};

/// The schedule of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    started: Instant,
    per_second: Option<f64>,
}

impl Pace {
    pub(super) fn new(per_second: Option<u32>) -> Self {
        Self {
            started: Instant::now(),
            per_second: per_second.map(|rate| f64::from(rate.max(1))),
        }
    }

    /// Waits until event `index` is due and answers with that moment: latency counts from it, so that a
    /// platform that stalls does not hide the wait of what queues up behind.
    pub(super) fn wait(&self, index: u64) -> Instant {
        let Some(per_second) = self.per_second else {
            return Instant::now();
        };
        let due = self.started + Duration::from_secs_f64(index as f64 / per_second);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        due
    }
}
