//! From a program to an image: two layers, a configuration, a manifest.
//!
//! What hardly ever changes lies at the bottom, so that a new program is all that is pushed and pulled.

use std::collections::HashMap;

use jiff::Timestamp;
use oci_spec::image::{
    ConfigBuilder, HistoryBuilder, ImageConfigurationBuilder, ImageManifestBuilder, MediaType, Os,
    RootFsBuilder, SCHEMA_VERSION,
};
use serde::Serialize;

use super::layer::{Entry, Layer, pack};
use super::{Blob, Image, ImageError, elf};

/// Nobody: as in distroless images.
const USER: &str = "65532:65532";
/// Port of the API, and of every role's probes.
const PORT: &str = "8000/tcp";
const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";
const PASSWD: &[u8] = b"root:x:0:0:root:/:/nologin\nnonroot:x:65532:65532:nonroot:/:/nologin\n";
const GROUP: &[u8] = b"root:x:0:\nnonroot:x:65532:\n";
/// glibc looks into /etc/hosts before it asks a server, whatever its own default is.
const NSSWITCH: &[u8] = b"hosts: files dns\n";

/// What an image is made of.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// `vvbill-ingest`, static.
    pub program: &'a [u8],
    /// Certificates of authorities (PEM) that the program may trust.
    pub certificates: Option<&'a [u8]>,
    /// Seconds since 1970 that every file and the image itself are dated to.
    pub created_epoch_s: u64,
}

/// The image of these parts, and of nothing else: no clock, no names of this machine.
///
/// # Errors
/// When the program can't run in it.
pub fn build(parts: &Parts<'_>) -> Result<Image, ImageError> {
    let architecture = elf::static_program(parts.program)?;
    let created = created(parts.created_epoch_s)?;
    let packed = |what: &str, entries: &[Entry<'_>]| {
        pack(entries, parts.created_epoch_s)
            .map_err(|why| ImageError::new(format!("the layer of {what} can't be packed: {why}")))
    };
    let ground = packed("users and certificates", &ground(parts.certificates))?;
    let program = packed("the program", &[Entry::program("vvbill-ingest", parts.program)])?;
    let layers = [
        ("users, name resolution, certificates", ground),
        ("vvbill-ingest", program),
    ];

    let rootfs = RootFsBuilder::default()
        .typ("layers")
        .diff_ids(diff_ids(&layers))
        .build();
    let history = layers.iter().map(|(what, _)| {
        HistoryBuilder::default()
            .created(created.clone())
            .created_by(format!("vvbill service build: {what}"))
            .build()
    });
    let configuration = ImageConfigurationBuilder::default()
        .created(created.clone())
        .architecture(architecture)
        .os(Os::Linux)
        .config(config(parts, &created).map_err(incomplete)?)
        .rootfs(rootfs.map_err(incomplete)?)
        .history(history.collect::<Result<Vec<_>, _>>().map_err(incomplete)?)
        .build();
    let config = document(MediaType::ImageConfig, &configuration.map_err(incomplete)?)?;
    let layers: Vec<Blob> = layers.into_iter().map(|(_, layer)| layer.blob).collect();
    let manifest = ImageManifestBuilder::default()
        .schema_version(SCHEMA_VERSION)
        .media_type(MediaType::ImageManifest)
        .config(config.descriptor())
        .layers(layers.iter().map(Blob::descriptor).collect::<Vec<_>>())
        .annotations(labels(&created))
        .build();
    Ok(Image {
        manifest: document(MediaType::ImageManifest, &manifest.map_err(incomplete)?)?,
        config,
        layers,
    })
}

/// What lies beside the program.
fn ground(certificates: Option<&[u8]>) -> Vec<Entry<'_>> {
    let mut entries = vec![
        Entry::folder("etc/"),
        Entry::file("etc/group", GROUP),
        Entry::file("etc/nsswitch.conf", NSSWITCH),
        Entry::file("etc/passwd", PASSWD),
    ];
    if let Some(certificates) = certificates {
        entries.push(Entry::folder("etc/ssl/"));
        entries.push(Entry::folder("etc/ssl/certs/"));
        entries.push(Entry::file(CERTIFICATES.trim_start_matches('/'), certificates));
    }
    entries
}

fn diff_ids(layers: &[(&str, Layer)]) -> Vec<String> {
    layers
        .iter()
        .map(|(_, layer)| layer.diff_id.to_string())
        .collect()
}

/// How a container of it is run.
fn config(parts: &Parts<'_>, created: &str) -> Result<oci_spec::image::Config, oci_spec::OciSpecError> {
    // Inside a container loopback is of no use; keys are required on any other address.
    let mut environment = vec!["VVBILL_INGEST_LISTEN=0.0.0.0:8000".to_owned()];
    if parts.certificates.is_some() {
        environment.push(format!("SSL_CERT_FILE={CERTIFICATES}"));
    }
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    ConfigBuilder::default()
        .user(USER)
        .exposed_ports(words(&[PORT]))
        .env(environment)
        .entrypoint(words(&["/vvbill-ingest"]))
        .cmd(words(&["run", "--role", "api", "--role", "worker"]))
        .working_dir("/")
        .labels(labels(created))
        .stop_signal("SIGTERM")
        .build()
}

fn labels(created: &str) -> HashMap<String, String> {
    [
        ("title", "vvbill-ingest"),
        (
            "description",
            "The ingestion service of vvbill: Kafka, write-behind Redis, sharded Postgres",
        ),
        ("version", env!("CARGO_PKG_VERSION")),
        ("licenses", env!("CARGO_PKG_LICENSE")),
        ("created", created),
    ]
    .into_iter()
    .map(|(name, value)| (format!("org.opencontainers.image.{name}"), value.to_owned()))
    .collect()
}

fn created(epoch_s: u64) -> Result<String, ImageError> {
    let timestamp = i64::try_from(epoch_s)
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok());
    timestamp.map(|timestamp| timestamp.to_string()).ok_or_else(|| {
        ImageError::new(format!("{epoch_s} seconds since 1970 are no date"))
            .with_hint("correct SOURCE_DATE_EPOCH, or leave it out")
    })
}

/// The same value gives the same bytes: the library keeps annotations in no order.
pub(super) fn document(media_type: MediaType, value: &impl Serialize) -> Result<Blob, ImageError> {
    let text = serde_json::to_value(value).and_then(|mut value| {
        value.sort_all_objects();
        serde_json::to_vec(&value)
    });
    text.map(|bytes| Blob::new(media_type, bytes))
        .map_err(|why| ImageError::new(format!("a document of the image can't be written: {why}")))
}

fn incomplete(why: oci_spec::OciSpecError) -> ImageError {
    ImageError::new(format!("a document of the image is incomplete: {why}"))
}
