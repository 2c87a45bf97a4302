//! The plan's own repositories on AWS: `apply` makes them, `push` finds them and logs in.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;

use super::proxy::tunnel;
use super::registry::{Guard, Registry};
use crate::bench::{Bench, Run, program};
use crate::fake::Fake;

/// The password that moto's ECR gives to its account.
const LOGINS: &str = "AWS:$2y$04$hzXMW0KdqMEjDQrHJhpnseB7hZae3zBmb9S08H4A0uPY/VOUvtTce\n";
const REGIONS: [&str; 2] = ["us-east-1", "eu-west-1"];

/// Certificates for ECR's names by an authority of this test: `authority.pem`, `server.pem`, `server.key`.
fn certify(folder: &Path) {
    let names = REGIONS
        .map(|region| format!("DNS:*.dkr.ecr.{region}.amazonaws.com"))
        .join(",");
    let extension = folder.join("names");
    std::fs::write(
        &extension,
        format!("subjectAltName={names}\nbasicConstraints=CA:FALSE\n"),
    )
    .unwrap();
    let key = [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
    ];
    let openssl = |arguments: &[&str]| {
        let done = Command::new("openssl")
            .args(arguments)
            .current_dir(folder)
            .output()
            .unwrap_or_else(|why| panic!("openssl can't be started: {why}; run `cargo xtask setup`"));
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    let authority = ["req", "-x509", "-subj", "/CN=test", "-days", "2"];
    let files = ["-keyout", "authority.key", "-out", "authority.pem"];
    openssl(&[&authority[..], &key, &files].concat());
    let files = ["-keyout", "server.key", "-out", "request.pem"];
    openssl(&[&["req", "-subj", "/CN=registry"][..], &key, &files].concat());
    let sign = [
        "x509",
        "-req",
        "-in",
        "request.pem",
        "-out",
        "server.pem",
        "-days",
        "2",
    ];
    let by = [
        "-CA",
        "authority.pem",
        "-CAkey",
        "authority.key",
        "-CAcreateserial",
        "-extfile",
        "names",
    ];
    openssl(&[&sign[..], &by].concat());
}

/// vvbill on a fake AWS, whose registries are all the same one.
struct Account {
    bench: Bench,
    fake: Fake,
    tunnel: u16,
    _registry: Registry,
}

impl Account {
    fn new() -> Self {
        let bench = Bench::new();
        certify(bench.folder.path());
        let registry = Registry::guarded(&Guard {
            logins: Some(LOGINS),
            tls: Some(bench.folder.path()),
        });
        for name in ["production.yaml", "specification.yaml"] {
            let plan = Path::new(env!("CARGO_MANIFEST_DIR")).join("plans").join(name);
            std::fs::copy(plan, bench.path(name)).unwrap();
        }
        Self {
            fake: Fake::start(&json!({})),
            tunnel: tunnel(registry.port),
            bench,
            _registry: registry,
        }
    }

    /// `vvbill WORDS`, with this environment beside what leads to the fake.
    fn run(&self, words: &[&str], environment: &[(&str, &str)]) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vvbill"));
        command
            .args(words)
            .args(["--set", "edge.create_zone=true"])
            .current_dir(self.bench.folder.path())
            .stdin(Stdio::null())
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("HOME", self.bench.folder.path())
            .env("SOURCE_DATE_EPOCH", "1795564800")
            .env("AWS_ENDPOINT_URL", &self.fake.url)
            .env("AWS_REGION", "us-east-1")
            .env("HTTPS_PROXY", format!("http://127.0.0.1:{}", self.tunnel))
            .env("SSL_CERT_FILE", self.bench.path("authority.pem"))
            .envs(environment.iter().copied());
        Run::of(command.output().unwrap())
    }
}

/// The whole way on AWS without a hand in between: repositories by `apply`, the login by the SDK, TLS, one push for
/// each region, and a digest in the plan that names no region.
#[test]
fn an_image_gets_into_the_repositories_that_apply_made() {
    let account = Account::new();
    let someone = [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")];
    let nobody = [("AWS_EC2_METADATA_DISABLED", "true")];
    let wanted = REGIONS.map(|region| format!("aws/{region}/ecr_repository/ingest"));
    let apply = [
        "apply",
        "production.yaml",
        "--auto-approve",
        "--target",
        &wanted.join(","),
    ];
    account.run(&apply, &someone).expect(0);
    let binary = program().display().to_string();
    let build = [
        "service",
        "build",
        "production.yaml",
        "--binary",
        &binary,
        "--json",
    ];
    let built = account.run(&build, &someone).expect(0).json();
    let push = ["service", "push", "production.yaml", "--write", "--json"];
    account
        .run(&push, &nobody)
        .expect(1)
        .says(&["can't log in to", "there are no usable credentials"]);
    let pushed = account.run(&push, &someone).expect(0).json();
    let digest = built["digest"].as_str().unwrap();
    let mut references: Vec<&str> = pushed["references"]
        .as_array()
        .unwrap()
        .iter()
        .map(|reference| reference.as_str().unwrap())
        .collect();
    references.sort_unstable();
    assert_eq!(references.len(), 2, "{pushed:#}");
    for (reference, region) in references.iter().zip(["eu-west-1", "us-east-1"]) {
        let host = format!("123456789012.dkr.ecr.{region}.amazonaws.com/");
        assert!(
            reference.starts_with(&host) && reference.ends_with(digest),
            "{reference}"
        );
    }
    let plan = std::fs::read_to_string(account.bench.path("production.yaml")).unwrap();
    assert!(
        plan.contains(&format!("\ningest:\n  image: bundled@{digest}\n")),
        "{plan}"
    );
    account.run(&["validate", "production.yaml"], &someone).expect(0);
}
