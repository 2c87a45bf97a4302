//! Reads the secrets that endpoints refer to. A value goes to the connection that needs it, nowhere else.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::LoadError;

/// What was fetched for a reference that only a cloud can read, or why it could not be.
static FETCHED: Mutex<BTreeMap<String, Result<String, String>>> = Mutex::new(BTreeMap::new());

/// Keeps what a cloud answered for a reference, for this process to [`read`].
pub fn keep(reference: &str, answer: Result<String, String>) {
    let mut fetched = FETCHED.lock().unwrap_or_else(PoisonError::into_inner);
    fetched.insert(reference.to_owned(), answer);
}

/// The value behind `file:PATH`, `env:NAME`, or a reference whose value was kept.
///
/// # Errors
/// When what it names can't be read, or nobody has fetched it.
pub fn read(reference: &str) -> Result<String, LoadError> {
    let failed = |reason: String| LoadError::Secret {
        reference: reference.to_owned(),
        reason,
    };
    let value = match reference.split_once(':') {
        Some(("file", path)) => std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?,
        Some(("env", name)) => std::env::var(name).map_err(|error| failed(error.to_string()))?,
        _ => {
            let fetched = FETCHED.lock().unwrap_or_else(PoisonError::into_inner);
            let answer = fetched.get(reference).cloned();
            let unread =
                || Err("only file:…, env:… and, for a plan on AWS, secretsmanager:… can be read".to_owned());
            answer.unwrap_or_else(unread).map_err(failed)?
        }
    };
    Ok(value.trim_end_matches('\n').to_owned())
}
