//! Reads the secrets that endpoints refer to. A value goes to the connection that needs it, nowhere else.

use super::LoadError;

/// The value behind `file:PATH` or `env:NAME`.
///
/// # Errors
/// When the reference is of another form or what it names can't be read.
pub fn read(reference: &str) -> Result<String, LoadError> {
    let failed = |reason: String| LoadError::Secret {
        reference: reference.to_owned(),
        reason,
    };
    let value = match reference.split_once(':') {
        Some(("file", path)) => std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?,
        Some(("env", name)) => std::env::var(name).map_err(|error| failed(error.to_string()))?,
        _ => return Err(failed("only file:… and env:… can be read here".to_owned())),
    };
    Ok(value.trim_end_matches('\n').to_owned())
}
