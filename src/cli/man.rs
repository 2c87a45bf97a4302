//! `vvbill man`: the commands' manual pages, written from the same words as their `--help`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::error::Error;
use super::report::Report;
use super::{Exit, command};

/// Write the manual page of a command, for `man`
///
/// Without a command it is that of `vvbill` itself, which names all others.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vvbill man plan | man --local-file -
  vvbill man state list > vvbill-state-list.1
  vvbill man --out-dir ~/.local/share/man/man1     a page for each command: `man vvbill-plan`")]
pub(crate) struct Arguments {
    /// Which command: `plan`, `state list`
    #[arg(value_name = "COMMAND")]
    command: Vec<String>,
    /// Write the page as a file of this folder, and with it a page for each command below
    #[arg(
        short = 'o',
        long,
        value_name = "DIR",
        env = "VVBILL_OUT_DIR",
        hide_env_values = true
    )]
    out_dir: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments, report: &Report) -> Result<Exit, Error> {
    let mut root = without_help(command());
    root.build();
    let wanted = find(&root, &arguments.command)?;
    match &arguments.out_dir {
        None => report.data(page(wanted)?)?,
        Some(folder) => {
            fs::create_dir_all(folder).map_err(|why| Error::writing("folder", folder, &why))?;
            write(wanted, folder, report)?;
        }
    }
    Ok(Exit::Done)
}

/// `vvbill help plan` is what `vvbill plan --help` is: no pages of its own.
fn without_help(command: clap::Command) -> clap::Command {
    command
        .disable_help_subcommand(true)
        .mut_subcommands(without_help)
}

fn find<'a>(root: &'a clap::Command, path: &[String]) -> Result<&'a clap::Command, Error> {
    let mut found = root;
    for name in path {
        found = found.find_subcommand(name).ok_or_else(|| unknown(found, name))?;
    }
    Ok(found)
}

fn unknown(parent: &clap::Command, name: &str) -> Error {
    let program = parent.get_bin_name().unwrap_or_else(|| parent.get_name());
    let error = Error::usage(format!("`{program}` has no command `{name}`"));
    let names = parent.get_subcommands().map(clap::Command::get_name);
    let nearest = names.min_by_key(|known| strsim::damerau_levenshtein(known, name));
    match nearest {
        Some(known) if strsim::damerau_levenshtein(known, name) <= 2 => {
            error.hint(format!("did you mean `{known}`?"))
        }
        Some(_) => error.hint(format!("`{program} --help` names its commands")),
        None => error.hint(format!("its page is `vvbill man {}`", topic(parent))),
    }
}

/// The words that lead to a command: `state list`.
fn topic(command: &clap::Command) -> &str {
    let program = command.get_bin_name().unwrap_or_default();
    program.split_once(' ').map_or("", |(_, words)| words)
}

/// This page and those of the commands below.
fn write(command: &clap::Command, folder: &Path, report: &Report) -> Result<(), Error> {
    let path = folder.join(Man::new(command.clone()).get_filename());
    fs::write(&path, page(command)?).map_err(|why| Error::writing("page", &path, &why))?;
    report.data(format_args!("{}\n", path.display()))?;
    command
        .get_subcommands()
        .try_for_each(|inner| write(inner, folder, report))
}

/// A manual page, as troff's source.
fn page(command: &clap::Command) -> Result<String, Error> {
    let mut source = Vec::new();
    render(command, &mut source)
        .map_err(|why| Error::new("the manual page can't be written").caused_by(&why))?;
    String::from_utf8(source).map_err(|why| Error::new("the manual page is no text").caused_by(&why))
}

fn render(command: &clap::Command, out: &mut Vec<u8>) -> io::Result<()> {
    let man = Man::new(command.clone())
        .source(concat!("vvbill ", env!("CARGO_PKG_VERSION")))
        .manual("vvbill");
    man.render_title(out)?;
    man.render_name_section(out)?;
    man.render_synopsis_section(out)?;
    man.render_description_section(out)?;
    if command.has_subcommands() {
        man.render_subcommands_section(out)?;
    }
    man.render_options_section(out)?;
    let mut rest = Roff::new();
    let text = command.get_after_help().map(ToString::to_string);
    after_help(&text.unwrap_or_default(), &mut rest);
    if !topic(command).is_empty() {
        rest.control("SH", ["SEE ALSO"]);
        rest.text([roman("vvbill(1)")]);
    }
    rest.to_writer(out)
}

/// Examples line by line, as they are typed; what follows them as prose.
fn after_help(text: &str, page: &mut Roff) {
    let (examples, notes) = match text.strip_prefix("Examples:\n") {
        Some(rest) => rest.split_once("\n\n").unwrap_or((rest, "")),
        None => ("", text),
    };
    if !examples.is_empty() {
        page.control("SH", ["EXAMPLES"]);
        page.control("nf", []);
        for line in examples.lines() {
            page.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
        }
        page.control("fi", []);
    }
    if !notes.is_empty() {
        page.control("SH", ["NOTES"]);
        for line in notes.lines() {
            match line {
                "" => page.control("PP", []),
                line => page.text([roman(line)]),
            };
        }
    }
}
