//! The image as a folder that other tools read: an OCI image layout (`skopeo inspect oci:FOLDER`).

use std::fs;
use std::io;
use std::path::Path;

use oci_spec::image::{
    Descriptor, Digest, ImageIndex, ImageIndexBuilder, ImageManifest, MediaType, SCHEMA_VERSION,
};
use serde_json::json;

use super::build::document;
use super::{Blob, Image, ImageError};

/// Says that a folder is a layout, and of which version.
const MARK: &str = "oci-layout";
const INDEX: &str = "index.json";
/// The name that tools show for the image.
const NAME: &str = "org.opencontainers.image.ref.name";
/// A document is small; what claims to be more is none.
const DOCUMENT_BYTES_MAX: u64 = 4 << 20;
/// A layer is held in memory.
const LAYER_BYTES_MAX: u64 = 1 << 30;

/// Writes the image as the layout at `folder`, in the place of one that is there.
///
/// # Errors
/// When something else is there, or when it can't be written; then what was there before still is.
pub fn write(image: &Image, folder: &Path) -> Result<(), ImageError> {
    let failed =
        |why: io::Error| ImageError::new(format!("can't write the image `{}`: {why}", folder.display()));
    let is_layout = folder.join(MARK).is_file();
    if !is_layout && fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(
            ImageError::new(format!("`{}` is no image, and is not empty", folder.display()))
                .with_hint("name another folder, or empty it"),
        );
    }
    let parent = match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(parent).map_err(failed)?;
    let draft = tempfile::Builder::new()
        .prefix(".image-")
        .tempdir_in(parent)
        .map_err(failed)?;
    fill(image, draft.path()).map_err(failed)??;
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(draft.path(), readable).map_err(failed)?;
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(failed)?;
    }
    fs::rename(draft.keep(), folder).map_err(failed)
}

fn fill(image: &Image, folder: &Path) -> io::Result<Result<(), ImageError>> {
    let index = match index(image) {
        Ok(index) => index,
        Err(why) => return Ok(Err(why)),
    };
    fs::create_dir_all(folder.join("blobs/sha256"))?;
    for blob in image.blobs().chain([&image.manifest]) {
        fs::write(
            folder.join("blobs/sha256").join(blob.digest.digest()),
            &blob.bytes,
        )?;
    }
    fs::write(folder.join(INDEX), &index.bytes)?;
    fs::write(
        folder.join(MARK),
        json!({ "imageLayoutVersion": "1.0.0" }).to_string(),
    )?;
    Ok(Ok(()))
}

fn index(image: &Image) -> Result<Blob, ImageError> {
    let mut manifest = image.manifest.descriptor();
    manifest.set_annotations(Some([(NAME.to_owned(), image.tag())].into()));
    let index = ImageIndexBuilder::default()
        .schema_version(SCHEMA_VERSION)
        .media_type(MediaType::ImageIndex)
        .manifests(vec![manifest])
        .build()
        .map_err(|why| ImageError::new(format!("the index of the image is incomplete: {why}")))?;
    document(MediaType::ImageIndex, &index)
}

/// Reads the one image of the layout at `folder`, and holds every byte against its digest.
///
/// # Errors
/// When there is none, or it is damaged.
pub fn read(folder: &Path) -> Result<Image, ImageError> {
    if !folder.join(MARK).is_file() {
        return Err(
            ImageError::new(format!("there is no image in `{}`", folder.display()))
                .with_hint("`vvbill service build PLAN` makes it"),
        );
    }
    let path = folder.join(INDEX);
    let bytes = fs::read(&path).map_err(|why| damaged(&path, &why.to_string()))?;
    let index: ImageIndex = serde_json::from_slice(&bytes).map_err(|why| damaged(&path, &why.to_string()))?;
    let [manifest] = index.manifests().as_slice() else {
        return Err(damaged(
            &path,
            &format!("one image is wanted, and it has {}", index.manifests().len()),
        ));
    };
    let manifest = blob(folder, manifest, DOCUMENT_BYTES_MAX)?;
    let parsed: ImageManifest =
        serde_json::from_slice(&manifest.bytes).map_err(|why| damaged(folder, &why.to_string()))?;
    let layer = |descriptor| blob(folder, descriptor, LAYER_BYTES_MAX);
    Ok(Image {
        config: blob(folder, parsed.config(), DOCUMENT_BYTES_MAX)?,
        layers: parsed.layers().iter().map(layer).collect::<Result<_, _>>()?,
        manifest,
    })
}

fn blob(folder: &Path, descriptor: &Descriptor, bytes_max: u64) -> Result<Blob, ImageError> {
    let digest: &Digest = descriptor.digest();
    // A digest that is no SHA-256 is none of ours, and its text must not lead elsewhere as a path.
    let name = descriptor
        .as_digest_sha256()
        .ok_or_else(|| damaged(folder, &format!("{digest} is no SHA-256")))?;
    let path = folder.join("blobs/sha256").join(name);
    if descriptor.size() > bytes_max {
        return Err(damaged(
            &path,
            &format!("{} bytes are too many", descriptor.size()),
        ));
    }
    let bytes = fs::read(&path).map_err(|why| damaged(&path, &why.to_string()))?;
    let blob = Blob::new(descriptor.media_type().clone(), bytes);
    match blob.digest == *digest && blob.size() == descriptor.size() {
        true => Ok(blob),
        false => Err(damaged(&path, "its bytes are not those of its digest")),
    }
}

fn damaged(path: &Path, why: &str) -> ImageError {
    ImageError::new(format!("the image is damaged: `{}`: {why}", path.display()))
        .with_hint("`vvbill service build PLAN` makes it anew")
}
