//! How an [`Error`] reads: what failed, where in the plan, on which resource, why, what to do.

use std::fmt::Write as _;

use super::style;
use crate::cli::error::Error;

/// The whole text, each line ended by a newline.
pub(crate) fn render(error: &Error) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{}: {}",
        style::paint(style::ERROR, "error"),
        style::paint(style::STRONG, &error.message)
    );
    if let Some(snippet) = &error.at {
        out.push_str(&snippet.render('^', style::ERROR, ""));
    }
    if let Some(address) = &error.address {
        let _ = writeln!(out, "  {}: {address}", style::paint(style::FAINT, "resource"));
    }
    for cause in &error.causes {
        let _ = writeln!(
            out,
            "  {}: {}",
            style::paint(style::FAINT, "because"),
            indent(cause)
        );
    }
    for hint in &error.hints {
        let _ = writeln!(out, "  {}: {}", style::paint(style::HINT, "hint"), indent(hint));
    }
    out
}

/// Follow-up lines stand under the first.
fn indent(text: &str) -> String {
    text.trim_end().replace('\n', "\n    ")
}
