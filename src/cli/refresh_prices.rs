//! `vvbill cost --refresh-prices`: a new book of prices from AWS's Price List.
//!
//! All questions are asked before anything is written, and the file appears whole or not at all.

use std::fs::Permissions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::error::Error;
use super::plan_file;
use super::report::Report;
use super::report::findings::counted;
use crate::cost::price_list::{Question, Wanted};
use crate::cost::refresh::{self, Refreshed};
use crate::cost::{Book, Input};
use crate::provider::Connection;

/// Before the user's mask.
const MODE: u32 = 0o666;

/// The products that each question is answered with, or why the price list has no answer to it.
type Documents = Vec<Result<Vec<String>, String>>;

/// Writes the book of today's prices of what `input` takes and its book has.
pub(super) fn run(
    file: &str,
    input: &Input<'_>,
    connection: &Connection,
    report: &Report,
) -> Result<(), Error> {
    let target = Target::new(file)?;
    let old = input.book;
    if old.scope.is_some() || old.round_lines_to.is_some() {
        return Err(
            Error::new(format!("the book `{}` is no list of AWS's prices", old.name))
                .because(
                    "it prices a part of a platform in its own way, which no price of AWS can stand in for",
                )
                .hint("add `--prices aws-2026-11`, or another list of AWS's prices, to begin from"),
        );
    }
    let wanted: Vec<Wanted> = refresh::wanted(input).into_iter().collect();
    if refresh::regions(input).is_empty() {
        return Err(Error::new("the plan has no region to ask AWS's prices of")
            .hint("`regions.primary` names it; what runs on this machine costs nothing at AWS"));
    }
    let questions: Vec<Result<Question, String>> = wanted.iter().map(|it| question(it, input)).collect();
    let asked: Vec<Question> = questions.iter().flatten().cloned().collect();
    let today = plan_file::today();
    let mut documents = ask(&asked, connection, report)?.into_iter();
    let answers = wanted
        .into_iter()
        .zip(questions)
        .map(|(wanted, question)| {
            let answer = question.and_then(|question| {
                let documents = documents.next().unwrap_or_else(|| Ok(Vec::new()))?;
                question.price(&documents, today)
            });
            (wanted, answer)
        })
        .collect();
    let refreshed = refresh::refreshed(old, &target.name, today, answers);
    tell(&refreshed, old, report);
    if refreshed.fresh == 0 {
        return Err(Error::new("AWS's price list has none of the prices")
            .because(format!(
                "{} were asked for; nothing was written",
                counted(asked.len(), "price")
            ))
            .hint("does `--endpoint-url` lead to something that has the Price List API?"));
    }
    target.write(&refreshed.book)?;
    let kept = refreshed.book.prices.len() - refreshed.fresh;
    report.say(format_args!(
        "{file}: {} from AWS's price list, {kept} kept from `{}`",
        counted(refreshed.fresh, "price"),
        old.name
    ));
    Ok(())
}

/// Between regions, data goes to the plan's other one.
fn question(wanted: &Wanted, input: &Input<'_>) -> Result<Question, String> {
    let regions = refresh::regions(input);
    let other = regions
        .into_iter()
        .find(|other| Some(*other) != wanted.region.as_deref());
    wanted.question(other)
}

fn tell(refreshed: &Refreshed, old: &Book, report: &Report) {
    for missing in &refreshed.without {
        let stands_in = match missing.kept {
            true => format!("the price of `{}` is kept", old.name),
            false => "it stays unknown".to_owned(),
        };
        report.warn(format_args!(
            "{}: {}; {stands_in}",
            missing.wanted.named(),
            missing.why
        ));
    }
}

/// A file that is not there yet.
struct Target {
    path: PathBuf,
    folder: PathBuf,
    /// What the book is called.
    name: String,
}

impl Target {
    fn new(file: &str) -> Result<Self, Error> {
        let path = PathBuf::from(file);
        if Book::built_in(file).is_some() {
            return Err(Error::usage(format!("`{file}` is the name of a built-in book"))
                .hint(format!("name a file: `{file}.yaml`")));
        }
        if path.symlink_metadata().is_ok() {
            return Err(there_already(&path));
        }
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let folder = parent.unwrap_or(Path::new(".")).to_owned();
        if !folder.is_dir() {
            return Err(Error::new(format!("can't write the price book `{file}`"))
                .because(format!("there is no folder `{}`", folder.display()))
                .hint("make it, or name a file in another folder"));
        }
        let name = path.file_stem().unwrap_or(path.as_os_str());
        Ok(Self {
            name: name.to_string_lossy().into_owned(),
            folder,
            path,
        })
    }

    /// The whole book or none of it.
    fn write(&self, book: &Book) -> Result<(), Error> {
        let text = book.to_yaml();
        // What could not be used tomorrow is not written today.
        Book::parse(&self.name, &text).map_err(|why| Error::new(why.to_string()))?;
        let draft = || {
            let mut draft = tempfile::Builder::new()
                .permissions(Permissions::from_mode(MODE))
                .tempfile_in(&self.folder)?;
            draft.write_all(text.as_bytes())?;
            draft.as_file().sync_all()?;
            draft.persist_noclobber(&self.path).map_err(|why| why.error)
        };
        match draft() {
            Ok(_) => Ok(()),
            Err(why) if why.kind() == ErrorKind::AlreadyExists => Err(there_already(&self.path)),
            Err(why) => Err(Error::writing("price book", &self.path, &why)),
        }
    }
}

fn there_already(path: &Path) -> Error {
    Error::new(format!("`{}` is there already", path.display()))
        .because("a book of prices tells what was paid on its day, so none is written over")
        .hint("name another file, with the day in it, or remove that one")
}

#[cfg(not(feature = "aws"))]
fn ask(_: &[Question], _: &Connection, _: &Report) -> Result<Documents, Error> {
    Err(Error::new("AWS's price list can't be asked")
        .because("this vvbill was built without the feature `aws`")
        .hint("build it with `--features aws`, or price with a book that is there: `--prices aws-2026-11`"))
}

#[cfg(feature = "aws")]
fn ask(questions: &[Question], connection: &Connection, report: &Report) -> Result<Documents, Error> {
    use futures::stream::{self, StreamExt, TryStreamExt};

    use super::report::prices::Questions;
    use crate::provider::aws::Aws;

    /// Few enough that the API doesn't mind.
    const AT_ONCE: usize = 4;

    let progress = Questions::new(report, questions.len());
    let answers = super::wait(async {
        let aws = Aws::new(connection.clone());
        let answers = stream::iter(questions)
            .map(|question| patient::products(&aws, question))
            .buffered(AT_ONCE)
            .inspect(|_| progress.answered());
        answers.try_collect().await.map_err(|why| {
            Error::new("AWS's price list can't be asked")
                .because(why.message)
                .because("nothing was written")
                .hints(why.hint)
        })
    });
    progress.end();
    answers
}

/// Questions change nothing, so what may pass is asked again.
#[cfg(feature = "aws")]
mod patient {
    use std::time::Duration;

    use crate::cost::price_list::Question;
    use crate::provider::aws::Aws;
    use crate::provider::aws::pricing::{self, Products};
    use crate::provider::{ErrorClass, ProviderError};

    const TRIES: u32 = 6;
    const FIRST_PAUSE: Duration = Duration::from_millis(200);

    pub(super) async fn products(
        aws: &Aws,
        question: &Question,
    ) -> Result<Result<Vec<String>, String>, ProviderError> {
        let mut tried = 0;
        loop {
            let why = match pricing::products(aws, question.service, &question.attributes).await {
                Ok(Products::Found(documents)) => return Ok(Ok(documents)),
                Ok(Products::NotUnderstood(why)) => {
                    return Ok(Err(format!("AWS's price list can't tell: {why}")));
                }
                Err(why) => why,
            };
            tried += 1;
            if why.class == ErrorClass::Refused || tried == TRIES {
                return Err(why);
            }
            let slower = if why.class == ErrorClass::Throttled { 4 } else { 1 };
            tokio::time::sleep(FIRST_PAUSE * slower * (1 << (tried - 1))).await;
        }
    }
}
