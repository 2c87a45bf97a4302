//! Names of fields: `eks.node_groups.app-nodes.min`, `kafka.listeners[0]`, `operating_system.sysctl["fs.nr_open"]`.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::source::Span;

/// The way from the root of a plan to a field.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldPath(Vec<Segment>);

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    Key(String),
    Index(usize),
}

/// A text that is no path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not the name of a field: {why}")]
pub struct PathError {
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl FieldPath {
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// The path of a key below.
    #[must_use]
    pub fn key(&self, key: impl Into<String>) -> Self {
        self.with(Segment::Key(key.into()))
    }

    /// The path of a list's item below, from 0.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.with(Segment::Index(index))
    }

    /// The path above; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        let (_, above) = self.0.split_last()?;
        Some(Self(above.to_vec()))
    }

    fn with(&self, segment: Segment) -> Self {
        let mut segments = self.0.clone();
        segments.push(segment);
        Self(segments)
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Key(key) if is_plain(key) => {
                    write!(f, "{}{key}", if position == 0 { "" } else { "." })?;
                }
                Segment::Key(key) => write!(f, "[{}]", serde_json::Value::from(key.as_str()))?,
            }
        }
        Ok(())
    }
}

fn is_plain(key: &str) -> bool {
    !key.is_empty()
        && key
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '/' | '@' | '*'))
}

impl FromStr for FieldPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let wrong = |why| PathError {
            text: text.to_owned(),
            why,
        };
        let mut segments = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(bracket) = rest.strip_prefix('[') {
                let (segment, behind) = bracketed(bracket).map_err(wrong)?;
                segments.push(segment);
                rest = behind
                    .strip_prefix('.')
                    .filter(|next| !next.is_empty())
                    .unwrap_or(behind);
                if behind == "." {
                    return Err(wrong("a name is missing"));
                }
            } else {
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                if end == 0 {
                    return Err(wrong("a name is missing"));
                }
                segments.push(Segment::Key(rest[..end].to_owned()));
                rest = &rest[end..];
                if let Some(next) = rest.strip_prefix('.') {
                    if next.is_empty() {
                        return Err(wrong("a name is missing"));
                    }
                    rest = next;
                }
            }
        }
        if segments.is_empty() {
            Err(wrong("it is empty"))
        } else {
            Ok(Self(segments))
        }
    }
}

/// What stands behind `[`: a number, or a key as JSON writes it; and what follows the `]`.
fn bracketed(text: &str) -> Result<(Segment, &str), &'static str> {
    if !text.starts_with('"') {
        let (index, behind) = text.split_once(']').ok_or("a bracket isn't closed")?;
        let index = index
            .parse()
            .map_err(|_| "in brackets stands a number or a key in double quotes")?;
        return Ok((Segment::Index(index), behind));
    }
    let mut keys = serde_json::Deserializer::from_str(text).into_iter::<String>();
    let key = keys.next().and_then(Result::ok).ok_or("a quote isn't closed")?;
    let behind = text[keys.byte_offset()..]
        .strip_prefix(']')
        .ok_or("a bracket isn't closed")?;
    Ok((Segment::Key(key), behind))
}

impl serde::Serialize for FieldPath {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Where each field of a plan is written.
#[derive(Clone, Debug, Default)]
pub struct SpanMap(BTreeMap<FieldPath, Span>);

impl SpanMap {
    pub(crate) fn insert(&mut self, path: FieldPath, span: Span) {
        self.0.insert(path, span);
    }

    /// Where the field is written: its value, or its key where the value is a map or a list. For a field that
    /// the plan leaves out, the nearest one around it; `None` only where the root itself is unknown or the
    /// path is malformed.
    pub fn get(&self, path: &str) -> Option<Span> {
        if path.is_empty() {
            self.nearest(&FieldPath::default())
        } else {
            self.nearest(&path.parse().ok()?)
        }
    }

    /// As [`Self::get`], for a path that is already one.
    pub fn nearest(&self, path: &FieldPath) -> Option<Span> {
        let mut path = path.clone();
        loop {
            if let Some(span) = self.0.get(&path) {
                return Some(*span);
            }
            path = path.parent()?;
        }
    }

    /// Whether the plan itself writes the field, rather than leaving it to its default.
    pub fn is_written(&self, path: &str) -> bool {
        path.parse().is_ok_and(|path| self.0.contains_key(&path))
    }

    /// Every field that the plan writes.
    pub fn paths(&self) -> impl Iterator<Item = &FieldPath> {
        self.0.keys()
    }
}
