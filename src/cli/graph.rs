//! `vvbill graph`: what depends on what, as DOT or Mermaid.

use clap::ValueEnum;

use super::Exit;
use super::arguments::PlanFile;
use super::error::Error;
use super::plan_file::Findings;
use super::report::Report;
use super::site::Site;
use super::target::Targets;
use crate::plan::graph;

/// Draw what depends on what
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vvbill graph plans/local.yaml | dot -Tsvg > local.svg
  vvbill graph plans/local.yaml --format mermaid")]
pub(crate) struct Arguments {
    #[command(flatten)]
    file: PlanFile,
    /// In which language
    #[arg(long, value_enum, env = "VVBILL_FORMAT", hide_env_values = true, default_value_t = Format::Dot)]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// Graphviz's
    Dot,
    /// Mermaid's flowchart, as GitHub shows it
    Mermaid,
}

pub(crate) fn run(arguments: &Arguments, targets: Targets, report: &Report) -> Result<Exit, Error> {
    let site = Site::of_plan(&arguments.file, Findings::PassOver, targets, report)?;
    let desired = &site.platform.desired;
    report.data(match arguments.format {
        Format::Dot => graph::dot(desired),
        Format::Mermaid => graph::mermaid(desired),
    })?;
    Ok(Exit::Done)
}
