//! A folder below target/ in which the released `vvbill` runs a plan of this repository, so that what stands in the
//! clone itself is not touched.

use std::path::PathBuf;
use std::process::Command;

use crate::{Result, command, demo, setup};

pub(crate) struct OwnFolder {
    folder: PathBuf,
    program: PathBuf,
    plan: PathBuf,
}

impl OwnFolder {
    /// `name` below target/, for `plan`, which is named from the workspace's root; builds the programs, and destroys
    /// what an earlier run has left there.
    ///
    /// # Errors
    /// When what is left there can't be destroyed, or nothing can be built.
    pub(crate) fn new(name: &str, plan: &str) -> Result<Self> {
        let program = demo::build()?.join("vvbill");
        setup::fetch_kafka(&program)?;
        let folder = command::target()?.join(name);
        let failed = |error: std::io::Error| format!("cannot use {}: {error}", folder.display());
        let own = Self {
            program,
            plan: command::workspace().join(plan),
            folder: folder.clone(),
        };
        if folder.join(".vvbill").exists() {
            own.destroy()?;
            // The ledger outlives what it tells of.
            std::fs::remove_dir_all(&folder).map_err(failed)?;
        }
        std::fs::create_dir_all(&folder).map_err(failed)?;
        Ok(own)
    }

    /// `vvbill VERB… PLAN ARGUMENTS…`
    pub(crate) fn command(&self, verb: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(verb.split(' '))
            .arg(&self.plan)
            .args(arguments)
            .current_dir(&self.folder);
        command
    }

    pub(crate) fn run(&self, verb: &str, arguments: &[&str]) -> Result<()> {
        command::run(&mut self.command(verb, arguments))
    }

    pub(crate) fn read(&self, verb: &str, arguments: &[&str]) -> Result<String> {
        command::read(&mut self.command(verb, arguments))
    }

    pub(crate) fn destroy(&self) -> Result<()> {
        self.run("destroy", &["--auto-approve", "--destroy-data"])
    }
}
