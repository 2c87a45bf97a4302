//! A place in a plan file as a person sees it: file, line, column, the line itself, the caret.

use std::fmt::Write as _;

use super::style;

/// One underlined stretch of one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Snippet {
    /// As the user named it.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// The line's text, without its end.
    pub text: String,
    /// How many characters to underline, at least 1.
    pub width: usize,
}

/// Lines longer than this are cut around the caret.
const WIDEST: usize = 140;

impl Snippet {
    /// The lines from `-->` to the caret, each ended by a newline.
    pub(crate) fn render(&self) -> String {
        let gutter = self.line.to_string().len();
        let (bar, reset) = (style::GUTTER.render(), style::GUTTER.render_reset());
        let (text, offset) = self.visible();
        let room = text.chars().count().saturating_sub(offset).max(1);
        let caret = "^".repeat(self.width.clamp(1, room));
        let mut out = String::new();
        let _ = writeln!(
            out,
            "{:gutter$}{bar}-->{reset} {}:{}:{}",
            "", self.file, self.line, self.column
        );
        let _ = writeln!(out, "{:gutter$} {bar}|{reset}", "");
        let _ = writeln!(out, "{bar}{} |{reset} {text}", self.line);
        let _ = writeln!(
            out,
            "{:gutter$} {bar}|{reset} {:offset$}{}{caret}{}",
            "",
            "",
            style::ERROR.render(),
            style::ERROR.render_reset(),
        );
        out
    }

    /// The text with tabs as one blank and control characters gone, cut to [`WIDEST`] around the
    /// column, and where the caret starts in it.
    fn visible(&self) -> (String, usize) {
        let clean: Vec<char> = self
            .text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let column = self.column.saturating_sub(1).min(clean.len());
        if clean.len() <= WIDEST {
            return (
                clean.into_iter().collect::<String>().trim_end().to_owned(),
                column,
            );
        }
        let start = column.saturating_sub(WIDEST / 2).min(clean.len() - WIDEST);
        let mut text: String = clean[start..start + WIDEST].iter().collect();
        let mut offset = column - start;
        if start > 0 {
            text.insert(0, '…');
            offset += 1;
        }
        if start + WIDEST < clean.len() {
            text.push('…');
        }
        (text, offset)
    }
}
