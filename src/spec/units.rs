//! Quantities as a plan writes them: a number with its unit, never a bare number of something.
//!
//! Each type parses from text, prints the shortest text that parses back to the same value, and gives
//! its own JSON Schema. Depends on nothing else of vvbill; never reads a clock, a file or the network.
//!
//! Sizes are decimal with `kB MB GB TB` (powers of 1,000) and binary with `KiB MiB GiB TiB` or
//! Kubernetes' `Ki Mi Gi Ti` (powers of 1,024); upper and lower case mean the same.

mod money;
mod network;
mod quantity;
mod rate;
mod secret;
mod time;
mod workers;

pub use money::{Money, Percent};
pub use network::{Cidr, Port};
pub use quantity::{Bytes, CpuQuantity};
pub use rate::EventRate;
pub use secret::{REDACTED, SecretReference};
pub use time::{Duration, TimeWindow};
pub use workers::WorkerCount;

/// Why a text is not a quantity, and how to write it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct UnitError {
    pub why: String,
    pub fix: String,
}

impl UnitError {
    pub(crate) fn new(why: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            fix: fix.into(),
        }
    }
}

/// A quantity with a text form.
pub trait Unit: std::str::FromStr<Err = UnitError> + std::fmt::Display {
    /// The `format` in the JSON Schema, by which the plan's checker finds the parser again.
    const FORMAT: &'static str;
    /// A regular expression that each accepted text matches; the parser is stricter.
    const PATTERN: &'static str;
    /// Texts that parse.
    const EXAMPLES: &'static [&'static str];
    /// How to write it, in a few words.
    const ABOUT: &'static str;
}

/// Judges `text` as the quantity of that `format`; `None` where the format is no unit.
pub(crate) fn judge(format: &str, text: &str) -> Option<Result<(), UnitError>> {
    fn parse<U: Unit>(text: &str) -> Result<(), UnitError> {
        text.parse::<U>().map(drop)
    }
    Some(match format {
        Duration::FORMAT => parse::<Duration>(text),
        TimeWindow::FORMAT => parse::<TimeWindow>(text),
        Bytes::FORMAT => parse::<Bytes>(text),
        CpuQuantity::FORMAT => parse::<CpuQuantity>(text),
        Money::FORMAT => parse::<Money>(text),
        Percent::FORMAT => parse::<Percent>(text),
        Cidr::FORMAT => parse::<Cidr>(text),
        Port::FORMAT => parse::<Port>(text),
        EventRate::FORMAT => parse::<EventRate>(text),
        WorkerCount::FORMAT => parse::<WorkerCount>(text),
        SecretReference::FORMAT => parse::<SecretReference>(text),
        _ => return None,
    })
}

/// Splits `12.5 GiB` into its number and its unit; the number may hold `_` and `,` between digits.
pub(crate) fn split_number(text: &str) -> Option<(rust_decimal::Decimal, &str)> {
    let text = text.trim();
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '_' | ',')))
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    if !number.starts_with(|c: char| c.is_ascii_digit()) || !number.ends_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let plain: String = number.chars().filter(|c| !matches!(c, '_' | ',')).collect();
    Some((plain.parse().ok()?, unit.trim()))
}

/// Serialize, Deserialize and JsonSchema of a unit, all three through its text.
macro_rules! text_form {
    ($type:ty) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl schemars::JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                use crate::spec::units::Unit;
                schemars::json_schema!({
                    "type": ["string", "number"],
                    "format": <$type as Unit>::FORMAT,
                    "pattern": <$type as Unit>::PATTERN,
                    "examples": <$type as Unit>::EXAMPLES,
                })
            }
        }
    };
}
pub(crate) use text_form;
