//! A quantity, kept exactly: a 64-bit count of millionths, never a float.

/// Millionths of a unit, at most 10⁹ units either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Quantity(i64);

/// Why a text is no quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    #[error("must be a decimal number such as 12, -0.5 or \"3.250001\", without an exponent")]
    NotDecimal,
    #[error("at most six decimal places are kept")]
    TooPrecise,
    #[error("must lie between -1000000000 and 1000000000")]
    OutOfRange,
}

const MILLION: i64 = 1_000_000;

impl Quantity {
    /// 10⁹ units: nine thousand such events fit a 64-bit sum, and sums are wider still.
    pub const MAX: Self = Self(1_000_000_000 * MILLION);

    pub fn from_millionths(millionths: i64) -> Result<Self, QuantityError> {
        if millionths.unsigned_abs() > Self::MAX.0.unsigned_abs() {
            return Err(QuantityError::OutOfRange);
        }
        Ok(Self(millionths))
    }

    pub fn millionths(self) -> i64 {
        self.0
    }

    /// `-12.345`: an optional minus, digits, and at most six decimal places (more, if they are 0).
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        if whole.is_empty() || fraction.is_empty() {
            return Err(QuantityError::NotDecimal);
        }
        if !whole
            .bytes()
            .chain(fraction.bytes())
            .all(|byte| byte.is_ascii_digit())
        {
            return Err(QuantityError::NotDecimal);
        }
        let mut value = 0_i64;
        for digit in whole.bytes() {
            value = value * 10 + i64::from(digit - b'0');
            if value > Self::MAX.0 / MILLION {
                return Err(QuantityError::OutOfRange);
            }
        }
        let mut places = fraction.bytes();
        for _ in 0..6 {
            value = value * 10 + places.next().map_or(0, |digit| i64::from(digit - b'0'));
        }
        if places.any(|digit| digit != b'0') {
            return Err(QuantityError::TooPrecise);
        }
        Self::from_millionths(if negative { -value } else { value })
    }
}

impl std::fmt::Display for Quantity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&format_millionths(i128::from(self.0)))
    }
}

/// A sum of quantities in millionths, as a decimal without trailing zeros: `-0.5`, `12`.
pub fn format_millionths(sum: i128) -> String {
    let sign = if sum < 0 { "-" } else { "" };
    let magnitude = sum.unsigned_abs();
    let (whole, fraction) = (magnitude / 1_000_000, magnitude % 1_000_000);
    if fraction == 0 {
        return format!("{sign}{whole}");
    }
    let fraction = format!("{fraction:06}");
    format!("{sign}{whole}.{}", fraction.trim_end_matches('0'))
}
