//! Whose fault it is that something is sent late: the platform's, which made the sender wait, or the sender's
//! own. Pure.

use std::time::Duration;

/// Keeps apart, for one sender, the delay that the platform caused from its own.
///
/// While the sender catches up after a wait, it is late through no fault of its own. When it doesn't catch up,
/// what comes on top is its own.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::load) struct Keeper {
    excused: Duration,
}

impl Keeper {
    /// The platform made the sender wait so long.
    pub(in crate::load) fn excuse(&mut self, waited: Duration) {
        self.excused += waited;
    }

    /// Something is sent so late: how much of that is the sender's own doing.
    pub(in crate::load) fn own(&mut self, late: Duration) -> Duration {
        self.excused = self.excused.min(late);
        late - self.excused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each step: ms waited for the platform, ms late, ms of it the sender's own.
    #[test]
    fn a_delay_has_its_cause() {
        let cases: [&[(u64, u64, u64)]; 4] = [
            // On time, then late by itself.
            &[(0, 0, 0), (0, 30, 30), (0, 0, 0)],
            // The platform stalls for a second; the sender catches up.
            &[(1_000, 1_000, 0), (0, 900, 0), (0, 400, 0), (0, 0, 0)],
            // It doesn't catch up: what comes on top is its own.
            &[(1_000, 1_000, 0), (0, 1_200, 200), (0, 1_500, 500)],
            // A stall that is caught up with excuses nothing later.
            &[(1_000, 1_000, 0), (0, 0, 0), (0, 50, 50)],
        ];
        for steps in cases {
            let mut keeper = Keeper::default();
            for (waited, late, own) in steps {
                keeper.excuse(Duration::from_millis(*waited));
                assert_eq!(
                    keeper.own(Duration::from_millis(*late)),
                    Duration::from_millis(*own),
                    "{steps:?}"
                );
            }
        }
    }
}
