//! One etcd and one kube-apiserver for all tests of this program, and calls to it that share no code with `src`.
//!
//! Both end with this program: a shell between us and them reads from a pipe that closes then.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::Value;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

pub struct Cluster {
    pub url: String,
    pub folder: PathBuf,
    agent: ureq::Agent,
    /// The certificate that the server is trusted by, in PEM.
    pub authority: String,
    _servers: [Child; 2],
}

/// May do everything.
pub const ADMIN: &str = "token-of-admin";
/// May do nothing.
pub const GUEST: &str = "token-of-guest";

static SHARED: OnceLock<Cluster> = OnceLock::new();

/// Starts it with the first test that asks.
pub fn shared() -> &'static Cluster {
    SHARED.get_or_init(|| Cluster::start(None))
}

const UNTIL_WE_END: &str =
    r#"folder=$1; shift; "$@" & child=$!; cat; kill -KILL "$child"; wait "$child"; rm -rf "$folder""#;

fn server(folder: &Path, program: &Path, arguments: &[String]) -> Child {
    let log =
        fs::File::create(folder.join(format!("{}.log", program.file_name().unwrap().display()))).unwrap();
    Command::new("sh")
        .args(["-c", UNTIL_WE_END, "sh"])
        .arg(folder)
        .arg(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// What `cargo xtask test` builds, of the version in `go.mod`.
fn program() -> PathBuf {
    let modules = include_str!("../../support/kubernetes/go.mod");
    let line = |line: &'static str| line.trim().strip_prefix("k8s.io/kubernetes v");
    let version = modules.lines().find_map(line).unwrap();
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache"),
        PathBuf::from,
    );
    let program = cache.join(format!("vvbill/kube-apiserver-{version}/kube-apiserver"));
    assert!(
        program.is_file(),
        "{} is not there: `cargo xtask test` builds it",
        program.display()
    );
    program
}

impl Cluster {
    /// `webhook`: who says whose a token is, where it is none of our own.
    pub fn start(webhook: Option<&str>) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("vvbill-kubernetes-")
            .tempdir()
            .unwrap()
            .keep();
        let (etcd, peers, api) = (free_port(), free_port(), free_port());
        let at = |port: u16| format!("http://127.0.0.1:{port}");
        let file = |name: &str| folder.join(name).display().to_string();
        let etcd_server = server(
            &folder,
            Path::new("etcd"),
            &[
                format!("--data-dir={}", file("etcd")),
                format!("--listen-client-urls={}", at(etcd)),
                format!("--advertise-client-urls={}", at(etcd)),
                format!("--listen-peer-urls={}", at(peers)),
                format!("--initial-advertise-peer-urls={}", at(peers)),
                format!("--initial-cluster=default={}", at(peers)),
            ],
        );
        let key = file("service-accounts.key");
        let made = Command::new("openssl")
            .args([
                "ecparam",
                "-genkey",
                "-name",
                "prime256v1",
                "-noout",
                "-out",
                &key,
            ])
            .status();
        assert!(made.unwrap().success());
        fs::write(
            folder.join("tokens"),
            format!("{ADMIN},admin,1,system:masters\n{GUEST},guest,2\n"),
        )
        .unwrap();
        let mut arguments = vec![
            format!("--etcd-servers={}", at(etcd)),
            format!("--secure-port={api}"),
            "--bind-address=127.0.0.1".into(),
            "--advertise-address=127.0.0.1".into(),
            format!("--cert-dir={}", file("certificates")),
            "--service-cluster-ip-range=10.0.0.0/24".into(),
            "--authorization-mode=RBAC".into(),
            "--disable-admission-plugins=ServiceAccount".into(),
            "--endpoint-reconciler-type=none".into(),
            format!("--token-auth-file={}", file("tokens")),
            format!("--service-account-key-file={key}"),
            format!("--service-account-signing-key-file={key}"),
            "--service-account-issuer=https://kubernetes.default.svc".into(),
        ];
        if let Some(url) = webhook {
            let asked = serde_json::json!({
                "apiVersion": "v1", "kind": "Config", "current-context": "webhook",
                "clusters": [{ "name": "webhook", "cluster": { "server": url } }],
                "contexts": [{ "name": "webhook", "context": { "cluster": "webhook", "user": "" } }],
            });
            fs::write(folder.join("webhook"), asked.to_string()).unwrap();
            arguments.push(format!(
                "--authentication-token-webhook-config-file={}",
                file("webhook")
            ));
            arguments.push("--authentication-token-webhook-version=v1".into());
        }
        let api_server = server(&folder, &program(), &arguments);
        let authority = appears(&folder.join("certificates/apiserver.crt"), &folder);
        let cluster = Self {
            url: format!("https://127.0.0.1:{api}"),
            agent: agent(&authority),
            authority,
            folder,
            _servers: [etcd_server, api_server],
        };
        cluster.wait_until_ready();
        cluster.write_kubeconfig();
        cluster
    }

    fn wait_until_ready(&self) {
        let started = Instant::now();
        // The namespace `default` is made after everything else that a fresh server makes itself.
        while self.get("/readyz").is_none() || self.get("/api/v1/namespaces/default").is_none() {
            assert!(
                started.elapsed() < Duration::from_secs(120),
                "no answer of kube-apiserver; see {}",
                self.folder.display()
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn write_kubeconfig(&self) {
        let authority = self.folder.join("certificates/apiserver.crt");
        let user = |name: &str, token: &str| serde_json::json!({ "name": name, "user": { "token": token } });
        let context =
            |name: &str| serde_json::json!({ "name": name, "context": { "cluster": "tests", "user": name } });
        let config = serde_json::json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "admin",
            "clusters": [{ "name": "tests", "cluster": {
                "server": self.url, "certificate-authority": authority,
            } }],
            "users": [user("admin", ADMIN), user("guest", GUEST)],
            "contexts": [context("admin"), context("guest")],
        });
        fs::write(self.kubeconfig(), config.to_string()).unwrap();
    }

    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.join("kubeconfig")
    }

    /// `None` where it answers with anything but success.
    pub fn get(&self, path: &str) -> Option<Value> {
        let request = self.agent.get(format!("{}{path}", self.url));
        let mut answer = request
            .header("authorization", format!("Bearer {ADMIN}"))
            .call()
            .ok()?;
        let text = answer.body_mut().read_to_string().ok()?;
        let value = serde_json::from_str(&text).unwrap_or(Value::String(text));
        answer.status().is_success().then_some(value)
    }

    /// The items of a list.
    pub fn list(&self, path: &str) -> Vec<Value> {
        let found = self.get(path).unwrap_or_default();
        found["items"].as_array().cloned().unwrap_or_default()
    }

    /// Merges `change` into what is at `path`, as this field manager.
    pub fn merge(&self, path: &str, manager: &str, change: &Value) -> Value {
        let request = self
            .agent
            .patch(format!("{}{path}?fieldManager={manager}", self.url));
        let request = request.header("authorization", format!("Bearer {ADMIN}"));
        let request = request.header("content-type", "application/merge-patch+json");
        answered(path, request.send(change.to_string()))
    }

    /// The same for what may be gone by now.
    pub fn merge_if_there(&self, path: &str, manager: &str, change: &Value) {
        let request = self
            .agent
            .patch(format!("{}{path}?fieldManager={manager}", self.url));
        let request = request.header("authorization", format!("Bearer {ADMIN}"));
        let request = request.header("content-type", "application/merge-patch+json");
        let answer = request.send(change.to_string()).unwrap();
        assert!(
            answer.status().is_success() || answer.status() == 404,
            "{path}: {answer:?}"
        );
    }

    /// Applies a manifest under strict validation; with `try_out` without keeping it. A kind that is just being made
    /// known is waited for.
    pub fn apply(&self, manifest: &Value, try_out: bool) {
        let path = path_of(manifest);
        let more = if try_out { "&dryRun=All" } else { "" };
        let url = format!(
            "{}{path}?fieldManager=tests&fieldValidation=Strict&force=true{more}",
            self.url
        );
        let started = Instant::now();
        loop {
            let request = self
                .agent
                .patch(&url)
                .header("authorization", format!("Bearer {ADMIN}"))
                .header("content-type", "application/apply-patch+yaml");
            let answer = request.send(manifest.to_string()).unwrap();
            if answer.status() == 404 && started.elapsed() < Duration::from_secs(20) {
                std::thread::sleep(Duration::from_millis(50));
                continue;
            }
            answered(&path, Ok(answer));
            return;
        }
    }

    pub fn post(&self, path: &str, body: &Value) -> Value {
        let request = self.agent.post(format!("{}{path}", self.url));
        let request = request.header("authorization", format!("Bearer {ADMIN}"));
        answered(
            path,
            request
                .header("content-type", "application/json")
                .send(body.to_string()),
        )
    }

    pub fn put(&self, path: &str, body: &Value) -> Value {
        let request = self.agent.put(format!("{}{path}", self.url));
        let request = request.header("authorization", format!("Bearer {ADMIN}"));
        answered(
            path,
            request
                .header("content-type", "application/json")
                .send(body.to_string()),
        )
    }

    pub fn delete(&self, path: &str) {
        let request = self.agent.delete(format!("{}{path}", self.url));
        answered(
            path,
            request.header("authorization", format!("Bearer {ADMIN}")).call(),
        );
    }
}

/// Where an object with this manifest is.
pub fn path_of(manifest: &Value) -> String {
    let text = |pointer: &str| manifest.pointer(pointer).and_then(Value::as_str);
    let (version, name) = (text("/apiVersion").unwrap(), text("/metadata/name").unwrap());
    let mut plural = text("/kind").unwrap().to_lowercase();
    match plural.strip_suffix('y') {
        Some(stem) => plural = format!("{stem}ies"),
        None if plural.ends_with('s') => plural.push_str("es"),
        None => plural.push('s'),
    }
    let api = if version.contains('/') { "apis" } else { "api" };
    let namespace = text("/metadata/namespace").map(|it| format!("namespaces/{it}/"));
    format!(
        "/{api}/{version}/{}{plural}/{name}",
        namespace.unwrap_or_default()
    )
}

fn answered(path: &str, answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Value {
    let mut answer = answer.unwrap();
    let text = answer.body_mut().read_to_string().unwrap();
    assert!(answer.status().is_success(), "{path}: {text}");
    serde_json::from_str(&text).unwrap()
}

fn agent(authority: &str) -> ureq::Agent {
    let certificates: Vec<Certificate<'static>> = parse_pem(authority.as_bytes())
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&certificates))
        .build();
    ureq::Agent::config_builder()
        .tls_config(tls)
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(20)))
        .build()
        .into()
}

/// The text of a file that somebody else is about to write.
fn appears(path: &Path, folder: &Path) -> String {
    let started = Instant::now();
    loop {
        match fs::read_to_string(path) {
            Ok(text) if text.trim_end().ends_with("-----END CERTIFICATE-----") => return text,
            _ => {}
        }
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "kube-apiserver wrote no certificate; see {}",
            folder.display()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}
