//! Sizes (`100 GB`, `8GiB`) and processor time (`3`, `500m`).

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;

use super::{Unit, UnitError, split_number, text_form};

/// A number of bytes: `100 GB` is 100 × 1000³, `8GiB` and `8Gi` are 8 × 1024³.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub u64);

const BINARY: [(&str, u64); 4] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
];
const DECIMAL: [(&str, u64); 4] = [
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
];

impl Bytes {
    pub const fn from_mib(mebibytes: u64) -> Self {
        Self(mebibytes << 20)
    }

    pub const fn from_gib(gibibytes: u64) -> Self {
        Self(gibibytes << 30)
    }

    pub const fn from_gb(gigabytes: u64) -> Self {
        Self(gigabytes * 1_000_000_000)
    }

    pub const fn as_bytes(self) -> u64 {
        self.0
    }

    /// Whole mebibytes, rounded up.
    pub const fn as_mib(self) -> u64 {
        self.0.div_ceil(1 << 20)
    }

    /// Whole gibibytes, rounded up.
    pub const fn as_gib(self) -> u64 {
        self.0.div_ceil(1 << 30)
    }

    /// Gigabytes (1000³), exact.
    pub fn as_gb(self) -> Decimal {
        Decimal::from(self.0) / Decimal::from(1_000_000_000u64)
    }

    /// As Kubernetes writes it: `6Gi`, `512Mi`, or plain bytes.
    pub fn kubernetes(self) -> String {
        match BINARY
            .iter()
            .find(|(_, size)| self.0 != 0 && self.0.is_multiple_of(*size))
        {
            Some((unit, size)) => format!("{}{}", self.0 / size, unit.trim_end_matches('B')),
            None => self.0.to_string(),
        }
    }
}

impl Unit for Bytes {
    const FORMAT: &'static str = "vvbill-bytes";
    const PATTERN: &'static str = r"^\s*(0|[0-9][0-9_,]*(\.[0-9]+)?\s*([bB]|[kKmMgGtT]([bB]|[iI][bB]?)))\s*$";
    const EXAMPLES: &'static [&'static str] = &["8GiB", "6Gi", "100 GB", "512MiB", "102400 B"];
    const ABOUT: &'static str =
        "a number with B, kB, MB, GB, TB (powers of 1,000) or KiB, MiB, GiB, TiB (powers of 1,024)";
}

impl FromStr for Bytes {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let malformed = || {
            UnitError::new(
                format!("`{text}` is not a size"),
                format!("write {}", Self::ABOUT),
            )
        };
        let (number, unit) = split_number(text).ok_or_else(malformed)?;
        if number.is_zero() && unit.is_empty() {
            return Ok(Self(0));
        }
        if unit.is_empty() {
            return Err(UnitError::new(
                format!("`{text}` has no unit of size"),
                format!("write `{number} GiB` or `{number} GB`, or `{number} B` for bytes"),
            ));
        }
        let lower = unit.to_ascii_lowercase();
        let named = BINARY.iter().chain(&DECIMAL).find(|(name, _)| {
            let name = name.to_ascii_lowercase();
            name == lower || (name.contains('i') && name.trim_end_matches('b') == lower)
        });
        let size = match named {
            Some((_, size)) => *size,
            None if lower == "b" => 1,
            None => return Err(malformed()),
        };
        number
            .checked_mul(size.into())
            .filter(|bytes| bytes.fract().is_zero())
            .and_then(|bytes| u64::try_from(bytes).ok())
            .map(Self)
            .ok_or_else(|| {
                UnitError::new(
                    format!("`{text}` is no whole number of bytes in range"),
                    "write a smaller or rounder size",
                )
            })
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = BINARY
            .iter()
            .chain(&DECIMAL)
            .find(|(_, size)| self.0 != 0 && self.0.is_multiple_of(*size));
        match exact {
            Some((unit, size)) => write!(f, "{}{unit}", self.0 / size),
            None => write!(f, "{}B", self.0),
        }
    }
}

text_form!(Bytes);

/// Processor time as Kubernetes writes it, kept in thousandths: `3` is three vCPUs, `500m` half of one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CpuQuantity(u64);

impl CpuQuantity {
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Thousandths of a vCPU.
    pub const fn as_millis(self) -> u64 {
        self.0
    }
}

impl Unit for CpuQuantity {
    const FORMAT: &'static str = "vvbill-cpu";
    const PATTERN: &'static str = r"^[0-9]+(\.[0-9]{1,3}|m)?$";
    const EXAMPLES: &'static [&'static str] = &["3", "1.5", "500m"];
    const ABOUT: &'static str = "vCPUs or thousandths of one: 3, 1.5, 500m";
    const BARE_NUMBER: bool = true;
}

impl FromStr for CpuQuantity {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let millis = split_number(text).and_then(|(number, unit)| match unit {
            "" => number.checked_mul(Decimal::ONE_THOUSAND),
            "m" => Some(number),
            _ => None,
        });
        millis
            .filter(|millis| millis.fract().is_zero())
            .and_then(|millis| u64::try_from(millis).ok())
            .map(Self)
            .ok_or_else(|| {
                UnitError::new(
                    format!("`{text}` is not a number of vCPUs"),
                    format!("write {}", Self::ABOUT),
                )
            })
    }
}

impl fmt::Display for CpuQuantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_multiple_of(1_000) {
            write!(f, "{}", self.0 / 1_000)
        } else {
            write!(f, "{}m", self.0)
        }
    }
}

text_form!(CpuQuantity);
