//! How the rate of events goes over time, and when each event is due. Pure.

use std::time::Duration;

use serde::Serialize;

/// A part of a profile: the rate goes from one value to the other, evenly.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Stage {
    /// Events a second at its beginning.
    pub from: f64,
    /// Events a second at its end.
    pub to: f64,
    /// How long it is.
    pub length: Duration,
}

/// Stages one after another.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    stages: Vec<Placed>,
    length_seconds: f64,
    events: f64,
}

/// A stage with what lies before it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Placed {
    stage: Stage,
    begins_seconds: f64,
    events_before: f64,
}

/// Sums of fractions may fall short of a whole event by rounding.
const ROUNDING: f64 = 1e-3;

impl Profile {
    /// Of stages in order; those without a length are left out.
    pub fn new(stages: impl IntoIterator<Item = Stage>) -> Self {
        let mut profile = Self {
            stages: Vec::new(),
            length_seconds: 0.0,
            events: 0.0,
        };
        for stage in stages.into_iter().filter(|stage| !stage.length.is_zero()) {
            profile.stages.push(Placed {
                stage,
                begins_seconds: profile.length_seconds,
                events_before: profile.events,
            });
            profile.length_seconds += stage.length.as_secs_f64();
            profile.events += stage.events_within(stage.length.as_secs_f64());
        }
        profile
    }

    /// One rate for so long.
    pub fn constant(per_second: f64, length: Duration) -> Self {
        let (from, to) = (per_second, per_second);
        Self::new([Stage { from, to, length }])
    }

    /// One rate for as long as so many events take.
    pub fn of_events(per_second: f64, count: u64) -> Self {
        Self::constant(per_second, Duration::from_secs_f64(count as f64 / per_second))
    }

    /// Its stages in order.
    pub fn stages(&self) -> impl ExactSizeIterator<Item = &Stage> {
        self.stages.iter().map(|placed| &placed.stage)
    }

    /// How many events are due over all of it.
    pub fn count(&self) -> u64 {
        (self.events + ROUNDING) as u64
    }

    /// How long it is.
    pub fn length(&self) -> Duration {
        Duration::from_secs_f64(self.length_seconds)
    }

    /// The highest rate, in events a second.
    pub fn peak(&self) -> f64 {
        self.stages()
            .map(|stage| stage.from.max(stage.to))
            .fold(0.0, f64::max)
    }

    /// When event `index` is due, since the beginning; what comes after the last one is due at the end.
    pub fn due(&self, index: u64) -> Duration {
        let index = index as f64;
        let after = self
            .stages
            .partition_point(|placed| placed.events_before <= index);
        let Some(placed) = after.checked_sub(1).and_then(|number| self.stages.get(number)) else {
            return Duration::ZERO;
        };
        let seconds = placed.stage.seconds_until(index - placed.events_before);
        Duration::from_secs_f64((placed.begins_seconds + seconds).min(self.length_seconds))
    }

    /// How many events are due until then.
    pub fn due_by(&self, elapsed: Duration) -> u64 {
        let Some(placed) = self.placed_at(elapsed) else {
            return self.count();
        };
        let within = elapsed.as_secs_f64() - placed.begins_seconds;
        (placed.events_before + placed.stage.events_within(within) + ROUNDING) as u64
    }

    /// The number of the stage that this moment belongs to; none after the end.
    pub fn stage_at(&self, elapsed: Duration) -> Option<usize> {
        let seconds = elapsed.as_secs_f64();
        let after = self
            .stages
            .partition_point(|placed| placed.begins_seconds <= seconds);
        (seconds < self.length_seconds).then(|| after.saturating_sub(1))
    }

    /// The rate at this moment, in events a second; nothing after the end.
    pub fn rate_at(&self, elapsed: Duration) -> f64 {
        self.placed_at(elapsed).map_or(0.0, |placed| {
            let share = (elapsed.as_secs_f64() - placed.begins_seconds) / placed.stage.length.as_secs_f64();
            placed.stage.from + (placed.stage.to - placed.stage.from) * share
        })
    }

    fn placed_at(&self, elapsed: Duration) -> Option<&Placed> {
        self.stages.get(self.stage_at(elapsed)?)
    }
}

impl Stage {
    /// The area under its line until then.
    fn events_within(&self, seconds: f64) -> f64 {
        self.from * seconds + self.slope() * seconds * seconds / 2.0
    }

    /// When so many events are due: the inverse of `events_within`, in the form that a level line doesn't
    /// divide by zero.
    fn seconds_until(&self, events: f64) -> f64 {
        if events <= 0.0 {
            return 0.0;
        }
        let root = (self.from * self.from + 2.0 * self.slope() * events)
            .max(0.0)
            .sqrt();
        (2.0 * events / (self.from + root)).min(self.length.as_secs_f64())
    }

    fn slope(&self) -> f64 {
        (self.to - self.from) / self.length.as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(from: f64, to: f64, seconds: u64) -> Stage {
        let length = Duration::from_secs(seconds);
        Stage { from, to, length }
    }

    /// Stages, then (event, due ms) and (ms, events due until then, rate).
    type Case = (
        &'static [(f64, f64, u64)],
        u64,
        &'static [(u64, u64)],
        &'static [(u64, u64, f64)],
    );

    #[test]
    fn each_event_is_due_where_the_area_under_the_rate_says() {
        let cases: [Case; 5] = [
            // A level line: evenly spaced.
            (
                &[(100.0, 100.0, 10)],
                1_000,
                &[(0, 0), (1, 10), (50, 500), (999, 9_990)],
                &[(0, 0, 100.0), (5_000, 500, 100.0), (10_000, 1_000, 0.0)],
            ),
            // From nothing: half of the time for a quarter of the events.
            (
                &[(0.0, 100.0, 10)],
                500,
                &[(0, 0), (125, 5_000), (500, 10_000)],
                &[(5_000, 125, 50.0), (20_000, 500, 0.0)],
            ),
            // Down to nothing: three quarters in the first half.
            (
                &[(100.0, 0.0, 10)],
                500,
                &[(375, 5_000), (499, 9_553)],
                &[(5_000, 375, 50.0)],
            ),
            // Steps: the second goes on where the first ends.
            (
                &[(10.0, 10.0, 2), (20.0, 20.0, 2)],
                60,
                &[(19, 1_900), (20, 2_000), (21, 2_050), (59, 3_950)],
                &[(1_999, 19, 10.0), (2_000, 20, 20.0), (3_000, 40, 20.0)],
            ),
            // A ramp and then a hold.
            (
                &[(0.0, 40.0, 2), (40.0, 40.0, 1)],
                80,
                &[(10, 1_000), (40, 2_000), (60, 2_500)],
                &[(1_000, 10, 20.0), (2_500, 60, 40.0)],
            ),
        ];
        for (stages, count, dues, moments) in cases {
            let profile = Profile::new(stages.iter().map(|(from, to, length)| stage(*from, *to, *length)));
            assert_eq!(profile.count(), count, "{stages:?}");
            for (index, ms) in dues {
                let due = profile.due(*index).as_secs_f64() * 1_000.0;
                assert!(
                    (due - *ms as f64).abs() < 1.0,
                    "{stages:?}: {index} is due at {due}"
                );
            }
            for (ms, events, rate) in moments {
                let moment = Duration::from_millis(*ms);
                assert_eq!(profile.due_by(moment), *events, "{stages:?} at {ms}");
                assert!(
                    (profile.rate_at(moment) - rate).abs() < 1e-6,
                    "{stages:?} at {ms}"
                );
            }
        }
    }

    #[test]
    fn a_count_of_events_is_kept_to_the_last_one() {
        for (rate, count) in [
            (3.0, 100_000),
            (16_666.666_666, 1_000_000),
            (7.0, 1),
            (5_000.0, 20_000),
        ] {
            assert_eq!(Profile::of_events(rate, count).count(), count, "{rate}");
        }
    }

    #[test]
    fn a_moment_belongs_to_one_stage() {
        let profile = Profile::new([stage(1.0, 1.0, 2), stage(5.0, 5.0, 0), stage(2.0, 2.0, 2)]);
        let at = |ms| profile.stage_at(Duration::from_millis(ms));
        assert_eq!(
            [at(0), at(1_999), at(2_000), at(3_999), at(4_000)],
            [Some(0), Some(0), Some(1), Some(1), None]
        );
        assert_eq!(profile.stages().len(), 2, "a stage without length is none");
    }
}
