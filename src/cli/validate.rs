//! `vvbill validate`: every problem of a plan at once, with its line, why, and the fix.

use clap::ValueEnum;

use super::Exit;
use super::arguments::PlanFile;
use super::error::Error;
use super::plan_file::{self, Checked};
use super::report::findings::{self, Count};
use super::report::{Report, style};

/// Check a plan: every problem at once, with its line and its fix
///
/// Looks at the plan alone: no account, server or state is touched. Ends in 1 where there is an error;
/// warnings alone end in 0.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vvbill validate plans/specification.yaml
  vvbill validate plans/local.yaml --set kafka.brokers=5
  vvbill validate plans/production.yaml --format json | jq '.diagnostics[].code'
  vvbill explain VV201                          what a code means

In JSON, `range` is as in the Language Server Protocol: lines and characters count from 0.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    file: PlanFile,
    /// How to print the findings
    #[arg(long, value_enum, env = "VVBILL_FORMAT", hide_env_values = true, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// Text with the lines it is about
    Human,
    /// One JSON document with ranges
    Json,
}

pub(crate) fn run(arguments: &Arguments, report: &Report) -> Result<Exit, Error> {
    let Checked {
        findings, sources, ..
    } = plan_file::check(&arguments.file)?;
    let count = Count::of(&findings);
    match arguments.format {
        Format::Json => report.json(&findings::to_json(&findings, &sources))?,
        Format::Human => {
            report.data(findings::render(&findings, &sources))?;
            let plan = arguments.file.plan.display();
            let summary = match (count.errors, count.warnings) {
                (0, 0) => style::paint(style::ADD, format_args!("{plan} holds")),
                (0, _) => format!("{plan} holds, with {}", count.summary()),
                _ => format!("{plan}: {}", style::paint(style::STRONG, count.summary())),
            };
            report.data(format_args!("{summary}\n"))?;
        }
    }
    Ok(if count.errors == 0 {
        Exit::Done
    } else {
        Exit::Failed
    })
}
