//! `vvbill completions`: what a shell needs to complete commands and flags.

use clap_complete::Shell;

use super::error::Error;
use super::report::Report;
use super::{Exit, command};

/// Write a completion script for a shell
///
/// The script is printed; how it is loaded depends on the shell.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vvbill completions bash > ~/.local/share/bash-completion/completions/vvbill
  vvbill completions zsh  > ~/.zfunc/_vvbill
  vvbill completions fish > ~/.config/fish/completions/vvbill.fish")]
pub(crate) struct Arguments {
    /// Which shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

pub(crate) fn run(arguments: &Arguments, report: &Report) -> Result<Exit, Error> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command(), "vvbill", &mut script);
    report.data(String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
