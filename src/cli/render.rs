//! `vvbill render`: the plan as files that other programs read.

use std::fs;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread::{self, ScopedJoinHandle};

use super::Exit;
use super::arguments::PlanFile;
use super::error::{Error, plain};
use super::plan_file::{self, Checked};
use super::report::Report;
use super::report::findings::{self, Count};
use crate::render::{self, File, Format, Input};
use crate::state::State;

/// Write the plan as files for eksctl, kubectl, Terraform, Compose, Redis, Prometheus and others
///
/// Findings of the plan are printed and never stop it; each also stands in a comment beside its value. The
/// same plan gives the same bytes. A format whose sections the plan leaves out gives no file.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vvbill render plans/production.yaml --out-dir rendered
  vvbill render plans/production.yaml --only prometheus,grafana --out-dir rendered
  vvbill render plans/local.yaml --only redis                     to standard output
  vvbill render plans/production.yaml --out-dir rendered --check  in CI: is what is committed up to date?")]
pub(crate) struct Arguments {
    #[command(flatten)]
    file: PlanFile,
    /// Only these formats (repeatable, or separated by commas)
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        env = "VVBILL_ONLY",
        hide_env_values = true,
        value_delimiter = ','
    )]
    only: Vec<Format>,
    /// Write below this folder, one folder a format; without it, everything goes to standard output
    #[arg(
        short = 'o',
        long,
        value_name = "DIR",
        env = "VVBILL_OUT_DIR",
        hide_env_values = true
    )]
    out_dir: Option<PathBuf>,
    /// Write nothing: name the files that differ from what would be written, and end in 1 if there are any
    #[arg(long, requires = "out_dir", env = "VVBILL_CHECK", hide_env_values = true)]
    check: bool,
    /// Fill in ids and endpoints, and write import blocks, from this state (`vvbill state pull PLAN > FILE`)
    #[arg(long, value_name = "FILE", env = "VVBILL_STATE", hide_env_values = true)]
    state: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments, report: &Report) -> Result<Exit, Error> {
    let Checked {
        loaded,
        findings,
        sources,
    } = plan_file::check(&arguments.file)?;
    let Some(loaded) = loaded else {
        report.say(findings::render(&findings, &sources).trim_end());
        return Err(Error::reported(Exit::Failed));
    };
    let plan = arguments.file.plan.display();
    let count = Count::of(&findings);
    if count.errors + count.warnings > 0 {
        report.warn(format_args!(
            "the plan has {}: `vvbill validate {plan}` shows them",
            count.summary()
        ));
    }
    let state = arguments.state.as_deref().map(read_state).transpose()?;
    let input = Input {
        spec: &loaded.spec,
        findings: &findings,
        state: state.as_ref(),
    };
    let formats = match arguments.only.as_slice() {
        [] => Format::ALL,
        only => only,
    };
    let files =
        all(&input, formats).map_err(|why| Error::new("the plan can't be rendered").caused_by(&why))?;
    if files.is_empty() {
        return Err(Error::new("nothing to render")
            .because("the plan has none of the sections that these formats are made of")
            .hint("leave `--only` out to see what there is"));
    }
    match &arguments.out_dir {
        None => print(&files, report),
        Some(folder) if arguments.check => check(folder, formats, &files, report),
        Some(folder) => write(folder, &files, report),
    }
}

/// The files of `formats`, sorted by path. Formats have nothing to do with one another, so each has a thread.
fn all(input: &Input<'_>, formats: &[Format]) -> Result<Vec<File>, render::Error> {
    let made: Vec<Result<Vec<File>, render::Error>> = thread::scope(|scope| {
        let begun: Vec<_> = formats
            .iter()
            .map(|format| scope.spawn(|| render::render(input, &[*format])))
            .collect();
        let done = begun.into_iter().map(ScopedJoinHandle::join);
        done.map(|made| made.unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    });
    let mut files = Vec::new();
    for made in made {
        files.extend(made?);
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

fn read_state(path: &Path) -> Result<State, Error> {
    let text = fs::read(path).map_err(|why| Error::reading("state", path, &why))?;
    State::from_edited_json(&text)
        .map_err(|why| Error::new(format!("`{}` is no state", path.display())).caused_by(&why))
}

fn print(files: &[File], report: &Report) -> Result<Exit, Error> {
    for file in files {
        if files.len() > 1 {
            report.data(format_args!("==> {} <==\n", file.path))?;
        }
        report.data(&file.text)?;
    }
    Ok(Exit::Done)
}

fn write(folder: &Path, files: &[File], report: &Report) -> Result<Exit, Error> {
    for file in files {
        let path = folder.join(&file.path);
        let written = path
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(&path, &file.text));
        written
            .map_err(|why| Error::new(format!("can't write `{}`", path.display())).because(plain(&why)))?;
        report.data(format_args!("{}\n", path.display()))?;
    }
    Ok(Exit::Done)
}

/// What is missing, differs, or lies in a format's folder and would not be written.
fn check(folder: &Path, formats: &[Format], files: &[File], report: &Report) -> Result<Exit, Error> {
    let mut differing: Vec<String> = files
        .iter()
        .filter_map(|file| match fs::read_to_string(folder.join(&file.path)) {
            Ok(text) if text == file.text => None,
            Ok(_) => Some(format!("{} differs", file.path)),
            Err(_) => Some(format!("{} is missing", file.path)),
        })
        .collect();
    for format in formats {
        let mut found = Vec::new();
        list(&folder.join(format.folder()), format.folder(), &mut found);
        let unknown = |path: &String| !files.iter().any(|file| file.path == *path);
        let left = found.into_iter().filter(unknown);
        differing.extend(left.map(|path| format!("{path} is not of this plan")));
    }
    differing.sort();
    for line in &differing {
        report.data(format_args!("{line}\n"))?;
    }
    Ok(if differing.is_empty() {
        Exit::Done
    } else {
        Exit::Failed
    })
}

/// Every file below `folder`, as `prefix` and the path from there.
fn list(folder: &Path, prefix: &str, found: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let path = format!("{prefix}/{}", entry.file_name().to_string_lossy());
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => list(&entry.path(), &path, found),
            _ => found.push(path),
        }
    }
}
