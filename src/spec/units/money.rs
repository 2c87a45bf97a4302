//! Money in US dollars and percentages, both exact decimals.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;

use super::{Unit, UnitError, split_number, text_form};

/// US dollars, never negative: `6287 USD`, `$6,287.50`, or the bare number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(pub Decimal);

impl Unit for Money {
    const FORMAT: &'static str = "vvbill-money";
    const PATTERN: &'static str = r"^\s*\$?\s*[0-9][0-9_,]*(\.[0-9]+)?\s*([uU][sS][dD])?\s*$";
    const EXAMPLES: &'static [&'static str] = &["6287 USD", "$6,287", "0.192 USD"];
    const ABOUT: &'static str = "US dollars: 6287 USD";
    const BARE_NUMBER: bool = true;
}

impl FromStr for Money {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let trimmed = text.trim();
        let amount = trimmed.strip_prefix('$').unwrap_or(trimmed);
        match split_number(amount) {
            Some((number, unit)) if unit.is_empty() || unit.eq_ignore_ascii_case("usd") => {
                Ok(Self(number.normalize()))
            }
            Some((number, unit)) => Err(UnitError::new(
                format!("`{unit}` is not a currency that prices are kept in"),
                format!("write `{number} USD`"),
            )),
            None => Err(UnitError::new(
                format!("`{text}` is not an amount of money"),
                format!("write {}", Self::ABOUT),
            )),
        }
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} USD", self.0)
    }
}

text_form!(Money);

/// A share of a hundred, 0 to 100: `60%`, `99.99%`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(Decimal);

impl Percent {
    /// `99.99%` → 99.99
    pub const fn as_percent(self) -> Decimal {
        self.0
    }

    /// `99.99%` → 0.9999
    pub fn as_ratio(self) -> Decimal {
        self.0 / Decimal::ONE_HUNDRED
    }
}

impl From<u8> for Percent {
    /// Whole percent; more than 100 is taken as 100.
    fn from(percent: u8) -> Self {
        Self(Decimal::from(percent.min(100)))
    }
}

impl Unit for Percent {
    const FORMAT: &'static str = "vvbill-percent";
    const PATTERN: &'static str = r"^\s*[0-9]+(\.[0-9]+)?\s*%\s*$";
    const EXAMPLES: &'static [&'static str] = &["60%", "99.99%"];
    const ABOUT: &'static str = "a number from 0 to 100 with its sign: 60%";
}

impl FromStr for Percent {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        match split_number(text) {
            Some((number, "%")) if number <= Decimal::ONE_HUNDRED => Ok(Self(number.normalize())),
            Some((number, "")) => Err(UnitError::new(
                format!("`{text}` has no percent sign"),
                format!("write `{number}%`"),
            )),
            _ => Err(UnitError::new(
                format!("`{text}` is not a percentage"),
                format!("write {}", Self::ABOUT),
            )),
        }
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

text_form!(Percent);
