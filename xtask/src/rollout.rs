//! `cargo xtask rollout`: every week of a plan on this machine, from nothing, proven step by step; then its report.

use std::time::Instant;

use clap::Args;

use crate::own_folder::OwnFolder;
use crate::{Result, command, packages, setup};

#[derive(Args)]
pub(crate) struct Options {
    /// The plan
    #[arg(long, value_name = "FILE", default_value = "plans/local-ha.yaml")]
    plan: String,
    /// Keeps the report, dated, in docs/evidence/
    #[arg(long)]
    evidence: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    setup::install(packages::NEEDS)?;
    let folder = OwnFolder::new("rollout", &options.plan)?;
    let started = Instant::now();
    let ran = folder.run("phase run", &["--all", "--auto-approve"]);
    println!("the rollout took {:.0} s", started.elapsed().as_secs_f64());
    // A rollout that failed has a report, too.
    let reported = report(&folder, options);
    let destroyed = folder.destroy();
    ran.and(reported).and(destroyed)
}

fn report(folder: &OwnFolder, options: &Options) -> Result<()> {
    let write = |file: std::path::PathBuf, text: &str| {
        std::fs::write(&file, text)
            .map_err(|error| format!("cannot write {}: {error}", file.display()))
            .inspect(|()| println!("written: {}", file.display()))
    };
    let page = folder.read("phase report", &["--format", "html"])?;
    write(command::target()?.join("rollout.html"), &page)?;
    if options.evidence {
        let text = folder.read("phase report", &["--format", "md"])?;
        let file = format!("rollout-{}.md", crate::bench::today()?);
        write(command::workspace().join("docs/evidence").join(file), &text)?;
    }
    Ok(())
}
