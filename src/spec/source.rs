//! The texts that a plan came from, places in them, and their lines without secrets.

use serde::Serialize;

use super::units::REDACTED;

/// A place in a source: from a character to the one behind its last. Lines and columns count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// Which text.
    pub source: SourceId,
    /// Line of the first character.
    pub line: u32,
    /// Column of the first character.
    pub column: u32,
    /// Line of the last character.
    pub end_line: u32,
    /// Column behind the last character.
    pub end_column: u32,
}

impl Span {
    /// Whether no character lies in it, as for a value that isn't there.
    pub const fn is_empty(self) -> bool {
        self.line == self.end_line && self.column == self.end_column
    }
}

/// Which of the [`Sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(u32);

/// Every text of a plan: files, and the flags that override them.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    texts: Vec<Source>,
    secrets: Vec<Span>,
}

#[derive(Clone, Debug)]
struct Source {
    name: String,
    text: String,
}

/// A span with the name of its source and its line, ready to be printed: secrets are taken out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Excerpt {
    /// Name of the file, or the flag.
    pub file: String,
    /// Line of the first character.
    pub line: u32,
    /// Column of the first character.
    pub column: u32,
    /// Line of the last character.
    pub end_line: u32,
    /// Column behind the last character.
    pub end_column: u32,
    /// The line itself.
    pub text: String,
    /// Column of the caret in `text`, from 1; differs from `column` where a secret was taken out before it.
    pub caret: u32,
    /// How many carets, at least 1.
    pub length: u32,
}

impl Sources {
    pub(crate) fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> SourceId {
        let id = u32::try_from(self.texts.len()).expect("a plan has fewer than 2^32 sources");
        self.texts.push(Source {
            name: name.into(),
            text: text.into(),
        });
        SourceId(id)
    }

    /// Keeps what stands at `span` out of every excerpt.
    pub(crate) fn hide(&mut self, span: Span) {
        self.secrets.push(span);
    }

    /// Name of the file or flag.
    pub fn name(&self, source: SourceId) -> &str {
        self.texts
            .get(source.0 as usize)
            .map_or("", |source| &source.name)
    }

    /// Names of all sources, in the order in which they were read.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.texts.iter().map(|source| source.name.as_str())
    }

    /// The line of `span`, without secrets.
    pub fn excerpt(&self, span: Span) -> Excerpt {
        let text = self
            .texts
            .get(span.source.0 as usize)
            .map_or("", |source| &source.text);
        let line = text
            .lines()
            .nth(span.line.saturating_sub(1) as usize)
            .unwrap_or("");
        let line: Vec<char> = line.trim_start_matches('\u{feff}').chars().collect();
        let start = span.column.saturating_sub(1) as usize;
        let end = if span.end_line == span.line {
            span.end_column.saturating_sub(1) as usize
        } else {
            line.len()
        };
        let hidden = self.hidden(span, &line);
        let (text, caret, length) = cut(&line, start, end, hidden);
        Excerpt {
            file: self.name(span.source).to_owned(),
            line: span.line,
            column: span.column,
            end_line: span.end_line,
            end_column: span.end_column,
            text,
            caret,
            length,
        }
    }

    /// What to keep out of `line`, as a range of characters.
    fn hidden(&self, span: Span, line: &[char]) -> Option<(usize, usize)> {
        let on_line = |secret: &&Span| {
            secret.source == span.source && secret.line <= span.line && span.line <= secret.end_line
        };
        let recorded = self.secrets.iter().filter(on_line).map(|secret| {
            let start = if secret.line == span.line {
                secret.column.saturating_sub(1) as usize
            } else {
                0
            };
            let end = if secret.end_line == span.line {
                secret.end_column.saturating_sub(1) as usize
            } else {
                line.len()
            };
            (start, end)
        });
        let ranges = recorded.chain(looks_secret(line));
        ranges
            .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
            .filter(|(start, end)| start < end)
    }
}

/// Longest part of a line that is shown.
const SHOWN: usize = 160;

/// Replaces the hidden range, cuts what is too long, and says where the caret goes.
fn cut(line: &[char], start: usize, end: usize, hidden: Option<(usize, usize)>) -> (String, u32, u32) {
    let mut shown: Vec<char> = line
        .iter()
        .map(|c| if c.is_control() { ' ' } else { *c })
        .collect();
    let (mut start, mut end) = (start.min(line.len()), end.min(line.len()));
    if let Some((from, to)) = hidden {
        let to = to.min(shown.len());
        shown.splice(from..to, REDACTED.chars());
        let moved = |at: usize, inside: usize| match at {
            at if at <= from => at,
            at if at >= to => at - (to - from) + REDACTED.len(),
            _ => inside,
        };
        (start, end) = (moved(start, from), moved(end, from + REDACTED.len()));
    }
    let first = start.saturating_sub(SHOWN / 2);
    let first = if shown.len() <= SHOWN { 0 } else { first };
    let text: String = shown.iter().skip(first).take(SHOWN).collect();
    let caret = start - first;
    let length = end
        .saturating_sub(start)
        .clamp(1, SHOWN.saturating_sub(caret).max(1));
    (text.trim_end().to_owned(), caret as u32 + 1, length as u32)
}

/// The value behind a key that names a secret, where the text could not be read as a plan and nothing else
/// knows about it.
fn looks_secret(line: &[char]) -> Option<(usize, usize)> {
    let separator = line.iter().position(|c| matches!(c, ':' | '='))?;
    let key: String = line[..separator].iter().collect::<String>().to_ascii_lowercase();
    let key = key.trim().trim_matches(['"', '\'']);
    let names_secret = [
        "password",
        "passwd",
        "secret",
        "token",
        "auth",
        "auth-pass",
        "api_key",
        "api_keys",
    ];
    if !names_secret.iter().any(|name| key.ends_with(name)) {
        return None;
    }
    let value_start = separator + 1 + line[separator + 1..].iter().position(|c| !c.is_whitespace())?;
    let value: String = line[value_start..].iter().collect();
    let reference = ["env:", "file:", "secretsmanager:", "managed", "#", "{", "["];
    let is_reference = reference
        .iter()
        .any(|start| value.trim_start_matches(['"', '\'']).starts_with(start));
    (!is_reference).then_some((value_start, line.len()))
}
