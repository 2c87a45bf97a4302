//! Durations (`5s`, `1h30m`, `7d`) and daily windows (`03:00-04:00`).

use std::fmt;
use std::str::FromStr;

use super::{Unit, UnitError, text_form};

/// A length of time, kept in whole microseconds: `10ms`, `5s`, `30m`, `168h`, `7d`, `1h30m`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(u64);

const UNITS_US: [(&str, u64); 6] = [
    ("d", 86_400_000_000),
    ("h", 3_600_000_000),
    ("m", 60_000_000),
    ("s", 1_000_000),
    ("ms", 1_000),
    ("us", 1),
];

impl Duration {
    pub const ZERO: Self = Self(0);

    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    pub const fn from_millis(millis: u64) -> Self {
        Self(millis * 1_000)
    }

    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds * 1_000_000)
    }

    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Whole milliseconds, rounded down.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000
    }

    /// Whole seconds, rounded down.
    pub const fn as_secs(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Whole days, rounded down.
    pub const fn as_days(self) -> u64 {
        self.0 / 86_400_000_000
    }

    pub const fn as_std(self) -> std::time::Duration {
        std::time::Duration::from_micros(self.0)
    }
}

impl Unit for Duration {
    const FORMAT: &'static str = "vvbill-duration";
    const PATTERN: &'static str = r"^\s*(0|([0-9][0-9_]*(\.[0-9]+)?\s*(us|ms|s|m|min|h|d)\s*)+)$";
    const EXAMPLES: &'static [&'static str] = &["500ms", "5s", "30m", "1h30m", "168h", "7d"];
    const ABOUT: &'static str = "a number with us, ms, s, m, h or d: 500ms, 5s, 30m, 1h30m, 7d";
}

impl FromStr for Duration {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let malformed = || {
            UnitError::new(
                format!("`{text}` is not a duration"),
                format!("write {}", Self::ABOUT),
            )
        };
        let mut rest = text.trim();
        if rest == "0" {
            return Ok(Self::ZERO);
        }
        let mut total: u64 = 0;
        while !rest.is_empty() {
            let number_end = rest
                .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '_')))
                .unwrap_or(rest.len());
            let unit_text = rest[number_end..].trim_start();
            let unit_end = unit_text
                .find(|c: char| !c.is_ascii_alphabetic())
                .unwrap_or(unit_text.len());
            let (number, _) = super::split_number(&rest[..number_end]).ok_or_else(malformed)?;
            let unit = &unit_text[..unit_end];
            if unit.is_empty() {
                return Err(UnitError::new(
                    format!("`{text}` has no unit of time"),
                    format!("write `{number}s`, `{number}m` or `{number}h`"),
                ));
            }
            let unit = if unit == "min" { "m" } else { unit };
            let (_, micros) = UNITS_US
                .iter()
                .find(|(name, _)| *name == unit)
                .ok_or_else(malformed)?;
            let part = number
                .checked_mul((*micros).into())
                .filter(|part| part.fract().is_zero())
                .and_then(|part| u64::try_from(part).ok())
                .ok_or_else(|| {
                    UnitError::new(
                        format!("`{text}` is no whole number of microseconds in range"),
                        "write a shorter or rounder duration",
                    )
                })?;
            total = total
                .checked_add(part)
                .ok_or_else(|| UnitError::new(format!("`{text}` is too long"), "write a shorter duration"))?;
            rest = unit_text[unit_end..].trim_start();
        }
        if text.trim().is_empty() {
            Err(malformed())
        } else {
            Ok(Self(total))
        }
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let exact = UNITS_US.iter().find(|(_, micros)| self.0.is_multiple_of(*micros));
        let (unit, micros) = exact.expect("one microsecond divides every duration");
        write!(f, "{}{unit}", self.0 / micros)
    }
}

text_form!(Duration);

/// A daily window in UTC, `hh:mm-hh:mm`; one that ends before it starts runs past midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeWindow {
    /// Minutes after midnight UTC.
    pub start_minute: u16,
    /// Minutes after midnight UTC.
    pub end_minute: u16,
}

impl TimeWindow {
    /// Length in minutes, 1 to 1,439.
    pub const fn length_minutes(self) -> u16 {
        (self.end_minute + 1_440 - self.start_minute) % 1_440
    }

    /// Whether the two windows share a minute.
    pub const fn overlaps(self, other: Self) -> bool {
        (other.start_minute + 1_440 - self.start_minute) % 1_440 < self.length_minutes()
            || (self.start_minute + 1_440 - other.start_minute) % 1_440 < other.length_minutes()
    }
}

impl Unit for TimeWindow {
    const FORMAT: &'static str = "vvbill-time-window";
    const PATTERN: &'static str = "^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$";
    const EXAMPLES: &'static [&'static str] = &["03:00-04:00", "23:30-00:30"];
    const ABOUT: &'static str = "a start and an end in UTC: 03:00-04:00";
}

impl FromStr for TimeWindow {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let window = text.trim().split_once('-').and_then(|(start, end)| {
            Some(Self {
                start_minute: minute_of_day(start)?,
                end_minute: minute_of_day(end)?,
            })
        });
        window
            .filter(|window| window.start_minute != window.end_minute)
            .ok_or_else(|| {
                UnitError::new(
                    format!("`{text}` is not a daily window"),
                    format!("write {}", Self::ABOUT),
                )
            })
    }
}

impl fmt::Display for TimeWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (start, end) = (self.start_minute, self.end_minute);
        write!(
            f,
            "{:02}:{:02}-{:02}:{:02}",
            start / 60,
            start % 60,
            end / 60,
            end % 60
        )
    }
}

text_form!(TimeWindow);

/// `03:30` → 210
fn minute_of_day(clock: &str) -> Option<u16> {
    let (hours, minutes) = clock.split_once(':')?;
    let two_digits = |part: &str, limit: u16| -> Option<u16> {
        let valid = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
        part.parse().ok().filter(|number| valid && *number < limit)
    };
    Some(two_digits(hours, 24)? * 60 + two_digits(minutes, 60)?)
}

/// A weekly window in UTC, `ddd:hh:mm-ddd:hh:mm`, as RDS and ElastiCache take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WeeklyWindow {
    /// Minutes after Monday's midnight UTC.
    pub start_minute: u16,
    /// Minutes after Monday's midnight UTC.
    pub end_minute: u16,
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl WeeklyWindow {
    /// Length in minutes, 1 to 10,079.
    pub const fn length_minutes(self) -> u16 {
        (self.end_minute + 10_080 - self.start_minute) % 10_080
    }
}

impl Unit for WeeklyWindow {
    const FORMAT: &'static str = "vvbill-weekly-window";
    const PATTERN: &'static str = "^[a-z]{3}:[0-2][0-9]:[0-5][0-9]-[a-z]{3}:[0-2][0-9]:[0-5][0-9]$";
    const EXAMPLES: &'static [&'static str] = &["sun:05:00-sun:06:00"];
    const ABOUT: &'static str = "two days and times in UTC: sun:05:00-sun:06:00";
}

impl FromStr for WeeklyWindow {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let moment = |moment: &str| -> Option<u16> {
            let (day, clock) = moment.split_once(':')?;
            let day = DAYS.iter().position(|name| *name == day)?;
            Some(u16::try_from(day).ok()? * 1_440 + minute_of_day(clock)?)
        };
        let window = text.trim().split_once('-').and_then(|(start, end)| {
            Some(Self {
                start_minute: moment(start)?,
                end_minute: moment(end)?,
            })
        });
        window
            .filter(|window| window.start_minute != window.end_minute)
            .ok_or_else(|| {
                UnitError::new(
                    format!("`{text}` is not a weekly window"),
                    format!("write {}", Self::ABOUT),
                )
            })
    }
}

impl fmt::Display for WeeklyWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = |minute: u16| {
            let (day, clock) = (usize::from(minute / 1_440) % DAYS.len(), minute % 1_440);
            format!("{}:{:02}:{:02}", DAYS[day], clock / 60, clock % 60)
        };
        write!(f, "{}-{}", moment(self.start_minute), moment(self.end_minute))
    }
}

text_form!(WeeklyWindow);
