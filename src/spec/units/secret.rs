//! Where a secret comes from. The secret itself is no part of a plan.

use std::fmt;
use std::str::FromStr;

use super::{Unit, UnitError, text_form};

/// What stands wherever a secret's value would.
pub const REDACTED: &str = "(sensitive)";

/// The place that holds a secret. A value written into the plan parses as `Literal`, so that a rule can
/// point at it; it is redacted wherever it would be printed or serialised.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretReference {
    /// `env:NAME`: an environment variable of whoever runs vvbill.
    Environment(String),
    /// `file:PATH`: the first line of a file, relative to the plan.
    File(String),
    /// `secretsmanager:NAME`: AWS Secrets Manager, by name or ARN.
    SecretsManager(String),
    /// `managed`: made and kept by AWS, or by vvbill in the state's folder on the local target.
    Managed,
    /// The secret itself, which doesn't belong here.
    Literal(LiteralSecret),
}

/// A secret that was written into the plan; it cannot be read back.
#[derive(Clone, PartialEq, Eq)]
pub struct LiteralSecret {
    text: String,
}

impl SecretReference {
    /// Whether the secret itself was written into the plan.
    pub const fn is_literal(&self) -> bool {
        matches!(self, Self::Literal(_))
    }
}

impl LiteralSecret {
    /// Length in characters, for rules about what a store accepts.
    pub fn length(&self) -> usize {
        self.text.chars().count()
    }

    /// The characters that `accepted` refuses, for the same rules: how many, not which.
    pub fn refused(&self, accepted: impl Fn(char) -> bool) -> usize {
        self.text.chars().filter(|c| !accepted(*c)).count()
    }
}

impl Unit for SecretReference {
    const FORMAT: &'static str = "vvbill-secret";
    const PATTERN: &'static str = "^.+$";
    const EXAMPLES: &'static [&'static str] = &[
        "env:BILLING_PASSWORD",
        "file:secrets/redis",
        "secretsmanager:billing/redis",
        "managed",
    ];
    const ABOUT: &'static str = "env:NAME, file:PATH, secretsmanager:NAME or managed";
}

impl FromStr for SecretReference {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let empty = || {
            UnitError::new(
                "the reference to a secret names nothing",
                format!("write {}", Self::ABOUT),
            )
        };
        let text = text.trim();
        if text == "managed" {
            return Ok(Self::Managed);
        }
        let (place, name) = text
            .split_once(':')
            .map_or(("", ""), |(place, name)| (place, name.trim()));
        let reference = match place {
            "env" => Self::Environment(name.to_owned()),
            "file" => Self::File(name.to_owned()),
            "secretsmanager" => Self::SecretsManager(name.to_owned()),
            _ if text.is_empty() => return Err(empty()),
            _ => {
                return Ok(Self::Literal(LiteralSecret {
                    text: text.to_owned(),
                }));
            }
        };
        if name.is_empty() {
            Err(empty())
        } else {
            Ok(reference)
        }
    }
}

impl fmt::Display for SecretReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{path}"),
            Self::SecretsManager(name) => write!(f, "secretsmanager:{name}"),
            Self::Managed => f.write_str("managed"),
            Self::Literal(_) => f.write_str(REDACTED),
        }
    }
}

impl fmt::Debug for SecretReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretReference({self})")
    }
}

impl fmt::Debug for LiteralSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

text_form!(SecretReference);
