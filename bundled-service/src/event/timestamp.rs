//! A moment, to the microsecond (what Postgres keeps), and RFC 3339 read by hand: it is parsed once
//! an event.

use super::Rejection;

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

/// 9999-12-31T23:59:59.999Z: what RFC 3339 can write.
const MAX_MILLIS: i64 = 253_402_300_799_999;
const HOUR_MICROS: i64 = 3_600_000_000;

impl Timestamp {
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    pub const fn from_millis(millis: i64) -> Self {
        Self(millis * 1_000)
    }

    pub const fn micros(self) -> i64 {
        self.0
    }

    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Whole hours since 1970: what rollups are kept by.
    pub const fn hour(self) -> i64 {
        self.0.div_euclid(HOUR_MICROS)
    }

    pub const fn from_hour(hour: i64) -> Self {
        Self(hour * HOUR_MICROS)
    }

    /// Milliseconds since 1970, not before it and not after the year 9999.
    pub fn parse_millis(text: &str) -> Result<Self, Rejection> {
        match text.parse::<i64>() {
            Ok(millis) if (0..=MAX_MILLIS).contains(&millis) => Ok(Self::from_millis(millis)),
            _ => Err(Rejection::OccurredAt),
        }
    }

    /// RFC 3339: `2026-11-22T10:00:00.123456Z` or with an offset; from 1970 on. Digits after the
    /// sixth decimal place are cut off.
    pub fn parse_rfc3339(text: &str) -> Result<Self, Rejection> {
        let bytes = text.as_bytes();
        let fixed = bytes.get(..19).ok_or(Rejection::OccurredAt)?;
        let separators = fixed[4] == b'-'
            && fixed[7] == b'-'
            && matches!(fixed[10], b'T' | b't' | b' ')
            && fixed[13] == b':'
            && fixed[16] == b':';
        if !separators {
            return Err(Rejection::OccurredAt);
        }
        let number = |from, to| digits(&fixed[from..to]).ok_or(Rejection::OccurredAt);
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
        let calendar = (1970..=9999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=days_in_month(year, month)).contains(&day);
        if !calendar || hour > 23 || minute > 59 || second > 59 {
            return Err(Rejection::OccurredAt);
        }
        let (fraction, zone) = fraction_micros(&bytes[19..])?;
        let seconds = days_since_1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second
            - offset_seconds(zone)?;
        let micros = seconds * 1_000_000 + fraction;
        if micros < 0 {
            return Err(Rejection::OccurredAt);
        }
        Ok(Self(micros))
    }
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(moment) => moment.fmt(f),
            Err(_) => write!(f, "{} µs since 1970", self.0),
        }
    }
}

fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0_i64, |sum, byte| {
        byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0'))
    })
}

/// The microseconds of `.123456789`, if there is one, and what follows.
fn fraction_micros(rest: &[u8]) -> Result<(i64, &[u8]), Rejection> {
    let Some(after_point) = rest.strip_prefix(b".") else {
        return Ok((0, rest));
    };
    let length = after_point
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if length == 0 || length > 9 {
        return Err(Rejection::OccurredAt);
    }
    let padded = after_point[..length]
        .iter()
        .copied()
        .chain(std::iter::repeat(b'0'));
    let micros = padded
        .take(6)
        .fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    Ok((micros, &after_point[length..]))
}

fn offset_seconds(zone: &[u8]) -> Result<i64, Rejection> {
    let (sign, clock) = match zone {
        b"Z" | b"z" => return Ok(0),
        [b'+', clock @ ..] => (1, clock),
        [b'-', clock @ ..] => (-1, clock),
        _ => return Err(Rejection::OccurredAt),
    };
    if clock.len() != 5 || clock[2] != b':' {
        return Err(Rejection::OccurredAt);
    }
    let hours = digits(&clock[..2]).ok_or(Rejection::OccurredAt)?;
    let minutes = digits(&clock[3..]).ok_or(Rejection::OccurredAt)?;
    if hours > 23 || minutes > 59 {
        return Err(Rejection::OccurredAt);
    }
    Ok(sign * (hours * 3_600 + minutes * 60))
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Proleptic Gregorian calendar; the year starts in March, so that a leap day ends it.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}
