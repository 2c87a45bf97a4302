//! moto, somebody else's AWS for tests: installed once into the cache, by the versions that the tests name.

use std::path::Path;
use std::process::Command;

use crate::{Result, command};

/// What the tests need of PyPI, with versions.
const REQUIREMENTS: &str = "tests/support/aws/requirements.txt";

/// Makes `vvbill/moto` in the cache a Python environment with moto, unless it is one of these versions already.
pub(crate) fn install() -> Result<()> {
    let requirements = command::workspace().join(REQUIREMENTS);
    let wanted = read(&requirements)?;
    let folder = command::cache()?.join("moto");
    // Written last: a half-made environment is made again.
    let installed = folder.join("requirements.txt");
    if std::fs::read_to_string(&installed).is_ok_and(|text| text == wanted) {
        return Ok(());
    }
    command::run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    let mut pip = Command::new(folder.join("bin/pip"));
    pip.args(["install", "--quiet", "--requirement"]);
    command::run(pip.arg(&requirements))?;
    std::fs::write(&installed, wanted)
        .map_err(|error| format!("cannot write {}: {error}", installed.display()))
}

fn read(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).map_err(|error| format!("cannot read {}: {error}", file.display()))
}
