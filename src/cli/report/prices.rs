//! Questions to the price list as they are answered: a bar on a terminal, nothing elsewhere.

use indicatif::{ProgressBar, ProgressStyle};

use super::Report;

/// Tells how many of some questions are answered.
pub(crate) struct Questions {
    bar: ProgressBar,
}

impl Questions {
    pub(crate) fn new(report: &Report, count: usize) -> Self {
        let bar = ProgressBar::new(count as u64).with_style(style());
        Self {
            bar: report.bars().add(bar),
        }
    }

    pub(crate) fn answered(&self) {
        self.bar.inc(1);
    }

    /// Takes away what is still drawn.
    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("AWS's price list  {bar:40} {pos}/{len} prices")
        .expect("the template is well-formed")
}
