//! When each event is due: by a profile, whatever the platform does, or as soon as it can be sent.

use std::time::{Duration, Instant};

use super::open::Profile;

/// The schedule of a run.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    /// When it began.
    pub(super) started: Instant,
    /// The rate over time; none: as fast as events are taken.
    pub(super) profile: Option<Profile>,
    /// What isn't sent by then is left.
    until: Option<Instant>,
}

impl Pace {
    pub(super) fn new(profile: Option<Profile>, give_up_after: Option<Duration>) -> Self {
        let started = Instant::now();
        Self {
            started,
            profile,
            until: give_up_after.map(|time| started + time),
        }
    }

    /// The moment that event `index` is due; none where there is no schedule.
    pub(super) fn due(&self, index: u64) -> Option<Instant> {
        let profile = self.profile.as_ref()?;
        Some(self.started + profile.due(index))
    }

    /// Waits until event `index` is due and answers with that moment: latency counts from it, so that a
    /// platform that stalls does not hide the wait of what queues up behind.
    pub(super) fn wait(&self, index: u64) -> Instant {
        let Some(due) = self.due(index) else {
            return Instant::now();
        };
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        due
    }

    /// Nothing more is to be sent.
    pub(super) fn is_over(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }
}
