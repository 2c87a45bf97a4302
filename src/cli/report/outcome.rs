//! The account of a run: how much was done, what failed, what was not tried and why.

use std::fmt::Write as _;

use super::findings::counted;
use super::run::seconds;
use super::{plan, style};
use crate::apply::Outcome;

/// The account, each line ended by a newline.
pub(crate) fn render(outcome: &Outcome) -> String {
    let mut out = String::new();
    for skipped in &outcome.not_tried {
        let label = style::paint(style::WARNING, "not tried");
        let _ = writeln!(
            out,
            "{label}: {} {}: {}",
            skipped.verb, skipped.address, skipped.because
        );
    }
    let head = if outcome.interrupted {
        style::paint(style::WARNING, "Interrupted")
    } else if outcome.is_success() {
        style::paint(style::ADD, "Done")
    } else {
        style::paint(style::ERROR, "Failed")
    };
    let done = plan::counts(&outcome.done, "");
    let _ = writeln!(out, "{head}: {done} in {}.", seconds(outcome.elapsed));
    if !outcome.is_success() {
        let _ = writeln!(
            out,
            "{} succeeded, {} failed, {} not tried. The same command goes on from here.",
            counted(outcome.succeeded.len(), "action"),
            outcome.failed.len(),
            outcome.not_tried.len()
        );
    }
    out
}
