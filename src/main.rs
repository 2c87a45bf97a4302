//! The binary: arguments → [`vvbill::cli::run`] → exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(vvbill::cli::run(std::env::args_os(), vvbill_revision::commit!()))
}
