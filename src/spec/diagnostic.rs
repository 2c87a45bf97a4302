//! What is wrong with a plan: where, why, and what to do.

use serde::Serialize;

use super::path::FieldPath;
use super::source::{Excerpt, Sources, Span};

/// One finding, by the parser or by a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// `VV001` …: what `explain` takes.
    pub code: &'static str,
    pub severity: Severity,
    /// What is wrong, in a line.
    pub message: String,
    /// Why it is wrong; empty where the message says it.
    pub why: String,
    /// What to do; empty where nothing can be said.
    pub fix: String,
    /// The field that it is about.
    pub path: FieldPath,
    /// Where that field is written; `None` for a finding about no place.
    pub span: Option<Span>,
    /// Other places that have to do with it, each with what it has to do with it.
    pub related: Vec<(String, Span)>,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Stops `plan`, `apply` and `phase run`.
    Error,
    Warning,
    Note,
}

impl Severity {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

impl Diagnostic {
    pub fn new(code: &'static str, severity: Severity, message: impl Into<String>) -> Self {
        Self {
            code,
            severity,
            message: printable(message.into()),
            why: String::new(),
            fix: String::new(),
            path: FieldPath::default(),
            span: None,
            related: Vec::new(),
        }
    }

    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Error, message)
    }

    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Warning, message)
    }

    pub fn note(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Note, message)
    }

    #[must_use]
    pub fn why(mut self, why: impl Into<String>) -> Self {
        self.why = printable(why.into());
        self
    }

    #[must_use]
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = printable(fix.into());
        self
    }

    /// The field, and where it is written.
    #[must_use]
    pub fn at(mut self, path: FieldPath, span: Option<Span>) -> Self {
        self.path = path;
        self.span = span;
        self
    }

    /// A further place; nothing where there is none.
    #[must_use]
    pub fn related(mut self, message: impl Into<String>, span: Option<Span>) -> Self {
        self.related.extend(span.map(|span| (message.into(), span)));
        self
    }

    /// The finding with its lines, ready to be printed or serialised; secrets are taken out.
    pub fn view(&self, sources: &Sources) -> DiagnosticView {
        DiagnosticView {
            code: self.code,
            severity: self.severity,
            message: self.message.clone(),
            why: self.why.clone(),
            fix: self.fix.clone(),
            path: self.path.to_string(),
            range: self.span.map(|span| sources.excerpt(span)),
            related: self
                .related
                .iter()
                .map(|(message, span)| RelatedView {
                    message: message.clone(),
                    range: sources.excerpt(*span),
                })
                .collect(),
        }
    }
}

/// Longest text of a diagnostic, in characters.
const LONGEST: usize = 1_000;

/// A text that may quote a plan, as a terminal may get it: in one line, without control characters.
fn printable(text: String) -> String {
    let is_long = text.chars().nth(LONGEST).is_some();
    if !is_long && !text.contains(char::is_control) {
        return text;
    }
    let start = text
        .chars()
        .take(LONGEST)
        .map(|c| if c.is_control() { ' ' } else { c });
    start.chain(is_long.then_some('…')).collect()
}

/// A [`Diagnostic`] that needs no sources any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DiagnosticView {
    pub code: &'static str,
    pub severity: Severity,
    pub message: String,
    pub why: String,
    pub fix: String,
    pub path: String,
    pub range: Option<Excerpt>,
    pub related: Vec<RelatedView>,
}

/// A further place of a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RelatedView {
    pub message: String,
    pub range: Excerpt,
}

/// Errors first, then by file and place, then by code.
pub fn sort(diagnostics: &mut [Diagnostic]) {
    diagnostics.sort_by(|a, b| {
        (a.severity, a.span, a.code, &a.message).cmp(&(b.severity, b.span, b.code, &b.message))
    });
}

/// Findings as plain text, in the order given, an empty line between two.
pub fn render(diagnostics: &[Diagnostic], sources: &Sources) -> String {
    let texts: Vec<String> = diagnostics
        .iter()
        .map(|diagnostic| render_view(&diagnostic.view(sources)))
        .collect();
    texts.join("\n")
}

fn render_view(view: &DiagnosticView) -> String {
    let mut text = format!("{}[{}]: {}\n", view.severity.name(), view.code, view.message);
    if let Some(range) = &view.range {
        text += &render_range(range, '^', "");
    }
    for related in &view.related {
        text += &render_range(&related.range, '-', &related.message);
    }
    for (label, content) in [("why", &view.why), ("fix", &view.fix)] {
        if !content.is_empty() {
            text += &format!("  = {label}: {content}\n");
        }
    }
    text
}

fn render_range(range: &Excerpt, mark: char, message: &str) -> String {
    let number = range.line.to_string();
    let margin = " ".repeat(number.len());
    let indent = " ".repeat(range.caret.saturating_sub(1) as usize);
    let carets: String = std::iter::repeat_n(mark, range.length as usize).collect();
    let marked = format!("{indent}{carets} {message}");
    format!(
        "{margin}--> {}:{}:{}\n{margin} |\n{number} | {}\n{margin} | {}\n",
        range.file,
        range.line,
        range.column,
        range.text,
        marked.trim_end()
    )
}
