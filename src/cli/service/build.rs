//! `vvbill service build`: from a static binary to an OCI image layout.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::super::arguments::PlanFile;
use super::super::error::Error;
use super::super::plan_file::{self, Findings};
use super::super::report::{Report, push::size};
use super::super::{Exit, error};
use super::folder_of;
use crate::image::{self, Image, Parts, elf};

/// A program is held in memory; the service has some tens of MiB.
const PROGRAM_BYTES_MAX: u64 = 1 << 30;
/// Where systems keep the certificates of authorities.
const CERTIFICATES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Pack the bundled service into an image: no shell, no distribution, no rights
///
/// Writes an OCI image layout, which `skopeo`, `crane` and `podman` read, and prints the image's digest. The
/// same binary and the same certificates give the same digest on every machine; files are dated to
/// SOURCE_DATE_EPOCH, or to 1970. The binary has to be static: `cargo xtask service-binary` builds it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vvbill service build plans/production.yaml
  vvbill service build plans/production.yaml --binary target/release/vvbill-ingest-static
  vvbill service build plans/production.yaml --ca-certificates none --json | jq -r .digest
  vvbill service build plans/production.yaml --out-dir image && skopeo inspect oci:image")]
pub(crate) struct Arguments {
    #[command(flatten)]
    file: PlanFile,
    /// The static `vvbill-ingest`; without it, the one beside vvbill
    #[arg(long, value_name = "FILE", env = "VVBILL_BINARY", hide_env_values = true)]
    binary: Option<PathBuf>,
    /// Certificates (PEM) that the service may trust, or `none`; without it, those that this machine trusts
    #[arg(
        long,
        value_name = "FILE|none",
        env = "VVBILL_CA_CERTIFICATES",
        hide_env_values = true
    )]
    ca_certificates: Option<PathBuf>,
    /// Write the image there instead of into `.vvbill/PLAN/image`
    #[arg(
        short = 'o',
        long,
        value_name = "DIR",
        env = "VVBILL_OUT_DIR",
        hide_env_values = true
    )]
    out_dir: Option<PathBuf>,
    /// Print digest, size, layers and folder as JSON
    #[arg(long, env = "VVBILL_JSON", hide_env_values = true)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments, report: &Report) -> Result<Exit, Error> {
    let loaded = plan_file::load(&arguments.file, Findings::PassOver, report)?;
    let binary = binary(arguments.binary.as_deref())?;
    let program = read(&binary)?;
    let certificates = certificates(arguments.ca_certificates.as_deref(), report)?;
    let parts = Parts {
        program: &program,
        certificates: certificates.as_deref(),
        created_epoch_s: source_date_epoch()?,
    };
    let image = image::build(&parts).map_err(|why| {
        Error::new(format!("`{}` can't be packed", binary.display()))
            .because(why.message)
            .hints(why.hint)
    })?;
    let own = || folder_of(&loaded.spec.metadata.name);
    let folder = arguments.out_dir.clone().unwrap_or_else(own);
    image::write(&image, &folder)?;
    if arguments.json {
        report.json(&answer(&image, &folder, &binary))?;
    } else {
        report.say(format_args!(
            "{} → {}, {}",
            binary.display(),
            folder.display(),
            size(image.size())
        ));
        report.data(format_args!("{}\n", image.digest()))?;
    }
    Ok(Exit::Done)
}

fn answer(image: &Image, folder: &Path, binary: &Path) -> serde_json::Value {
    let layers = image
        .layers
        .iter()
        .map(|layer| json!({ "digest": layer.digest, "size": layer.size() }));
    json!({
        "digest": image.digest(),
        "size": image.size(),
        "tag": image.tag(),
        "layers": layers.collect::<Vec<_>>(),
        "binary": binary,
        "layout": folder,
    })
}

/// The given one, else what lies beside vvbill: the static build, or a service that happens to be static.
fn binary(given: Option<&Path>) -> Result<PathBuf, Error> {
    if let Some(given) = given {
        return Ok(given.to_owned());
    }
    let own = std::env::current_exe().map_err(|why| {
        Error::new("can't tell where vvbill itself lies")
            .because(error::plain(&why))
            .hint("name the service with --binary")
    })?;
    let beside = |name: &str| own.with_file_name(name);
    ["vvbill-ingest-static", "vvbill-ingest"]
        .map(beside)
        .into_iter()
        .find(|path| path.is_file())
        .ok_or_else(|| {
            Error::new("there is no binary of the service to pack")
                .because(format!(
                    "`{}` isn't there",
                    beside("vvbill-ingest-static").display()
                ))
                .hint("`cargo xtask service-binary` builds it there; --binary names another")
        })
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let reading = |why| Error::reading("binary", path, &why);
    let bytes = fs::metadata(path).map_err(reading)?.len();
    if bytes > PROGRAM_BYTES_MAX {
        return Err(Error::new(format!("`{}` is too large", path.display()))
            .because(format!("it has {}", size(bytes)))
            .hint("strip it: `cargo xtask service-binary` does"));
    }
    let program = fs::read(path).map_err(reading)?;
    elf::static_program(&program).map(drop).map_err(|why| {
        Error::new(format!("`{}` can't be packed", path.display()))
            .because(why.message)
            .hints(why.hint)
    })?;
    Ok(program)
}

fn certificates(given: Option<&Path>, report: &Report) -> Result<Option<Vec<u8>>, Error> {
    let path = match given {
        Some(none) if none == Path::new("none") => return Ok(None),
        Some(path) => path,
        None => match CERTIFICATES.iter().map(Path::new).find(|path| path.is_file()) {
            Some(path) => path,
            None => {
                report.warn("this machine has no certificates of authorities, and so hasn't the image");
                return Ok(None);
            }
        },
    };
    let text = fs::read(path).map_err(|why| Error::reading("certificates", path, &why))?;
    let mark = b"-----BEGIN CERTIFICATE-----";
    if !text.windows(mark.len()).any(|window| window == mark) {
        return Err(Error::new(format!("`{}` holds no certificates", path.display()))
            .because("they are wanted in PEM, as `-----BEGIN CERTIFICATE-----`")
            .hint("name a bundle such as /etc/ssl/certs/ca-certificates.crt, or `none`"));
    }
    Ok(Some(text))
}

/// What everything in the image is dated to.
fn source_date_epoch() -> Result<u64, Error> {
    let Some(text) = std::env::var_os("SOURCE_DATE_EPOCH").filter(|text| !text.is_empty()) else {
        return Ok(0);
    };
    let seconds = text.to_str().and_then(|text| text.parse().ok());
    seconds.ok_or_else(|| {
        Error::usage(format!(
            "SOURCE_DATE_EPOCH is `{}`, and seconds since 1970 are wanted",
            text.to_string_lossy()
        ))
        .hint("`git log -1 --format=%ct` prints those of the last commit")
    })
}
