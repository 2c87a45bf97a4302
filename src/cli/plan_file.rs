//! From a path on the command line to a plan that holds, or to everything that is wrong with it.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use serde_json::Value;

use super::arguments::PlanFile;
use super::error::{Error, plain};
use super::exit::Exit;
use super::report::Report;
use super::report::findings::{self, Count};
use super::report::snippet::Snippet;
use crate::spec::rules;
use crate::spec::{self, Diagnostic, Loaded, Problems, Severity};

/// More than this is read of no file: the parser refuses it by its size.
const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// What was found in a plan: its findings, and the plan itself where it could be read at all.
pub(crate) struct Checked {
    pub loaded: Option<Loaded>,
    pub findings: Vec<Diagnostic>,
    pub sources: spec::Sources,
}

/// Reads the plan and finds everything that is wrong with it.
pub(crate) fn check(file: &PlanFile) -> Result<Checked, Error> {
    check_text(file, read_plan(&file.plan)?)
}

/// The same with this text in the place of the plan file's.
pub(crate) fn check_text(file: &PlanFile, first: Vec<u8>) -> Result<Checked, Error> {
    let root = name(&file.plan)?;
    let mut overrides = spec::Overrides {
        sets: file.overrides.set.clone(),
        ..Default::default()
    };
    for path in &file.overrides.var_file {
        let bytes = read_bounded(path).map_err(|why| Error::reading("file of overrides", path, &why))?;
        overrides
            .var_files
            .push((path.to_string_lossy().into_owned(), bytes));
    }
    let mut first = Some(first);
    let mut read = |name: &str| match first.take() {
        Some(bytes) => Ok(bytes),
        None => read_bounded(Path::new(name)).map_err(|why| plain(&why)),
    };
    Ok(match spec::load(&root, &overrides, &mut read) {
        Ok(loaded) => {
            let context = rules::Context { today: today() };
            Checked {
                findings: rules::check(&loaded, &context),
                sources: loaded.sources.clone(),
                loaded: Some(loaded),
            }
        }
        Err(Problems { diagnostics, sources }) => Checked {
            loaded: None,
            findings: diagnostics,
            sources,
        },
    })
}

/// The date that rules and prices go by.
pub(crate) fn today() -> jiff::civil::Date {
    match pinned() {
        Some(pinned) => pinned.to_zoned(jiff::tz::TimeZone::UTC).date(),
        None => jiff::Zoned::now().date(),
    }
}

/// When a report says that it was made.
pub(crate) fn now() -> jiff::Timestamp {
    pinned().unwrap_or_else(jiff::Timestamp::now)
}

/// `SOURCE_DATE_EPOCH`, as for reproducible builds.
fn pinned() -> Option<jiff::Timestamp> {
    let seconds = std::env::var("SOURCE_DATE_EPOCH").ok()?;
    jiff::Timestamp::from_second(seconds.parse().ok()?).ok()
}

/// Whether findings of rules stop a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Findings {
    /// Errors are printed and end it, warnings are counted: what makes something.
    Stop,
    /// Only a plan that can't be read ends it: what looks at or removes what was made.
    PassOver,
}

/// Reads a plan that something is to be done with.
pub(crate) fn load(file: &PlanFile, findings: Findings, report: &Report) -> Result<Loaded, Error> {
    let stop = findings;
    let Checked {
        loaded,
        findings,
        sources,
    } = check(file)?;
    let errors = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error);
    let count = Count::of(&findings);
    match loaded {
        Some(loaded) if stop == Findings::PassOver => Ok(loaded),
        Some(loaded) if count.errors == 0 => {
            if count.warnings > 0 {
                let plan = file.plan.display();
                let warnings = findings::counted(count.warnings, "warning");
                report.warn(format_args!(
                    "the plan has {warnings}: `vvbill validate {plan}` shows them"
                ));
            }
            Ok(loaded)
        }
        _ => {
            report.say(findings::render(errors, &sources).trim_end());
            report.say(format_args!("\n{}", count.summary()));
            report.hint("`vvbill explain CODE` tells more of a code");
            Err(Error::reported(Exit::Failed))
        }
    }
}

/// The line that a field of the plan stands on.
pub(crate) fn place(loaded: &Loaded, field: &str) -> Option<Snippet> {
    loaded
        .spans
        .get(field)
        .map(|span| loaded.sources.excerpt(span).into())
}

/// The plan's name for the parser, which joins names of `extends` to it.
fn name(path: &Path) -> Result<String, Error> {
    path.to_str().map(str::to_owned).ok_or_else(|| {
        Error::usage(format!(
            "`{}` is no name for a plan: it isn't UTF-8",
            path.display()
        ))
        .hint("rename the file")
    })
}

/// The bytes of a plan file, once it is clear that it is meant to be one.
fn read_plan(path: &Path) -> Result<Vec<u8>, Error> {
    if path.is_dir() {
        return Err(directory(path));
    }
    let bytes = read_bounded(path).map_err(|why| Error::reading("plan", path, &why))?;
    match kind(&bytes) {
        Some(Kind::SavedPlan) => Err(Error::new(format!(
            "`{}` is a saved plan, and a plan file is wanted",
            path.display()
        ))
        .hint(format!(
            "`vvbill show {0}` shows it, `vvbill apply {0}` does it",
            path.display()
        ))),
        Some(Kind::State) => Err(Error::new(format!(
            "`{}` is a state, and a plan file is wanted",
            path.display()
        ))
        .hint("`vvbill state list PLAN` and `vvbill state show PLAN ADDRESS` look into it")),
        None => Ok(bytes),
    }
}

/// A folder where a file is wanted: names the plans in it.
pub(crate) fn directory(path: &Path) -> Error {
    let error = Error::new(format!(
        "`{}` is a directory, and a plan file is wanted",
        path.display()
    ));
    let mut plans: Vec<String> = std::fs::read_dir(path)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "yaml" || end == "yml"))
        .map(|path| format!("`{}`", path.display()))
        .take(8)
        .collect();
    plans.sort();
    match plans.is_empty() {
        true => error.hint("name a YAML file: `vvbill validate plans/local.yaml`"),
        false => error.hint(format!("it holds {}", plans.join(", "))),
    }
}

/// What vvbill wrote itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    SavedPlan,
    State,
}

/// Which of vvbill's own files these bytes are; `None`: none, so perhaps a plan file.
pub(crate) fn kind(bytes: &[u8]) -> Option<Kind> {
    let start = bytes.iter().find(|byte| !byte.is_ascii_whitespace())?;
    if *start != b'{' {
        return None;
    }
    let document: Value = serde_json::from_slice(bytes).ok()?;
    if document.get(super::saved::MARK).is_some() {
        Some(Kind::SavedPlan)
    } else if document.get("lineage").is_some() && document.get("resources").is_some() {
        Some(Kind::State)
    } else {
        None
    }
}

pub(crate) fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The whole file or none of it, with the rights that it has.
pub(crate) fn replace(path: &Path, text: &str) -> io::Result<()> {
    // A link stays a link.
    let path = path.canonicalize()?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut draft = tempfile::NamedTempFile::new_in(folder)?;
    draft.write_all(text.as_bytes())?;
    draft
        .as_file()
        .set_permissions(std::fs::metadata(&path)?.permissions())?;
    draft.as_file().sync_all()?;
    draft.persist(&path)?;
    Ok(())
}
