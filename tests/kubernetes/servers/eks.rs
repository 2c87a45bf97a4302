//! Tokens of EKS, judged by botocore, which signs the same call on its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use vvbill::provider::aws::eks::signed_token;

/// The environment that `cargo xtask setup` makes.
fn python() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache"),
        PathBuf::from,
    );
    cache.join("vvbill/moto/bin/python")
}

fn check(region: &str, cluster: &str, session_token: Option<&str>) {
    let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    let credentials = aws_credential_types::Credentials::new(
        "AKIDEXAMPLE",
        secret,
        session_token.map(str::to_owned),
        None,
        "tests",
    );
    let now = UNIX_EPOCH + Duration::from_secs(1_790_000_000);
    let token = signed_token(credentials, region, cluster, now).unwrap();
    assert_eq!(format!("{token:?}"), "(sensitive)");
    let judged = Command::new(python())
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kubernetes/eks_token.py"))
        .args([token.expose(), region, cluster, "AKIDEXAMPLE", secret])
        .arg(session_token.unwrap_or_default())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&judged.stderr);
    assert!(judged.status.success(), "{region}: {said}");
}

/// Protects: the API server of EKS believes our tokens. They are what botocore itself signs, in each partition and
/// with temporary credentials.
#[test]
fn a_token_is_what_botocore_signs() {
    check("us-east-1", "billing-prod", None);
    check(
        "eu-west-1",
        "billing-prod",
        Some("FQoGZXIvYXdzEBYaD/with+special=characters//"),
    );
    check("cn-north-1", "billing", None);
}
