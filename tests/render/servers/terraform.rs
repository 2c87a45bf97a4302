//! Terraform formats the module as it is.

use std::path::PathBuf;
use std::process::Command;

use vvbill::render::Format;

use crate::plans::folder;
use crate::terraform::PLANS;

/// Protects: whoever runs `terraform fmt` on the module gets no change.
#[test]
fn terraform_has_nothing_to_format() {
    for name in PLANS {
        let folder = folder(name, &[Format::Terraform]);
        let output = Command::new(terraform())
            .args(["fmt", "-check", "-diff", "-recursive"])
            .arg(folder.path())
            .env("CHECKPOINT_DISABLE", "1")
            .output()
            .unwrap_or_else(|why| panic!("terraform can't be started: {why}; run `cargo xtask setup`"));
        assert!(
            output.status.success(),
            "{name}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

/// On PATH, else where `cargo xtask setup` puts it.
fn terraform() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join("terraform"));
    let cached = cache().join("terraform/terraform");
    on_path
        .chain([cached.clone()])
        .find(|file| file.is_file())
        .unwrap_or(cached)
}

fn cache() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache"),
        PathBuf::from,
    );
    cache.join("vvbill")
}
