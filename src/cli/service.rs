//! `vvbill service`: the bundled service as an image, built here and pushed to a registry.

mod build;
mod push;

use std::path::PathBuf;

use clap::Subcommand;

use super::Exit;
use super::error::Error;
use super::report::Report;
use super::target::Targets;
use crate::image::ImageError;

/// Build the image of the bundled service, and push it to a registry
///
/// Neither needs Docker or any other daemon. Nodes pull the image that the plan names in `ingest.image`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vvbill service build plans/production.yaml
  vvbill service push plans/production.yaml --write     to the plan's repositories, and into the plan")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Build(build::Arguments),
    Push(push::Arguments),
}

pub(crate) fn run(arguments: &Arguments, targets: Targets, report: &Report) -> Result<Exit, Error> {
    match &arguments.verb {
        Verb::Build(arguments) => build::run(arguments, report),
        Verb::Push(arguments) => push::run(arguments, targets, report),
    }
}

/// Where a plan's image lies, unless another folder is named.
fn folder_of(plan: &str) -> PathBuf {
    PathBuf::from(".vvbill").join(plan).join("image")
}

impl From<ImageError> for Error {
    fn from(error: ImageError) -> Self {
        Self::new(error.message).hints(error.hint)
    }
}
