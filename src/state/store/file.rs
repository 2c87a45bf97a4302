//! State, lock and journal as files in one folder of this machine.
//!
//! A whole file is written beside its place, synced, renamed, and the folder synced. What must be
//! compared before it is written is compared under an advisory lock on `state.guard`, held for that
//! moment only; it closes with the process and no child inherits it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use futures::future::{BoxFuture, FutureExt};
use rustix::fs::{FlockOperation, flock};
use sha2::{Digest, Sha256};

use super::{Blob, Expect, Fence, Object, Store, StoreError, Version};
use crate::state::lock::Holder;

/// A folder.
#[derive(Clone, Debug)]
pub struct FileStore(Arc<Folder>);

#[derive(Debug)]
struct Folder {
    path: PathBuf,
    /// Open while a run writes it, with its length up to the last entry that is whole.
    journal: Mutex<Option<(File, u64)>>,
}

impl FileStore {
    /// The folder need not exist; the first write makes it.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self(Arc::new(Folder {
            path: folder.into(),
            journal: Mutex::new(None),
        }))
    }

    /// Runs `work` where it may block.
    fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Folder) -> Result<T, StoreError> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        let folder = Arc::clone(&self.0);
        async move {
            match tokio::task::spawn_blocking(move || work(&folder)).await {
                Ok(result) => result,
                Err(stopped) => Err(StoreError::Failed {
                    place: "the store".into(),
                    why: stopped.to_string(),
                }),
            }
        }
        .boxed()
    }
}

impl Store for FileStore {
    fn place(&self, object: &Object) -> String {
        self.0.path_of(object).display().to_string()
    }

    fn journal_place(&self) -> String {
        self.0.journal_path().display().to_string()
    }

    fn read<'a>(&'a self, object: &'a Object) -> BoxFuture<'a, Result<Option<Blob>, StoreError>> {
        let object = object.clone();
        self.blocking(move |folder| folder.read(&folder.path_of(&object)))
    }

    fn write<'a>(
        &'a self,
        object: &'a Object,
        bytes: Vec<u8>,
        expect: Expect,
        fence: &'a Fence,
    ) -> BoxFuture<'a, Result<Version, StoreError>> {
        let (object, fence) = (object.clone(), fence.clone());
        self.blocking(move |folder| folder.write(&object, &bytes, &expect, &fence))
    }

    fn remove<'a>(&'a self, object: &'a Object, expect: Expect) -> BoxFuture<'a, Result<(), StoreError>> {
        let object = object.clone();
        self.blocking(move |folder| folder.remove(&object, &expect))
    }

    fn read_journal(&self) -> BoxFuture<'_, Result<Vec<u8>, StoreError>> {
        self.blocking(|folder| {
            let found = folder.read(&folder.journal_path())?;
            Ok(found.map(|blob| blob.bytes).unwrap_or_default())
        })
    }

    fn append<'a>(&'a self, bytes: Vec<u8>, fence: &'a Fence) -> BoxFuture<'a, Result<(), StoreError>> {
        let fence = fence.clone();
        self.blocking(move |folder| folder.append(&bytes, &fence))
    }

    fn archive_journal<'a>(&'a self, fence: &'a Fence) -> BoxFuture<'a, Result<(), StoreError>> {
        let fence = fence.clone();
        self.blocking(move |folder| folder.archive_journal(&fence))
    }
}

impl Folder {
    fn path_of(&self, object: &Object) -> PathBuf {
        self.path.join(match object {
            Object::State => "state.json".into(),
            Object::Lock => "state.lock".into(),
            Object::PreviousState => "state.json.previous".into(),
            Object::PreviousJournal => "journal.previous".into(),
            Object::Backup(name) => format!("state.json.{name}.backup"),
            Object::Rollout => "rollout.ndjson".into(),
        })
    }

    fn journal_path(&self) -> PathBuf {
        self.path.join("journal")
    }

    fn read(&self, path: &Path) -> Result<Option<Blob>, StoreError> {
        match fs::read(path) {
            Ok(bytes) => {
                let version = version_of(&bytes);
                Ok(Some(Blob { bytes, version }))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(explain(path, &error)),
        }
    }

    fn write(
        &self,
        object: &Object,
        bytes: &[u8],
        expect: &Expect,
        fence: &Fence,
    ) -> Result<Version, StoreError> {
        let path = self.path_of(object);
        let _guard = self.guard()?;
        self.check(&path, expect)?;
        self.check_fence(&path, fence)?;
        let new = beside(&path, "new");
        let written = write_synced(&new, bytes).and_then(|()| {
            if *object == Object::State {
                self.keep_previous(&path)?;
            }
            fs::rename(&new, &path)?;
            sync_folder(&self.path)
        });
        written.map_err(|error| {
            // A leftover would only take room: the error is what matters.
            let _ = fs::remove_file(&new);
            explain(&path, &error)
        })?;
        Ok(version_of(bytes))
    }

    /// The former state gets a second name before its first one goes to the new state.
    fn keep_previous(&self, path: &Path) -> io::Result<()> {
        let previous = self.path_of(&Object::PreviousState);
        let link = beside(&previous, "link");
        remove_if_there(&link)?;
        match fs::hard_link(path, &link) {
            Ok(()) => fs::rename(&link, &previous),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn remove(&self, object: &Object, expect: &Expect) -> Result<(), StoreError> {
        let path = self.path_of(object);
        let _guard = self.guard()?;
        self.check(&path, expect)?;
        remove_if_there(&path)
            .and_then(|()| sync_folder(&self.path))
            .map_err(|error| explain(&path, &error))
    }

    fn append(&self, bytes: &[u8], fence: &Fence) -> Result<(), StoreError> {
        let path = self.journal_path();
        let _guard = self.guard()?;
        self.check_fence(&path, fence)?;
        let mut journal = self.journal.lock().expect("nobody panics while holding it");
        if journal.is_none() {
            *journal = Some(open_journal(&self.path, &path).map_err(|error| explain(&path, &error))?);
        }
        let (file, length) = journal.as_mut().expect("opened above");
        let result = file.write_all(bytes).and_then(|()| file.sync_data());
        match result {
            Ok(()) => {
                *length += bytes.len() as u64;
                Ok(())
            }
            Err(error) => {
                // Half a line must not stand before the next one. If cutting fails too, the handle is
                // gone, and the next run takes the half line for the torn end that it is.
                if file.set_len(*length).is_err() {
                    *journal = None;
                }
                Err(explain(&path, &error))
            }
        }
    }

    fn archive_journal(&self, fence: &Fence) -> Result<(), StoreError> {
        let path = self.journal_path();
        let _guard = self.guard()?;
        self.check_fence(&path, fence)?;
        *self.journal.lock().expect("nobody panics while holding it") = None;
        match fs::rename(&path, self.path_of(&Object::PreviousJournal)) {
            Ok(()) => sync_folder(&self.path).map_err(|error| explain(&path, &error)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(explain(&path, &error)),
        }
    }

    /// Shuts out other writers, of this process and of others, until dropped.
    fn guard(&self) -> Result<File, StoreError> {
        let path = self.path.join("state.guard");
        let open = || {
            fs::create_dir_all(&self.path)?;
            let file = OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .open(&path)?;
            flock(&file, FlockOperation::LockExclusive)?;
            Ok(file)
        };
        open().map_err(|error: io::Error| explain(&path, &error))
    }

    fn check(&self, path: &Path, expect: &Expect) -> Result<(), StoreError> {
        let holds = match expect {
            Expect::Anything => true,
            Expect::Absent => !path.exists(),
            Expect::Version(version) => self.read(path)?.is_some_and(|blob| blob.version == *version),
        };
        if holds {
            Ok(())
        } else {
            Err(StoreError::Conflict {
                place: path.display().to_string(),
            })
        }
    }

    fn check_fence(&self, path: &Path, fence: &Fence) -> Result<(), StoreError> {
        let Some(id) = fence else { return Ok(()) };
        let lock = self.read(&self.path_of(&Object::Lock))?;
        let holder = lock.and_then(|blob| Holder::from_json(&blob.bytes).ok());
        let now = match holder {
            Some(holder) if holder.id == *id => return Ok(()),
            Some(holder) => format!("it is held by {holder}"),
            None => "it was released".into(),
        };
        Err(StoreError::Fenced {
            place: path.display().to_string(),
            now,
        })
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}

fn open_journal(folder: &Path, path: &Path) -> io::Result<(File, u64)> {
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    sync_folder(folder)?;
    let length = file.metadata()?.len();
    Ok((file, length))
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn version_of(bytes: &[u8]) -> Version {
    Version(crate::state::hex(&Sha256::digest(bytes)))
}

fn explain(path: &Path, error: &io::Error) -> StoreError {
    let (place, why) = (path.display().to_string(), error.to_string());
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            StoreError::Full { place, why }
        }
        _ => StoreError::Failed { place, why },
    }
}
