//! Rates of events (`1M/min`, `16667/s`).

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;

use super::{Unit, UnitError, split_number, text_form};

/// Events in a time, kept exactly as events a minute: `1M/min`, `1_000_000/min`, `16667/s`, `60M/h`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventRate {
    per_minute: Decimal,
}

impl EventRate {
    pub fn from_per_minute(events: u64) -> Self {
        Self {
            per_minute: events.into(),
        }
    }

    pub const fn per_minute(self) -> Decimal {
        self.per_minute
    }

    pub fn per_second(self) -> Decimal {
        self.per_minute / Decimal::from(60)
    }

    /// Whole events a second, rounded up: the rate that a load must reach.
    pub fn per_second_ceil(self) -> u64 {
        u64::try_from(self.per_second().ceil()).unwrap_or(u64::MAX)
    }
}

impl Unit for EventRate {
    const FORMAT: &'static str = "vvbill-event-rate";
    const PATTERN: &'static str = r"^\s*[0-9][0-9_,]*(\.[0-9]+)?\s*[kKmM]?\s*/\s*(s|sec|m|min|h)\s*$";
    const EXAMPLES: &'static [&'static str] = &["1M/min", "1_000_000/min", "16667/s"];
    const ABOUT: &'static str = "events in a second, minute or hour: 1M/min, 900K/min, 16667/s";
}

impl FromStr for EventRate {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let malformed = || {
            UnitError::new(
                format!("`{text}` is not a rate of events"),
                format!("write {}", Self::ABOUT),
            )
        };
        let (count, time) = text.split_once('/').ok_or_else(malformed)?;
        let (number, scale) = split_number(count).ok_or_else(malformed)?;
        let scale = match scale {
            "" => 1,
            "k" | "K" => 1_000,
            "m" | "M" => 1_000_000,
            _ => return Err(malformed()),
        };
        let count = number.checked_mul(Decimal::from(scale)).ok_or_else(malformed)?;
        let per_minute = match time.trim() {
            "s" | "sec" => count.checked_mul(Decimal::from(60)).ok_or_else(malformed)?,
            "m" | "min" => count,
            "h" => count / Decimal::from(60),
            _ => return Err(malformed()),
        };
        Ok(Self {
            per_minute: per_minute.normalize(),
        })
    }
}

impl fmt::Display for EventRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = self.per_minute;
        for (unit, size) in [("M", 1_000_000), ("K", 1_000)] {
            let size = Decimal::from(size);
            if !rate.is_zero() && (rate % size).is_zero() {
                return write!(f, "{}{unit}/min", (rate / size).normalize());
            }
        }
        write!(f, "{rate}/min")
    }
}

text_form!(EventRate);
