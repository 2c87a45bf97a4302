//! How many worker processes: a number, or a multiple of the processors plus some.

use std::fmt;
use std::str::FromStr;

use super::{Unit, UnitError, text_form};

/// `8`, or `cpu*2+1` as gunicorn's guide writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WorkerCount {
    Fixed(u32),
    PerCpu { times: u32, plus: u32 },
}

impl WorkerCount {
    /// The number on a machine or in a pod with so many whole vCPUs.
    pub const fn on(self, cpus: u32) -> u32 {
        match self {
            Self::Fixed(count) => count,
            Self::PerCpu { times, plus } => cpus.saturating_mul(times).saturating_add(plus),
        }
    }
}

impl Unit for WorkerCount {
    const FORMAT: &'static str = "vvbill-workers";
    const PATTERN: &'static str =
        r"^\s*([0-9]+|(cpu|multiprocessing\.cpu_count\(\))\s*(\*\s*[0-9]+\s*)?(\+\s*[0-9]+\s*)?)$";
    const EXAMPLES: &'static [&'static str] = &["8", "cpu*2+1"];
    const ABOUT: &'static str = "a number, or a multiple of the vCPUs: 8, cpu*2+1";
    const BARE_NUMBER: bool = true;
}

impl FromStr for WorkerCount {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let expression = compact
            .strip_prefix("multiprocessing.cpu_count()")
            .or_else(|| compact.strip_prefix("cpu"));
        let parsed = match expression {
            None => compact.parse().ok().map(Self::Fixed),
            Some(rest) => {
                let (times, plus) = rest.split_once('+').unwrap_or((rest, "0"));
                let times = if times.is_empty() {
                    Some("1")
                } else {
                    times.strip_prefix('*')
                };
                let times = times.and_then(|times| times.parse().ok());
                times
                    .zip(plus.parse().ok())
                    .map(|(times, plus)| Self::PerCpu { times, plus })
            }
        };
        parsed.ok_or_else(|| {
            UnitError::new(
                format!("`{text}` is not a number of workers"),
                format!("write {}", Self::ABOUT),
            )
        })
    }
}

impl fmt::Display for WorkerCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(count) => write!(f, "{count}"),
            Self::PerCpu { times, plus } => write!(f, "cpu*{times}+{plus}"),
        }
    }
}

text_form!(WorkerCount);
