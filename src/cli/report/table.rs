//! Columns under headings, as wide as their widest cell.

use anstyle::Style;

use super::style;

/// A table of `N` columns, with notes between rows.
pub(crate) struct Table<const N: usize> {
    headings: [&'static str; N],
    lines: Vec<Line<N>>,
}

enum Line<const N: usize> {
    Row([(String, Option<Style>); N]),
    Note(String),
}

impl<const N: usize> Table<N> {
    pub(crate) fn new(headings: [&'static str; N]) -> Self {
        Self {
            headings,
            lines: Vec::new(),
        }
    }

    pub(crate) fn row(&mut self, cells: [(String, Option<Style>); N]) {
        self.lines.push(Line::Row(cells));
    }

    /// A line of its own below the last row.
    pub(crate) fn note(&mut self, text: &str) {
        self.lines.push(Line::Note(text.replace('\n', "\n    ")));
    }

    /// Each line ended by a newline.
    pub(crate) fn render(&self) -> String {
        let mut widths = self.headings.map(str::len);
        for line in &self.lines {
            if let Line::Row(cells) = line {
                for (width, (text, _)) in widths.iter_mut().zip(cells) {
                    *width = (*width).max(text.chars().count());
                }
            }
        }
        let headings = self
            .headings
            .map(|heading| (heading.to_owned(), Some(style::FAINT)));
        let mut out = row(&headings, &widths);
        for line in &self.lines {
            match line {
                Line::Row(cells) => out += &row(cells, &widths),
                Line::Note(text) => out += &format!("    {}\n", style::paint(style::WARNING, text)),
            }
        }
        out
    }
}

/// The last cell isn't padded: a line doesn't end in blanks.
fn row<const N: usize>(cells: &[(String, Option<Style>); N], widths: &[usize; N]) -> String {
    let padded = cells
        .iter()
        .zip(widths)
        .enumerate()
        .map(|(number, ((text, color), width))| {
            let width = if number + 1 == N { 0 } else { *width };
            let padding = " ".repeat(width.saturating_sub(text.chars().count()));
            match color {
                Some(color) => format!("{}{padding}", style::paint(*color, text)),
                None => format!("{text}{padding}"),
            }
        });
    padded.collect::<Vec<_>>().join("  ") + "\n"
}
