//! The only place that prints: data to standard output, everything else to standard error.
//!
//! What is printed is made by pure functions in the modules below; [`Report`] knows the two streams,
//! whether they are terminals and whether anybody still listens.

pub(crate) mod comment;
pub(crate) mod cost;
pub(crate) mod drill;
pub(crate) mod failure;
pub(crate) mod findings;
pub(crate) mod load;
pub(crate) mod log;
pub(crate) mod outcome;
pub(crate) mod plan;
#[cfg(feature = "aws")]
pub(crate) mod prices;
pub(crate) mod push;
pub(crate) mod record;
pub(crate) mod redact;
pub(crate) mod rollout;
pub(crate) mod run;
pub(crate) mod savings;
pub(crate) mod slo;
pub(crate) mod snippet;
pub(crate) mod stream;
pub(crate) mod style;
pub(crate) mod table;
pub(crate) mod terraform;
#[cfg(test)]
mod tests;

use std::fmt::Display;
use std::io::{self, BufRead, IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};
use indicatif::{MultiProgress, ProgressDrawTarget};

use super::error::Error;

/// Where a command speaks to its user.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    stdout_color: ColorChoice,
    stderr_color: ColorChoice,
    progress: bool,
    dialogue: bool,
    bars: MultiProgress,
}

impl Report {
    /// Looks at the streams and at `NO_COLOR`, `CI` and `TERM`.
    pub(crate) fn new(no_color: bool) -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let plain = no_color || set("NO_COLOR") || set("CI") || dumb;
        let choice = |terminal: bool| {
            if terminal && !plain {
                ColorChoice::Always
            } else {
                ColorChoice::Never
            }
        };
        let progress = io::stderr().is_terminal() && !set("CI") && !dumb;
        let target = if progress {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        Self {
            stdout_color: choice(io::stdout().is_terminal()),
            stderr_color: choice(io::stderr().is_terminal()),
            progress,
            dialogue: io::stdin().is_terminal() && io::stderr().is_terminal(),
            bars: MultiProgress::with_draw_target(target),
        }
    }

    /// Whether standard error is coloured.
    pub(crate) fn colors_stderr(&self) -> bool {
        self.stderr_color == ColorChoice::Always
    }

    /// Whether progress bars may be drawn on standard error.
    pub(crate) fn draws_progress(&self) -> bool {
        self.progress
    }

    /// The bars at the bottom of the terminal; hidden where there is none.
    pub(crate) fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// Whether there is a person to ask.
    pub(crate) fn has_dialogue(&self) -> bool {
        self.dialogue
    }

    /// Prints data, as it is, on standard output.
    pub(crate) fn data(&self, text: impl Display) -> Result<(), Error> {
        let mut out = AutoStream::new(io::stdout().lock(), self.stdout_color);
        write!(out, "{text}")
            .and_then(|()| out.flush())
            .map_err(|why| Error::output(&why))
    }

    /// Prints JSON on standard output, indented, ended by a newline.
    pub(crate) fn json(&self, value: &serde_json::Value) -> Result<(), Error> {
        self.data(format_args!("{value:#}\n"))
    }

    /// Prints JSON on standard output, on one line.
    pub(crate) fn compact_json(&self, value: &serde_json::Value) -> Result<(), Error> {
        self.data(format_args!("{value}\n"))
    }

    /// Prints one NDJSON line. A reader that has gone must not stop what is under way.
    pub(crate) fn line_of_json(&self, value: &serde_json::Value) {
        let mut out = io::stdout().lock();
        let _ = writeln!(out, "{value}").and_then(|()| out.flush());
    }

    /// Says something on standard error, ended by a newline. That nobody listens is no failure.
    pub(crate) fn say(&self, text: impl Display) {
        self.bars.suspend(|| {
            let mut err = AutoStream::new(io::stderr().lock(), self.stderr_color);
            let _ = writeln!(err, "{text}");
        });
    }

    /// Says what a person should know.
    pub(crate) fn warn(&self, text: impl Display) {
        self.say(format_args!(
            "{}: {text}",
            style::paint(style::WARNING, "warning")
        ));
    }

    /// Says what a person can do.
    pub(crate) fn hint(&self, text: &str) {
        self.say(format_args!("{}: {text}", style::paint(style::HINT, "hint")));
    }

    /// Tells why a command failed.
    pub(crate) fn failure(&self, error: &Error) {
        if !error.silent {
            self.say(failure::render(error).trim_end());
        }
    }

    /// Asks and waits for one line; `None` when there is nobody to answer.
    pub(crate) fn ask(&self, question: &str) -> Option<String> {
        {
            let mut err = AutoStream::new(io::stderr().lock(), self.stderr_color);
            let _ = write!(err, "{question}").and_then(|()| err.flush());
        }
        let mut answer = String::new();
        match io::stdin().lock().read_line(&mut answer) {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(answer.trim().to_owned()),
        }
    }
}
