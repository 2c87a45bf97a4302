//! A place in a plan file as a person sees it: file, line, column, the line itself, the caret.

use std::fmt::Write as _;

use anstyle::Style;
use serde::{Deserialize, Serialize};

use super::style;
use crate::spec::Excerpt;

/// One underlined stretch of one line, secrets taken out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Snippet {
    /// As the user named it.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
    /// From 1.
    pub end_line: u32,
    /// Behind the last character.
    pub end_column: u32,
    /// The line's text, without its end.
    pub text: String,
    /// Where in `text` the underlining starts, from 1.
    pub caret: u32,
    /// How many characters are underlined.
    pub length: u32,
}

impl From<Excerpt> for Snippet {
    fn from(excerpt: Excerpt) -> Self {
        let Excerpt {
            file,
            line,
            column,
            end_line,
            end_column,
            text,
            caret,
            length,
        } = excerpt;
        Self {
            file,
            line,
            column,
            end_line,
            end_column,
            text,
            caret,
            length,
        }
    }
}

impl Snippet {
    /// The lines from `-->` to the caret, each ended by a newline; `mark` underlines, `label` follows it.
    pub(crate) fn render(&self, mark: char, color: Style, label: &str) -> String {
        let gutter = self.line.to_string().len();
        let (bar, reset) = (style::GUTTER.render(), style::GUTTER.render_reset());
        let offset = self.caret.saturating_sub(1) as usize;
        let underline = mark.to_string().repeat(self.length.max(1) as usize);
        let underline = style::paint(color, format_args!("{underline} {label}").to_string().trim_end());
        let mut out = String::new();
        let (file, line, column) = (&self.file, self.line, self.column);
        let _ = writeln!(out, "{:gutter$}{bar}-->{reset} {file}:{line}:{column}", "");
        let _ = writeln!(out, "{:gutter$} {bar}|{reset}", "");
        let _ = writeln!(out, "{bar}{line} |{reset} {}", self.text);
        let _ = writeln!(out, "{:gutter$} {bar}|{reset} {:offset$}{underline}", "", "");
        out
    }
}
