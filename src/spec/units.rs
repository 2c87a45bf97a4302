//! Quantities as a plan writes them: a number with its unit, never a bare number of something.
//!
//! Each type parses from text, prints the shortest text that parses back to the same value, and gives
//! its own JSON Schema. Depends on nothing else of vvbill; never reads a clock, a file or the network.
//!
//! Sizes are decimal with `kB MB GB TB` (powers of 1,000) and binary with `KiB MiB GiB TiB` or
//! Kubernetes' `Ki Mi Gi Ti` (powers of 1,024); upper and lower case mean the same.

mod money;
mod name;
mod network;
mod quantity;
mod rate;
mod secret;
mod time;
mod workers;

pub use money::{Money, Percent};
pub use name::Name;
pub use network::{Cidr, LoopbackAddress, Port};
pub use quantity::{Bytes, CpuQuantity};
pub use rate::EventRate;
pub use secret::{LiteralSecret, REDACTED, SecretReference};
pub use time::{Duration, TimeWindow, WeeklyWindow};
pub use workers::WorkerCount;

/// Why a text is not a quantity, and how to write it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct UnitError {
    /// What is wrong with the text.
    pub why: String,
    /// What to write instead.
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
    /// Whether a bare number is one as well.
    const BARE_NUMBER: bool = false;
}

/// A unit without its type: how to write it, and whether a text is one.
struct Erased {
    format: &'static str,
    about: &'static str,
    judge: fn(&str) -> Result<(), UnitError>,
}

const fn erased<U: Unit>() -> Erased {
    Erased {
        format: U::FORMAT,
        about: U::ABOUT,
        judge: |text| text.parse::<U>().map(drop),
    }
}

const UNITS: [Erased; 15] = [
    erased::<Duration>(),
    erased::<TimeWindow>(),
    erased::<WeeklyWindow>(),
    erased::<Bytes>(),
    erased::<CpuQuantity>(),
    erased::<Money>(),
    erased::<Percent>(),
    erased::<Cidr>(),
    erased::<Port>(),
    erased::<LoopbackAddress>(),
    erased::<EventRate>(),
    erased::<WorkerCount>(),
    erased::<SecretReference>(),
    erased::<Name>(),
    Erased {
        format: name::KEY_FORMAT,
        about: name::KEY_ABOUT,
        judge: name::judge_key,
    },
];

/// What a schema says of the names that a plan's author gives to the entries of a map.
pub(crate) fn key_names() -> serde_json::Value {
    serde_json::json!({ "format": name::KEY_FORMAT, "pattern": name::KEY_PATTERN })
}

/// Judges `text` as the quantity of that `format`; `None` where the format is no unit.
pub(crate) fn judge(format: &str, text: &str) -> Option<Result<(), UnitError>> {
    let unit = UNITS.iter().find(|unit| unit.format == format)?;
    Some((unit.judge)(text))
}

/// How the quantity of that `format` is written; `None` where the format is no unit.
pub(crate) fn about(format: &str) -> Option<&'static str> {
    UNITS
        .iter()
        .find(|unit| unit.format == format)
        .map(|unit| unit.about)
}

/// Splits `12.5 GiB` into its number and its unit. Digits may be grouped, `1_000_000` or `1,000,000`; a comma
/// is never a decimal point.
pub(crate) fn split_number(text: &str) -> Option<(rust_decimal::Decimal, &str)> {
    let text = text.trim();
    let is_part = |c: char| c.is_ascii_digit() || matches!(c, '.' | '_' | ',');
    let (number, unit) = text.split_at(text.find(|c| !is_part(c)).unwrap_or(text.len()));
    if !number.starts_with(|c: char| c.is_ascii_digit()) || !number.ends_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let whole = number.split('.').next().unwrap_or(number);
    let mut groups = whole.split(',');
    let grouped = groups
        .next()
        .is_some_and(|first| !whole.contains(',') || first.len() <= 3)
        && groups.all(|group| group.len() == 3)
        && !number[whole.len()..].contains(',');
    let plain: String = number.chars().filter(|c| !matches!(c, '_' | ',')).collect();
    Some((plain.parse().ok().filter(|_| grouped)?, unit.trim()))
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
                let kinds: &[&str] =
                    if <$type as Unit>::BARE_NUMBER { &["string", "number"] } else { &["string"] };
                schemars::json_schema!({
                    "type": kinds,
                    "format": <$type as Unit>::FORMAT,
                    "pattern": <$type as Unit>::PATTERN,
                    "examples": <$type as Unit>::EXAMPLES,
                })
            }
        }
    };
}
pub(crate) use text_form;
