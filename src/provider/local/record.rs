//! What a resource was last asked to be, kept beside it: `<platform>/<kind>/<name>/resource.json`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Serialize, de::DeserializeOwned};

use super::platform::{Platform, failed};
use crate::provider::ProviderError;

/// The properties recorded in `home`, `None` where there are none.
pub(super) fn read<R: DeserializeOwned>(home: &Path) -> Result<Option<R>, ProviderError> {
    let path = path(home);
    let text = match fs::read(&path) {
        Err(why) if matches!(why.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        other => other.map_err(|why| failed("read", &path, &why))?,
    };
    // A record that this version can't read is as good as none: it is written anew by the next apply.
    Ok(serde_json::from_slice(&text)
        .inspect_err(|why| tracing::warn!(path = %path.display(), %why, "unreadable record"))
        .ok())
}

/// Whether `home` has a record.
pub(super) fn exists(home: &Path) -> bool {
    path(home).is_file()
}

/// Records `properties` in `home`.
pub(super) fn write<R: Serialize>(
    platform: &Platform,
    home: &Path,
    properties: &R,
) -> Result<(), ProviderError> {
    let text = serde_json::to_vec_pretty(properties)
        .map_err(|why| ProviderError::refused(format!("the properties can't be recorded: {why}")))?;
    platform.write(&path(home), &text, 0o600)
}

/// Removes `home` with all that is in it.
pub(super) fn remove(home: &Path) -> Result<(), ProviderError> {
    match fs::remove_dir_all(home) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => Err(failed("remove", home, &why)),
        _ => Ok(()),
    }
}

fn path(home: &Path) -> PathBuf {
    home.join("resource.json")
}
