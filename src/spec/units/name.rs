//! Names that files, folders and resources are made of.

use std::fmt;
use std::str::FromStr;

use super::{Unit, UnitError, text_form};

/// A name: lower-case letters, digits and hyphens, at most 40, starting with a letter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::ops::Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Unit for Name {
    const FORMAT: &'static str = "vvbill-name";
    const PATTERN: &'static str = "^[a-z][a-z0-9-]{0,39}$";
    const EXAMPLES: &'static [&'static str] = &["billing-prod", "local"];
    const ABOUT: &'static str = "lower-case letters, digits and hyphens, at most 40, starting with a letter";
}

impl FromStr for Name {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let starts = text.starts_with(|c: char| c.is_ascii_lowercase());
        let made_of = text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if starts && made_of && text.len() <= 40 {
            return Ok(Self(text.to_owned()));
        }
        Err(UnitError::new(
            format!("`{text}` can't be a name"),
            format!("use {}", Self::ABOUT),
        ))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_form!(Name);

pub(super) const KEY_FORMAT: &str = "vvbill-key";
pub(super) const KEY_PATTERN: &str = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$";
pub(super) const KEY_ABOUT: &str =
    "letters, digits, dots, hyphens and underscores, at most 63, starting with a letter or digit";

/// Judges the name of an entry: it becomes part of resources' and files' names.
pub(super) fn judge_key(text: &str) -> Result<(), UnitError> {
    let starts = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    let made_of = text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
    if starts && made_of && text.len() <= 63 {
        return Ok(());
    }
    let shown: String = text.chars().filter(|c| !c.is_control()).take(63).collect();
    Err(UnitError::new(
        format!("`{shown}` can't be a name"),
        format!("use {KEY_ABOUT}"),
    ))
}
