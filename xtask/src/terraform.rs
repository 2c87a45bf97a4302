//! Terraform, which judges the module that `vvbill render` writes: the one on PATH, else one fetched once.

use std::path::PathBuf;
use std::process::Command;

use crate::{Result, command};

const VERSION: &str = "1.11.4";
/// Of the program in the archive for Linux on x86-64.
const SHA256: &str = "268000fca5c61021c6396893d9483007ba589ad9d0aaccbd7dfa8c78bf7dbe23";

/// What the tests need of it: `terraform` on PATH or in the cache.
pub(crate) fn for_tests() -> Result<()> {
    if command::find("terraform", &[]).is_some() {
        return Ok(());
    }
    let file = cached()?;
    if file.is_file() {
        return Ok(());
    }
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Err(
            "this machine lacks Terraform: install it (https://developer.hashicorp.com/terraform/install), \
                    then run this again"
                .into(),
        );
    }
    let archive =
        format!("https://releases.hashicorp.com/terraform/{VERSION}/terraform_{VERSION}_linux_amd64.zip");
    let mut fetch = Command::new("python3");
    fetch.args(["-c", include_str!("terraform.py"), &archive, SHA256]);
    command::run(fetch.arg(file))
}

/// Where the tests look for it when it isn't on PATH.
fn cached() -> Result<PathBuf> {
    command::cache().map(|cache| cache.join("terraform/terraform"))
}
