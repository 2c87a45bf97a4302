//! `vvbill schema`: the JSON Schema of a plan file.

use super::Exit;
use super::error::Error;
use super::report::Report;
use crate::spec;

/// Print the JSON Schema of a plan file, for editors
///
/// Editors with the YAML language server complete and check a plan that starts with the line
/// `# yaml-language-server: $schema=vvbill.schema.json`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vvbill schema > vvbill.schema.json
  vvbill schema | jq '.properties | keys'")]
pub(crate) struct Arguments {}

pub(crate) fn run(_: &Arguments, report: &Report) -> Result<Exit, Error> {
    report.json(spec::schema())?;
    Ok(Exit::Done)
}
