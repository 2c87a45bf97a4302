//! The key file: JSON Lines, one key a line, read again when it changes.

use super::{Key, KeySet};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Most bytes of a key file: some ten thousand keys.
const MAX_FILE_BYTES: u64 = 4 << 20;
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// A key file that can't be used. It never quotes the file's text.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    #[error("the key file {} can't be read: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("the key file {} is larger than {MAX_FILE_BYTES} bytes", path.display())]
    TooLarge { path: PathBuf },
    #[error("the key file {}, line {line}: {reason}", path.display())]
    Line {
        path: PathBuf,
        line: usize,
        reason: String,
    },
    #[error("the key file {} holds no key; make one with `vvbill-ingest key create`", path.display())]
    Empty { path: PathBuf },
}

/// Reads every key of a file. Blank lines and lines that start with `#` are passed over.
pub fn load(path: &Path) -> Result<KeySet, KeyFileError> {
    let read_error = |source| KeyFileError::Read {
        path: path.to_owned(),
        source,
    };
    if std::fs::metadata(path).map_err(read_error)?.len() > MAX_FILE_BYTES {
        return Err(KeyFileError::TooLarge {
            path: path.to_owned(),
        });
    }
    let text = std::fs::read_to_string(path).map_err(read_error)?;
    let keys = parse(&text).map_err(|(line, reason)| KeyFileError::Line {
        path: path.to_owned(),
        line,
        reason,
    })?;
    if keys.is_empty() {
        return Err(KeyFileError::Empty {
            path: path.to_owned(),
        });
    }
    Ok(keys)
}

/// The keys, or the number of the first line that is none and why.
pub(in crate::api) fn parse(text: &str) -> Result<KeySet, (usize, String)> {
    let mut keys = KeySet::default();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let key: Key = serde_json::from_str(line).map_err(|error| (number, describe(&error)))?;
        if key.roles.is_empty() {
            return Err((number, "roles must hold write, read or both".to_owned()));
        }
        if !keys.insert(key) {
            return Err((number, "the same sha256 stands on an earlier line".to_owned()));
        }
    }
    Ok(keys)
}

/// Where the JSON goes wrong. A value that stands there isn't quoted: someone may have put a key
/// where its hash belongs.
fn describe(error: &serde_json::Error) -> String {
    match error.classify() {
        serde_json::error::Category::Data => format!(
            "column {}: needs name (text), sha256 (64 hexadecimal digits), accounts (* or 1-1000,5000) and \
             roles (of write, read), and nothing else",
            error.column()
        ),
        _ => format!("not JSON at column {}", error.column()),
    }
}

/// Keeps `keys` as the file has them until `stop`; a file that can't be used changes nothing.
pub(in crate::api) async fn watch(path: PathBuf, keys: watch::Sender<Arc<KeySet>>, stop: CancellationToken) {
    let mut seen = Version::of(&path);
    while stop
        .run_until_cancelled(tokio::time::sleep(LOOK_INTERVAL))
        .await
        .is_some()
    {
        let now = Version::of(&path);
        if now == seen {
            continue;
        }
        seen = now;
        let path = path.clone();
        match tokio::task::spawn_blocking(move || load(&path)).await {
            Ok(Ok(set)) => {
                tracing::info!(keys = set.len(), "key file read again");
                keys.send_replace(Arc::new(set));
            }
            Ok(Err(error)) => tracing::error!(%error, "the keys stay as they were"),
            Err(error) => tracing::error!(%error, "reading the key file failed"),
        }
    }
}

/// What tells one content of a file from another without reading it.
#[derive(PartialEq, Eq)]
struct Version(Option<(SystemTime, u64, u64)>);

impl Version {
    fn of(path: &Path) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self(std::fs::metadata(path).ok().and_then(|metadata| {
            let modified = metadata.modified().ok()?;
            Some((modified, metadata.len(), metadata.ino()))
        }))
    }
}
