//! What is wrong with a plan: as text with the lines it is about, or as JSON with ranges.

use std::fmt::Write as _;

use anstyle::Style;
use serde_json::{Value, json};

use super::snippet::Snippet;
use super::style;
use crate::spec::{Diagnostic, DiagnosticView, Severity, Sources};

/// How many findings there are of each severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub errors: usize,
    pub warnings: usize,
    pub notes: usize,
}

impl Count {
    pub(crate) fn of<'a>(findings: impl IntoIterator<Item = &'a Diagnostic>) -> Self {
        let mut count = Self::default();
        for finding in findings {
            match finding.severity {
                Severity::Error => count.errors += 1,
                Severity::Warning => count.warnings += 1,
                Severity::Note => count.notes += 1,
            }
        }
        count
    }

    /// `3 errors, 1 warning`; notes only where there are some.
    pub(crate) fn summary(self) -> String {
        let mut text = format!(
            "{}, {}",
            counted(self.errors, "error"),
            counted(self.warnings, "warning")
        );
        if self.notes > 0 {
            let _ = write!(text, ", {}", counted(self.notes, "note"));
        }
        text
    }
}

/// `1 error`, `2 errors`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// All findings, an empty line after each.
pub(crate) fn render<'a>(findings: impl IntoIterator<Item = &'a Diagnostic>, sources: &Sources) -> String {
    let views = findings.into_iter().map(|finding| finding.view(sources));
    views.map(|view| render_view(view) + "\n").collect()
}

fn render_view(view: DiagnosticView) -> String {
    let color = color(view.severity);
    let head = style::paint(color, format_args!("{}[{}]", view.severity.name(), view.code));
    let mut text = format!("{head}: {}\n", style::paint(style::STRONG, &view.message));
    if let Some(range) = view.range {
        text += &Snippet::from(range).render('^', color, "");
    }
    for related in view.related {
        text += &Snippet::from(related.range).render('-', style::GUTTER, &related.message);
    }
    for (label, content) in [("why", &view.why), ("fix", &view.fix)] {
        if !content.is_empty() {
            let label = style::paint(style::HINT, label);
            let _ = writeln!(text, "  = {label}: {}", content.replace('\n', "\n         "));
        }
    }
    text
}

fn color(severity: Severity) -> Style {
    match severity {
        Severity::Error => style::ERROR,
        Severity::Warning => style::WARNING,
        Severity::Note => style::HINT,
    }
}

/// For editors and CI: `range` as the Language Server Protocol has it, lines and characters from 0.
pub(crate) fn to_json(findings: &[Diagnostic], sources: &Sources) -> Value {
    let count = Count::of(findings);
    let diagnostics: Vec<Value> = findings
        .iter()
        .map(|finding| one(finding.view(sources)))
        .collect();
    json!({
        "format_version": "1.0",
        "valid": count.errors == 0,
        "error_count": count.errors,
        "warning_count": count.warnings,
        "note_count": count.notes,
        "diagnostics": diagnostics,
    })
}

fn one(view: DiagnosticView) -> Value {
    let place = |snippet: Option<Snippet>| match snippet {
        None => (Value::Null, Value::Null, Value::Null),
        Some(snippet) => (snippet.file.clone().into(), range(&snippet), snippet.text.into()),
    };
    let (file, range, line) = place(view.range.map(Snippet::from));
    let related: Vec<Value> = view
        .related
        .into_iter()
        .map(|related| {
            let (file, range, line) = place(Some(related.range.into()));
            json!({ "message": related.message, "file": file, "range": range, "line": line })
        })
        .collect();
    json!({
        "code": view.code,
        "severity": view.severity.name(),
        "message": view.message,
        "why": view.why,
        "fix": view.fix,
        "path": view.path,
        "file": file,
        "range": range,
        "line": line,
        "related": related,
    })
}

fn range(snippet: &Snippet) -> Value {
    let position = |line: u32, column: u32| json!({ "line": line.saturating_sub(1), "character": column.saturating_sub(1) });
    json!({
        "start": position(snippet.line, snippet.column),
        "end": position(snippet.end_line, snippet.end_column),
    })
}
