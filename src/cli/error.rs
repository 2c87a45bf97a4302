//! The one error of the command line: what failed, why, on which resource, at which line, what to do.
//!
//! Library errors become one here. It is rendered by [`super::report`] and carries its exit code.

use std::error::Error as StdError;
use std::io;
use std::path::Path;

use super::exit::Exit;
use super::report::snippet::Snippet;

/// Why a command ended without doing what it was asked.
#[derive(Debug)]
pub(crate) struct Error {
    /// The code that the process ends with.
    pub exit: Exit,
    /// What failed, naming the object.
    pub message: String,
    /// Why, from the nearest cause to the root.
    pub causes: Vec<String>,
    /// The resource it is about.
    pub address: Option<String>,
    /// The place in the plan it comes from.
    pub at: Option<Box<Snippet>>,
    /// What a person can do.
    pub hints: Vec<String>,
    /// Everything has been said already, or nobody listens: only the exit code counts.
    pub silent: bool,
}

impl Error {
    /// It failed: exit 1.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Failed,
            message: message.into(),
            causes: Vec::new(),
            address: None,
            at: None,
            hints: Vec::new(),
            silent: false,
        }
    }

    /// Wrong usage: exit 64.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(message).exiting(Exit::Usage)
    }

    /// Everything was reported already; only the exit code is left to say.
    pub(crate) fn reported(exit: Exit) -> Self {
        Self {
            silent: true,
            ..Self::new("").exiting(exit)
        }
    }

    /// Nothing could be read from `path`.
    pub(crate) fn reading(what: &str, path: &Path, why: &io::Error) -> Self {
        let error = Self::new(format!("can't read the {what} `{}`", path.display()));
        match why.kind() {
            io::ErrorKind::NotFound => error
                .because("there is no such file")
                .hint("check the path; it is relative to the working directory, or to `-C DIR`"),
            io::ErrorKind::PermissionDenied => error
                .because("this user may not read it")
                .hint(format!("`ls -l {}` shows who may", path.display())),
            io::ErrorKind::IsADirectory => error.because("it is a directory"),
            _ => error.because(plain(why)),
        }
    }

    /// Nothing could be written to `path`.
    pub(crate) fn writing(what: &str, path: &Path, why: &io::Error) -> Self {
        Self::new(format!("can't write the {what} `{}`", path.display())).because(plain(why))
    }

    /// Standard output could not be written: a reader that has gone (`| head`) is no failure.
    pub(crate) fn output(why: &io::Error) -> Self {
        if why.kind() == io::ErrorKind::BrokenPipe {
            Self::reported(Exit::Done)
        } else {
            Self::new("can't write to standard output").because(plain(why))
        }
    }

    /// Another exit code.
    #[must_use]
    pub(crate) fn exiting(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// Adds a cause.
    #[must_use]
    pub(crate) fn because(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(cause.into());
        self
    }

    /// Adds `error` and what it stems from as causes, leaving out what the text before says already.
    #[must_use]
    pub(crate) fn caused_by(mut self, error: &(dyn StdError + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(cause) = next {
            let text = cause.to_string();
            let said = self.causes.last().unwrap_or(&self.message).contains(&text);
            if !said {
                self.causes.push(text);
            }
            next = cause.source();
        }
        self
    }

    /// Adds what a person can do.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds what a library says can be done, where it says something.
    #[must_use]
    pub(crate) fn hints(mut self, hints: impl IntoIterator<Item = String>) -> Self {
        self.hints.extend(hints);
        self
    }

    /// Names the resource.
    #[must_use]
    pub(crate) fn on(mut self, address: impl ToString) -> Self {
        self.address = Some(address.to_string());
        self
    }

    /// Names the place in the plan.
    #[must_use]
    pub(crate) fn at(mut self, place: Option<Snippet>) -> Self {
        self.at = place.map(Box::new);
        self
    }
}

/// The operating system's words without Rust's ` (os error 2)`.
pub(crate) fn plain(why: &io::Error) -> String {
    let text = why.to_string();
    match text.split_once(" (os error") {
        Some((words, _)) => words.to_lowercase(),
        None => text,
    }
}
