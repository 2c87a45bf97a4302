//! The log on standard error: off unless `--log` or `VVBILL_LOG` asks for it.

use tracing_subscriber::EnvFilter;

use super::Report;
use crate::cli::error::Error;

/// Starts logging what matches `filter`.
pub(crate) fn start(filter: Option<&str>, report: &Report) -> Result<(), Error> {
    let Some(filter) = filter else { return Ok(()) };
    let filter = EnvFilter::try_new(filter).map_err(|why| {
        Error::usage(format!("`{filter}` is no log filter"))
            .caused_by(&why)
            .hint("give a level (error, warn, info, debug, trace) or module=level pairs: --log vvbill::apply=debug")
    })?;
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(report.colors_stderr())
        .try_init();
    Ok(())
}
