//! The image of `vvbill-ingest`: packed without a container daemon, kept as an OCI image layout, pushed to a
//! registry.
//!
//! Depends on no other module. It reads and writes the folder that it is given and talks to the registry that
//! it is given; it neither looks for a binary nor knows of plans. The same parts give the same bytes.

mod build;
mod credentials;
pub mod elf;
mod layer;
mod layout;
mod reference;
mod registry;

pub use build::{Parts, build};
pub use credentials::{Credentials, of_docker};
pub use layout::{read, write};
pub use oci_spec::image::MediaType;
pub use reference::Repository;
pub use registry::{Event, Push, Pushed, push};

use oci_spec::image::{Descriptor, Digest};
use sha2::{Digest as _, Sha256};

/// Why an image can't be built, read or pushed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ImageError {
    /// What failed and why, naming the object.
    pub message: String,
    /// What a person can do.
    pub hint: Option<String>,
}

impl ImageError {
    fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
        }
    }

    fn with_hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }
}

/// A document or a layer, with what it is called by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// What the bytes are.
    pub media_type: MediaType,
    /// `sha256:…` of the bytes.
    pub digest: Digest,
    /// The bytes themselves.
    pub bytes: Vec<u8>,
}

impl Blob {
    fn new(media_type: MediaType, bytes: Vec<u8>) -> Self {
        Self {
            media_type,
            digest: digest_of(&bytes),
            bytes,
        }
    }

    /// In bytes.
    pub fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn descriptor(&self) -> Descriptor {
        Descriptor::new(self.media_type.clone(), self.size(), self.digest.clone())
    }
}

/// An image for one platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// What the registry and the container runtime know it by.
    pub manifest: Blob,
    /// How it is run.
    pub config: Blob,
    /// Its files, the first at the bottom.
    pub layers: Vec<Blob>,
}

impl Image {
    /// `sha256:…` of the manifest: the image's own.
    pub fn digest(&self) -> &Digest {
        &self.manifest.digest
    }

    /// What is pulled, in bytes.
    pub fn size(&self) -> u64 {
        self.blobs().chain([&self.manifest]).map(Blob::size).sum()
    }

    /// A name for it that no other image has: vvbill's version and the start of its digest.
    pub fn tag(&self) -> String {
        let digest: String = self.digest().digest().chars().take(12).collect();
        format!("{}-{digest}", env!("CARGO_PKG_VERSION"))
    }

    /// What must be there before the manifest: layers, then configuration.
    fn blobs(&self) -> impl Iterator<Item = &Blob> {
        self.layers.iter().chain([&self.config])
    }
}

fn digest_of(bytes: &[u8]) -> Digest {
    digest_from(&Sha256::digest(bytes))
}

fn digest_from(hash: &[u8]) -> Digest {
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
        .parse()
        .expect("64 hexadecimal digits are a SHA-256")
}
