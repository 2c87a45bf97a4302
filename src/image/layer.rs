//! A layer: files as a compressed archive whose bytes depend on nothing but them.

use std::io::{self, Write};

use flate2::{Compression, GzBuilder};
use oci_spec::image::{Digest, MediaType};
use sha2::{Digest as _, Sha256};
use tar::{EntryType, Header};

use super::{Blob, digest_from};

/// A file, or a folder where there is no content.
pub(super) struct Entry<'a> {
    pub path: &'a str,
    pub mode: u32,
    pub content: Option<&'a [u8]>,
}

impl<'a> Entry<'a> {
    pub(super) fn folder(path: &'a str) -> Self {
        Self {
            path,
            mode: 0o755,
            content: None,
        }
    }

    pub(super) fn file(path: &'a str, content: &'a [u8]) -> Self {
        Self {
            path,
            mode: 0o644,
            content: Some(content),
        }
    }

    pub(super) fn program(path: &'a str, content: &'a [u8]) -> Self {
        Self {
            mode: 0o755,
            ..Self::file(path, content)
        }
    }
}

pub(super) struct Layer {
    pub blob: Blob,
    /// Of the archive before compression: the configuration names layers by it.
    pub diff_id: Digest,
}

/// In the order given, owned by root, with one time for all, and without this machine's names.
pub(super) fn pack(entries: &[Entry<'_>], modified_epoch_s: u64) -> io::Result<Layer> {
    // The builder writes neither a time nor a name, and "unknown" for the system.
    let compressed = GzBuilder::new()
        .operating_system(255)
        .write(Vec::new(), Compression::default());
    let mut archive = tar::Builder::new(Hashed {
        inner: compressed,
        hash: Sha256::new(),
    });
    for entry in entries {
        let content = entry.content.unwrap_or_default();
        let mut header = Header::new_ustar();
        header.set_path(entry.path)?;
        header.set_entry_type(match entry.content {
            Some(_) => EntryType::Regular,
            None => EntryType::Directory,
        });
        header.set_mode(entry.mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(modified_epoch_s);
        header.set_size(content.len() as u64);
        header.set_cksum();
        archive.append(&header, content)?;
    }
    let Hashed { inner, hash } = archive.into_inner()?;
    Ok(Layer {
        blob: Blob::new(MediaType::ImageLayerGzip, inner.finish()?),
        diff_id: digest_from(&hash.finalize()),
    })
}

/// Passes on what is written and hashes it.
struct Hashed<W> {
    inner: W,
    hash: Sha256,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
