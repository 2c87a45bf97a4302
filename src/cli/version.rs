//! `vvbill --version`: the version, and what tells one build of it from another.

use std::env::consts::{ARCH, OS};

/// The version, then the commit, the features and the target, a line each.
pub(super) fn long(commit: &str) -> String {
    let features = features().join(" ");
    let features = if features.is_empty() { "none" } else { &features };
    format!(
        "{}\ncommit: {commit}\nfeatures: {features}\ntarget: {ARCH}-{OS}{}",
        env!("CARGO_PKG_VERSION"),
        c_library()
    )
}

/// Those of the package's features that were compiled in.
fn features() -> Vec<&'static str> {
    let all = [
        ("aws", cfg!(feature = "aws")),
        ("kubernetes", cfg!(feature = "kubernetes")),
    ];
    let enabled = all.into_iter().filter(|(_, enabled)| *enabled);
    enabled.map(|(name, _)| name).collect()
}

/// Which C library it is linked with, and whether that is inside.
const fn c_library() -> &'static str {
    match (
        cfg!(target_env = "gnu"),
        cfg!(target_env = "musl"),
        cfg!(target_feature = "crt-static"),
    ) {
        (true, _, false) => "-gnu",
        (true, _, true) => "-gnu, static",
        (_, true, false) => "-musl",
        (_, true, true) => "-musl, static",
        _ => "",
    }
}
